package console

import (
	"errors"
	"strings"

	"streamotp/shared/otp"
	"streamotp/shared/phone"
)

// Destination is an e-mail address or a phone number, in the one spelling that everything else uses.
type Destination struct {
	address string // empty for a number
	Number  string // E.164
	Mobile  bool
}

func (d Destination) String() string { return d.address + d.Number }

// ReadDestination reads a destination. One with an @ is an e-mail address, any other a phone number.
//
// Errors: *UsageError.
func ReadDestination(typed string) (d Destination, err error) {
	if !strings.Contains(typed, "@") {
		n, err := phone.Parse(typed)
		if err != nil {
			return d, UsageErrorf("must be an e-mail address, as ada@example.com, or a telephone number with its country code, as +4915112345678")
		}
		return Destination{Number: n.E164, Mobile: n.Mobile}, nil
	}
	d.address, err = otp.NormalizeEmail(typed)
	var unsupported *otp.UnsupportedError
	switch {
	case errors.As(err, &unsupported):
		return d, UsageErrorf("e-mail: %s", unsupported.Reason)
	case err != nil:
		return d, UsageErrorf("%v", About("e-mail", err))
	}
	return d, nil
}
