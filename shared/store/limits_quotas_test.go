package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
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

func TestTakeMessage(t *testing.T) {
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
	t.Run("a write that comes twice takes one slot, also if another request took one in between", func(t *testing.T) {
		f := newFixture(t)
		for _, requestID := range []string{"same", "other", "same"} {
			must(t, f.send("subject", 3, requestID, t0))
		}
		must(t, f.send("subject", 3, "third", t0))
		limitedFor(t, f.send("subject", 3, "fourth", t0))
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
			for i := range 2 { // the lock has passed, its attempts are still there
				must(t, f.send("subject", n, fmt.Sprint("after", i), t0.Add(16*time.Minute)))
			}
			if n > 0 {
				limitedFor(t, f.send("subject", n, "r2", t0.Add(16*time.Minute)))
			}
		}
	})
	t.Run("messages and attempts do not affect each other", func(t *testing.T) {
		f := newFixture(t)
		must(t, f.send("subject", 1, "r", t0))
		if got, err := f.guess(t0); err != nil || got != 4 {
			t.Errorf("%d remain, %v", got, err)
		}
		f.clear(t, otp.Email, lastGuess(), t0)
		limitedFor(t, f.send("subject", 1, "s", t0))
	})
}

// No rolling hour has more messages than the limit, and each can have as many: a message that was given back can be taken again.
func TestNoHourHoldsMore(t *testing.T) {
	f := newFixture(t)
	round := 0
	rapid.Check(t, func(r *rapid.T) {
		round++
		n, at, taken := rapid.IntRange(1, 6).Draw(r, "limit"), t0, map[string]time.Time{}
		quota := store.Quota{Key: fmt.Sprint("subject", round), MessagesPerHour: n}
		for i, gap := range rapid.SliceOfN(rapid.IntRange(0, 1500), 5, 25).Draw(r, "gaps, s") {
			at = at.Add(time.Duration(gap) * time.Second)
			if back := rapid.IntRange(-2, i).Draw(r, "given back"); back >= 0 {
				requestID := fmt.Sprint(back)
				when, held := taken[requestID]
				if !held {
					when = at // never taken, or given back before
				}
				must(t, f.limits.GiveBackMessage(ctx, quota, requestID, when))
				delete(taken, requestID)
			}
			_, err := f.limits.TakeMessage(ctx, quota, fmt.Sprint(i), at)
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
				taken[fmt.Sprint(i)] = at
			}
		}
	})
}

func TestWrongClock(t *testing.T) {
	t.Run("R19: a slot far in the future does not block its key", func(t *testing.T) {
		f := newFixture(t)
		must(t, f.send("subject", 1, "fast", t0.Add(24*time.Hour)))
		must(t, f.send("subject", 1, "1", t0))
		limitedFor(t, f.send("subject", 1, "2", t0))
		must(t, f.limits.TakeWrongPassword(ctx, store.Quota{Key: "subject", WrongPasswordsPerHour: 1}, "fast", t0.Add(24*time.Hour)))
		must(t, f.limits.TakeWrongPassword(ctx, store.Quota{Key: "subject", WrongPasswordsPerHour: 1}, "1", t0))
	})
	t.Run("a slot of an instance that is seconds ahead counts", func(t *testing.T) {
		f := newFixture(t)
		must(t, f.send("subject", 1, "ahead", t0.Add(10*time.Second)))
		limitedFor(t, f.send("subject", 1, "1", t0))
	})
	t.Run("R19: a lock far in the future ends its whole length after a code is asked for", func(t *testing.T) {
		for _, limit := range []int{0, 5} {
			f := newFixture(t)
			for range 5 {
				_, err := f.guess(t0.Add(24 * time.Hour))
				must(t, err)
			}
			if got := lockedFor(t, f.send("subject", limit, "1", t0)); got != 15*time.Minute {
				t.Errorf("locked for %v", got)
			}
			must(t, f.send("subject", limit, "2", t0.Add(16*time.Minute)))
		}
	})
}

func TestGiveBackMessage(t *testing.T) {
	quota := func(n int) store.Quota { return store.Quota{Key: "subject", MessagesPerHour: n} }
	take := func(f fixture, n int, requestID string) error {
		_, err := f.limits.TakeMessage(ctx, quota(n), requestID, t0)
		return err
	}
	t.Run("a slot is given back once, and only by its owner", func(t *testing.T) {
		f := newFixture(t)
		must(t, take(f, 2, "1"))
		must(t, take(f, 2, "2"))
		must(t, f.limits.GiveBackMessage(ctx, quota(2), "another", t0))
		must(t, f.limits.GiveBackMessage(ctx, quota(2), "1", t0.Add(time.Millisecond)))
		limitedFor(t, take(f, 2, "3"))
		must(t, f.limits.GiveBackMessage(ctx, quota(2), "1", t0))
		must(t, f.limits.GiveBackMessage(ctx, quota(2), "1", t0))
		must(t, take(f, 2, "3"))
		limitedFor(t, take(f, 2, "4"))
	})
	t.Run("giving back what was not taken creates no item", func(t *testing.T) {
		f := newFixture(t)
		must(t, f.limits.GiveBackMessage(ctx, quota(2), "1", t0))
		if item := f.limit(t, "subject"); item != nil {
			t.Errorf("%v", item)
		}
	})
	t.Run("of 40 at once, half of which give back, no more than 5 hold a slot, and 5 can", func(t *testing.T) {
		f := newFixture(t)
		held := atOnce[*otp.TooManyRequestsError](t, 40, func(i int) error {
			err := take(f, 5, fmt.Sprint(i))
			if err == nil && i%2 == 0 {
				must(t, f.limits.GiveBackMessage(ctx, quota(5), fmt.Sprint(i), t0))
				return limited
			}
			return err
		})
		for i := range 10 {
			if take(f, 5, fmt.Sprint("after", i)) == nil {
				held++
			}
		}
		if held != 5 {
			t.Errorf("%d hold a slot", held)
		}
	})
	t.Run("an item with every slot of the default limits taken is under 1,024 bytes", func(t *testing.T) {
		f := newFixture(t)
		client := store.Quota{Key: strings.Repeat("k", 43), MessagesPerHour: 30, WrongPasswordsPerHour: 50}
		for i := range 50 {
			must(t, f.limits.TakeWrongPassword(ctx, client, fmt.Sprint("wrong", i), t0))
		}
		client.WrongPasswordsPerHour = 0
		for i := range 30 {
			_, err := f.limits.TakeMessage(ctx, client, fmt.Sprint("sent", i), t0)
			must(t, err)
		}
		item := f.limit(t, client.Key)
		if size := bytes(item); size >= 1024 || len(item) != 83 { // the slots, key, expiredAt and failedBy
			t.Errorf("%d bytes, %d attributes: %v", size, len(item), item)
		}
	})
}

