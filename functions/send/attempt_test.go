package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"streamotp/shared/deliver"
	"streamotp/shared/otp"
	"streamotp/shared/store"
	"streamotp/shared/telemetry"
)

// unreadable is a table whose rows cannot be read.
type unreadable struct{ codes }

func (unreadable) Message(context.Context, string, string) (store.Message, error) {
	return store.Message{}, errors.New("out of reach")
}

// noKeys has no keyring.
type noKeys struct{}

func (noKeys) For(context.Context, string) (*otp.Keyring, error) {
	return nil, &otp.UnavailableError{Reason: "out of reach"}
}

// TestAttempt: what becomes of a row, the same from the stream and from the retry queue.
// TestPanic: a message that crashes its attempt does not end the rest of the batch, and the log does not quote it.
func TestPanic(t *testing.T) {
	for name, as := range sources {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			bad, good := f.put(t, "bad", toEmail(otp.Login, "eve@example.com")), f.put(t, "good", toEmail(otp.Login, "ada@example.com"))
			sender := f.sender
			f.sender = senderFunc(func(ctx context.Context, m deliver.Message) error {
				if m.To == "eve@example.com" {
					panic("the message to " + m.To)
				}
				return sender.Send(ctx, m)
			})
			if failed := f.run(t, as(bad), as(good)); len(failed) != 1 {
				t.Errorf("failed %v", failed)
			}
			if f.message(t, bad).Sent || !f.message(t, good).Sent {
				t.Error("not the other message alone was sent")
			}
			if log := f.log.String(); !strings.Contains(log, "panic") || strings.Contains(log, "eve@") || f.counted("ServerError") != 1 {
				t.Errorf("logged %s", log)
			}
		})
	}
}

