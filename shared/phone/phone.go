// Package phone parses telephone numbers. The library that it uses parses all metadata in init, which costs a cold start 4 ms and
// 35,000 allocations. So no function links this package: generate starts a helper process for the requests that need it.
package phone

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"streamotp/shared/otp"
	"streamotp/shared/phone/number"
)

// Parse reads a number in international format.
//
// Errors: *number.InvalidError.
func Parse(typed string) (number.Number, error) {
	text := withoutOldMobilePrefix(otp.FoldNumber(typed))
	if reason := notPlain(text); reason != "" {
		return number.Number{}, &number.InvalidError{Reason: reason}
	}
	n, err := phonenumbers.Parse(text, "ZZ") // no default region: + is required
	if reason := notInPlan(n, err); reason != "" {
		return number.Number{}, &number.InvalidError{Reason: reason}
	}
	e164 := phonenumbers.Format(n, phonenumbers.E164)
	kind, country := phonenumbers.GetNumberType(n), phonenumbers.GetRegionCodeForNumber(n)
	return number.Number{
		E164:    e164,
		Country: country,
		Region:  regionName(country),
		Prefix:  prefix(e164, int(n.GetCountryCode())),
		Mobile:  kind == phonenumbers.MOBILE || kind == phonenumbers.FIXED_LINE_OR_MOBILE,
	}, nil
}

var (
	rounded   = regexp.MustCompile(`^\+?[\d,]+[eE]\+?\d+$`) // 4.91511E+12, folded
	oldMexico = regexp.MustCompile(`^\+521(\d{10})$`)
)

// withoutOldMobilePrefix drops the 1 that mobile numbers of Mexico had until 2019 and that WhatsApp still shows. No other number
// of Mexico has eleven digits.
func withoutOldMobilePrefix(text string) string { return oldMexico.ReplaceAllString(text, "+52$1") }

// notPlain returns why a folded text is not a plus sign and digits, or "".
func notPlain(text string) string {
	digits, plus := strings.CutPrefix(text, "+")
	switch {
	case strings.IndexAny(text, `='"`) == 0:
		return "has a spreadsheet's formula or quotes around it: only the number itself can be read"
	case rounded.MatchString(text):
		return "is a number that a spreadsheet has rounded: format its column as text and enter the number again"
	case strings.Trim(digits, "+0123456789") != "":
		return "must have no letters, extension or other characters beside its digits"
	case strings.Contains(digits, "+"):
		return "must be one telephone number, not several"
	case !plus:
		return "must begin with + and its country code, as +4915112345678"
	}
	return ""
}

// notInPlan returns why a number is not in its country's numbering plan, or "".
func notInPlan(n *phonenumbers.PhoneNumber, err error) string {
	switch {
	case errors.Is(err, phonenumbers.ErrInvalidCountryCode):
		return "begins with a country code that does not exist"
	case errors.Is(err, phonenumbers.ErrNumTooLong):
		return tooLong
	case err != nil:
		return tooShort
	case len(phonenumbers.Format(n, phonenumbers.E164)) > len("+")+15: // the library accepts some longer ones
		return tooLong
	case phonenumbers.IsValidNumber(n):
		return ""
	case n.GetItalianLeadingZero():
		return "has a 0 after its country code, which is only dialed within the country: leave it out"
	}
	switch phonenumbers.IsPossibleNumberWithReason(n) {
	case phonenumbers.TOO_SHORT:
		return tooShort
	case phonenumbers.TOO_LONG:
		return tooLong
	}
	return "does not exist in the numbering plan of its country: check its digits"
}

const (
	tooShort = "has too few digits for its country"
	tooLong  = "has too many digits for its country"
)

// regionName returns the English name of a country, or the code where there is no name, as for satellite networks.
func regionName(code string) string {
	region, err := language.ParseRegion(code)
	if err != nil {
		return code
	}
	return display.English.Regions().Name(region)
}

// inBlock is the number of digits in which the numbers of one prefix differ.
const inBlock = 6

// prefix returns the number without its last digits. It keeps at least one digit after the country code.
func prefix(e164 string, countryCode int) string {
	least := len("+") + len(strconv.Itoa(countryCode)) + 1
	return e164[:max(least, len(e164)-inBlock)]
}
