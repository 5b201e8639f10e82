package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"streamotp/shared/otp"
	"streamotp/shared/store"
	"streamotp/shared/store/storetest"
	"streamotp/shared/telemetry"
)

// The session and address of the captured events.
const (
	session     = "6f2a9d0c-3b1e-4a77-9d3e-0c1b2a3d4e5f"
	destination = "A6-fAyiF9Ki_7nHl0JabkYw8UOknsyYSjavYar9jUYE"
	digest      = "eVQ1xFAzc0a4zYQXAMjN0m8mJk0Wm9dY3Hn2rS6uTqk"
)

type fixture struct {
	handler
	store store.Codes
	held  store.Suppressions
	log   *bytes.Buffer
}

func newFixture(t *testing.T, now time.Time) *fixture {
	tables := storetest.New(t)
	f := &fixture{store: store.Codes{DB: tables.DB, Table: tables.Codes}, held: store.Suppressions{DB: tables.DB, Table: tables.Limits}, log: &bytes.Buffer{}}
	f.handler = handler{codes: f.store, suppressions: f.held, now: func() time.Time { return now }}
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	slog.SetDefault(slog.New(slog.NewJSONHandler(f.log, nil)))
	must(t, f.store.Put(context.Background(), otp.Session{ID: session, Digest: digest, Purpose: otp.Verify, ExpiresAt: now.Add(time.Minute)}, "request"))
	return f
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func captured(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile("../../shared/feedback/testdata/" + name + ".json")
	must(t, err)
	return string(data)
}

func (f *fixture) bring(text string) error {
	return f.handle(context.Background(), events.SNSEvent{Records: []events.SNSEventRecord{{SNS: events.SNSEntity{MessageID: "message", Message: text}}}})
}

// known returns what the tables hold after an event: the session's state, and why the destination is suppressed.
func (f *fixture) known(t *testing.T, now time.Time) string {
	t.Helper()
	s, err := f.store.Session(context.Background(), session)
	must(t, err)
	known := string(s.Message)
	for held, err := range f.held.List(context.Background(), now) {
		must(t, err)
		known += fmt.Sprintf(" %s %t", held.Reason, held.Destination == destination)
	}
	return known
}

func TestFeedback(t *testing.T) {
	now := time.Now()
	transient := strings.NewReplacer(`"Permanent"`, `"Transient"`, `"bounceSubType":"General"`, `"bounceSubType":"MailboxFull"`)
	for _, c := range []struct {
		rule, text string
		want       string // session's state, suppression
		counts     string // the metric; empty for none
	}{
		{"the session shows a delivery", captured(t, "delivery"), "delivered", telemetry.Delivered},
		{"the session shows a permanent bounce, which suppresses the address", captured(t, "bounce"), "bounced bounce true", telemetry.Bounced},
		{"a transient bounce suppresses nothing", transient.Replace(captured(t, "bounce")), "bounced", telemetry.Bounced},
		{"a complaint suppresses", captured(t, "complaint"), "pending complaint true", telemetry.Complained},
		{"for a purged session only the suppression is stored", strings.Replace(captured(t, "bounce"), session, "0b7c1d2e-1111-4222-8333-444455556666", 1),
			"pending bounce true", telemetry.Bounced},
		{"not-spam stores nothing", strings.Replace(captured(t, "complaint"), "abuse", "not-spam", 1), "pending", ""},
		{"an e-mail without our tags stores nothing", strings.NewReplacer(`"session"`, `"x"`, `"destination":["A6`, `"y":["A6`).Replace(captured(t, "bounce")),
			"pending", telemetry.Bounced},
	} {
		t.Run(c.rule, func(t *testing.T) {
			f := newFixture(t, now)
			must(t, f.bring(c.text))
			must(t, f.bring(c.text)) // again, as Lambda may
			if got := f.known(t, now); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			if lines := f.log.String(); c.counts != "" && strings.Count(lines, `"event":"`+c.counts+`"`) != 2 || c.counts == "" && strings.Contains(lines, "_aws") {
				t.Errorf("want %q counted:\n%s", c.counts, lines)
			}
			for _, secret := range []string{"simulator", session, "login@example.com", "Your StreamOTP"} {
				if strings.Contains(f.log.String(), secret) {
					t.Errorf("the log has %s:\n%s", secret, f.log)
				}
			}
		})
	}
	delivery := captured(t, "delivery") // at 22:25:59.646
	at := func(text, clock string) string {
		return strings.Replace(text, "2026-11-20T22:25:59.112Z", "2026-11-20T"+clock+"Z", 1)
	}
	bounce, reply, undated := at(captured(t, "bounce"), "22:26:30"), at(transient.Replace(captured(t, "bounce")), "22:26:30"),
		strings.Replace(captured(t, "bounce"), `"2026-11-20T22:25:59.112Z"`, `null`, 1)
	for _, c := range []struct {
		rule   string
		events []string
		want   string
	}{
		{"a repeated delivery does not hide the bounce after it", []string{delivery, bounce, delivery}, "bounced"},
		{"a delivery that arrives after its later bounce does not hide it", []string{bounce, delivery}, "bounced"},
		{"an earlier bounce that arrives after the delivery does not hide it", []string{delivery, at(captured(t, "bounce"), "22:25:59")}, "delivered"},
		{"an out-of-office reply does not hide the delivery before it", []string{delivery, reply}, "delivered"},
		{"nor does one that arrives before it", []string{reply, delivery}, "delivered"},
		{"an event without a time counts from its arrival", []string{strings.ReplaceAll(delivery, "2026-", "2020-"), undated}, "bounced"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			f := newFixture(t, now)
			for _, event := range c.events {
				must(t, f.bring(event))
			}
			if got, _, _ := strings.Cut(f.known(t, now), " "); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	t.Run("SES's sentence to a new topic is not an event and not a failure", func(t *testing.T) {
		f := newFixture(t, now)
		must(t, f.bring("Successfully validated SNS topic for Amazon SES event publishing."))
		if got := f.known(t, now); got != "pending" || strings.Contains(f.log.String(), "validated") {
			t.Errorf("%s\n%s", got, f.log)
		}
	})
	t.Run("an event that cannot be stored is retried, logged once and reveals nothing", func(t *testing.T) {
		f := newFixture(t, now)
		f.suppressions = store.Suppressions{DB: f.held.DB, Table: "none"}
		err := f.bring(captured(t, "bounce"))
		if !errors.Is(err, errNotStored) || strings.Contains(err.Error(), "simulator") {
			t.Error(err)
		}
		if lines := f.log.String(); strings.Count(lines, "\n") != 1 || !strings.Contains(lines, `"event":"ProviderError"`) || strings.Contains(lines, "simulator") {
			t.Error(lines)
		}
		if got := f.known(t, now); got != "pending" {
			t.Error(got)
		}
	})
}
