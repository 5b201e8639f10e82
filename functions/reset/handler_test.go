package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"streamotp/shared/httpapi"
	"streamotp/shared/judge"
	"streamotp/shared/otp"
	"streamotp/shared/password"
	"streamotp/shared/store"
	"streamotp/shared/store/storetest"
)

// id, code and fresh are those of testdata/reset.json.
const (
	id    = "6f2a9d0c-3b1e-4a77-9d3e-0c1b2a3d4e5f"
	code  = "482913"
	fresh = "violet meadow 7 kites"
)

type fixture struct {
	handler
	codes store.Codes
	ring  *otp.Keyring
	at    time.Time
}

type fixedKeys struct{ *otp.Keyring }

func (k fixedKeys) For(context.Context, string) (*otp.Keyring, error) { return k.Keyring, nil }

// newFixture returns the function with an account grace@example.com and a session for it, or a decoy for any other address.
func newFixture(t *testing.T, email string) *fixture {
	t.Helper()
	tables := storetest.New(t)
	ring, err := otp.ParseKeyring([]byte(`{"index":"0123456789abcdef0123456789abcdef"}`))
	must(t, err)
	f := &fixture{ring: ring, at: time.Now(), codes: store.Codes{DB: tables.DB, Table: tables.Codes}}
	now := func() time.Time { return f.at }
	limits := store.Limits{DB: tables.DB, Table: tables.Limits, Rule: otp.AttemptLimit{MaxAttempts: 5, Lock: 15 * time.Minute}}
	f.handler = handler{codes: f.codes, users: store.Users{DB: tables.DB, Table: tables.Users}, limits: limits,
		now: now, appName: "StreamOTP", judge: judge.Judge{Codes: f.codes, Limits: limits, Keys: fixedKeys{ring}, Rule: limits.Rule, Now: now}}
	item, err := attributevalue.MarshalMap(store.User{Email: "grace@example.com", PasswordHash: "old", Channel: otp.SMS, Phone: "+4915112345678"})
	must(t, err)
	_, err = tables.DB.PutItem(context.Background(), &dynamodb.PutItemInput{TableName: &tables.Users, Item: item})
	must(t, err)

	s := otp.Session{ID: id, Purpose: otp.Reset, Subject: ring.Subject(otp.Reset, email), KeyID: "0", CreatedAt: f.at, ExpiresAt: f.at.Add(5 * time.Minute)}
	s.Sealed, err = ring.Seal(id, otp.Contents{Purpose: otp.Reset, Code: code, Channel: otp.Email, Email: email, Locale: "de"})
	must(t, err)
	s.Digest, err = ring.Digest("0", id, code)
	must(t, err)
	if s.Silent = email != "grace@example.com"; s.Silent {
		s.Digest = "nothing-matches-this-digest-of-43-characters"
	}
	must(t, f.codes.Put(context.Background(), s, "request"))
	return f
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) call(t *testing.T, code, password string) (int, map[string]any) {
	t.Helper()
	raw, err := os.ReadFile("testdata/reset.json")
	must(t, err)
	var event events.APIGatewayV2HTTPRequest
	must(t, json.Unmarshal(raw, &event))
	event.Body = fmt.Sprintf(`{"sessionId":%q,"code":%q,"password":%q}`, id, code, password)
	event.RequestContext.RequestID = fmt.Sprint("request-", time.Now().UnixNano())
	response, err := httpapi.Handler(f.routes(), nil, nil)(context.Background(), event)
	must(t, err)
	var answer map[string]any
	must(t, json.Unmarshal([]byte(response.Body), &answer))
	return response.StatusCode, answer
}

func (f *fixture) user(t *testing.T) store.User {
	t.Helper()
	user, err := f.users.Get(context.Background(), "grace@example.com")
	must(t, err)
	return user
}

