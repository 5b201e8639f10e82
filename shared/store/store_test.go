package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"streamotp/shared/otp"
	"streamotp/shared/store"
	"streamotp/shared/store/storetest"
)

var (
	ctx = context.Background()
	t0  = time.Now().Truncate(time.Second)
)

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func session(id string) otp.Session {
	return otp.Session{ID: id, Digest: "digest", Purpose: otp.Reset, Subject: "subject", KeyID: "0", Sealed: []byte("box"), NextResend: 1,
		CreatedAt: t0, ExpiresAt: t0.Add(5 * time.Minute)}
}

// fixture is one test's tables with a session "s" and an account in them.
type fixture struct {
	storetest.Tables
	codes  store.Codes
	limits store.Limits
	users  store.Users
}

func newFixture(t *testing.T) fixture {
	tables := storetest.New(t)
	f := fixture{
		Tables: tables,
		codes:  store.Codes{DB: tables.DB, Table: tables.Codes},
		limits: store.Limits{DB: tables.DB, Table: tables.Limits, Rule: otp.TryLimit{MaxAttempts: 5, Lock: 15 * time.Minute}},
		users:  store.Users{DB: tables.DB, Table: tables.Users},
	}
	must(t, f.codes.Put(ctx, session("s"), "request"))
	f.put(t, tables.Users, store.User{Email: "ada@example.com", PasswordHash: "old", Channel: otp.Email})
	return f
}

func (f fixture) put(t *testing.T, table string, value any) {
	t.Helper()
	item, err := attributevalue.MarshalMap(value)
	must(t, err)
	_, err = f.DB.PutItem(ctx, &dynamodb.PutItemInput{TableName: &table, Item: item})
	must(t, err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("error %v, want %v", got, want)
	}
}

