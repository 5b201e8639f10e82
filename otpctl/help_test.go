package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"streamotp/shared/otp"
	"streamotp/shared/store"
)

// shape returns a document without its texts and numbers: the names of members, and the first entry of each list.
func shape(t *testing.T, document string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(document), &v); err != nil {
		t.Fatalf("%v in %s", err, document)
	}
	var names func(any) any
	names = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			for name, member := range v {
				v[name] = names(member)
			}
			return v
		case []any:
			if len(v) > 0 {
				return []any{names(v[0])}
			}
		}
		return "…"
	}
	return fmt.Sprint(names(v))
}

// TestDocuments: --json prints one document of the shape that the help shows, and the command makes exactly the calls
// whose permissions the help names.
func TestDocuments(t *testing.T) {
	s := newStack(t)
	s.message(t, "+4915112", 6, false)
	s.guess(t, otp.Login, adasEmail, 6)
	s.suppress(t, "bounced@example.com", store.Bounce)
	until := time.Now().AddDate(0, 1, 0).UTC().Format(time.DateOnly)
	needed := map[string][]string{} // calls by command
	for _, use := range []struct{ stdin, line string }{
		{good, "user add ada@example.com --name Ada --password-stdin"},
		{better, "user add ada@example.com --replace --password-stdin"},
		{"email,password\ngrace@example.com," + good + "\nnobody," + good + "\n", "user import -"},
		{"email,password\ngrace@example.com," + better + "\nnobody," + better + "\n", "user import - --replace"},
		{"", "user set-phone ada@example.com +4915112345678"},
		{"", "user list"},
		{"", "user show ada@example.com"},
		{"", "unlock ada@example.com --purpose login"},
		{"", "user remove grace@example.com --yes"},
		{"", "prefixes list"},
		{"", "prefixes release +4915112"},
		{"274916", "test-destinations add reviewer@example.com --until " + until + " --code-stdin"},
		{"", "test-destinations list"},
		{"", "test-destinations remove reviewer@example.com"},
		{"", "suppressions list"},
		{"", "suppressions list bounced@example.com"},
		{"", "suppressions remove bounced@example.com"},
		{"", "cost --sms-share 0.1 --country DE"},
		{"", "rotate-secret --yes"},
	} {
		t.Run(use.line, func(t *testing.T) {
			called := s.calls()
			words := strings.Fields(use.line)
			cmd := find(words...)
			r := s.run(use.stdin, append(words, "--json")...)
			if r.code != exitOK && cmd.Annotations["failure"] == "" {
				t.Errorf("exit code %d: %s", r.code, r.stderr)
			}
			if got, want := shape(t, r.data(t)), shape(t, cmd.Annotations["document"]); got != want {
				t.Errorf("prints %s\nhelp has %s", got, want)
			}
			s.silent(t, r, good, better, "274916")
			needed[name(cmd)] = append(needed[name(cmd)], called()...)
			for _, call := range called() {
				if !slices.ContainsFunc(permissions(cmd), func(p string) bool { return strings.HasSuffix(p, ":"+call) }) {
					t.Errorf("calls %s, which the help does not name", call)
				}
			}
		})
	}
	for name, called := range needed {
		for _, permission := range permissions(find(strings.Fields(name)...)) {
			if _, call, _ := strings.Cut(permission, ":"); !slices.Contains(called, call) {
				t.Errorf("the help of %s asks for %s, which it does not need", name, permission)
			}
		}
	}
}

// calls returns a function that returns the calls made since, without DescribeStacks.
func (s *stack) calls() func() []string {
	var mu sync.Mutex
	var all []string
	s.on(func(call string) string {
		mu.Lock()
		defer mu.Unlock()
		if call != "DescribeStacks" && !slices.Contains(all, call) {
			all = append(all, call)
		}
		return ""
	})
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

// TestExamples: otpctl accepts the command line of each example.
func TestExamples(t *testing.T) {
	for _, cmd := range commands() {
		if cmd.Example == "" || cmd.Annotations["permissions"] != "" && cmd.Annotations["document"] == "" {
			t.Errorf("%s has no example, or its help is incomplete", name(cmd))
		}
		for _, example := range strings.Split(cmd.Example, "\n") {
			words := strings.Fields(regexp.MustCompile(` [|<>#].*`).ReplaceAllString(example, ""))
			named := find(words[1:]...)
			err := named.ParseFlags(words[1+len(strings.Fields(name(cmd))):])
			if words[0] != "otpctl" || name(named) != name(cmd) || err != nil || named.Args(named, named.Flags().Args()) != nil {
				t.Errorf("%s: %q is wrong: %v", name(cmd), example, err)
			}
		}
	}
}

func TestMan(t *testing.T) {
	r := runWith(ctx, nil, "man")
	r.want(t, exitOK, `.TH "OTPCTL" "1"`, "sqs:ReceiveMessage")
	for _, cmd := range commands() {
		if page := "\notpctl-" + strings.ReplaceAll(name(cmd), " ", "-") + " - "; !strings.Contains(strings.ReplaceAll(r.stdout, `\-`, "-"), page) {
			t.Errorf("there is no page of %s", name(cmd))
		}
	}
}

func TestVersion(t *testing.T) {
	if r := runWith(ctx, nil, "--version"); r.code != exitOK || !strings.HasPrefix(r.stdout, "otpctl ") || strings.Count(r.stdout, "\n") != 1 {
		t.Errorf("prints %q", r.stdout)
	}
}

// TestHelpFitsAScreen: the help of otpctl and of each command has no more than 40 lines of 120 characters.
func TestHelpFitsAScreen(t *testing.T) {
	lines := [][]string{{}, {"user"}}
	for _, cmd := range commands() {
		lines = append(lines, strings.Fields(name(cmd)))
	}
	for _, words := range lines {
		r := runWith(ctx, nil, append(words, "--help")...)
		if n := strings.Count(r.stdout, "\n"); n > 40 {
			t.Errorf("the help of %q has %d lines", words, n)
		}
		for _, line := range strings.Split(r.stdout, "\n") {
			if len(line) > 120 {
				t.Errorf("the help of %q has a line of %d characters: %s", words, len(line), line)
			}
		}
	}
}
