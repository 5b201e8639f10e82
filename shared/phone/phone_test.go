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
	german := number.Number{E164: "+4915112345678", Prefix: "+4915112", Country: "DE", Region: "Germany", Mobile: true}
	for typed, want := range map[string]number.Number{
		"+4915112345678":               german,
		"+49 (151) 1234-5678":          german,
		"(+49) 151/12345678":           german,
		"＋４９１５１１２３４５６７８":               german,
		"\u202a+49 151 12345678\u202c": german, // fold.json has more
		"0049 151 12345678":            german,
		"+49 151/12345678":             german,
		"+49 151 12345678.":            german,
		"+33.6.12.34.56.78":            {E164: "+33612345678", Prefix: "+33612", Country: "FR", Region: "France", Mobile: true},
		"+33 6/12/34/56/78":            {E164: "+33612345678", Prefix: "+33612", Country: "FR", Region: "France", Mobile: true},
		"+49 (0)151 12345678":          german,
		"+44 (0)7911 123456":           {E164: "+447911123456", Prefix: "+447911", Country: "GG", Region: "Guernsey", Mobile: true},
		"+447781123456":                {E164: "+447781123456", Prefix: "+447781", Country: "GG", Region: "Guernsey", Mobile: true},    // +44 is shared
		"+12015550123":                 {E164: "+12015550123", Prefix: "+12015", Country: "US", Region: "United States", Mobile: true}, // fixed line or mobile
		"+12042345678":                 {E164: "+12042345678", Prefix: "+12042", Country: "CA", Region: "Canada", Mobile: true},        // +1 is shared
		"+77710009998":                 {E164: "+77710009998", Prefix: "+77710", Country: "KZ", Region: "Kazakhstan", Mobile: true},    // +7 is shared
		"+79123456789":                 {E164: "+79123456789", Prefix: "+79123", Country: "RU", Region: "Russia", Mobile: true},
		"+5215512345678":               {E164: "+525512345678", Prefix: "+525512", Country: "MX", Region: "Mexico", Mobile: true}, // WhatsApp's
		"+52 1 55 1234 5678":           {E164: "+525512345678", Prefix: "+525512", Country: "MX", Region: "Mexico", Mobile: true},
		"+39 (0)6 12345678":            {E164: "+390612345678", Prefix: "+390612", Country: "IT", Region: "Italy"},   // Italy keeps its 0
		"+493012345678":                {E164: "+493012345678", Prefix: "+493012", Country: "DE", Region: "Germany"}, // fixed line
		"+499001234567":                {E164: "+499001234567", Prefix: "+499001", Country: "DE", Region: "Germany"}, // premium rate
	} {
		if got, err := phone.Parse(typed); err != nil || got != want {
			t.Errorf("%q is %+v, %v", typed, got, err)
		}
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	for says, texts := range map[string][]string{
		"begin with + and its country code": {"", "015112345678", "4915112345679", "110", "1"},
		"country code that does not exist":  {"+999123456789", "000049151"},
		"too few digits":                    {"+", "+49", "+4512", "+8613"},
		"too many digits":                   {"+4915112345678901234", "+49" + strings.Repeat("1", 1000)},
		"numbering plan":                    {"+521112345678", "+1 1005550123"},
		"0 after its country code":          {"+34 (0)612345678", "+7 (0)9123456789"},
		"a spreadsheet has rounded":         {"4.9E+12", "4.91511E+12", "4,91511E+12", "491511e12", "+4.9E+12"},
		"spreadsheet's formula":             {`="+4915112345678"`, "'+4915112345678", `"+4915112345678"`},
		"not several":                       {"+4915112345678 / +4915112345679", strings.Repeat("+", 1000)},
		"must have no letters": {"+49 57 1N123TT45618", "+4915112345678 ext. 5", "+49151x2345678", "+1202FLOWERS", "tel:", "tel:+4915112345678",
			"+49\r\n15112345678\x00", "+4915112345678;ext=3", "+4915112345678#5", "+4915112345678,5", "+49151\u00b2345678", "ada@example.com",
			"+43 664 1234567/8", "+49 1511 234567/8", "+43 664 1234567.0", "+43 664 123456/78", "+43 664 1234567／８"}, // two lines, a spreadsheet's decimal
	} {
		for _, typed := range texts {
			var invalid *number.InvalidError
			got, err := phone.Parse(typed)
			if !errors.As(err, &invalid) || !strings.Contains(invalid.Reason, says) {
				t.Errorf("%.40q is %+v, %v, want %q", typed, got, err, says)
			}
			if err != nil && len(typed) > 5 && strings.Contains(err.Error(), typed) {
				t.Errorf("the error repeats %q", typed)
			}
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