func TestAttempt(t *testing.T) {
	ctx := context.Background()
	ada := toEmail(otp.Login, "ada@example.com")
	type want struct {
		outcome              string
		calls, retries, dead int
		sent, refused        bool
		metric               string // counted once; empty for none
		visible              otp.State
	}
	for _, c := range []struct {
		rule    string
		arrange func(t *testing.T, f *fixture) row
		want    want
	}{
		{"a row is sent and marked", func(t *testing.T, f *fixture) row { return f.put(t, "a", ada) },
			want{outcome: sent, calls: 1, sent: true, metric: telemetry.Sent, visible: otp.StateSent}},
		{"a row that was sent is not sent again", func(t *testing.T, f *fixture) row {
			r := f.put(t, "a", ada)
			must(t, f.store.MarkSent(ctx, f.message(t, r), f.now()))
			return r
		}, want{outcome: skipped, sent: true, visible: otp.StateSent}},
		{"a row that was rejected is not sent again", func(t *testing.T, f *fixture) row {
			r := f.put(t, "a", ada)
			must(t, f.store.MarkDelivery(ctx, r.SessionID, r.Code, otp.StateBounced, f.now()))
			return r
		}, want{outcome: skipped, refused: true, visible: otp.StateBounced}},
		{"a row that is not to be sent is not sent", func(t *testing.T, f *fixture) row {
			r := f.put(t, "a", ada)
			r.session.Silent = true
			f.replace(t, r)
			return r
		}, want{outcome: skipped, visible: otp.StateSent}},
		{"a code that was used meanwhile is not sent", func(t *testing.T, f *fixture) row {
			r := f.put(t, "a", ada)
			must(t, f.store.Consume(ctx, r.session, "r", f.now()))
			return r
		}, want{outcome: used, metric: telemetry.Expired, visible: otp.StateUsed}},
		{"nor is a resend of it", func(t *testing.T, f *fixture) row {
			r := f.put(t, "a", ada)
			must(t, f.store.Consume(ctx, r.session, "r", f.now()))
			return f.resend(t, r)
		}, want{outcome: used, metric: telemetry.Expired, visible: otp.StateUsed}},
		{"a security notification is sent though the code was used", func(t *testing.T, f *fixture) row {
			r := f.put(t, "a", ada)
			must(t, f.store.Consume(ctx, r.session, "r", f.now()))
			return f.notify(t, r)
		}, want{outcome: sent, calls: 1, sent: true, metric: telemetry.Sent, visible: otp.StateUsed}},
		{"a code that expired unsent becomes a dead letter", func(t *testing.T, f *fixture) row {
			r := f.put(t, "a", ada)
			f.ahead += 5 * time.Minute
			return r
		}, want{outcome: undelivered, dead: 1, refused: true, metric: telemetry.Undelivered, visible: otp.StateExpired}},
		{"a notification that expired unsent too", func(t *testing.T, f *fixture) row {
			r := f.notify(t, f.put(t, "a", ada))
			f.ahead += 25 * time.Hour
			return r
		}, want{outcome: undelivered, dead: 1, refused: true, metric: telemetry.Undelivered, visible: otp.StateExpired}},
		{"R1: a throttled provider leaves a pointer, and the record is done", func(t *testing.T, f *fixture) row {
			f.provider.fail["ada@example.com"] = errThrottled
			return f.put(t, "a", ada)
		}, want{outcome: later, calls: 1, retries: 1, metric: telemetry.ProviderError, visible: otp.StatePending}},
		{"a code that a retry would find expired becomes a dead letter now", func(t *testing.T, f *fixture) row {
			f.provider.fail["ada@example.com"] = errThrottled
			r := f.put(t, "a", ada)
			f.ahead += r.session.ExpiresAt.Sub(f.now()) - 1500*time.Millisecond
			return r
		}, want{outcome: undelivered, calls: 1, dead: 1, refused: true, metric: telemetry.Undelivered, visible: otp.StateBounced}},
		{"a code that the provider rejects is marked", func(t *testing.T, f *fixture) row {
			f.provider.fail["ada@example.com"] = errRefused
			return f.put(t, "a", ada)
		}, want{outcome: refused, calls: 1, refused: true, metric: telemetry.ProviderError, visible: otp.StateBounced}},
		{"a resend that the provider rejects is marked", func(t *testing.T, f *fixture) row {
			r := f.put(t, "a", ada)
			must(t, f.store.MarkSent(ctx, f.message(t, r), f.now()))
			f.provider.fail["ada@example.com"] = errRefused
			return f.resend(t, r)
		}, want{outcome: refused, calls: 1, refused: true, metric: telemetry.ProviderError, visible: otp.StateBounced}},
		{"a notification that the provider rejects is marked, and its session does not show it", func(t *testing.T, f *fixture) row {
			f.provider.fail["ada@example.com"] = errRefused
			return f.notify(t, f.put(t, "a", ada))
		}, want{outcome: refused, calls: 1, refused: true, metric: telemetry.ProviderError, visible: otp.StatePending}},
		{"a reset that the provider rejects is marked, and its session does not show it", func(t *testing.T, f *fixture) row {
			f.provider.fail["ada@example.com"] = errRefused
			return f.put(t, "a", toEmail(otp.Reset, "ada@example.com"))
		}, want{outcome: refused, calls: 1, refused: true, metric: telemetry.ProviderError, visible: otp.StateSent}},
		{"a reset to a suppressed address is not sent, and its session does not show it", func(t *testing.T, f *fixture) row {
			must(t, f.suppressions.Add(ctx, f.ring.Destination("ada@example.com"), nil, store.Bounce, f.now()))
			return f.put(t, "a", toEmail(otp.Reset, "ada@example.com"))
		}, want{outcome: suppressed, refused: true, metric: telemetry.Suppressed, visible: otp.StateSent}},
		{"an account's SMS is sent though its address is suppressed", func(t *testing.T, f *fixture) row {
			must(t, f.suppressions.Add(ctx, f.ring.Destination("ada@example.com"), nil, store.Complaint, f.now()))
			return f.put(t, "a", toPhone("+4915112345678"))
		}, want{outcome: sent, calls: 1, sent: true, metric: telemetry.Sent, visible: otp.StateSent}},
		{"a suppression that is over suppresses nothing", func(t *testing.T, f *fixture) row {
			must(t, f.suppressions.Add(ctx, f.ring.Destination("ada@example.com"), nil, store.Bounce, f.now().AddDate(-1, 0, 0)))
			return f.put(t, "a", toEmail(otp.Reset, "ada@example.com"))
		}, want{outcome: sent, calls: 1, sent: true, metric: telemetry.Sent, visible: otp.StateSent}},
		{"a suppression list that cannot be read has nothing sent", func(t *testing.T, f *fixture) row {
			f.handler.suppressions = store.Suppressions{DB: f.suppressions.DB, Table: "none"}
			return f.put(t, "a", toEmail(otp.Reset, "ada@example.com"))
		}, want{outcome: later, retries: 1, metric: telemetry.ProviderError, visible: otp.StateSent}},
		{"a key that cannot be read has nothing sent", func(t *testing.T, f *fixture) row {
			f.keys = noKeys{}
			return f.put(t, "a", ada)
		}, want{outcome: later, retries: 1, metric: telemetry.ProviderError, visible: otp.StatePending}},
		{"an SMS waits while the site's host is unknown, and does not go out without it", func(t *testing.T, f *fixture) row {
			f.site.err = &otp.UnavailableError{Reason: "no parameter"}
			return f.put(t, "a", toPhone("+4915112345678"))
		}, want{outcome: later, retries: 1, metric: telemetry.ProviderError, visible: otp.StatePending}},
		{"an e-mail does not need the site's host", func(t *testing.T, f *fixture) row {
			f.site.err = &otp.UnavailableError{Reason: "no parameter"}
			return f.put(t, "a", ada)
		}, want{outcome: sent, calls: 1, sent: true, metric: telemetry.Sent, visible: otp.StateSent}},
		{"nor does a security notification by SMS", func(t *testing.T, f *fixture) row {
			f.site.err = &otp.UnavailableError{Reason: "no parameter"}
			return f.notify(t, f.put(t, "a", toPhone("+4915112345678")))
		}, want{outcome: sent, calls: 1, sent: true, metric: telemetry.Sent, visible: otp.StatePending}},
		{"contents that another session sealed are not sent", func(t *testing.T, f *fixture) row {
			r := f.put(t, "a", ada)
			r.session.Sealed = f.put(t, "b", ada).session.Sealed
			f.replace(t, r)
			return r
		}, want{outcome: later, retries: 1, metric: telemetry.ProviderError, visible: otp.StatePending}},
		{"contents with an unknown channel are not sent", func(t *testing.T, f *fixture) row {
			return f.put(t, "a", otp.Contents{Purpose: otp.Login, Channel: "fax", Email: "ada@example.com", Code: "482913"})
		}, want{outcome: later, retries: 1, metric: telemetry.ProviderError, visible: otp.StatePending}},
		{"contents with an unknown channel become a dead letter at their end", func(t *testing.T, f *fixture) row {
			r := f.put(t, "a", otp.Contents{Purpose: otp.Login, Channel: "fax", Email: "ada@example.com", Code: "482913"})
			f.ahead += r.session.ExpiresAt.Sub(f.now()) - 1500*time.Millisecond
			return r
		}, want{outcome: undelivered, dead: 1, refused: true, metric: telemetry.Undelivered, visible: otp.StateBounced}},
	} {
		for source, record := range sources {
			t.Run(c.rule+", "+source, func(t *testing.T) {
				f := newFixture(t)
				r := c.arrange(t, f)
				if failed := f.run(t, record(r)); len(failed) != 0 {
					t.Errorf("failed %v", failed)
				}
				m, s := f.message(t, r), f.sessionOf(t, r)
				got := want{f.outcomes(t), len(f.provider.calls), len(f.retry.all), len(f.dead.all), m.Sent, m.Refused, c.want.metric, s.State(false, f.now())}
				if got != c.want {
					t.Errorf("got  %+v\nwant %+v\n%s", got, c.want, f.log)
				}
				for _, p := range append(f.retry.all, f.dead.all...) {
					if p != r.pointer {
						t.Errorf("a queue has %+v", p)
					}
				}
				if c.want.metric != "" && f.counted(c.want.metric) != 1 || c.want.metric == "" && strings.Contains(f.log.String(), `"event"`) {
					t.Errorf("want %q counted once:\n%s", c.want.metric, f.log)
				}
				settled := 1 // 0 if it is to be retried or no provider accepted it
				if c.want.outcome == later || c.want.outcome == undelivered {
					settled = 0
				}
				if f.settled() != settled {
					t.Errorf("settled %d, want %d:\n%s", f.settled(), settled, f.log)
				}
				for _, secret := range []string{"ada@", "482913", "+49", `"` + r.SessionID + `"`, r.Code} {
					if strings.Contains(f.log.String(), secret) {
						t.Errorf("the log has %q:\n%s", secret, f.log)
					}
				}
			})
		}
	}
	for source, record := range sources {
		t.Run("a row that DynamoDB has deleted has a dead letter, "+source, func(t *testing.T) {
			f := newFixture(t)
			r := f.put(t, "a", ada)
			r.SessionID = "gone"
			if failed := f.run(t, record(r)); len(failed)+len(f.provider.calls)+len(f.retry.all) != 0 || len(f.dead.all) != 1 || f.outcomes(t) != undelivered || f.settled() != 0 {
				t.Errorf("failed %v, calls %v, retried %v, dead %v\n%s", failed, f.provider.calls, f.retry.all, f.dead.all, f.log)
			}
		})
		t.Run("a row that cannot be read is retried, and nothing is sent, "+source, func(t *testing.T) {
			f := newFixture(t)
			r := f.put(t, "a", ada)
			f.codes = unreadable{f.store}
			if failed := f.run(t, record(r)); len(failed)+len(f.provider.calls)+len(f.dead.all) != 0 || len(f.retry.all) != 1 || f.retry.all[0] != r.pointer {
				t.Errorf("failed %v, calls %v, retried %v, dead %v", failed, f.provider.calls, f.retry.all, f.dead.all)
			}
			if f.settled() != 0 {
				t.Errorf("settled:\n%s", f.log)
			}
		})
	}
	t.Run("an attempt that fails for the last time counts as a failure and as undelivered", func(t *testing.T) {
		f := newFixture(t)
		f.provider.fail["ada@example.com"] = errThrottled
		r := f.put(t, "a", ada)
		f.ahead += r.session.ExpiresAt.Sub(f.now()) - 1500*time.Millisecond
		f.run(t, queued(r))
		if f.counted(telemetry.ProviderError) != 1 || f.counted(telemetry.Undelivered) != 1 || f.outcomes(t) != undelivered {
			t.Error(f.log)
		}
	})
	t.Run("only an SMS asks for the site's host and contains it", func(t *testing.T) {
		f := newFixture(t)
		f.run(t, inserted(f.put(t, "a", ada)))
		if n := f.site.asked.Load(); n != 0 {
			t.Errorf("asked %d times for an e-mail", n)
		}
		f.run(t, inserted(f.put(t, "b", toPhone("+4915112345678"))))
		if n := f.site.asked.Load(); n != 1 || len(f.provider.sent) != 2 || f.provider.sent[0].Host != "" || f.provider.sent[1].Host != "login.example.com" {
			t.Errorf("asked %d times, sent %+v", n, f.provider.sent)
		}
	})
	t.Run("R16: a message says how long its code is still valid when it is sent", func(t *testing.T) {
		f := newFixture(t)
		r := f.put(t, "a", ada)
		f.ahead += 4 * time.Minute
		f.run(t, queued(r))
		if len(f.provider.sent) != 1 || f.provider.sent[0].Life > time.Minute || f.provider.sent[0].Life < 50*time.Second {
			t.Errorf("%+v", f.provider.sent)
		}
	})
	t.Run("an e-mail has its session's and its destination's tags; a reset's has no session's", func(t *testing.T) {
		f := newFixture(t)
		f.run(t, inserted(f.put(t, "a", ada)))
		f.run(t, inserted(f.put(t, "b", toEmail(otp.Reset, "ada@example.com"))))
		if len(f.provider.sent) != 2 {
			t.Fatalf("sent %v", f.provider.sent)
		}
		login, reset := f.provider.sent[0].Tags, f.provider.sent[1].Tags
		if login["session"] != "a" || login["digest"] == "" || len(login) != 4 || len(reset) != 2 || reset["destination"] != f.ring.Destination("ada@example.com") {
			t.Errorf("%v, %v", login, reset)
		}
	})
}
