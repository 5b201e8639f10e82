package otp

import "strings"

// UnsupportedError says that a destination is well formed, but this deployment does not send to it.
type UnsupportedError struct {
	Reason    string   // for the caller
	Countries []string // for a phone number: where SMS goes
	Country   string   // of the phone number, as an ISO code; empty if it is not the reason
}

func (e *UnsupportedError) Error() string { return e.Reason }

// Mailbox returns the mailbox that the messages to a normalised destination count for: ada+shop@example.com is ada's mailbox.
// Phone numbers stay as they are.
func Mailbox(destination string) string {
	local, domain, isEmail := strings.Cut(destination, "@")
	if !isEmail {
		return destination
	}
	if plus := strings.IndexByte(local, '+'); plus > 0 {
		local = local[:plus]
	}
	return local + "@" + domain
}
