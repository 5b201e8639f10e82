package store_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"streamotp/shared/otp"
	"streamotp/shared/store"
)

// guess takes one attempt as a request of its own.
func (f fixture) guess(at time.Time) (remaining int, err error) {
	guesses++
	attempts, err := f.limits.Reserve(ctx, session("s"), lastGuess(), at)
	return attempts.Remaining(), err
}

// send takes a message, which a lock prevents.
func (f fixture) send(key string, limit int, requestID string, at time.Time) error {
	_, err := f.limits.TakeMessage(ctx, store.Quota{Key: key, MessagesPerHour: limit, RefuseLocked: true}, requestID, at)
	return err
}

// clear forgets the attempts of "subject" after the success of a request, and reports whether it was the first success by SMS.
func (f fixture) clear(t *testing.T, channel otp.Channel, requestID string, at time.Time) bool {
	t.Helper()
	first, err := f.limits.Clear(ctx, "subject", channel, requestID, at)
	must(t, err)
	return first
}

var guesses int

// lastGuess is the request id of the last guess.
func lastGuess() string { return fmt.Sprint("guess", guesses) }

// atOnce makes n calls in parallel and counts those that succeed. All others must return an E.
func atOnce[E error](t *testing.T, n int, do func(i int) error) int {
	t.Helper()
	var let atomic.Int32
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			var refused E
			switch err := do(i); {
			case err == nil:
				let.Add(1)
			case !errors.As(err, &refused):
				t.Error(err)
			}
		})
	}
	wait.Wait()
	return int(let.Load())
}

func lockedFor(t *testing.T, err error) time.Duration {
	t.Helper()
	var locked *otp.LockedError
	if !errors.As(err, &locked) {
		t.Fatalf("error %v, want a lock", err)
	}
	return locked.RetryAfter
}

