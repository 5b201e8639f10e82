package otp_test

import (
	"errors"
	"net/mail"
	"strings"
	"testing"

	"streamotp/shared/otp"
)

func TestNormalizeEmail(t *testing.T) {
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
		"ada@xn--ab--cd.de":                                  otp.ErrInvalidEmail, // a label that claims to be Punycode must be
		"ada@xn--a.de":                                       otp.ErrInvalidEmail,
		"ada@xn--ada-.de":                                    otp.ErrInvalidEmail,
		"ada@xn--example.com":                                otp.ErrInvalidEmail,
		"ada@example-.com":                                   otp.ErrInvalidEmail,
		"ada@\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.com": "ada@xn--mgba3gch31f060k.com",
		"ada@\u0646\u0627\u0645\u0647\u0627\u06cc.com":       "ada@xn--mgba3gch31f.com", // another domain
		"ada@exam\u200cple.com":                              otp.ErrInvalidEmail,
		"ada@\u0967.example.com":                             "ada@xn--e4b.example.com",
		"":                                                   otp.ErrInvalidEmail,
		"ada":                                                otp.ErrInvalidEmail,
		"@example.com":                                       otp.ErrInvalidEmail,
		"ada@":                                               otp.ErrInvalidEmail,
		"ada@localhost":                                      otp.ErrInvalidEmail,
		"ada@m\xffller.de":                                   otp.ErrInvalidEmail,
		"ada@192.0.2.1":                                      otp.ErrInvalidEmail,
		"ada@[192.0.2.1]":                                    otp.ErrInvalidEmail,
		"ada@example.com.":                                   otp.ErrInvalidEmail,
		"ada@exa mple.com":                                   otp.ErrInvalidEmail,
		"ada@-example.com":                                   otp.ErrInvalidEmail,
		"ada@exa_mple.com":                                   otp.ErrInvalidEmail,
		"a da@example.com":                                   otp.ErrInvalidEmail,
		"ada@example.com,eve@evil.com":                       otp.ErrInvalidEmail,
		"ada@example.com;eve@evil.com":                       otp.ErrInvalidEmail,
		"Ada <ada@example.com>":                              otp.ErrInvalidEmail,
		"<ada@example.com>":                                  otp.ErrInvalidEmail,
		"ada@example.com (Ada)":                              otp.ErrInvalidEmail,
		"(x)ada@example.com":                                 otp.ErrInvalidEmail,
		`"ada lovelace"@example.com`:                         otp.ErrInvalidEmail,
		`"ada"@example.com`:                                  otp.ErrInvalidEmail,
		"group:ada@example.com;":                             otp.ErrInvalidEmail,
		"ada@example.com\r\nBcc: e@e.e":                      otp.ErrInvalidEmail,
		"ada\r\n@example.com":                                otp.ErrInvalidEmail,
		"ada@example.com\x00":                                otp.ErrInvalidEmail,
		"ada@@example.com":                                   otp.ErrInvalidEmail,
		"eve@evil.com@example.com":                           otp.ErrInvalidEmail,
		".ada@example.com":                                   otp.ErrInvalidEmail,
		"ada..b@example.com":                                 otp.ErrInvalidEmail,
		"ada@" + strings.Repeat("c", 64) + ".com":            otp.ErrInvalidEmail,
		"ada@" + strings.Repeat("é", 60) + ".com":            otp.ErrInvalidEmail,
		strings.Repeat("a", 65) + "@example.com":             otp.ErrInvalidEmail,
		"a@" + strings.Repeat("b.", 125) + "example":         otp.ErrInvalidEmail,
	} {
		got, err := otp.NormalizeEmail(typed)
		var notSupported *otp.UnsupportedError
		switch {
		case want == unsupported && errors.As(err, &notSupported):
		case want == otp.ErrInvalidEmail && errors.Is(err, otp.ErrInvalidEmail):
		case err == nil && got == want:
		default:
			t.Errorf("%q gives %q, %v; want %v", typed, got, err, want)
		}
	}
}

func FuzzNormalizeEmail(f *testing.F) {
	for _, seed := range []string{"ada@example.com", "Ada@MÜLLER.de", "a@b.c, d@e.f", "x <y@z.de>", "a@b.de\r\nBcc: c@d.de", `"a"@b.de`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		email, err := otp.NormalizeEmail(typed)
		if err != nil {
			return
		}
		if again, err := otp.NormalizeEmail(email); err != nil || again != email {
			t.Errorf("%q became %q, which becomes %q, %v", typed, email, again, err)
		}
		if strings.ContainsAny(email, " \t\r\n\x00<>(),;:\"") || strings.Count(email, "@") != 1 || len(email) > 254 {
			t.Errorf("I5: %q became %q", typed, email)
		}
		if list, err := mail.ParseAddressList(email); err != nil || len(list) != 1 || list[0].Address != email {
			t.Errorf("I5: a mail header reads %q as %v, %v", email, list, err)
		}
	})
}

func TestMailbox(t *testing.T) {
	for in, want := range map[string]string{
		"ada+shop@example.com": "ada@example.com", "ada@example.com": "ada@example.com", "+ada@example.com": "+ada@example.com",
		"+4915112345678": "+4915112345678",
	} {
		if got := otp.Mailbox(in); got != want {
			t.Errorf("%q counts as %q", in, got)
		}
	}
}
