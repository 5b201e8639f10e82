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
		limits := store.Limits{DB: s.DB, Table: s.Table, Rule: otp.TryLimit{MaxAttempts: 5, Lock: time.Minute}}
		_, err := limits.Reserve(ctx, otp.Session{Subject: "subject"}, "request", now)
		must(t, err)
		if all := list(t, s); len(all) != 1 || all[0].Destination != "hash" {
			t.Errorf("%+v", all)
		}
	})
	t.Run("its subjects are told when a code is asked for, with and without limits, and beside what else is counted", func(t *testing.T) {
		s := fresh(t)
		limits := store.Limits{DB: s.DB, Table: s.Table, Rule: otp.TryLimit{MaxAttempts: 5, Lock: time.Minute}}
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
		if counted, err := limits.Unlock(ctx, "verify", now); err != nil || counted.Tries != 1 {
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
	t.Run("what is removed is gone, and was told", func(t *testing.T) {
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

func TestMessageState(t *testing.T) {
	ctx, now := context.Background(), time.Now()
	at := now
	type step func(c store.Codes, s otp.Session) error
	sent := func(key string) step {
		return func(c store.Codes, s otp.Session) error {
			at = at.Add(time.Second)
			return c.MarkSent(ctx, store.Message{SessionID: s.ID, Key: key}, at)
		}
	}
	event := func(state otp.State, after time.Duration) step {
		return func(c store.Codes, s otp.Session) error {
			return c.MarkDelivery(ctx, s.ID, s.Digest, state, now.Add(after))
		}
	}
	delivery := func(state otp.State) step {
		return func(c store.Codes, s otp.Session) error {
			at = at.Add(time.Second)
			return c.MarkDelivery(ctx, s.ID, s.Digest, state, at)
		}
	}
	refused := func(key string) step {
		return func(c store.Codes, s otp.Session) error {
			at = at.Add(time.Second)
			return c.MarkDelivery(ctx, s.ID, key, otp.StateBounced, at)
		}
	}
	suppressed := func(c store.Codes, s otp.Session) error {
		s.Silent, s.Message = true, otp.StateBounced
		return c.PutResend(ctx, s, "request", at.Add(time.Second), time.Second)
	}
	resend := func(c store.Codes, s otp.Session) error {
		at = at.Add(2 * time.Second)
		return c.PutResend(ctx, s, "request", at, time.Second)
	}
	notice := func(c store.Codes, s otp.Session) error {
		return c.PutNotice(ctx, s, otp.NoticeGuessed, "request", now)
	}
	for _, c := range []struct {
		rule  string
		steps []step
		want  otp.State
	}{
		{"pending until it is sent", nil, otp.StatePending},
		{"sent", []step{sent("digest")}, otp.StateSent},
		{"a resend that is sent counts", []step{resend, sent("resend#1")}, otp.StateSent},
		{"a notice does not", []step{notice, sent("notice#guessed")}, otp.StatePending},
		{"delivered, though the mark came late", []step{delivery(otp.StateDelivered)}, otp.StateDelivered},
		{"bounced after the delivery", []step{sent("digest"), delivery(otp.StateDelivered), delivery(otp.StateBounced)}, otp.StateBounced},
		{"another one under way after a bounce", []step{delivery(otp.StateBounced), resend, sent("resend#1")}, otp.StateSent},
		{"another one delivered after a bounce", []step{delivery(otp.StateBounced), resend, sent("resend#1"), delivery(otp.StateDelivered)}, otp.StateDelivered},
		{"bounced, though our clock says that it was sent later", []step{event(otp.StateBounced, -time.Second), sent("digest")}, otp.StateBounced},
		{"bounced, and the same delivery was reported again", []step{event(otp.StateDelivered, 1*time.Second), event(otp.StateBounced, 9*time.Second),
			event(otp.StateDelivered, 1*time.Second)}, otp.StateBounced},
		{"bounced, and the delivery was reported only then", []step{event(otp.StateBounced, 9*time.Second), event(otp.StateDelivered, 1*time.Second)}, otp.StateBounced},
		{"an older bounce that is reported late", []step{event(otp.StateDelivered, 9*time.Second), event(otp.StateBounced, 1*time.Second)}, otp.StateDelivered},
		{"an older delivery does not replace a newer one", []step{event(otp.StateDelivered, 9*time.Second), event(otp.StateBounced, 5*time.Second),
			event(otp.StateDelivered, 1*time.Second)}, otp.StateDelivered},
		{"an older bounce does not replace a newer one", []step{event(otp.StateBounced, 9*time.Second), event(otp.StateDelivered, 5*time.Second),
			event(otp.StateBounced, 1*time.Second)}, otp.StateBounced},
		{"bounced, though a resend that was sent before is under way", []step{resend, sent("resend#1"), delivery(otp.StateBounced)}, otp.StateBounced},
		{"a resend bounced, though SES's clock is behind ours", []step{resend, sent("resend#1"), event(otp.StateBounced, 1500*time.Millisecond)}, otp.StateBounced},
		{"bounced, and a resend is not sent yet", []step{delivery(otp.StateBounced), resend}, otp.StateBounced},
		{"the provider refused the code", []step{refused("digest")}, otp.StateBounced},
		{"the provider refused a resend", []step{sent("digest"), delivery(otp.StateDelivered), resend, refused("resend#1")}, otp.StateBounced},
		{"a refused security notification does not count", []step{notice, sent("digest"), refused("notice#guessed")}, otp.StateSent},
		{"a resend that was not sent, as nothing is any more", []step{sent("digest"), delivery(otp.StateDelivered), suppressed}, otp.StateBounced},
	} {
		t.Run(c.rule, func(t *testing.T) {
			at = now
			tables := storetest.New(t)
			codes := store.Codes{DB: tables.DB, Table: tables.Codes}
			s := otp.Session{ID: "session", Digest: "digest", Purpose: otp.Login, CreatedAt: now, ExpiresAt: now.Add(time.Minute), NextResend: 1}
			must(t, codes.Put(ctx, s, "request"))
			for _, step := range c.steps {
				must(t, step(codes, s))
			}
			got, err := codes.Session(ctx, "session")
			must(t, err)
			if got.Message != c.want || got.Digest != "digest" {
				t.Errorf("%s of %s, want %s", got.Message, got.Digest, c.want)
			}
		})
	}
	t.Run("a session that is gone does not come back", func(t *testing.T) {
		tables := storetest.New(t)
		codes := store.Codes{DB: tables.DB, Table: tables.Codes}
		must(t, codes.MarkDelivery(ctx, "session", "digest", otp.StateDelivered, now))
		if _, err := codes.Session(ctx, "session"); err != otp.ErrSessionNotFound {
			t.Error(err)
		}
	})
}
