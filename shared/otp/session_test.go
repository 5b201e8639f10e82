package otp_test

import (
	"errors"
	"testing"
	"time"

	"streamotp/shared/otp"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestCheck(t *testing.T) {
	live := otp.Session{Purpose: otp.Login, CreatedAt: noon, ExpiresAt: noon.Add(5 * time.Minute)}
	used, reset := live, live
	used.UsedAt, reset.Purpose = noon, otp.Reset
	for name, test := range map[string]struct {
		session otp.Session
		at      time.Time
		want    error
	}{
		"a live session is checked":                          {live, noon, nil},
		"a live session is checked in its last second":       {live, noon.Add(5*time.Minute - 1), nil},
		"I3: it is not checked at its end":                   {live, noon.Add(5 * time.Minute), otp.ErrCodeExpired},
		"I3: a used one is not checked":                      {used, noon, otp.ErrCodeUsed},
		"a used one stays used when it has expired":          {used, noon.Add(time.Hour), otp.ErrCodeUsed},
		"one for the other call is unknown":                  {reset, noon, otp.ErrSessionNotFound},
		"and when it has expired: its state is not revealed": {reset, noon.Add(time.Hour), otp.ErrSessionNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			if err := test.session.Check(test.at, otp.Verify, otp.Login); !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
}

func TestResendWait(t *testing.T) {
	s := otp.Session{CreatedAt: noon, ExpiresAt: noon.Add(5 * time.Minute)}
	wait := func(after time.Duration) time.Duration { return s.ResendWait(noon.Add(after), 30*time.Second) }
	if wait(0) != 30*time.Second || wait(29*time.Second) != time.Second || wait(30*time.Second) != 0 || wait(time.Minute) != 0 {
		t.Error("the cooldown does not run from the creation")
	}
	s.Resends = []time.Time{noon.Add(time.Minute)}
	if wait(61*time.Second) != 29*time.Second || wait(90*time.Second) != 0 {
		t.Error("the cooldown does not run from the last resend")
	}
	s.Resends = append(s.Resends, noon.Add(2*time.Minute))
	if wait(4*time.Minute) != time.Minute {
		t.Error("after the last resend the wait is not until the code expires")
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
