package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"streamotp/shared/otp"
	"streamotp/shared/store"
)

func limitedFor(t *testing.T, err error) time.Duration {
	t.Helper()
	var limited *otp.TooManyRequestsError
	if !errors.As(err, &limited) {
		t.Fatalf("error %v, want a limit", err)
	}
	return limited.RetryAfter
}

func TestTakeSend(t *testing.T) {
	t.Run("of 50 at once at a limit of 3 exactly 3 are taken", func(t *testing.T) {
		f := newFixture(t)
		taken := atOnce[*otp.TooManyRequestsError](t, 50, func(i int) error { return f.send("subject", 3, fmt.Sprint(i), t0) })
		if taken != 3 {
			t.Errorf("%d were taken", taken)
		}
	})
	t.Run("the wait is the true time until the oldest is an hour old", func(t *testing.T) {
		f := newFixture(t)
		for i := range 2 {
			must(t, f.send("subject", 2, fmt.Sprint(i), t0.Add(time.Duration(i)*time.Minute)))
		}
		if got := limitedFor(t, f.send("subject", 2, "r", t0.Add(10*time.Minute))); got != 50*time.Minute {
			t.Errorf("wait %v", got)
		}
		must(t, f.send("subject", 2, "r", t0.Add(time.Hour)))
		if got := limitedFor(t, f.send("subject", 2, "s", t0.Add(time.Hour))); got != time.Minute {
			t.Errorf("wait %v", got)
		}
	})
	t.Run("a write that comes twice takes one slot", func(t *testing.T) {
		f := newFixture(t)
		for range 3 {
			must(t, f.send("subject", 1, "same", t0))
		}
	})
	t.Run("a locked subject gets none, and its slots are left", func(t *testing.T) {
		for _, n := range []int{0, 2} {
			f := newFixture(t)
			for range 5 {
				_, err := f.guess(t0)
				must(t, err)
			}
			if got := lockedFor(t, f.send("subject", n, "r1", t0.Add(time.Minute))); got != 14*time.Minute {
				t.Errorf("limit %d: locked for %v", n, got)
			}
			for i := range 2 { // the lock has passed, its tries are still there
				must(t, f.send("subject", n, fmt.Sprint("after", i), t0.Add(16*time.Minute)))
			}
			if n > 0 {
				limitedFor(t, f.send("subject", n, "r2", t0.Add(16*time.Minute)))
			}
		}
	})
	t.Run("sends and tries leave each other alone", func(t *testing.T) {
		f := newFixture(t)
		must(t, f.send("subject", 1, "r", t0))
		if got, err := f.guess(t0); err != nil || got != 4 {
			t.Errorf("%d remain, %v", got, err)
		}
		must(t, f.limits.Clear(ctx, "subject", otp.Email, t0))
		limitedFor(t, f.send("subject", 1, "s", t0))
	})
}

func TestNoHourHoldsMore(t *testing.T) {
	f := newFixture(t)
	round := 0
	rapid.Check(t, func(r *rapid.T) {
		round++
		n, at, taken := rapid.IntRange(1, 6).Draw(r, "limit"), t0, []time.Time{}
		for i, gap := range rapid.SliceOfN(rapid.IntRange(0, 1500), 5, 25).Draw(r, "gaps, s") {
			at = at.Add(time.Duration(gap) * time.Second)
			err := f.send(fmt.Sprint("subject", round), n, fmt.Sprint(i), at)
			within := 0
			for _, other := range taken {
				if at.Sub(other) < time.Hour {
					within++
				}
			}
			if (err == nil) != (within < n) {
				r.Fatalf("with %d of %d in the hour: %v", within, n, err)
			}
			if err == nil {
				taken = append(taken, at)
			}
		}
	})
}

func TestTakePassword(t *testing.T) {
	t.Run("of 50 wrong ones at once at a limit of 3 exactly 3 are told so", func(t *testing.T) {
		f := newFixture(t)
		told := atOnce[*otp.TooManyRequestsError](t, 50, func(i int) error {
			return f.limits.TakePassword(ctx, store.Send{Key: "subject", Passwords: 3}, fmt.Sprint(i), t0)
		})
		if told != 3 {
			t.Errorf("%d were told", told)
		}
	})
	for _, limit := range []int{0, 2} {
		t.Run(fmt.Sprintf("a right one is not told either, until a slot is an hour old, at %d messages", limit), func(t *testing.T) {
			f := newFixture(t)
			right := func(by string, at time.Time) error {
				_, err := f.limits.TakeSend(ctx, store.Send{Key: "subject", Limit: limit, Passwords: 2, Locks: true}, by, at)
				return err
			}
			must(t, f.limits.TakePassword(ctx, store.Send{Key: "subject", Passwords: 2}, "1", t0))
			must(t, right("r1", t0))
			must(t, f.limits.TakePassword(ctx, store.Send{Key: "subject", Passwords: 2}, "2", t0.Add(time.Minute)))
			if got := limitedFor(t, right("r2", t0.Add(2*time.Minute))); got != 58*time.Minute {
				t.Errorf("wait %v", got)
			}
			must(t, right("r3", t0.Add(time.Hour)))
		})
	}
	t.Run("one that comes twice counts once", func(t *testing.T) {
		f := newFixture(t)
		for range 3 {
			must(t, f.limits.TakePassword(ctx, store.Send{Key: "subject", Passwords: 1}, "same", t0))
		}
	})
	t.Run("a new password forgets the guesses at the old one, and no sends", func(t *testing.T) {
		f := newFixture(t)
		must(t, f.send("subject", 1, "r", t0))
		must(t, f.limits.TakePassword(ctx, store.Send{Key: "subject", Passwords: 1}, "1", t0))
		must(t, f.limits.EndSessions(ctx, "subject", t0.Add(time.Second)))
		must(t, f.limits.TakePassword(ctx, store.Send{Key: "subject", Passwords: 1}, "2", t0.Add(time.Minute)))
		limitedFor(t, f.send("subject", 1, "s", t0.Add(time.Minute)))
	})
}

func TestStanding(t *testing.T) {
	f := newFixture(t)
	number := store.Send{Key: "subject", Limit: 5, LoginOf: "login"}
	held, err := f.limits.TakeSend(ctx, number, "1", t0)
	if err != nil || !held.VerifiedAt.IsZero() || held.LoginOf != "login" {
		t.Errorf("new: %+v, %v", held, err)
	}
	_, err = f.guess(t0)
	must(t, err)
	must(t, f.limits.Clear(ctx, "subject", otp.SMS, t0))
	for name, look := range map[string]func() (store.Standing, error){
		"with a message": func() (store.Standing, error) { return f.limits.TakeSend(ctx, number, "2", t0) },
		"without limits": func() (store.Standing, error) { return f.limits.TakeSend(ctx, store.Send{Key: "subject"}, "3", t0) },
		"to a number": func() (store.Standing, error) {
			return f.limits.TakeSend(ctx, store.Send{Key: "subject", LoginOf: "login"}, "4", t0)
		},
		"alone": func() (store.Standing, error) { return f.limits.Glance(ctx, store.Send{Key: "subject"}, t0) },
	} {
		if held, err := look(); err != nil || !held.VerifiedAt.Equal(t0) || held.LoginOf != "login" {
			t.Errorf("%s: %+v, %v", name, held, err)
		}
	}
}