func TestConsume(t *testing.T) {
	f := newFixture(t)
	t.Run("an unknown session is not consumed and nothing is written", func(t *testing.T) {
		wantErr(t, f.codes.Consume(ctx, session("other"), "r", t0), otp.ErrSessionNotFound)
		if item := f.Item(t, f.Codes, map[string]types.AttributeValue{"sessionId": text("other"), "code": text("digest")}); item != nil {
			t.Errorf("a row appeared: %v", item)
		}
	})
	t.Run("an expired code is refused though the table still has it", func(t *testing.T) {
		wantErr(t, f.codes.Consume(ctx, session("s"), "r", t0.Add(5*time.Minute)), otp.ErrCodeExpired)
	})
	t.Run("I3: of 100 at once exactly one wins", func(t *testing.T) {
		var won, used atomic.Int32
		var wait sync.WaitGroup
		for i := range 100 {
			wait.Go(func() {
				switch err := f.codes.Consume(ctx, session("s"), fmt.Sprint("request", i), t0); {
				case err == nil:
					won.Add(1)
				case errors.Is(err, otp.ErrCodeUsed):
					used.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if won.Load() != 1 || used.Load() != 99 {
			t.Errorf("%d won and %d were told that the code is used", won.Load(), used.Load())
		}
	})
	t.Run("the winner who asks again is told of success", func(t *testing.T) {
		s, err := f.codes.Session(ctx, "s")
		must(t, err)
		must(t, f.codes.Consume(ctx, s, s.UsedBy, t0))
	})
}

func TestSession(t *testing.T) {
	f := newFixture(t)
	t.Run("rows beside the code are not taken for it", func(t *testing.T) {
		must(t, f.codes.PutResend(ctx, session("s"), "r1", t0.Add(time.Minute), time.Minute))
		f.put(t, f.Codes, map[string]any{"sessionId": "n", "code": "notice"})
		s, err := f.codes.Session(ctx, "s")
		must(t, err)
		if s.Digest != "digest" || len(s.Resends) != 1 || !s.CreatedAt.Equal(t0) {
			t.Errorf("read %+v", s)
		}
		_, err = f.codes.Session(ctx, "n")
		wantErr(t, err, otp.ErrSessionNotFound)
	})
	t.Run("of 20 resends at once one writes the row, its repetition is no second one, and the others may say so", func(t *testing.T) {
		f := newFixture(t)
		for round := range 2 {
			s, err := f.codes.Session(ctx, "s")
			must(t, err)
			written := atOnce[*store.NotWrittenError](t, 20, func(i int) error {
				by := fmt.Sprint(round, "-", i)
				err := f.codes.PutResend(ctx, s, by, t0, time.Minute)
				if err == nil {
					err = f.codes.PutResend(ctx, s, by, t0, time.Minute)
				} else if limitedFor(t, err) != time.Minute {
					t.Error(err)
				}
				return err
			})
			if written != 1 {
				t.Errorf("%d wrote the row", written)
			}
		}
		if s, err := f.codes.Session(ctx, "s"); err != nil || len(s.Resends) != 2 {
			t.Errorf("%d resends, %v", len(s.Resends), err)
		}
	})
	t.Run("I6: a decoy has a real session's attributes and size, and no send", func(t *testing.T) {
		decoy := session("d")
		decoy.Silent = true
		must(t, f.codes.Put(ctx, decoy, "request"))
		read := func(id string) map[string]types.AttributeValue {
			return f.Item(t, f.Codes, map[string]types.AttributeValue{"sessionId": text(id), "code": text("digest")})
		}
		real, fake := read("s"), read("d")
		if _, ok := fake["send"]; ok || len(real) != len(fake) {
			t.Errorf("real %v, decoy %v", real, fake)
		}
	})
}

func reset(f fixture, by string) store.Reset {
	return store.Reset{Session: session("s"), Notice: session("s"), Users: f.users, Email: "ada@example.com",
		PasswordHash: "new " + by, By: by, Now: t0.Add(time.Minute)}
}

func TestReset(t *testing.T) {
	f := newFixture(t)
	unchanged := func(t *testing.T) {
		t.Helper()
		user, err := f.users.Get(ctx, "ada@example.com")
		must(t, err)
		s, err := f.codes.Session(ctx, "s")
		must(t, err)
		if user.PasswordHash != "old" || !s.UsedAt.IsZero() {
			t.Errorf("something was written: %+v %+v", user, s)
		}
	}
	t.Run("a missing account changes nothing and makes none", func(t *testing.T) {
		r := reset(f, "r")
		r.Email = "nobody@example.com"
		wantErr(t, f.codes.Reset(ctx, r), otp.ErrCodeExpired)
		unchanged(t)
	})
	t.Run("an account without a password gets one", func(t *testing.T) {
		g := newFixture(t)
		must(t, g.users.Remove(ctx, store.User{Email: "ada@example.com", PasswordHash: "old"}))
		must(t, g.users.Add(ctx, store.User{Email: "ada@example.com", Channel: otp.Email}))
		if item := g.Item(t, g.Users, map[string]types.AttributeValue{"email": text("ada@example.com")}); item["passwordHash"] != nil {
			t.Errorf("it has %v", item["passwordHash"])
		}
		must(t, g.codes.Reset(ctx, reset(g, "r")))
		user, err := g.users.Get(ctx, "ada@example.com")
		must(t, err)
		if user.PasswordHash != "new r" {
			t.Errorf("it is %+v", user)
		}
	})
	t.Run("a password newer than the session stays", func(t *testing.T) {
		f.put(t, f.Users, store.User{Email: "ada@example.com", PasswordHash: "old", PasswordChangedAt: t0.UnixMilli() + 1})
		wantErr(t, f.codes.Reset(ctx, reset(f, "r")), otp.ErrCodeExpired)
		unchanged(t)
		f.put(t, f.Users, store.User{Email: "ada@example.com", PasswordHash: "old", PasswordChangedAt: t0.UnixMilli()})
	})
	t.Run("an expired code changes nothing", func(t *testing.T) {
		r := reset(f, "r")
		r.Now = t0.Add(time.Hour)
		wantErr(t, f.codes.Reset(ctx, r), otp.ErrCodeExpired)
		unchanged(t)
	})
	t.Run("of 40 at once one wins, and one notice is left", func(t *testing.T) {
		var won atomic.Int32
		var wait sync.WaitGroup
		for i := range 40 {
			wait.Go(func() {
				err := f.codes.Reset(ctx, reset(f, fmt.Sprint(i)))
				if err == nil {
					won.Add(1)
				} else if !errors.Is(err, otp.ErrCodeUsed) && !strings.Contains(err.Error(), "Conflict") {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if won.Load() != 1 {
			t.Errorf("%d won", won.Load())
		}
		m, err := f.codes.Message(ctx, "s", "notice")
		must(t, err)
		if m.Kind != string(otp.NoticeChanged) || m.ExpiresAt.Sub(m.CreatedAt) != 24*time.Hour {
			t.Errorf("notice %+v", m)
		}
	})
	t.Run("the winner who asks again is told of success", func(t *testing.T) {
		s, err := f.codes.Session(ctx, "s")
		must(t, err)
		must(t, f.codes.Reset(ctx, reset(f, s.UsedBy)))
	})
}

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
		for _, notice := range []otp.Notice{otp.NoticeGuessed, otp.NoticeClosed} {
			must(t, f.codes.PutNotice(ctx, s, notice, strings.Repeat("r", 36), t0))
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