func TestReserve(t *testing.T) {
	t.Run("I4: of 300 guesses at once 5 are reserved", func(t *testing.T) {
		f := newFixture(t)
		let := atOnce[*otp.LockedError](t, 300, func(i int) error {
			_, err := f.limits.Reserve(ctx, session("s"), fmt.Sprint(i), t0)
			return err
		})
		if let != 5 {
			t.Errorf("%d succeeded", let)
		}
	})
	t.Run("attempts count down to 0, then the lock grows up to an hour", func(t *testing.T) {
		f, at := newFixture(t), t0
		for _, lock := range []time.Duration{15 * time.Minute, 30 * time.Minute, time.Hour, time.Hour} {
			for want := 4; want >= 0; want-- {
				if got, err := f.guess(at); err != nil || got != want {
					t.Fatalf("%d remain (%v), want %d", got, err, want)
				}
			}
			_, err := f.guess(at)
			if got := lockedFor(t, err); got != lock {
				t.Fatalf("locked for %v, want %v", got, lock)
			}
			if got := lockedFor(t, f.send("subject", 0, "r", at.Add(time.Minute))); got != lock-time.Minute {
				t.Fatalf("a code is locked for %v", got)
			}
			at = at.Add(lock)
		}
	})
	t.Run("at 100 in a row the subject is locked for a day", func(t *testing.T) {
		f, at := newFixture(t), t0
		for let := 0; let < 100; {
			if _, err := f.guess(at); err == nil {
				let++
				continue
			} else {
				at = at.Add(lockedFor(t, err))
			}
		}
		_, err := f.guess(at)
		if got := lockedFor(t, err); got != 24*time.Hour {
			t.Errorf("locked for %v", got)
		}
	})
	t.Run("of many parallel attempts after a lock no more than 5 succeed", func(t *testing.T) {
		f := newFixture(t)
		for range 5 {
			_, err := f.guess(t0)
			must(t, err)
		}
		var let atomic.Int32
		var wait sync.WaitGroup
		for i := range 60 {
			wait.Go(func() {
				if _, err := f.limits.Reserve(ctx, session("s"), fmt.Sprint("after", i), t0.Add(time.Hour)); err == nil {
					let.Add(1)
				}
			})
		}
		wait.Wait()
		if let.Load() != 5 {
			t.Errorf("%d succeeded", let.Load())
		}
	})
	t.Run("a repeated request takes one attempt", func(t *testing.T) {
		f := newFixture(t)
		for range 3 {
			if got, err := f.limits.Reserve(ctx, session("s"), "same", t0); err != nil || got.Remaining() != 4 {
				t.Fatalf("%d remain, %v", got.Remaining(), err)
			}
		}
	})
	t.Run("a success clears the attempts, and clearing twice makes no item", func(t *testing.T) {
		f := newFixture(t)
		_, err := f.guess(t0)
		must(t, err)
		f.clear(t, otp.Email, lastGuess(), t0)
		f.clear(t, otp.Email, lastGuess(), t0)
		_, err = f.limits.Clear(ctx, "stranger", otp.Email, lastGuess(), t0)
		must(t, err)
		if item := f.Item(t, f.Limits, map[string]types.AttributeValue{"key": text("stranger")}); item != nil {
			t.Errorf("an item without TTL was made: %v", item)
		}
		if got, err := f.guess(t0); err != nil || got != 4 {
			t.Errorf("%d remain, %v", got, err)
		}
	})
	t.Run("a late repetition of a success leaves later attempts, also if their clock is behind", func(t *testing.T) {
		f := newFixture(t)
		_, err := f.guess(t0)
		must(t, err)
		right := lastGuess()
		f.clear(t, otp.Email, right, t0)
		for range 5 {
			_, err := f.guess(t0.Add(-time.Second))
			must(t, err)
		}
		f.clear(t, otp.Email, right, t0)
		_, err = f.guess(t0)
		lockedFor(t, err)
	})
	t.Run("a subject that is cleared by others all the time is still counted", func(t *testing.T) {
		f := newFixture(t)
		for range 5 {
			_, err := f.guess(t0)
			must(t, err)
		}
		var wait sync.WaitGroup
		for i := range 40 {
			wait.Go(func() {
				at := t0.Add(time.Hour)
				if i%2 == 0 {
					f.clear(t, otp.Email, fmt.Sprint("cleared", i+1), at)
					return
				}
				var locked *otp.LockedError
				if _, err := f.limits.Reserve(ctx, session("s"), fmt.Sprint("cleared", i), at); err != nil && !errors.As(err, &locked) {
					t.Error(err)
				}
			})
		}
		wait.Wait()
	})
	t.Run("a last attempt in the future, from a wrong clock, locks for the lock's length from when it is seen", func(t *testing.T) {
		for _, ahead := range []time.Duration{10 * time.Second, 24 * time.Hour, 10 * 365 * 24 * time.Hour} {
			f := newFixture(t)
			for range 5 {
				_, err := f.guess(t0.Add(ahead))
				must(t, err)
			}
			let := atOnce[*otp.LockedError](t, 20, func(i int) error {
				_, err := f.limits.Reserve(ctx, session("s"), fmt.Sprint("early", i), t0)
				return err
			})
			_, err := f.guess(t0.Add(time.Minute))
			if got := lockedFor(t, err); let != 0 || got != 14*time.Minute {
				t.Errorf("%v ahead: %d succeeded, then locked for %v", ahead, let, got)
			}
			if got, err := f.guess(t0.Add(15 * time.Minute)); err != nil || got != 4 {
				t.Errorf("%v ahead: %d remain, %v", ahead, got, err)
			}
		}
	})
	t.Run("a last attempt a moment in the future, from another instance, stays as it is", func(t *testing.T) {
		f := newFixture(t)
		for range 5 {
			_, err := f.guess(t0.Add(2 * time.Second))
			must(t, err)
		}
		_, err := f.guess(t0)
		lockedFor(t, err)
		_, err = f.guess(t0.Add(15 * time.Minute))
		if got := lockedFor(t, err); got != 2*time.Second {
			t.Errorf("locked for %v", got)
		}
	})
	t.Run("attempts are forgotten after 30 days though the table still has them", func(t *testing.T) {
		f := newFixture(t)
		for range 5 {
			_, err := f.guess(t0)
			must(t, err)
		}
		later := t0.Add(otp.AttemptsLifetime)
		must(t, f.send("subject", 0, "r", later))
		if got, err := f.guess(later); err != nil || got != 4 {
			t.Errorf("%d remain, %v", got, err)
		}
	})
}

