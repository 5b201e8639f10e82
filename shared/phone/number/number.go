// Package number holds the facts about a telephone number that was parsed. It does not link the metadata of package phone.
package number

import "slices"

// InvalidError says that a text is not one telephone number with its country code. The caller corrects it.
type InvalidError struct {
	Reason string // completes "phone …"; it quotes nothing of the text
}

func (e *InvalidError) Error() string { return e.Reason }

// Answer is what the helper process prints for a text: the number, or the reason of an InvalidError.
type Answer struct {
	Number  Number `json:"number"`
	Invalid string `json:"invalid,omitempty"`
}

// Number is a valid telephone number.
type Number struct {
	E164    string `json:"e164"`
	Country string `json:"country"` // ISO 3166: the number's own region, where +1 and +7 are shared
	Region  string `json:"region"`  // the country's name in English
	Prefix  string `json:"prefix"`  // country code and leading digits: the number's block of up to a million
	Mobile  bool   `json:"mobile"`  // may be a mobile: not fixed, premium, shared-cost, pager, UAN, …
}

// Receives reports whether SMS may go to the number, given the countries that are allowed.
func (n Number) Receives(countries []string) bool {
	return n.Mobile && slices.Contains(countries, n.Country)
}
