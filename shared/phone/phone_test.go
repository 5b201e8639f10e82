package phone_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"

	"streamotp/shared/phone"
	"streamotp/shared/phone/number"
)

func TestParse(t *testing.T) {
	for typed, want := range map[string]number.Number{
		"+4915112345678":      {E164: "+4915112345678", Prefix: "+4915112", Country: "DE", Mobile: true},
		"+49 (151) 1234-5678": {E164: "+4915112345678", Prefix: "+4915112", Country: "DE", Mobile: true},
		"＋４９１５１１２３４５６７８":      {E164: "+4915112345678", Prefix: "+4915112", Country: "DE", Mobile: true},
		"+12015550123":        {E164: "+12015550123", Prefix: "+12015", Country: "US", Mobile: true}, // fixed line or mobile
		"+12042345678":        {E164: "+12042345678", Prefix: "+12042", Country: "CA", Mobile: true}, // +1 is shared
		"+77710009998":        {E164: "+77710009998", Prefix: "+77710", Country: "KZ", Mobile: true}, // +7 is shared
		"+79123456789":        {E164: "+79123456789", Prefix: "+79123", Country: "RU", Mobile: true},
		"+493012345678":       {E164: "+493012345678", Prefix: "+493012", Country: "DE"}, // fixed line
		"+499001234567":       {E164: "+499001234567", Prefix: "+499001", Country: "DE"}, // premium rate
	} {
		if got, err := phone.Parse(typed); err != nil || got != want {
			t.Errorf("%q is %+v, %v", typed, got, err)
		}
	}
	for _, bad := range []string{"", "+", "015112345678", "4915112345678", "+49151", "+4915112345678901234", "110", "+999123456789",
		"+49 57 1N123TT45618", "+4915112345678 ext. 5", "+49151x2345678", "+1202FLOWERS", "tel:", "+49\r\n15112345678\x00", strings.Repeat("+", 1000)} {
		if got, err := phone.Parse(bad); !errors.Is(err, number.ErrInvalid) {
			t.Errorf("%q is %+v, %v", bad, got, err)
		}
	}
}

func TestReceives(t *testing.T) {
	n := number.Number{Country: "CA", Mobile: true}
	if n.Receives([]string{"US"}) || n.Receives(nil) || !n.Receives([]string{"US", "CA"}) {
		t.Error("the country does not decide")
	}
	if (number.Number{Country: "CA"}).Receives([]string{"CA"}) {
		t.Error("a fixed line receives")
	}
}

func TestEveryCountrysExampleMobileIsRead(t *testing.T) {
	for region := range phonenumbers.GetSupportedRegions() {
		example := phonenumbers.GetExampleNumberForType(region, phonenumbers.MOBILE)
		if example == nil {
			continue
		}
		e164 := phonenumbers.Format(example, phonenumbers.E164)
		n, err := phone.Parse(e164)
		if err != nil || n.E164 != e164 || !n.Mobile {
			t.Errorf("%s: %s is %+v, %v", region, e164, n, err)
		}
		if hidden := len(e164) - len(n.Prefix); !strings.HasPrefix(e164, n.Prefix) || hidden < 3 || hidden > 6 {
			t.Errorf("%s: the prefix of %s is %s", region, e164, n.Prefix)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("+49 151 12345678")
	f.Add("tel:+49-151;ext=1")
	f.Fuzz(func(t *testing.T, typed string) {
		n, err := phone.Parse(typed)
		if err != nil {
			return
		}
		if again, err := phone.Parse(n.E164); err != nil || again != n {
			t.Errorf("%q became %+v, which becomes %+v, %v", typed, n, again, err)
		}
		if strings.Trim(n.E164, "+0123456789") != "" || len(n.E164) > 16 {
			t.Errorf("%q became %q", typed, n.E164)
		}
	})
}
