package otp_test

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

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
		"a live session is judged":                        {live, noon, nil},
		"a live session is judged in its last second":     {live, noon.Add(5*time.Minute - 1), nil},
		"I3: it is not judged at its end":                 {live, noon.Add(5 * time.Minute), otp.ErrCodeExpired},
		"I3: a used one is not judged":                    {used, noon, otp.ErrCodeUsed},
		"a used one is used also when it expired":         {used, noon.Add(time.Hour), otp.ErrCodeUsed},
		"one for the other call is unknown":               {reset, noon, otp.ErrSessionNotFound},
		"and also when it expired: nothing is told of it": {reset, noon.Add(time.Hour), otp.ErrSessionNotFound},
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

func TestTryLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := otp.TryLimit{
			MaxAttempts: rapid.IntRange(1, 10).Draw(t, "max"),
			Lock:        time.Duration(rapid.IntRange(1, 3600).Draw(t, "lock")) * time.Second,
		}
		count, ceiling, previous := 0, l.MaxAttempts, time.Duration(0)
		for locks := 0; locks < 130; locks++ {
			for ; count < ceiling; count++ {
				if l.LockedFor(otp.Tries{Count: count, Ceiling: ceiling, Last: noon}, noon) != 0 {
					t.Fatalf("locked at %d of %d", count, ceiling)
				}
			}
			tries := otp.Tries{Count: count, Ceiling: ceiling, Last: noon}
			span := l.LockedFor(tries, noon)
			switch {
			case span < previous:
				t.Fatalf("lock %d is shorter than the one before", locks)
			case locks == 0 && span != l.Lock && count < 100:
				t.Fatalf("the first lock is %v, not %v", span, l.Lock)
			case count >= 100 && span != 24*time.Hour, count < 100 && span > time.Hour:
				t.Fatalf("after %d tries locked for %v", count, span)
			case l.LockedFor(tries, noon.Add(-time.Second)) != span:
				t.Fatalf("a clock that is behind lengthens the lock")
			case l.LockedFor(tries, noon.Add(span)) != 0 || l.LockedFor(tries, noon.Add(span-1)) == 0:
				t.Fatalf("the lock does not end after %v", span)
			case count < 100 && l.NextCeiling(count) > 100, l.NextCeiling(count) > count+l.MaxAttempts:
				t.Fatalf("after %d tries the next ceiling is %d", count, l.NextCeiling(count))
			}
			previous, ceiling = span, l.NextCeiling(count)
		}
	})
}
