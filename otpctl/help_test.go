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

// shape is a document with its texts and numbers left out: the names of members, and of lists the first entry.
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

// TestDocuments: what --json prints is one document of the shape that the help shows, and calls what the help says that
// one must be allowed to call.
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
		{"email,password\ngrace@example.com," + good + "\n", "user import -"},
		{"email,password\ngrace@example.com," + better + "\n", "user import - --replace"},
		{"", "user set-phone ada@example.com +4915112345678"},
		{"", "user list"},
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
			cmd, _, ok := find(words)
			if !ok {
				t.Fatal("no such command")
			}
			r := s.run(use.stdin, append(words, "--json")...)
			r.want(t, exitOK)
			if got, want := shape(t, r.stdout), shape(t, cmd.document); got != want {
				t.Errorf("prints %s\nhelp has %s", got, want)
			}
			s.silent(t, r, good, better, "274916")
			needed[cmd.name] = append(needed[cmd.name], called()...)
			for _, call := range called() {
				if !slices.ContainsFunc(cmd.permissions, func(p string) bool { return strings.HasSuffix(p, ":"+call) }) {
					t.Errorf("calls %s, of which the help does not tell", call)
				}
			}
		})
	}
	for name, called := range needed {
		cmd, _, _ := find(strings.Fields(name))
		for _, permission := range cmd.permissions {
			if _, call, _ := strings.Cut(permission, ":"); !slices.Contains(called, call) {
				t.Errorf("the help of %s asks for %s, which it does not need", name, permission)
			}
		}
	}
}

// calls records what is called from now on, beside DescribeStacks.
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

// TestExamples: each example is a command line that the command takes.
func TestExamples(t *testing.T) {
	for _, cmd := range commands() {
		if len(cmd.examples) == 0 || (cmd.permissions == nil) != (cmd.document == "") {
			t.Errorf("%s has no example, or its help tells not all", cmd.name)
		}
		for _, example := range cmd.examples {
			words := strings.Fields(regexp.MustCompile(` [|<>#].*`).ReplaceAllString(example, ""))
			named, rest, ok := find(words)
			flags := newFlags(cmd.name)
			cmd.declare(flags)
			(&console{}).declare(flags)
			operands, err := parse(flags, rest, true)
			if least, most := arity(cmd.args); !ok || named.name != cmd.name || err != nil || len(operands) < least || len(operands) > most {
				t.Errorf("%s: %q is wrong: %v", cmd.name, example, err)
			}
		}
	}
}

func TestMan(t *testing.T) {
	r := runWith(ctx, nil, "man")
	r.want(t, exitOK, ".TH OTPCTL 1")
	for _, cmd := range commands() {
		if !strings.Contains(r.stdout, "\n.SS otpctl "+roffLine(cmd.name)) || !strings.Contains(r.stdout, "\n"+roffLine(cmd.short)+"\n") {
			t.Errorf("the page has no %s", cmd.name)
		}
	}
	request := regexp.MustCompile(`^\.(TH|SH|SS|B|nf|fi)( |$)`)
	for _, line := range strings.Split(r.stdout, "\n") {
		if strings.HasPrefix(line, "'") || strings.HasPrefix(line, ".") && !request.MatchString(line) {
			t.Errorf("roff would act on %q", line)
		}
	}
	if got := roff(".so /etc/passwd\n'x \\n"); got != `\&.so /etc/passwd`+"\n"+`\(aqx \en`+"\n" {
		t.Errorf("set as %q", got)
	}
}
