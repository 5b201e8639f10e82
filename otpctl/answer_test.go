package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"streamotp/otpctl/console"
)

// terminalActs has characters that a terminal, or a reader of its text, would act on.
const terminalActs = "\x1bc\u009b2J\u202eevil\u2066\x7f\a\u2028"

func TestWhatIsNotOursIsPrintable(t *testing.T) {
	s := newStack(t)
	const persian, family = "علی\u200cرضا", "👩\u200d👩\u200d👧"
	s.put(t, map[string]types.AttributeValue{"email": text(adasEmail), "channel": text("sms" + terminalActs),
		"name": text("Ada\tX\nY " + persian + family + terminalActs), "phone": text(terminalActs)})
	harmless := func(t *testing.T, r result) {
		t.Helper()
		for _, acts := range []string{"\x1b", "\u009b", "\u202e", "\u2066", "\x7f", "\a", "\u2028", "X\nY"} {
			if strings.Contains(r.stdout+r.stderr, acts) {
				t.Errorf("%q left in\n%q", acts, r.stdout+r.stderr)
			}
		}
	}
	r := s.run("", "user", "list")
	r.want(t, exitOK, `\u001b`, `\u202e`, persian, family)
	harmless(t, r)
	if n := strings.Count(r.stdout, "\n"); n != 2 {
		t.Errorf("a name with a line end makes %d lines", n)
	}
	r = s.run("", "user", "list", "--json")
	r.want(t, exitOK)
	harmless(t, r)
	if got, want := decodeList(t, r)[0].Name, "Ada\tX\nY "+persian+family+terminalActs; got != want {
		t.Errorf("the document has %q, want %q", got, want)
	}
	p := newPTY(t)
	r = s.at(ctx, t, p, false, []string{"no\n"}, "user", "remove", adasEmail)
	r.want(t, exitFailed, "Remove the account")
	harmless(t, r)
	s.on(func(string) string { return "Evil" + "\x1bc" })
	harmless(t, s.run("", "user", "list"))
}

// TestColour: only a terminal gets colours, and none if NO_COLOR is set.
func TestColour(t *testing.T) {
	var file bytes.Buffer
	console.Paint(console.New(nil, &file, nil).Stdout, "31", "problem")
	if file.String() != "problem" {
		t.Errorf("a file gets %q", file.String())
	}
	for no, want := range map[string]string{"": "\x1b[31mproblem\x1b[0m", "1": "problem"} {
		t.Setenv("NO_COLOR", no)
		p := newPTY(t)
		console.Paint(console.New(nil, p.tty, nil).Stdout, "31", "problem")
		await(t, "the text", func() bool { return strings.HasSuffix(p.shown(), want) })
		if p.shown() != want {
			t.Errorf("a terminal gets %q, want %q", p.shown(), want)
		}
	}
}
