package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"streamotp/shared/otp"
	"streamotp/shared/store"
	"streamotp/shared/store/storetest"
)

func TestMessage(t *testing.T) {
	f := newFixture(t)
	t.Run("a message that was marked says so", func(t *testing.T) {
		m, err := f.codes.Message(ctx, "s", "digest")
		must(t, err)
		if m.Sent || m.Kind != store.SendCode {
			t.Errorf("before: %+v", m)
		}
		must(t, f.codes.MarkSent(ctx, m, t0))
		if m, err = f.codes.Message(ctx, "s", "digest"); err != nil || !m.Sent {
			t.Errorf("after: %+v, %v", m, err)
		}
	})
	t.Run("a row that was refused, and a code that was used, say so, a resend's too", func(t *testing.T) {
		f := newFixture(t)
		must(t, f.codes.PutResend(ctx, session("s"), "r", t0, time.Minute))
		read := func(key string) store.Message {
			t.Helper()
			m, err := f.codes.Message(ctx, "s", key)
			must(t, err)
			return m
		}
		must(t, f.codes.MarkDelivery(ctx, "s", "digest", otp.StateBounced, t0))
		if code, resend := read("digest"), read("resend#1"); !code.Refused || resend.Refused || resend.Kind != store.SendCode || resend.Used {
			t.Errorf("refused: %+v, %+v", code, resend)
		}
		must(t, f.codes.Consume(ctx, session("s"), "r", t0))
		if code, resend := read("digest"), read("resend#1"); !code.Used || !resend.Used {
			t.Errorf("used: %+v, %+v", code, resend)
		}
	})
	t.Run("a row that is not to be sent has no kind", func(t *testing.T) {
		decoy := session("decoy")
		decoy.Silent = true
		must(t, f.codes.Put(ctx, decoy, "request"))
		if m, err := f.codes.Message(ctx, "decoy", "digest"); err != nil || m.Kind != "" {
			t.Errorf("%+v, %v", m, err)
		}
	})
	t.Run("a session with all its rows costs one read", func(t *testing.T) {
		s := session("full")
		s.Digest, s.Subject, s.Sealed = strings.Repeat("d", 43), strings.Repeat("s", 43), make([]byte, sealedSize(t))
		must(t, f.codes.Put(ctx, s, strings.Repeat("r", 36)))
		for ; s.NextResend <= 2; s.NextResend++ {
			must(t, f.codes.PutResend(ctx, s, strings.Repeat("r", 36), t0, time.Minute))
		}
		for _, kind := range []otp.NotificationKind{otp.NotifyWrongCodes, otp.NotifyLocked} {
			n := notification("full", kind)
			n.Subject, n.Sealed = s.Subject, s.Sealed
			must(t, f.codes.PutNotification(ctx, n, strings.Repeat("r", 36), t0))
		}
		out, err := f.DB.Query(ctx, &dynamodb.QueryInput{TableName: &f.Tables.Codes, ConsistentRead: aws.Bool(true),
			KeyConditionExpression: aws.String("sessionId = :id"), ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
			ExpressionAttributeValues: map[string]types.AttributeValue{":id": text("full")}})
		must(t, err)
		if units := *out.ConsumedCapacity.CapacityUnits; len(out.Items) != 5 || units != 1 {
			t.Errorf("%d rows cost %g units", len(out.Items), units)
		}
	})
	t.Run("marking a purged row does not bring it back", func(t *testing.T) {
		must(t, f.codes.MarkSent(ctx, store.Message{SessionID: "gone", Key: "digest"}, t0))
		_, err := f.codes.Message(ctx, "gone", "digest")
		wantErr(t, err, otp.ErrSessionNotFound)
	})
}

// sealedSize is the size of every row's sealed contents, which are padded.
func sealedSize(t *testing.T) int {
	t.Helper()
	ring, err := otp.ParseKeyring([]byte(`{"index":"0123456789abcdef0123456789abcdef"}`))
	must(t, err)
	sealed, err := ring.Seal("full", otp.Contents{Purpose: otp.Login, Channel: otp.Email, Email: "ada@example.com", Code: "123456"})
	must(t, err)
	return len(sealed)
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
	notify := func(c store.Codes, s otp.Session) error {
		return c.PutNotification(ctx, notification(s.ID, otp.NotifyWrongCodes), "request", now)
	}
	for _, c := range []struct {
		rule  string
		steps []step
		want  otp.State
	}{
		{"pending until it is sent", nil, otp.StatePending},
		{"sent", []step{sent("digest")}, otp.StateSent},
		{"a resend that is sent counts", []step{resend, sent("resend#1")}, otp.StateSent},
		{"a notification does not", []step{notify, sent("notice#guessed")}, otp.StatePending},
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
		{"a refused security notification does not count", []step{notify, sent("digest"), refused("notice#guessed")}, otp.StateSent},
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
