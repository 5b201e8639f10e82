package otp_test

import (
	"encoding/json"
	"os"
	"testing"
	"unicode"

	"streamotp/shared/otp"
)

// folds are the foldings by their kinds in the table of cases.
var folds = map[string]func(string) string{
	"address": otp.FoldAddress, "code": otp.FoldCode, "number": otp.FoldNumber, "password": otp.FoldPassword,
	"name": func(text string) string { name, _ := otp.FoldName(text); return name },
}

// frontend/test/fold.test.js reads the same table.
func TestFold(t *testing.T) {
	text, err := os.ReadFile("testdata/fold.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct{ Kind, Why, Typed, Folded string }
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		if got := folds[c.Kind](c.Typed); got != c.Folded {
			t.Errorf("%s, %s: %+q is folded to %+q, want %+q", c.Kind, c.Why, c.Typed, got, c.Folded)
		}
		if got := folds[c.Kind](c.Folded); got != c.Folded {
			t.Errorf("%s, %s: %+q is not final: %+q", c.Kind, c.Why, c.Folded, got)
		}
	}
}

func TestEveryScriptsDigitsAreRead(t *testing.T) {
	want := 0
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !unicode.IsDigit(r) {
			continue
		}
		if got := otp.FoldCode(string(r)); got != string(rune('0'+want%10)) {
			t.Errorf("%U is read as %q", r, got)
		}
		want++
	}
}

func TestFoldName(t *testing.T) {
	for _, bad := range []string{"Ada\x1b[2J", "Ada\x00", "Ada\nEve", "Ada\tEve", "Ada\u0085Eve", "Ada\u2028Eve", "\xc9ve", "\u009b2J"} {
		if name, ok := otp.FoldName(bad); ok {
			t.Errorf("%q is the name %q", bad, name)
		}
	}
}