var limited error = &otp.TooManyRequestsError{}

// bytes is the size of an item as DynamoDB counts it ("DynamoDB item sizes and formats"): names and text in UTF-8, a number in
// one byte for two of its digits, and one more.
func bytes(item map[string]types.AttributeValue) (size int) {
	for name, value := range item {
		size += len(name)
		switch v := value.(type) {
		case *types.AttributeValueMemberS:
			size += len(v.Value)
		case *types.AttributeValueMemberN:
			size += 1 + (len(strings.ReplaceAll(v.Value, ".", ""))+1)/2
		default:
			size += 1024 // no other kind is known to belong here
		}
	}
	return size
}

func TestTakeWrongPassword(t *testing.T) {
	t.Run("of 50 parallel wrong ones at a limit of 3 exactly 3 are reported as wrong", func(t *testing.T) {
		f := newFixture(t)
		told := atOnce[*otp.TooManyRequestsError](t, 50, func(i int) error {
			return f.limits.TakeWrongPassword(ctx, store.Quota{Key: "subject", WrongPasswordsPerHour: 3}, fmt.Sprint(i), t0)
		})
		if told != 3 {
			t.Errorf("%d were reported", told)
		}
	})
	for _, limit := range []int{0, 2} {
		t.Run(fmt.Sprintf("a right one is not reported either, until a slot is an hour old, at %d messages", limit), func(t *testing.T) {
			f := newFixture(t)
			right := func(requestID string, at time.Time) error {
				_, err := f.limits.TakeMessage(ctx, store.Quota{Key: "subject", MessagesPerHour: limit, WrongPasswordsPerHour: 2, RefuseLocked: true}, requestID, at)
				return err
			}
			must(t, f.limits.TakeWrongPassword(ctx, store.Quota{Key: "subject", WrongPasswordsPerHour: 2}, "1", t0))
			must(t, right("r1", t0))
			must(t, f.limits.TakeWrongPassword(ctx, store.Quota{Key: "subject", WrongPasswordsPerHour: 2}, "2", t0.Add(time.Minute)))
			if got := limitedFor(t, right("r2", t0.Add(2*time.Minute))); got != 58*time.Minute {
				t.Errorf("wait %v", got)
			}
			must(t, right("r3", t0.Add(time.Hour)))
		})
	}
	t.Run("one that comes twice counts once", func(t *testing.T) {
		f := newFixture(t)
		for range 3 {
			must(t, f.limits.TakeWrongPassword(ctx, store.Quota{Key: "subject", WrongPasswordsPerHour: 1}, "same", t0))
		}
	})
	t.Run("a new password forgets the wrong passwords, but no messages", func(t *testing.T) {
		f := newFixture(t)
		must(t, f.send("subject", 1, "r", t0))
		must(t, f.limits.TakeWrongPassword(ctx, store.Quota{Key: "subject", WrongPasswordsPerHour: 1}, "1", t0))
		must(t, f.limits.EndSessions(ctx, "subject", true, t0.Add(time.Second)))
		must(t, f.limits.TakeWrongPassword(ctx, store.Quota{Key: "subject", WrongPasswordsPerHour: 1}, "2", t0.Add(time.Minute)))
		limitedFor(t, f.send("subject", 1, "s", t0.Add(time.Minute)))
	})
}

func TestKeyState(t *testing.T) {
	f := newFixture(t)
	number := store.Quota{Key: "subject", MessagesPerHour: 5, LoginSubject: "login"}
	held, err := f.limits.TakeMessage(ctx, number, "1", t0)
	if err != nil || !held.VerifiedAt.IsZero() || held.LoginSubject != "login" {
		t.Errorf("new: %+v, %v", held, err)
	}
	_, err = f.guess(t0)
	must(t, err)
	f.clear(t, otp.SMS, lastGuess(), t0)
	for name, look := range map[string]func() (store.KeyState, error){
		"with a message": func() (store.KeyState, error) { return f.limits.TakeMessage(ctx, number, "2", t0) },
		"without limits": func() (store.KeyState, error) { return f.limits.TakeMessage(ctx, store.Quota{Key: "subject"}, "3", t0) },
		"to a number": func() (store.KeyState, error) {
			return f.limits.TakeMessage(ctx, store.Quota{Key: "subject", LoginSubject: "login"}, "4", t0)
		},
		"alone": func() (store.KeyState, error) { return f.limits.Peek(ctx, store.Quota{Key: "subject"}, t0) },
	} {
		if held, err := look(); err != nil || !held.VerifiedAt.Equal(t0) || held.LoginSubject != "login" {
			t.Errorf("%s: %+v, %v", name, held, err)
		}
	}
}
