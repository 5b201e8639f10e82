package store_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"streamotp/shared/otp"
	"streamotp/shared/store"
)

func (f fixture) limit(t *testing.T, key string) map[string]types.AttributeValue {
	t.Helper()
	return f.Item(t, f.Limits, map[string]types.AttributeValue{"key": text(key)})
}

// full returns an item with every attribute that a limit may have, and more.
func full(key string) map[string]any {
	item := map[string]any{
		"key": key, "tries": 100, "ceiling": 100, "lastTry": t0.UnixMilli(), "lastBy": "r", "failedBy": 11,
		"notBefore": t0.UnixMilli(), "expiredAt": t0.Add(otp.AttemptsLifetime).Unix(), "later": "of a newer version",
	}
	const digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for i := range 60 {
		item["w"+digits[i:i+1]] = t0.Add(-time.Duration(i+1) * 10 * time.Minute).UnixMilli()
	}
	for i := range 20 {
		item["m"+digits[i:i+1]] = float64(t0.Add(-time.Duration(i+1)*15*time.Minute).UnixMilli()) + 0.5
	}
	return item
}

func TestUnlock(t *testing.T) {
	t.Run("a missing item is not created", func(t *testing.T) {
		f := newFixture(t)
		for _, forget := range []func() (store.Counted, error){
			func() (store.Counted, error) { return f.limits.Unlock(ctx, "stranger", t0) },
			func() (store.Counted, error) { return f.limits.ForgetSends(ctx, "stranger", t0) },
		} {
			if before, err := forget(); err != nil || before != (store.Counted{}) {
				t.Errorf("found %+v, %v", before, err)
			}
		}
		if item := f.limit(t, "stranger"); item != nil {
			t.Errorf("an item without TTL was made: %v", item)
		}
	})
	t.Run("a time in the future becomes now, and the sessions that it ended stay ended", func(t *testing.T) {
		f := newFixture(t)
		ahead := t0.Add(10 * time.Minute)
		f.put(t, f.Limits, map[string]any{"key": "subject", "tries": 1, "ceiling": 5, "lastTry": ahead.UnixMilli(), "notBefore": ahead.UnixMilli()})
		session := func(created, now time.Time) error {
			_, err := f.limits.Reserve(ctx, otp.Session{Subject: "subject", CreatedAt: created}, fmt.Sprint(created), now)
			return err
		}
		if err := session(t0.Add(time.Second), t0.Add(time.Second)); err != otp.ErrCodeExpired {
			t.Fatalf("before, a new session got %v", err)
		}
		before, err := f.limits.Unlock(ctx, "subject", t0)
		must(t, err)
		if !before.LastAttempt.Equal(ahead) || !before.NotBefore.Equal(ahead) {
			t.Errorf("found %+v", before)
		}
		if err := session(t0.Add(-time.Second), t0.Add(time.Second)); err != otp.ErrCodeExpired {
			t.Errorf("a session that was ended got %v", err)
		}
		must(t, session(t0.Add(time.Second), t0.Add(time.Second)))
	})
	t.Run("a password change in the future becomes one of now, and an earlier one stays", func(t *testing.T) {
		f := newFixture(t)
		ahead, earlier := t0.Add(10*time.Minute), t0.Add(-time.Minute)
		f.put(t, f.Users, map[string]any{"email": "ada@example.com", "createdAt": ahead.UnixMilli(), "passwordChangedAt": ahead.UnixMilli()})
		f.put(t, f.Users, map[string]any{"email": "grace@example.com", "passwordChangedAt": earlier.UnixMilli()})
		for email, want := range map[string]struct{ was, is time.Time }{"ada@example.com": {ahead, t0}, "grace@example.com": {time.Time{}, earlier}} {
			was, err := f.users.ForgetFutureChange(ctx, email, t0)
			must(t, err)
			user, err := f.users.Get(ctx, email)
			must(t, err)
			if !was.Equal(want.was) || user.PasswordChangedAt != want.is.UnixMilli() || user.CreatedAt > t0.UnixMilli() {
				t.Errorf("%s: was %v, is %d, created %d", email, was, user.PasswordChangedAt, user.CreatedAt)
			}
		}
		was, err := f.users.ForgetFutureChange(ctx, "nobody@example.com", t0)
		if nobody, bad := f.users.Get(ctx, "nobody@example.com"); err != nil || bad != nil || !was.IsZero() || nobody.Email != "" {
			t.Errorf("without an account: %v, %v, %+v, %v", was, err, nobody, bad)
		}
	})
	t.Run("every count goes, everything else stays, and so does every other item", func(t *testing.T) {
		f := newFixture(t)
		f.put(t, f.Limits, full("subject"))
		f.put(t, f.Limits, full("other"))
		other := f.limit(t, "other")
		before, err := f.limits.Unlock(ctx, "subject", t0)
		must(t, err)
		if want := (store.Counted{Attempts: 100, LockedFor: 24 * time.Hour, Sends: 3, Passwords: 5}); before != want {
			t.Errorf("found %+v, want %+v", before, want)
		}
		left := f.limit(t, "subject")
		if len(left) != 4 || left["key"] == nil || left["notBefore"] == nil || left["expiredAt"] == nil || left["later"] == nil {
			t.Errorf("left %v", left)
		}
		if !reflect.DeepEqual(f.limit(t, "other"), other) {
			t.Error("another item was changed")
		}
		if again, err := f.limits.Unlock(ctx, "subject", t0); err != nil || again != (store.Counted{}) {
			t.Errorf("a second time found %+v, %v", again, err)
		}
	})
	t.Run("a mailbox's messages are forgotten, its attempts are not", func(t *testing.T) {
		f := newFixture(t)
		f.put(t, f.Limits, full("subject"))
		before, err := f.limits.ForgetSends(ctx, "subject", t0)
		must(t, err)
		if before.Sends != 3 || before.LockedFor != 24*time.Hour {
			t.Errorf("found %+v", before)
		}
		left := f.limit(t, "subject")
		for name := range full("") {
			if gone := left[name] == nil; gone != (name[0] == 'm') {
				t.Errorf("%s is gone: %v", name, gone)
			}
		}
	})
	t.Run("a locked subject accepts attempts, passwords and messages again, all of them", func(t *testing.T) {
		f := newFixture(t)
		for i := range 3 {
			must(t, f.send("subject", 3, fmt.Sprint(i), t0))
			must(t, f.limits.TakeWrongPassword(ctx, store.Quota{Key: "subject", WrongPasswordsPerHour: 3}, fmt.Sprint(i), t0))
		}
		for range 5 {
			_, err := f.guess(t0)
			must(t, err)
		}
		before, err := f.limits.Unlock(ctx, "subject", t0.Add(time.Minute))
		must(t, err)
		if want := (store.Counted{Attempts: 5, LockedFor: 14 * time.Minute, Sends: 3, Passwords: 3}); before != want {
			t.Errorf("found %+v", before)
		}
		for i := range 3 {
			must(t, f.send("subject", 3, fmt.Sprint("again", i), t0))
			must(t, f.limits.TakeWrongPassword(ctx, store.Quota{Key: "subject", WrongPasswordsPerHour: 3}, fmt.Sprint("again", i), t0))
		}
		if remaining, err := f.guess(t0); err != nil || remaining != 4 {
			t.Errorf("%d remain, %v", remaining, err)
		}
	})
	t.Run("sessions that were ended stay ended", func(t *testing.T) {
		f := newFixture(t)
		must(t, f.limits.EndSessions(ctx, "subject", true, t0.Add(time.Millisecond)))
		_, err := f.limits.Unlock(ctx, "subject", t0)
		must(t, err)
		_, err = f.guess(t0)
		wantErr(t, err, otp.ErrCodeExpired)
	})
	t.Run("counts older than an hour, or than 30 days, are not reported", func(t *testing.T) {
		f := newFixture(t)
		f.put(t, f.Limits, full("subject"))
		if before, err := f.limits.Unlock(ctx, "subject", t0.Add(otp.AttemptsLifetime)); err != nil || before != (store.Counted{}) {
			t.Errorf("found %+v, %v", before, err)
		}
	})
}
