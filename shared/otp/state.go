package otp

import "time"

// State is the state of a session, as reported to its caller.
type State string

const (
	StatePending   State = "pending"   // not handed to the provider yet
	StateSent      State = "sent"      // the provider accepted it; of an SMS no more is known
	StateDelivered State = "delivered" // the recipient's mail server accepted it
	StateBounced   State = "bounced"   // it could not be delivered, or the address is suppressed
	StateUsed      State = "used"
	StateExpired   State = "expired"
	StateLocked    State = "locked" // no code is accepted for a time
)

// State returns the session's state at now. If the purpose hides accounts, the state depends on time and attempts alone: what became of
// a message would reveal whether there is an account.
func (s Session) State(locked bool, now time.Time) State {
	known := !s.Purpose.HidesAccounts()
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
