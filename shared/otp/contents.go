package otp

import "cmp"

// Contents are what sender and verifier need of a session and nobody else may read.
type Contents struct {
	Purpose Purpose `json:"u"` // again, where nobody can change it
	Code    string  `json:"c"`
	Channel Channel `json:"h"`
	Email   string  `json:"e,omitempty"` // the account's address (login, reset) or the address to verify
	Phone   string  `json:"p,omitempty"` // E.164; the account's or the one to verify
	Locale  string  `json:"l,omitempty"` // primary language of the message, as "de"
	Prefix  string  `json:"x,omitempty"` // of a number that is new here: its code, once typed, speaks for the prefix
}

// Destination is where the message goes.
func (c Contents) Destination() string {
	if c.Channel == SMS {
		return c.Phone
	}
	return c.Email
}

// Identity is who is guessed at and what is proven: the address, or the number where there is none.
func (c Contents) Identity() string { return cmp.Or(c.Email, c.Phone) }
