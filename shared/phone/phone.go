// Package phone reads telephone numbers. Linking it costs a cold start 4 ms and 35,000 allocations (its library parses
// all metadata in init), so no function does: generate runs it as a helper process for the requests that need it.
package phone

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"

	"streamotp/shared/phone/number"
)

// Parse reads a number in international format; spaces and punctuation are dropped.
//
// Errors: number.ErrInvalid.
func Parse(typed string) (number.Number, error) {
	if strings.ContainsFunc(typed, unicode.IsLetter) { // or the library reads them as a keypad has them
		return number.Number{}, number.ErrInvalid
	}
	n, err := phonenumbers.Parse(typed, "ZZ") // no default region: + is required
	if err != nil || !phonenumbers.IsValidNumber(n) || n.GetExtension() != "" {
		return number.Number{}, number.ErrInvalid
	}
	e164 := phonenumbers.Format(n, phonenumbers.E164)
	if len(e164) > len("+")+15 { // the library lets some longer ones through; E.164 has 15 digits at most
		return number.Number{}, number.ErrInvalid
	}
	kind := phonenumbers.GetNumberType(n)
	return number.Number{
		E164:    e164,
		Country: phonenumbers.GetRegionCodeForNumber(n),
		Prefix:  prefix(e164, int(n.GetCountryCode())),
		Mobile:  kind == phonenumbers.MOBILE || kind == phonenumbers.FIXED_LINE_OR_MOBILE,
	}, nil
}

// inBlock is how many digits tell the numbers of a prefix apart.
const inBlock = 6

// prefix keeps at least one digit after the country code, and never a whole number.
func prefix(e164 string, countryCode int) string {
	least := len("+") + len(strconv.Itoa(countryCode)) + 1
	return e164[:max(least, len(e164)-inBlock)]
}
