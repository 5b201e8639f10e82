package otp_test

import (
	"testing"

	"streamotp/shared/otp"
)

func TestMailbox(t *testing.T) {
	for in, want := range map[string]string{
		"ada+shop@example.com": "ada@example.com", "ada@example.com": "ada@example.com", "+ada@example.com": "+ada@example.com",
		"+4915112345678": "+4915112345678",
	} {
		if got := otp.Mailbox(in); got != want {
			t.Errorf("%q counts as %q", in, got)
		}
	}
}
