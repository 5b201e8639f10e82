package otp

import (
	"errors"
	"slices"
	"time"
)

// Purpose is why a code is asked for. A code proves nothing for another purpose than its own.
type Purpose string

const (
	Verify Purpose = "verify" // confirm that somebody reads an address or number
	Login  Purpose = "login"  // the second step after a password
	Reset  Purpose = "reset"  // set a new password without the old one
)

// What ends a session's life; httpapi has the status of each.
var (
	ErrSessionNotFound = errors.New("unknown session, or one made for the other call")
	ErrCodeExpired     = errors.New("the code has expired")
	ErrCodeUsed        = errors.New("the code was used before")
)

// Session is one attempt to prove something. What is secret of it lies in Sealed, which only a Keyring opens.
type Session struct {
	ID        string    // random UUID, version 4
	Digest    string    // of ID and code, by Keyring.Digest; for a decoy one that nothing matches
	Purpose   Purpose   // why
	Subject   string    // who is being guessed at, by Keyring.Subject
	KeyID     string    // the key that made Digest and Sealed
	Sealed    []byte    // Contents, by Keyring.Seal
	CreatedAt time.Time // to the millisecond
	ExpiresAt time.Time // to the second
	UsedAt    time.Time // zero while unused
	UsedBy    string    // the request that used it
	Silent    bool      // nothing is sent: a decoy, a test destination, or a suppressed address
	Message   State     // what became of it: StatePending, StateSent, StateDelivered or StateBounced

	Resends    []time.Time // when the code was sent again
	NextResend int         // the number of the next resend's row

	Attempts    int       // wrong codes for this session alone; counted of a reset only
	AttemptedAt time.Time // the last of them
}

// Check says whether a code of the session may still be judged at now, for one of the purposes.
//
// Errors: ErrSessionNotFound, ErrCodeUsed, ErrCodeExpired. None of them costs a try.
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

// MaxResends is how often a session's code is sent again at most.
const MaxResends = 2

// ResendWait is how long the session's owner must wait at now before the code is sent again: zero when it may be.
// After the last resend it is the time until the code expires, since only a new code helps then.
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

// ResendAt is when the code may be sent again, zero for never.
func (s Session) ResendAt(now time.Time, cooldown time.Duration) time.Time {
	at := now.Add(s.ResendWait(now, cooldown))
	if !at.Before(s.ExpiresAt) || s.Purpose != Reset && !s.UsedAt.IsZero() {
		return time.Time{}
	}
	return at
}
