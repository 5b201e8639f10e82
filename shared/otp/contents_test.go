package otp_test

import (
	"testing"

	"streamotp/shared/otp"
)

func TestMasked(t *testing.T) {
	for want, contents := range map[string]otp.Contents{
		"a•••@example.com": {Channel: otp.Email, Email: "ada@example.com", Phone: "+4915112345678"},
		"b•••@example.com": {Channel: otp.Email, Email: "b@example.com"},
		"•••78":            {Channel: otp.SMS, Email: "ada@example.com", Phone: "+4915112345678"},
		"•••":              {Channel: "fax", Email: "ada@example.com", Phone: "+4915112345678"},
	} {
		if got := contents.Masked(); got != want {
			t.Errorf("%s: %s, want %s", contents.Channel, got, want)
		}
	}
}
