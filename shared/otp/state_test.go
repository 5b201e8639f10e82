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
		{"what was not sent yet is pending", session(otp.Verify, nil), false, otp.StatePending},
		{"a message's state is the session's", session(otp.Login, message(otp.StateDelivered)), false, otp.StateDelivered},
		{"a bounce is told", session(otp.Login, message(otp.StateBounced)), false, otp.StateBounced},
		{"a lock comes before the message", session(otp.Login, message(otp.StateDelivered)), true, otp.StateLocked},
		{"the end comes before a lock", session(otp.Login, over), true, otp.StateExpired},
		{"what was used is used, locked or not", session(otp.Verify, used), true, otp.StateUsed},
		{"a test destination's code needs no message", session(otp.Verify, silent), false, otp.StateSent},
		{"a reset is sent, whether or not it was", session(otp.Reset, nil), false, otp.StateSent},
		{"a reset does not tell of a bounce", session(otp.Reset, message(otp.StateBounced)), false, otp.StateSent},
		{"a reset does not tell that it was used, which a decoy cannot be", session(otp.Reset, used), false, otp.StateSent},
		{"a reset tells of a lock", session(otp.Reset, silent), true, otp.StateLocked},
		{"a reset tells of its end", session(otp.Reset, over), false, otp.StateExpired},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got := c.session.State(c.locked, now); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestResendAt(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	const cooldown = 30 * time.Second
	for _, c := range []struct {
		rule    string
		session otp.Session
		want    time.Time // zero for never
	}{
		{"a cooldown after the first message", otp.Session{CreatedAt: now.Add(-10 * time.Second), ExpiresAt: now.Add(time.Minute)}, now.Add(20 * time.Second)},
		{"now, once it is over", otp.Session{CreatedAt: now.Add(-time.Minute), ExpiresAt: now.Add(time.Minute)}, now},
		{"never after the last resend", otp.Session{CreatedAt: now.Add(-time.Minute), ExpiresAt: now.Add(time.Minute),
			Resends: []time.Time{now, now}}, time.Time{}},
		{"never once it has expired", otp.Session{CreatedAt: now.Add(-time.Minute), ExpiresAt: now}, time.Time{}},
		{"never where the code expires first", otp.Session{CreatedAt: now, ExpiresAt: now.Add(cooldown)}, time.Time{}},
		{"never once it was used", otp.Session{Purpose: otp.Login, CreatedAt: now, ExpiresAt: now.Add(time.Minute), UsedAt: now}, time.Time{}},
		{"a reset says the same used or not", otp.Session{Purpose: otp.Reset, CreatedAt: now, ExpiresAt: now.Add(time.Minute), UsedAt: now}, now.Add(cooldown)},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got := c.session.ResendAt(now, cooldown); !got.Equal(c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestLeft(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	rule := otp.TryLimit{MaxAttempts: 5, Lock: 15 * time.Minute}
	for _, c := range []struct {
		rule  string
		tries otp.Tries
		want  int
	}{
		{"all where nobody guessed", otp.Tries{}, 5},
		{"less those that were wrong", otp.Tries{Count: 2, Ceiling: 5, Last: now}, 3},
		{"none while it is locked", otp.Tries{Count: 5, Ceiling: 5, Last: now}, 0},
		{"all once the lock is over", otp.Tries{Count: 5, Ceiling: 5, Last: now.Add(-15 * time.Minute)}, 5},
		{"up to the hundredth on the way there", otp.Tries{Count: 98, Ceiling: 98, Last: now.Add(-2 * time.Hour)}, 2},
		{"all after 30 days", otp.Tries{Count: 3, Ceiling: 5, Last: now.Add(-otp.TriesLifetime)}, 5},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got := rule.Left(c.tries, now); got != c.want {
				t.Errorf("%d, want %d", got, c.want)
			}
		})
	}
}

func TestMask(t *testing.T) {
	for destination, want := range map[string]string{
		"ada@example.com": "a•••@example.com", "a@example.com": "a•••@example.com", "+4915112345678": "•••78",
	} {
		if got := otp.Mask(destination); got != want {
			t.Errorf("%s: %s, want %s", destination, got, want)
		}
	}
}
