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
