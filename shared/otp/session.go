package otp

import (
	"errors"
	"slices"
	"time"
)

// Purpose is why a code is requested. A code proves nothing for any other purpose.
type Purpose string

const (
	Verify       Purpose = "verify"       // confirm that somebody reads an address or number
	Login        Purpose = "login"        // the second step after a password
	Reset        Purpose = "reset"        // set a new password without the old one
	Passwordless Purpose = "passwordless" // log in without a password, or create an account
)

// Purposes are all purposes.
var Purposes = []Purpose{Verify, Login, Reset, Passwordless}

// PurposeNames returns the names of all purposes.
func PurposeNames() (names []string) {
	for _, p := range Purposes {
		names = append(names, string(p))
	}
	return names
}

// HidesAccounts reports whether anybody may ask for a code of an account with this purpose. Then only what a caller would also see of a
// decoy may be reported, and nothing of what became of the message.
func (p Purpose) HidesAccounts() bool { return p == Reset || p == Passwordless }

// The reasons why a session accepts no code; httpapi has the status of each.
var (
	ErrSessionNotFound = errors.New("unknown session, or one made for the other call")
	ErrCodeExpired     = errors.New("the code has expired")
	ErrCodeUsed        = errors.New("the code was used before")
)

// Session follows one code from the request to its use. Its secrets are in Sealed, which only a Keyring can open.
type Session struct {
	ID        string    // random UUID, version 4
	Digest    string    // of ID and code, by Keyring.Digest; a decoy's matches no code
	Purpose   Purpose   // why
	Subject   string    // what attempts count against, by Keyring.Subject
	KeyID     string    // the key that made Digest and Sealed
	Sealed    []byte    // Contents, by Keyring.Seal
	CreatedAt time.Time // to the millisecond
	ExpiresAt time.Time // to the second
	UsedAt    time.Time // zero while unused
	UsedBy    string    // the request that used it
	Silent    bool      // nothing is sent: a decoy, a test destination, or a suppressed address
	Message   State     // how far its message got: StatePending, StateSent, StateDelivered or StateBounced

	Resends    []time.Time // when the code was sent again
	NextResend int         // the number of the next resend's row

	Attempts    int       // wrong codes for this session alone; counted only if its purpose hides accounts
	AttemptedAt time.Time // the last of them
}

// Check returns nil if a code of the session may be checked at now, for one of the purposes.
//
// Errors: ErrSessionNotFound, ErrCodeUsed, ErrCodeExpired. None of them costs an attempt.
func (s Session) Check(now time.Time, purposes ...Purpose) error {
	switch {
	case !slices.Contains(purposes, s.Purpose):
		return ErrSessionNotFound
	case !s.UsedAt.IsZero():
		return ErrCodeUsed
	case !now.Before(s.ExpiresAt): // the table deletes late, up to days
		return ErrCodeExpired
	}
	return nil
}

// MaxResends is the most times that a session's code is sent again.
const MaxResends = 2

// ResendWait returns how long from now it takes until the code may be sent again: zero if it may be sent now. After the last
// resend it returns the time until the code expires, since only a new code helps then.
func (s Session) ResendWait(now time.Time, cooldown time.Duration) time.Duration {
	if len(s.Resends) >= MaxResends {
		return s.ExpiresAt.Sub(now)
	}
	last := s.CreatedAt
	for _, t := range s.Resends {
		if t.After(last) {
			last = t
		}
	}
	return max(0, last.Add(cooldown).Sub(now))
}

// ResendAt returns when the code may be sent again, or zero if never.
func (s Session) ResendAt(now time.Time, cooldown time.Duration) time.Time {
	at := now.Add(s.ResendWait(now, cooldown))
	if !at.Before(s.ExpiresAt) || !s.Purpose.HidesAccounts() && !s.UsedAt.IsZero() {
		return time.Time{}
	}
	return at
}
