package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"streamotp/shared/otp"
	"streamotp/shared/store"
	"streamotp/shared/store/storetest"
)

func TestSuppressions(t *testing.T) {
	ctx, now := context.Background(), time.Now().Truncate(time.Millisecond)
	subjects := []string{"verify", "login"}
	fresh := func(t *testing.T) store.Suppressions {
		tables := storetest.New(t)
		return store.Suppressions{DB: tables.DB, Table: tables.Limits}
	}
	list := func(t *testing.T, s store.Suppressions) (all []store.Suppression) {
		t.Helper()
		for held, err := range s.List(ctx, now) {
			must(t, err)
			all = append(all, held)
		}
		return all
	}
	has := func(t *testing.T, s store.Suppressions, at time.Time) bool {
		t.Helper()
		is, err := s.Has(ctx, "hash", at)
		must(t, err)
		return is
	}
	t.Run("a destination is suppressed for 30 days from the last time", func(t *testing.T) {
		s := fresh(t)
		if has(t, s, now) {
			t.Error("before anything came")
		}
		must(t, s.Add(ctx, "hash", subjects, store.Bounce, now.AddDate(0, 0, -20)))
		must(t, s.Add(ctx, "hash", subjects, store.Bounce, now))
		if !has(t, s, now.AddDate(0, 0, 29)) || has(t, s, now.AddDate(0, 0, 31)) {
			t.Error("not from the last time")
		}
	})
	t.Run("a complaint stays one when a bounce follows", func(t *testing.T) {
		s := fresh(t)
		must(t, s.Add(ctx, "hash", subjects, store.Bounce, now))
		must(t, s.Add(ctx, "hash", subjects, store.Complaint, now))
		must(t, s.Add(ctx, "hash", subjects, store.Bounce, now))
		if all := list(t, s); len(all) != 1 || all[0].Reason != store.Complaint || all[0].Destination != "hash" || !all[0].Since.Equal(now) {
			t.Errorf("%+v", all)
		}
	})
	t.Run("the list has what holds, and nothing else of the table", func(t *testing.T) {
		s := fresh(t)
		must(t, s.Add(ctx, "hash", subjects, store.Bounce, now))
		must(t, s.Add(ctx, "old", subjects, store.Bounce, now.AddDate(-1, 0, 0)))
		limits := store.Limits{DB: s.DB, Table: s.Table, Rule: otp.AttemptLimit{MaxAttempts: 5, Lock: time.Minute}}
		_, err := limits.Reserve(ctx, otp.Session{Subject: "subject"}, "request", now)
		must(t, err)
		if all := list(t, s); len(all) != 1 || all[0].Destination != "hash" {
			t.Errorf("%+v", all)
		}
	})
	t.Run("its subjects' items report it when a code is requested, with and without limits, and beside other counters", func(t *testing.T) {
		s := fresh(t)
		limits := store.Limits{DB: s.DB, Table: s.Table, Rule: otp.AttemptLimit{MaxAttempts: 5, Lock: time.Minute}}
		_, err := limits.Reserve(ctx, otp.Session{Subject: "verify"}, "request", now)
		must(t, err)
		must(t, s.Add(ctx, "hash", subjects, store.Bounce, now))
		for n, send := range []store.Quota{{Key: "verify", MessagesPerHour: 5, RefuseLocked: true}, {Key: "login", RefuseLocked: true}, {Key: "login", MessagesPerHour: 5, RefuseLocked: true}} {
			standing, err := limits.TakeMessage(ctx, send, fmt.Sprint("request-", n), now)
			must(t, err)
			if !standing.SuppressedUntil.After(now.AddDate(0, 0, 29)) {
				t.Errorf("%+v: %+v", send, standing)
			}
		}
		if counted, err := limits.Unlock(ctx, "verify", now); err != nil || counted.Attempts != 1 {
			t.Errorf("%+v, %v", counted, err)
		}
		_, err = s.Remove(ctx, "hash", append(subjects, "unknown"))
		must(t, err)
		for _, subject := range append(subjects, "unknown") {
			standing, err := limits.Peek(ctx, store.Quota{Key: subject}, now)
			if err != nil || standing.SuppressedUntil.After(now) {
				t.Errorf("%s: %+v, %v", subject, standing, err)
			}
		}
	})
	t.Run("a removed suppression is gone, and is returned", func(t *testing.T) {
		s := fresh(t)
		must(t, s.Add(ctx, "hash", subjects, store.Complaint, now))
		before, err := s.Remove(ctx, "hash", subjects)
		must(t, err)
		none, err := s.Remove(ctx, "hash", subjects)
		must(t, err)
		if before.Reason != store.Complaint || none.Destination != "" || has(t, s, now) {
			t.Errorf("%+v, %+v", before, none)
		}
	})
}
