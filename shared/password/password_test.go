package password

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestCheck(t *testing.T) {
	for password, want := range map[string]string{
		"tulip harbor lantern 42": "",
		"aaaaaaaaab1":             "",
		"пароль для ады":          "",
		"密码密码密码密码密码":              "",
		"🔑🔑🔑🔑🔑🔑🔑🔑":                "",
		"        ":                "",
		strings.Repeat("ä", 128):  "",
		strings.Repeat("x", 256):  "",
		strings.Repeat("x", 257):  "too_long",
		"tab\tbetween words":      "control_characters",
		"\xff\xfe\xfd not UTF-8":  "control_characters",
		"":                        "too_short",
		"seven77":                 "too_short",
		"é́é́é́":                  "too_short",
		"seven77\u200b":           "too_short",
		"password1\ufeff":         "common",
		"password1":               "common",
		"PassWord1":               "common",
		"ｐａｓｓｗｏｒｄ１":               "common", // full-width letters are the letters in NFKC
		"qwertyuiop":              "common",
		"StreamOTP-2026!":         "contains_app_name",
		"my streamotp code":       "contains_app_name",
	} {
		err := Check(password, "StreamOTP")
		var weak *WeakError
		if got := errors.As(err, &weak); got != (want != "") || got && !slices.Contains(weak.Reasons, want) {
			t.Errorf("%q: %v, want %q", password, err, want)
		}
		if err != nil && password != "" && strings.Contains(err.Error(), password) {
			t.Errorf("the error repeats %q", password)
		}
	}
}

func TestCheckAddress(t *testing.T) {
	for password, ok := range map[string]bool{
		"grace@example.com": false, "xxGRACE@example.comxx": false, "grace is my name": false, "harbor lantern": true,
	} {
		if err := CheckAddress(password, "grace@example.com"); (err == nil) != ok {
			t.Errorf("%q: %v", password, err)
		}
	}
	if err := CheckAddress("adaptable lantern", "ada@example.com"); err != nil {
		t.Errorf("a short local part is forbidden: %v", err)
	}
}

func TestCommon(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(common, "\n"), "\n")
	if len(lines) < 10_000 {
		t.Fatalf("only %d common passwords", len(lines))
	}
	for i, line := range lines {
		if i > 0 && line <= lines[i-1] {
			t.Fatalf("line %d is out of order: the binary search needs it", i+1)
		}
		if utf8.RuneCountInString(line) < minLength || line != strings.ToLower(norm.NFKC.String(line)) {
			t.Errorf("line %d is never looked up", i+1)
		}
		if !isCommon(line) {
			t.Errorf("line %d is not found", i+1)
		}
		if isCommon(line + "\x00") {
			t.Errorf("more than line %d is found", i+1)
		}
	}
	if isCommon("") || isCommon("\n") || isCommon("!") || isCommon("\xff") {
		t.Error("something else is found")
	}
}

func TestMatches(t *testing.T) {
	hash, err := Hash("tulip harbor lantern 42")
	if err != nil {
		t.Fatal(err)
	}
	for password, want := range map[string]bool{
		"tulip harbor lantern 42": true, "tulip harbor lantern 4２": true, // NFKC
		"tulip harbor lantern 42\u200b": true, "\ufefftulip harbor lantern 42\r\n": true, "\u202atulip harbor lantern 42\u202c": true,
		"tulip \u200bharbor lantern 42": false, "\u200b": false,
		"tulip harbor lantern 43": false, "": false, "tulip harbor lantern 42 ": false,
	} {
		if got, err := Matches(password, hash); got != want || err != nil {
			t.Errorf("%q: %v, %v", password, got, err)
		}
	}
	t.Run("an empty hash matches no password, nor does the dummy hash", func(t *testing.T) {
		for _, password := range []string{"", "stranger", dummyHash} {
			if got, err := Matches(password, ""); got || err != nil {
				t.Errorf("%q: %v, %v", password, got, err)
			}
		}
	})
	t.Run("a comparison costs the same for an unknown address as for an account", func(t *testing.T) {
		if err := CheckHash(dummyHash); err != nil {
			t.Error(err)
		}
		if err := CheckHash(hash); err != nil {
			t.Error(err)
		}
	})
	t.Run("hashes with other parameters are refused", func(t *testing.T) {
		for _, hash := range []string{"", "plain", "$2a$10$abcdefghijklmnopqrstuv",
			strings.Replace(hash, "t=2", "t=3", 1), strings.Replace(hash, "m=19456", "m=65536", 1), strings.Replace(hash, "p=1", "p=2", 1)} {
			if CheckHash(hash) == nil {
				t.Errorf("%q is accepted", hash)
			}
		}
	})
}

func FuzzCheck(f *testing.F) {
	f.Add("password1")
	f.Add("\xff\xfe")
	f.Fuzz(func(t *testing.T, password string) {
		if Check(password, "StreamOTP") == nil && utf8.RuneCountInString(norm.NFKC.String(password)) < minLength {
			t.Errorf("%q is accepted", password)
		}
		if CheckAddress(password, "grace@example.com") == nil && strings.Contains(password, "grace@example.com") {
			t.Errorf("%q is accepted", password)
		}
	})
}

// TestCommonList: O1, a list whose line ends a checkout has changed still works, and an empty one is reported.
func TestCommonList(t *testing.T) {
	list := common
	t.Cleanup(func() { common = list })
	for name, c := range map[string]struct {
		list string
		ok   bool
	}{
		"as it is":                {list, true},
		"with line ends of CR LF": {strings.ReplaceAll(list, "\n", "\r\n"), true},
		"without its last end":    {strings.TrimSuffix(list, "\n"), true},
		"empty":                   {"", false},
		"a pointer to a file":     {"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", false},
	} {
		common = c.list
		if err := CheckList(); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		var weak *WeakError
		if found := errors.As(Check("password1", ""), &weak); found != c.ok {
			t.Errorf("%s: a common password is refused: %v", name, found)
		}
	}
	common = strings.ReplaceAll(list, "\n", "\r\n")
	for word := range strings.Lines(list) {
		word = strings.TrimSuffix(word, "\n")
		if !isCommon(word) {
			t.Fatalf("%q is not found", word)
		}
	}
}
