package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"streamotp/shared/httpapi"
	"streamotp/shared/otp"
	"streamotp/shared/store"
	"streamotp/shared/store/storetest"
)

const id = "6f2a9d0c-3b1e-4a77-9d3e-0c1b2a3d4e5f"

type fixture struct {
	handler
	ring   *otp.Keyring
	codes  store.Codes
	limits store.Limits
	at     time.Time
	header map[string]string // of the last response
}

type fixedKeys struct{ *otp.Keyring }

func (k fixedKeys) For(context.Context, string) (*otp.Keyring, error) { return k.Keyring, nil }

func newFixture(t *testing.T) *fixture {
	tables := storetest.New(t)
	ring, err := otp.ParseKeyring([]byte(`{"index":"0123456789abcdef0123456789abcdef"}`))
	must(t, err)
	rule := otp.AttemptLimit{MaxAttempts: 5, Lock: 15 * time.Minute}
	f := &fixture{ring: ring, codes: store.Codes{DB: tables.DB, Table: tables.Codes}, limits: store.Limits{DB: tables.DB, Table: tables.Limits, Rule: rule},
		at: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	f.handler = handler{codes: f.codes, limits: f.limits, keys: fixedKeys{ring}, now: func() time.Time { return f.at }, rule: rule, cooldown: 30 * time.Second}
	return f
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// session writes a session that lives five minutes.
func (f *fixture) session(t *testing.T, c otp.Contents) otp.Session {
	t.Helper()
	s := otp.Session{ID: id, Digest: "digest", Purpose: c.Purpose, Subject: "subject", KeyID: "0", CreatedAt: f.at, ExpiresAt: f.at.Add(5 * time.Minute)}
	var err error
	s.Sealed, err = f.ring.Seal(id, c)
	must(t, err)
	must(t, f.codes.Put(context.Background(), s, "request"))
	return s
}

func (f *fixture) call(t *testing.T, body string) string {
	t.Helper()
	raw, err := os.ReadFile("testdata/status.json")
	must(t, err)
	var event events.APIGatewayV2HTTPRequest
	must(t, json.Unmarshal(raw, &event))
	event.Body = body
	response, err := httpapi.Handler(f.routes(), nil, nil)(context.Background(), event)
	must(t, err)
	f.header = response.Headers
	return fmt.Sprint(response.StatusCode, " ", response.Body)
}

func (f *fixture) want(t *testing.T, want string) {
	t.Helper()
	if got := f.call(t, `{"sessionId":"`+id+`"}`); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func (f *fixture) wantRetryAfter(t *testing.T, want string) {
	t.Helper()
	answer := f.call(t, `{"sessionId":"`+id+`"}`)
	if got := f.header["retry-after"]; got != want {
		t.Errorf("Retry-After is %q, want %q, of %s", got, want, answer)
	}
}

func TestStatus(t *testing.T) {
	ctx := context.Background()
	mail := otp.Contents{Purpose: otp.Verify, Channel: otp.Email, Email: "ada@example.com"}
	t.Run("the response has everything about a session", func(t *testing.T) {
		f := newFixture(t)
		f.session(t, mail)
		f.want(t, `200 {"state":"pending","channel":"email","destination":"a•••@example.com","expiresAt":"2026-11-21T12:05:00Z",`+
			`"resendAt":"2026-11-21T12:00:30Z","attemptsRemaining":5}`)
	})
	t.Run("a login shows the last digits of the account's phone", func(t *testing.T) {
		f := newFixture(t)
		f.session(t, otp.Contents{Purpose: otp.Login, Channel: otp.SMS, Email: "ada@example.com", Phone: "+4915112345678"})
		f.at = f.at.Add(time.Minute + time.Millisecond)
		f.want(t, `200 {"state":"pending","channel":"sms","destination":"•••78","expiresAt":"2026-11-21T12:05:00Z",`+
			`"resendAt":"2026-11-21T12:01:01Z","attemptsRemaining":5}`)
	})
	t.Run("after two resends there is no further one", func(t *testing.T) {
		f := newFixture(t)
		s := f.session(t, mail)
		for s.NextResend = 1; s.NextResend <= 2; s.NextResend++ {
			must(t, f.codes.PutResend(ctx, s, "request", f.at, time.Second))
		}
		f.want(t, `200 {"state":"pending","channel":"email","destination":"a•••@example.com","expiresAt":"2026-11-21T12:05:00Z",`+
			`"resendAt":null,"attemptsRemaining":5}`)
	})
	t.Run("attempts and a lock are those of the subject", func(t *testing.T) {
		f := newFixture(t)
		s := f.session(t, mail)
		for n := range 5 {
			_, err := f.limits.Reserve(ctx, s, fmt.Sprint("request-", n), f.at)
			must(t, err)
			if n == 1 {
				f.want(t, `200 {"state":"pending","channel":"email","destination":"a•••@example.com","expiresAt":"2026-11-21T12:05:00Z",`+
					`"resendAt":"2026-11-21T12:00:30Z","attemptsRemaining":3}`)
			}
		}
		f.want(t, `200 {"state":"locked","channel":"email","destination":"a•••@example.com","expiresAt":"2026-11-21T12:05:00Z",`+
			`"resendAt":null,"attemptsRemaining":0}`)
	})
	t.Run("a lock says when it ends, in whole seconds that are never too few", func(t *testing.T) {
		for _, purpose := range []otp.Purpose{otp.Verify, otp.Reset} {
			f := newFixture(t)
			s := f.session(t, otp.Contents{Purpose: purpose, Channel: otp.Email, Email: "ada@example.com"})
			for n := range 5 {
				f.wantRetryAfter(t, "")
				var err error
				if purpose == otp.Reset {
					_, err = f.codes.CountAttempt(ctx, s, fmt.Sprint(n), f.at)
				} else {
					_, err = f.limits.Reserve(ctx, s, fmt.Sprint("request-", n), f.at)
				}
				must(t, err)
			}
			f.wantRetryAfter(t, "900")
			f.at = f.at.Add(time.Minute + time.Millisecond)
			f.wantRetryAfter(t, "840")
			f.at = f.at.Add(4 * time.Minute) // the lock goes on, but the session's state is expired
			f.wantRetryAfter(t, "")
		}
	})
	t.Run("R15: those of a reset are its own", func(t *testing.T) {
		f := newFixture(t)
		s := f.session(t, otp.Contents{Purpose: otp.Reset, Channel: otp.Email, Email: "ada@example.com"})
		for n := range 5 { // in sessions of other callers
			_, err := f.limits.Reserve(ctx, s, fmt.Sprint("request-", n), f.at)
			must(t, err)
		}
		for n, want := range []string{`sent 5`, `sent 4`, `sent 3`, `sent 2`, `sent 1`, `locked 0`} {
			var got struct {
				State             string
				AttemptsRemaining int
			}
			must(t, json.Unmarshal([]byte(f.call(t, `{"sessionId":"`+id+`"}`)[4:]), &got))
			if got := fmt.Sprint(got.State, " ", got.AttemptsRemaining); got != want {
				t.Errorf("after %d of its own: %s, want %s", n, got, want)
			}
			_, err := f.codes.CountAttempt(ctx, s, fmt.Sprint(n), f.at)
			must(t, err)
		}
	})
	t.Run("a login session that a reset ended has expired", func(t *testing.T) {
		f := newFixture(t)
		f.session(t, otp.Contents{Purpose: otp.Login, Channel: otp.Email, Email: "ada@example.com"})
		f.at = f.at.Add(time.Second)
		must(t, f.limits.EndSessions(ctx, "subject", false, f.at))
		f.at = f.at.Add(time.Minute) // the end of the session does not move
		f.want(t, `200 {"state":"expired","channel":"email","destination":"a•••@example.com","expiresAt":"2026-11-21T12:00:01Z",`+
			`"resendAt":null,"attemptsRemaining":5}`)
	})
	t.Run("a used code is reported, except for a reset", func(t *testing.T) {
		for purpose, want := range map[otp.Purpose]string{otp.Verify: "used", otp.Login: "used", otp.Reset: "sent"} {
			f := newFixture(t)
			s := f.session(t, otp.Contents{Purpose: purpose, Channel: otp.Email, Email: "ada@example.com"})
			must(t, f.codes.Consume(ctx, s, "request", f.at))
			var got struct{ State string }
			must(t, json.Unmarshal([]byte(f.call(t, `{"sessionId":"`+id+`"}`)[4:]), &got))
			if got.State != want {
				t.Errorf("%s: %s, want %s", purpose, got.State, want)
			}
		}
	})
	t.Run("an unknown session is not found, and a malformed id is rejected", func(t *testing.T) {
		f := newFixture(t)
		for body, want := range map[string]string{`{"sessionId":"` + id + `"}`: "404", `{"sessionId":"x"}`: "400", `{}`: "400",
			`{"sessionId":"` + id + `","code":"482913"}`: "400"} {
			if got := f.call(t, body); got[:3] != want {
				t.Errorf("%s: %s, want %s", body, got, want)
			}
		}
	})
	t.Run("a session with an unknown channel has no state", func(t *testing.T) {
		f := newFixture(t)
		f.session(t, otp.Contents{Purpose: otp.Verify, Channel: "fax", Email: "ada@example.com"})
		if got := f.call(t, `{"sessionId":"`+id+`"}`); got[:3] != "500" || strings.Contains(got, "example.com") {
			t.Error(got)
		}
	})
	t.Run("if the attempts cannot be read, the response is 503", func(t *testing.T) {
		f := newFixture(t)
		f.session(t, mail)
		f.handler.limits = failing{}
		if got := f.call(t, `{"sessionId":"`+id+`"}`); got[:3] != "503" {
			t.Error(got)
		}
	})
}

type failing struct{}

func (failing) Attempts(context.Context, string) (otp.Attempts, time.Time, error) {
	return otp.Attempts{}, time.Time{}, &otp.UnavailableError{Reason: "test"}
}
