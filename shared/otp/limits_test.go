package otp_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"streamotp/shared/otp"
)

func TestAttemptLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := otp.AttemptLimit{
			MaxAttempts: rapid.IntRange(1, 10).Draw(t, "max"),
			Lock:        time.Duration(rapid.IntRange(1, 3600).Draw(t, "lock")) * time.Second,
		}
		count, lockAt, previous := 0, l.MaxAttempts, time.Duration(0)
		for locks := 0; locks < 130; locks++ {
			for ; count < lockAt; count++ {
				if l.LockedFor(otp.Attempts{Count: count, LockAt: lockAt, Last: noon}, noon) != 0 {
					t.Fatalf("locked at %d of %d", count, lockAt)
				}
			}
			attempts := otp.Attempts{Count: count, LockAt: lockAt, Last: noon}
			span := l.LockedFor(attempts, noon)
			switch {
			case span < previous:
				t.Fatalf("lock %d is shorter than the previous lock", locks)
			case locks == 0 && span != l.Lock && count < 100:
				t.Fatalf("the first lock is %v, not %v", span, l.Lock)
			case count >= 100 && span != 24*time.Hour, count < 100 && span > time.Hour:
				t.Fatalf("after %d attempts locked for %v", count, span)
			case l.LockedFor(attempts, noon.Add(-time.Second)) != span:
				t.Fatalf("a clock that is behind lengthens the lock")
			case l.LockedFor(attempts, noon.Add(span)) != 0 || l.LockedFor(attempts, noon.Add(span-1)) == 0:
				t.Fatalf("the lock does not end after %v", span)
			case count < 100 && l.NextLockAt(count) > 100, l.NextLockAt(count) > count+l.MaxAttempts:
				t.Fatalf("after %d attempts the next lock is at %d", count, l.NextLockAt(count))
			}
			previous, lockAt = span, l.NextLockAt(count)
		}
	})
}

func TestAttemptsRemaining(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	rule := otp.AttemptLimit{MaxAttempts: 5, Lock: 15 * time.Minute}
	for _, c := range []struct {
		rule     string
		attempts otp.Attempts
		want     int
	}{
		{"all without attempts", otp.Attempts{}, 5},
		{"fewer after wrong codes", otp.Attempts{Count: 2, LockAt: 5, Last: now}, 3},
		{"none while it is locked", otp.Attempts{Count: 5, LockAt: 5, Last: now}, 0},
		{"all once the lock is over", otp.Attempts{Count: 5, LockAt: 5, Last: now.Add(-15 * time.Minute)}, 5},
		{"up to the hundredth on the way there", otp.Attempts{Count: 98, LockAt: 98, Last: now.Add(-2 * time.Hour)}, 2},
		{"all after 30 days", otp.Attempts{Count: 3, LockAt: 5, Last: now.Add(-otp.AttemptsLifetime)}, 5},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got := rule.AttemptsRemaining(c.attempts, now); got != c.want {
				t.Errorf("%d, want %d", got, c.want)
			}
		})
	}
}
