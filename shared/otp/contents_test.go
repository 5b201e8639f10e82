package otp_test

import (
	"testing"

	"streamotp/shared/otp"
)

func TestMask(t *testing.T) {
	for destination, want := range map[string]string{
		"ada@example.com": "a•••@example.com", "a@example.com": "a•••@example.com", "+4915112345678": "•••78",
	} {
		if got := otp.Mask(destination); got != want {
			t.Errorf("%s: %s, want %s", destination, got, want)
		}
	}
}
