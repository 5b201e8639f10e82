package main

import (
	"errors"
	"strings"

	"streamotp/shared/otp"
	"streamotp/shared/phone"
)

// destination is an e-mail address or a telephone number, in the one spelling that everything else uses.
type destination struct {
	address string // empty for a number
	number  string // E.164
	mobile  bool
}

func (d destination) String() string { return d.address + d.number }

// readDestination tells an address from a number by its @.
//
// Errors: *usageError.
func readDestination(typed string) (d destination, err error) {
	if !strings.Contains(typed, "@") {
		n, err := phone.Parse(typed)
		if err != nil {
			return d, usageErrorf("must be an e-mail address, as ada@example.com, or a telephone number with its country code, as +4915112345678")
		}
		return destination{number: n.E164, mobile: n.Mobile}, nil
	}
	d.address, err = otp.NormalizeEmail(typed)
	var unsupported *otp.UnsupportedError
	switch {
	case errors.As(err, &unsupported):
		return d, usageErrorf("e-mail: %s", unsupported.Reason)
	case err != nil:
		return d, usageErrorf("%v", about("e-mail", err))
	}
	return d, nil
}