func TestReset(t *testing.T) {
	t.Run("a weak password costs neither the code nor an attempt", func(t *testing.T) {
		f := newFixture(t, "grace@example.com")
		for weak, reason := range map[string]string{"short": "too_short", "password1": "common", "StreamOTP 2026": "contains_app_name",
			"grace@example.com": "contains_address", "grace-1234567": "contains_address"} {
			status, body := f.call(t, code, weak)
			if status != 422 || body["code"] != "weak_password" || fmt.Sprint(body["reasons"]) != "["+reason+"]" {
				t.Errorf("%q: %d %v", weak, status, body)
			}
		}
		if status, body := f.call(t, "111111", fresh); body["attemptsRemaining"] != float64(4) {
			t.Errorf("attempts were taken: %d %v", status, body)
		}
		if f.user(t).PasswordHash != "old" {
			t.Error("the password changed")
		}
	})
	t.Run("a reset that comes too late forgets no wrong passwords", func(t *testing.T) {
		f := newFixture(t, "grace@example.com")
		limits := f.handler.limits.(store.Limits)
		one := store.Quota{Key: f.ring.Subject(otp.Login, "grace@example.com"), WrongPasswordsPerHour: 1}
		must(t, limits.TakeWrongPassword(context.Background(), one, "1", f.at))
		changed := f.user(t)
		changed.PasswordChangedAt = f.at.Add(time.Second).UnixMilli()
		must(t, f.users.Update(context.Background(), f.user(t), changed))
		if status, body := f.call(t, code, fresh); status != 410 || body["code"] != "code_expired" {
			t.Errorf("%d %v", status, body)
		}
		if err := limits.TakeWrongPassword(context.Background(), one, "2", f.at); err == nil {
			t.Error("another wrong password was allowed")
		}
	})
	t.Run("an absent password is named, and costs no attempt", func(t *testing.T) {
		f := newFixture(t, "grace@example.com")
		if status, body := f.call(t, "111111", ""); status != 400 || fmt.Sprint(body["errors"]) != "[map[field:password reason:is missing]]" {
			t.Errorf("%d %v", status, body)
		}
		if status, body := f.call(t, "111111", fresh); body["attemptsRemaining"] != float64(4) {
			t.Errorf("an attempt was taken: %d %v", status, body)
		}
	})
	t.Run("a decoy is tried, counted and locked like a real one and never right", func(t *testing.T) {
		real, decoy := newFixture(t, "grace@example.com"), newFixture(t, "nobody@example.com")
		for range 6 {
			status, body := real.call(t, "111111", fresh)
			decoyStatus, decoyBody := decoy.call(t, code, fresh)
			delete(body, "requestId")
			delete(decoyBody, "requestId")
			if status != decoyStatus || fmt.Sprint(body) != fmt.Sprint(decoyBody) {
				t.Errorf("%d %v, decoy %d %v", status, body, decoyStatus, decoyBody)
			}
		}
	})
	t.Run("the right code sets the password once, and the owner is notified by e-mail in their language", func(t *testing.T) {
		f := newFixture(t, "grace@example.com")
		if status, body := f.call(t, code, fresh); status != 200 || fmt.Sprint(body) != "map[reset:true]" {
			t.Fatalf("%d %v", status, body)
		}
		user := f.user(t)
		if ok, err := password.Matches(fresh, user.PasswordHash); !ok || err != nil || user.PasswordChangedAt != f.at.UnixMilli() {
			t.Errorf("%+v, %v", user, err)
		}
		notice, err := f.codes.Message(context.Background(), id, "notice")
		must(t, err)
		contents, err := f.ring.Open(notice.KeyID, id, notice.Sealed)
		must(t, err)
		if contents.Destination() != "grace@example.com" || contents.Locale != "de" || contents.Code != "" || notice.Kind != string(otp.NotifyPasswordChanged) {
			t.Errorf("%+v %+v", notice, contents)
		}
		if status, body := f.call(t, code, "another good one"); status != 410 || body["code"] != "code_used" {
			t.Errorf("again: %d %v", status, body)
		}
	})
	t.Run("the owner is notified even if the code was that of a test destination", func(t *testing.T) {
		f, ctx := newFixture(t, "grace@example.com"), context.Background()
		s, err := f.codes.Session(ctx, id)
		must(t, err)
		key, err := attributevalue.MarshalMap(map[string]string{"sessionId": id, "code": s.Digest})
		must(t, err)
		_, err = f.codes.DB.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &f.codes.Table, Key: key})
		must(t, err)
		s.Silent = true
		must(t, f.codes.Put(ctx, s, "request"))
		if status, body := f.call(t, code, fresh); status != 200 {
			t.Fatalf("%d %v", status, body)
		}
		if notice, err := f.codes.Message(ctx, id, "notice"); err != nil || notice.Kind != string(otp.NotifyPasswordChanged) {
			t.Errorf("%+v, %v", notice, err)
		}
	})
	t.Run("login sessions of the old password are over", func(t *testing.T) {
		f := newFixture(t, "grace@example.com")
		limits := f.limits.(store.Limits)
		login := otp.Session{Subject: f.ring.Subject(otp.Login, "grace@example.com"), CreatedAt: f.at.Add(-time.Second)}
		if status, body := f.call(t, code, fresh); status != 200 {
			t.Fatalf("%d %v", status, body)
		}
		if _, err := limits.Reserve(context.Background(), login, "r1", f.at); err != otp.ErrCodeExpired {
			t.Errorf("an older one: %v", err)
		}
		login.CreatedAt = f.at.Add(time.Second)
		if _, err := limits.Reserve(context.Background(), login, "r2", f.at); err != nil {
			t.Errorf("a newer one: %v", err)
		}
	})
}
