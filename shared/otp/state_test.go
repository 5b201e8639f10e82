package otp_test

import (
	"testing"
	"time"

	"streamotp/shared/otp"
)

func TestState(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	session := func(p otp.Purpose, change func(*otp.Session)) otp.Session {
		s := otp.Session{Purpose: p, Message: otp.StatePending, ExpiresAt: now.Add(time.Minute)}
		if change != nil {
			change(&s)
		}
		return s
	}
	message := func(state otp.State) func(*otp.Session) {
		return func(s *otp.Session) { s.Message = state }
	}
	used := func(s *otp.Session) { s.UsedAt = now }
	over := func(s *otp.Session) { s.ExpiresAt, s.Message = now, otp.StateBounced }
	silent := func(s *otp.Session) { s.Silent = true }
	for _, c := range []struct {
		rule    string
		session otp.Session
		locked  bool
		want    otp.State
	}{
		{"a message that was not sent yet is pending", session(otp.Verify, nil), false, otp.StatePending},
		{"a message's state is the session's", session(otp.Login, message(otp.StateDelivered)), false, otp.StateDelivered},
		{"a bounce is reported", session(otp.Login, message(otp.StateBounced)), false, otp.StateBounced},
		{"a lock comes before the message", session(otp.Login, message(otp.StateDelivered)), true, otp.StateLocked},
		{"the end comes before a lock", session(otp.Login, over), true, otp.StateExpired},
		{"a used code is used, locked or not", session(otp.Verify, used), true, otp.StateUsed},
		{"a test destination's code needs no message", session(otp.Verify, silent), false, otp.StateSent},
		{"a reset is sent, whether or not it was", session(otp.Reset, nil), false, otp.StateSent},
		{"a reset does not reveal a bounce", session(otp.Reset, message(otp.StateBounced)), false, otp.StateSent},
		{"a reset does not reveal that it was used, which a decoy cannot be", session(otp.Reset, used), false, otp.StateSent},
		{"a reset reports a lock", session(otp.Reset, silent), true, otp.StateLocked},
		{"a reset reports its end", session(otp.Reset, over), false, otp.StateExpired},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got := c.session.State(c.locked, now); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}
