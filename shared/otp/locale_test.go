package otp_test

import (
	"errors"
	"strings"
	"testing"

	"streamotp/shared/otp"
)

func TestLanguage(t *testing.T) {
	for locale, want := range map[string]string{
		"": "", "de": "de", "DE-at": "de", "pt_BR": "pt", "gsw": "gsw", "zh-Hans-CN": "zh", " de\u200e ": "de", "de-": "de",
		"en_US@rg=gbzzzz": "en", "zh_TW_#Hant": "zh", "de_DE.UTF-8": "de", "de_DE@euro": "de", "sr_RS@latin": "sr",
		"de-DE,de;q=0.9": "de", "en;q=0.5, fr-CH;q=0.9, *;q=0.1": "fr", "de;q=0, it": "it", "*, es": "es", "tlh-Latn-QAAA,nl;q=NaN,sv;q=x": "tlh",
		"fr;Q=0.1,de;q=0.5": "de", "fr; Q=0.1 ,de; q = 0.5": "de", "fr;q=nan": "fr", "fr;q=0.5,de;q=nan": "de", "fr;x=1;q=0.1,de;q=0.5": "de",
		"fr;q=0.1;x=1,de;q=0.5": "de", "fr;seq=0.1,de;q=0.5": "fr", "fr;q=-1,de;q=0": "", "fr;q=inf,de": "fr",
		"en-US,en;q=0.9,de-DE;q=0.8,de;q=0.7,fr;q=0.6,es;q=0.5,it;q=0.4,pl;q=0.3,pt-BR;q=0.2": "en",
		// Not understood: the message is in English.
		"C": "", "POSIX": "", "C.UTF-8": "", "*": "", "d": "", "deut": "", "-de": "", "{{.}}": "", "<b>": "", "dé": "", "de\u0430": "", "de de": "",
		"42": "", "../../etc/passwd": "", "undefined": "", "Deutsch (Österreich)": "", strings.Repeat("x", 200): "", strings.Repeat("ä", 200): "",
	} {
		if got, err := otp.Language(locale); err != nil || got != want {
			t.Errorf("%q is %q, %v, want %q", locale, got, err, want)
		}
	}
	for _, bad := range []string{strings.Repeat("x", 201), "de\x00", "de\nBcc: eve@example.com", "de\x1b[2J", "de\u2028en", "de\u0085en"} {
		if got, err := otp.Language(bad); !errors.Is(err, otp.ErrInvalidLocale) {
			t.Errorf("%q is %q, %v", bad, got, err)
		}
	}
}
