package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"streamotp/shared/httpapi"
	"streamotp/shared/judge"
	"streamotp/shared/otp"
	"streamotp/shared/store"
	"streamotp/shared/store/storetest"
	"streamotp/shared/telemetry"
)

// id and code are those of testdata/verify.json.
const (
	id   = "6f2a9d0c-3b1e-4a77-9d3e-0c1b2a3d4e5f"
	code = "482913"
)

type fixture struct {
	handler
	ring    *otp.Keyring
	at      time.Time
	servers httpapi.Servers
}

type fixedKeys struct{ *otp.Keyring }

func (k fixedKeys) For(context.Context, string) (*otp.Keyring, error) { return k.Keyring, nil }

func newFixture(t *testing.T) *fixture {
	tables := storetest.New(t)
	ring, err := otp.ParseKeyring([]byte(`{"index":"0123456789abcdef0123456789abcdef"}`))
	must(t, err)
	f := &fixture{ring: ring, at: time.Now()}
	codes, now := store.Codes{DB: tables.DB, Table: tables.Codes}, func() time.Time { return f.at }
	limits := store.Limits{DB: tables.DB, Table: tables.Limits, Rule: otp.AttemptLimit{MaxAttempts: 5, Lock: 15 * time.Minute}}
	f.handler = handler{codes: codes, prefixes: store.Prefixes{DB: tables.DB, Table: tables.Limits}, now: now, judge: judge.Judge{Codes: codes, Limits: limits, Keys: fixedKeys{ring}, Rule: limits.Rule, Now: now}}
	return f
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// session writes a session of a purpose.
func (f *fixture) session(t *testing.T, id string, purpose otp.Purpose, c otp.Contents) {
	t.Helper()
	s := otp.Session{ID: id, Purpose: purpose, Subject: f.ring.Subject(purpose, c.Email+c.Phone), KeyID: "0",
		CreatedAt: f.at, ExpiresAt: f.at.Add(5 * time.Minute)}
	var err error
	c.Purpose = purpose
	s.Sealed, err = f.ring.Seal(id, c)
	must(t, err)
	s.Digest, err = f.ring.Digest("0", id, c.Code)
	must(t, err)
	must(t, f.judge.Codes.(store.Codes).Put(context.Background(), s, "request"))
}

// call sends the documented event with another body.
func (f *fixture) call(t *testing.T, body string) (int, map[string]any) {
	t.Helper()
	raw, err := os.ReadFile("testdata/verify.json")
	must(t, err)
	var event events.APIGatewayV2HTTPRequest
	must(t, json.Unmarshal(raw, &event))
	if body != "" {
		event.Body = body
	}
	event.RequestContext.RequestID = fmt.Sprint("request-", time.Now().UnixNano())
	response, err := httpapi.Handler(f.routes(), nil, f.servers)(context.Background(), event)
	must(t, err)
	var answer map[string]any
	must(t, json.Unmarshal([]byte(response.Body), &answer))
	return response.StatusCode, answer
}

func with(code string) string { return fmt.Sprintf(`{"sessionId":%q,"code":%q}`, id, code) }

func TestVerify(t *testing.T) {
	ada := otp.Contents{Code: code, Channel: otp.Email, Email: "ada@example.com"}
	t.Run("a reset session is unknown here", func(t *testing.T) {
		f := newFixture(t)
		f.session(t, id, otp.Reset, ada)
		if status, body := f.call(t, ""); status != 404 || body["code"] != "session_not_found" {
			t.Errorf("%d %v", status, body)
		}
	})
	t.Run("an expired code is refused though the table still has it", func(t *testing.T) {
		f := newFixture(t)
		f.session(t, id, otp.Login, ada)
		f.at = f.at.Add(5 * time.Minute)
		if status, body := f.call(t, ""); status != 410 || body["code"] != "code_expired" {
			t.Errorf("%d %v", status, body)
		}
	})
	t.Run("wrong codes count down over all sessions of a subject, then the right one is rejected too", func(t *testing.T) {
		f := newFixture(t)
		f.session(t, id, otp.Login, ada)
		f.session(t, strings.Replace(id, "6", "7", 1), otp.Login, ada)
		for remaining := 4; remaining >= 0; remaining-- {
			body := with("111111")
			if remaining%2 == 0 {
				body = strings.Replace(body, "6", "7", 1)
			}
			if status, answer := f.call(t, body); status != 401 || answer["attemptsRemaining"] != float64(remaining) {
				t.Errorf("%d %v", status, answer)
			}
		}
		if status, body := f.call(t, with(code)); status != 403 || body["code"] != "locked" {
			t.Errorf("%d %v", status, body)
		}
	})
	t.Run("I3: the right code proves once what the session was for", func(t *testing.T) {
		for purpose, want := range map[otp.Purpose]string{otp.Login: `map[email:ada@example.com purpose:login verified:true]`,
			otp.Verify: `map[email:ada@example.com purpose:verify verified:true]`} {
			f := newFixture(t)
			f.session(t, id, purpose, ada)
			if status, body := f.call(t, ""); status != 200 || fmt.Sprint(body) != want {
				t.Errorf("%d %v", status, body)
			}
			if status, body := f.call(t, ""); status != 410 || body["code"] != "code_used" {
				t.Errorf("again: %d %v", status, body)
			}
		}
	})
	t.Run("a session for a number proves the number", func(t *testing.T) {
		f := newFixture(t)
		f.session(t, id, otp.Verify, otp.Contents{Code: code, Channel: otp.SMS, Phone: "+4915112345678"})
		if status, body := f.call(t, ""); status != 200 || fmt.Sprint(body) != `map[phone:+4915112345678 purpose:verify verified:true]` {
			t.Errorf("%d %v", status, body)
		}
	})
	t.Run("a text that is no code costs no attempt", func(t *testing.T) {
		f := newFixture(t)
		f.session(t, id, otp.Login, ada)
		for range 10 {
			for _, bad := range []string{"abc", "1234567"} {
				if status, body := f.call(t, with(bad)); status != 400 || body["code"] != "invalid_request" {
					t.Errorf("%d %v", status, body)
				}
			}
		}
		if status, _ := f.call(t, ""); status != 200 {
			t.Errorf("%d", status)
		}
	})
}

func TestVerifyClearsTries(t *testing.T) {
	f := newFixture(t)
	ada := otp.Contents{Code: code, Channel: otp.Email, Email: "ada@example.com"}
	other := strings.Replace(id, "6", "7", 1)
	f.session(t, id, otp.Login, ada)
	f.session(t, other, otp.Login, ada)
	f.call(t, with("111111"))
	if status, body := f.call(t, ""); status != 200 {
		t.Fatalf("%d %v", status, body)
	}
	var wrong *otp.WrongCodeError
	c, err := f.judge.Open(context.Background(), &telemetry.Event{}, "", other, otp.Login)
	must(t, err)
	if err := f.judge.Check(context.Background(), &c, "111111", "r", nil); !errors.As(err, &wrong) || wrong.AttemptsRemaining != 4 {
		t.Errorf("error %v", err)
	}
}

func TestSessionWithAnUnknownChannelIsNotJudged(t *testing.T) {
	f := newFixture(t)
	f.session(t, id, otp.Verify, otp.Contents{Code: code, Channel: "fax", Phone: "+4915112345678"})
	for _, typed := range []string{code, "111111"} {
		if status, body := f.call(t, with(typed)); status != 500 || body["code"] != "internal" {
			t.Errorf("%d %v", status, body)
		}
	}
	if attempts, _, err := f.judge.Limits.(store.Limits).Attempts(context.Background(), f.ring.Phone("+4915112345678")); err != nil || attempts.Count != 0 {
		t.Errorf("%d attempts were taken, %v", attempts.Count, err)
	}
}
