package email_test

import (
	"errors"
	"net/mail"
	"strings"
	"testing"

	"streamotp/shared/email"
	"streamotp/shared/otp"
)

func TestNormalize(t *testing.T) {
	unsupported := errors.New("unsupported")
	for typed, want := range map[string]any{
		"ada@example.com":                                    "ada@example.com",
		" Ada@Example.COM ":                                  "ada@example.com",
		"ada+shop@example.com":                               "ada+shop@example.com",
		"o'hara&co@example.com":                              "o'hara&co@example.com",
		"ada@müller.de":                                      "ada@xn--mller-kva.de",
		"ada@MÜLLER.de":                                      "ada@xn--mller-kva.de",
		"ada@xn--mller-kva.de":                               "ada@xn--mller-kva.de",
		"ada@例え.jp":                                          "ada@xn--r8jz45g.jp",
		"ada@ｅｘａｍｐｌｅ.com":                                    "ada@example.com", // full-width letters are the letters
		"аda@example.com":                                    unsupported,       // Cyrillic а
		"ädа@example.com":                                    unsupported,
		"m\u0131ke@example.com":                              unsupported, // dotless i
		"\u212aate@example.com":                              unsupported, // the Kelvin sign, whose small letter is k
		"e\u017fther@example.com":                            unsupported, // long s, whose capital letter is S
		"ada\u0661@example.com":                              unsupported, // a digit of another script is another mailbox
		"\u200bada@example.com":                              "ada@example.com",
		"\u00a0ada@exa\u200emple.com\ufeff\r\n":              "ada@example.com",
		"\u202aада@example.com\u202c":                        unsupported, // folding hides no other letters
		"ada@ab--cd.com":                                     "ada@ab--cd.com",
		"ada@r3---sn.example.com":                            "ada@r3---sn.example.com",
		"ada@r3---sn.MÜLLER.de":                              "ada@r3---sn.xn--mller-kva.de",
		"ada@xn--ab--cd.de":                                  email.ErrInvalid, // a label that claims to be Punycode must be
		"ada@xn--a.de":                                       email.ErrInvalid,
		"ada@xn--ada-.de":                                    email.ErrInvalid,
		"ada@xn--example.com":                                email.ErrInvalid,
		"ada@example-.com":                                   email.ErrInvalid,
		"ada@\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.com": "ada@xn--mgba3gch31f060k.com",
		"ada@\u0646\u0627\u0645\u0647\u0627\u06cc.com":       "ada@xn--mgba3gch31f.com", // another domain
		"ada@exam\u200cple.com":                              email.ErrInvalid,
		"ada@\u0967.example.com":                             "ada@xn--e4b.example.com",
		"":                                                   email.ErrInvalid,
		"ada":                                                email.ErrInvalid,
		"@example.com":                                       email.ErrInvalid,
		"ada@":                                               email.ErrInvalid,
		"ada@localhost":                                      email.ErrInvalid,
		"ada@m\xffller.de":                                   email.ErrInvalid,
		"ada@192.0.2.1":                                      email.ErrInvalid,
		"ada@[192.0.2.1]":                                    email.ErrInvalid,
		"ada@example.com.":                                   email.ErrInvalid,
		"ada@exa mple.com":                                   email.ErrInvalid,
		"ada@-example.com":                                   email.ErrInvalid,
		"ada@exa_mple.com":                                   email.ErrInvalid,
		"a da@example.com":                                   email.ErrInvalid,
		"ada@example.com,eve@evil.com":                       email.ErrInvalid,
		"ada@example.com;eve@evil.com":                       email.ErrInvalid,
		"Ada <ada@example.com>":                              email.ErrInvalid,
		"<ada@example.com>":                                  email.ErrInvalid,
		"ada@example.com (Ada)":                              email.ErrInvalid,
		"(x)ada@example.com":                                 email.ErrInvalid,
		`"ada lovelace"@example.com`:                         email.ErrInvalid,
		`"ada"@example.com`:                                  email.ErrInvalid,
		"group:ada@example.com;":                             email.ErrInvalid,
		"ada@example.com\r\nBcc: e@e.e":                      email.ErrInvalid,
		"ada\r\n@example.com":                                email.ErrInvalid,
		"ada@example.com\x00":                                email.ErrInvalid,
		"ada@@example.com":                                   email.ErrInvalid,
		"eve@evil.com@example.com":                           email.ErrInvalid,
		".ada@example.com":                                   email.ErrInvalid,
		"ada..b@example.com":                                 email.ErrInvalid,
		"ada@" + strings.Repeat("c", 64) + ".com":            email.ErrInvalid,
		"ada@" + strings.Repeat("é", 60) + ".com":            email.ErrInvalid,
		strings.Repeat("a", 65) + "@example.com":             email.ErrInvalid,
		"a@" + strings.Repeat("b.", 125) + "example":         email.ErrInvalid,
	} {
		got, err := email.Normalize(typed)
		var notSupported *otp.UnsupportedError
		switch {
		case want == unsupported && errors.As(err, &notSupported):
		case want == email.ErrInvalid && errors.Is(err, email.ErrInvalid):
		case err == nil && got == want:
		default:
			t.Errorf("%q gives %q, %v; want %v", typed, got, err, want)
		}
	}
}

func FuzzNormalize(f *testing.F) {
	for _, seed := range []string{"ada@example.com", "Ada@MÜLLER.de", "a@b.c, d@e.f", "x <y@z.de>", "a@b.de\r\nBcc: c@d.de", `"a"@b.de`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		address, err := email.Normalize(typed)
		if err != nil {
			return
		}
		if again, err := email.Normalize(address); err != nil || again != address {
			t.Errorf("%q became %q, which becomes %q, %v", typed, address, again, err)
		}
		if strings.ContainsAny(address, " \t\r\n\x00<>(),;:\"") || strings.Count(address, "@") != 1 || len(address) > 254 {
			t.Errorf("I5: %q became %q", typed, address)
		}
		if list, err := mail.ParseAddressList(address); err != nil || len(list) != 1 || list[0].Address != address {
			t.Errorf("I5: a mail header reads %q as %v, %v", address, list, err)
		}
	})
}
