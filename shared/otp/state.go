package otp

import "time"

// State is where a session stands, for who asked for its code.
type State string

const (
	StatePending   State = "pending"   // not handed to the provider yet
	StateSent      State = "sent"      // the provider took it; of an SMS no more is known
	StateDelivered State = "delivered" // the recipient's mail server took it
	StateBounced   State = "bounced"   // it could not be delivered, or nothing is sent to there
	StateUsed      State = "used"
	StateExpired   State = "expired"
	StateLocked    State = "locked" // the subject takes no guess for a time
)

// State is where the session stands at now. Of a reset it comes from time and tries alone: what became of a message
// would tell whether there is an account.
func (s Session) State(locked bool, now time.Time) State {
	known := s.Purpose != Reset
	switch {
	case known && !s.UsedAt.IsZero():
		return StateUsed
	case !now.Before(s.ExpiresAt):
		return StateExpired
	case locked:
		return StateLocked
	case known && (!s.Silent || s.Message == StateBounced): // a test destination's code is known without a message
		return s.Message
	}
	return StateSent
}

// ResendAt is when the code may be sent again, zero for never.
func (s Session) ResendAt(now time.Time, cooldown time.Duration) time.Time {
	at := now.Add(s.ResendWait(now, cooldown))
	if !at.Before(s.ExpiresAt) || s.Purpose != Reset && !s.UsedAt.IsZero() {
		return time.Time{}
	}
	return at
}

// Own returns what a session's own wrong codes count, as if nobody else tried the subject.
func (s Session) Own(l TryLimit) Tries {
	ceiling := (s.Attempts + l.MaxAttempts - 1) / l.MaxAttempts * l.MaxAttempts
	return Tries{Count: s.Attempts, Ceiling: ceiling, Last: s.AttemptedAt}
}

// Left is how many wrong codes a subject may still give at now before it locks; none while it is locked.
func (l TryLimit) Left(t Tries, now time.Time) int {
	switch {
	case t.Count == 0 || !t.Last.After(now.Add(-TriesLifetime)):
		return l.MaxAttempts
	case l.LockedFor(t, now) > 0:
		return 0
	case t.Count >= t.Ceiling:
		return l.NextCeiling(t.Count) - t.Count
	}
	return t.Remaining()
}
