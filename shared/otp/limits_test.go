package otp_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"streamotp/shared/otp"
)

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