func TestFirstSuccess(t *testing.T) {
	t.Run("R13: of 20 successes by SMS at once one is the first", func(t *testing.T) {
		f := newFixture(t)
		var firsts atomic.Int32
		var wait sync.WaitGroup
		for i := range 20 {
			wait.Go(func() {
				at := t0.Add(time.Duration(i) * time.Millisecond)
				if _, err := f.limits.Reserve(ctx, session("s"), fmt.Sprint(i), at); err != nil {
					return // locked for this moment
				}
				if f.clear(t, otp.SMS, fmt.Sprint(i), at) {
					firsts.Add(1)
				}
			})
		}
		wait.Wait()
		if firsts.Load() != 1 {
			t.Errorf("%d were the first", firsts.Load())
		}
	})
	t.Run("again after 30 days, and never by e-mail", func(t *testing.T) {
		f := newFixture(t)
		for _, c := range []struct {
			channel otp.Channel
			after   time.Duration
			want    bool
		}{{otp.Email, 0, false}, {otp.SMS, time.Hour, true}, {otp.SMS, 2 * time.Hour, false}, {otp.SMS, 31 * 24 * time.Hour, true}} {
			_, err := f.guess(t0.Add(c.after))
			must(t, err)
			if got := f.clear(t, c.channel, lastGuess(), t0.Add(c.after)); got != c.want {
				t.Errorf("%s after %v: %v", c.channel, c.after, got)
			}
		}
	})
}

func TestEndSessions(t *testing.T) {
	f := newFixture(t)
	must(t, f.limits.EndSessions(ctx, "subject", true, t0.Add(time.Millisecond)))
	must(t, f.limits.EndSessions(ctx, "subject", true, t0.Add(-time.Hour))) // a late write moves nothing back
	for subject, want := range map[string]int64{"subject": t0.UnixMilli() + 1, "other": 0} {
		if at, err := f.limits.EndedBefore(ctx, subject); err != nil || at.UnixMilli() != want {
			t.Errorf("%s ended before %v, %v", subject, at, err)
		}
	}
	t.Run("an older session has ended and takes no attempt", func(t *testing.T) {
		_, err := f.guess(t0)
		wantErr(t, err, otp.ErrCodeExpired)
	})
	t.Run("a session created at that moment or later goes on, with all its attempts", func(t *testing.T) {
		s := session("s")
		s.CreatedAt = t0.Add(time.Millisecond)
		if got, err := f.limits.Reserve(ctx, s, "r", t0); err != nil || got.Remaining() != 4 {
			t.Errorf("%d remain, %v", got.Remaining(), err)
		}
	})
}

func TestMarkNotified(t *testing.T) {
	f := newFixture(t)
	must(t, f.limits.MarkNotified(ctx, "subject", otp.NotifyWrongCodes)) // without attempts there is nothing to record
	told := func() otp.NotificationKind {
		attempts, err := f.limits.Reserve(ctx, session("s"), fmt.Sprint(time.Now().UnixNano()), t0)
		must(t, err)
		return attempts.NotificationDue(otp.Login)
	}
	for range 4 {
		if got := told(); got != "" {
			t.Errorf("%s is due too early", got)
		}
	}
	if got := told(); got != otp.NotifyWrongCodes {
		t.Errorf("after the fifth %q is due", got)
	}
	must(t, f.limits.MarkNotified(ctx, "subject", otp.NotifyWrongCodes))
	attempts, err := f.limits.Reserve(ctx, session("s"), "sixth", t0.Add(time.Hour))
	if must(t, err); attempts.NotificationDue(otp.Login) != "" {
		t.Error("a notification is due twice")
	}
	f.clear(t, otp.Email, "sixth", t0.Add(time.Hour))
	if attempts, err = f.limits.Reserve(ctx, session("s"), "anew", t0.Add(time.Hour)); err != nil || attempts.NotifiedCount != 0 {
		t.Errorf("after a success %+v, %v", attempts, err)
	}
}
