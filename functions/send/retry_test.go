package main

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"streamotp/shared/otp"
	"streamotp/shared/store"
	"streamotp/shared/telemetry"
)

func TestRetryDelay(t *testing.T) {
	for _, c := range []struct {
		rule            string
		age, left, most time.Duration
		least, longest  time.Duration // for the least and the greatest random number; 0 if it cannot be retried
	}{
		{"a fresh code waits 1 or 2 s", 300 * time.Millisecond, 5 * time.Minute, codeDelay, 1 * time.Second, 2 * time.Second},
		{"a clock that is behind makes no age", -3 * time.Second, 5 * time.Minute, codeDelay, 1 * time.Second, 2 * time.Second},
		{"then half its age to its age", 4 * time.Second, 5 * time.Minute, codeDelay, 2 * time.Second, 4 * time.Second},
		{"and so on", 12 * time.Second, 5 * time.Minute, codeDelay, 6 * time.Second, 12 * time.Second},
		{"at most 20 s", 100 * time.Second, 3 * time.Minute, codeDelay, 10 * time.Second, 20 * time.Second},
		{"a notification at most 300 s", 2 * time.Hour, 22 * time.Hour, notificationDelay, 150 * time.Second, 300 * time.Second},
		{"a delay leaves a whole second of life", 290 * time.Second, 9500 * time.Millisecond, codeDelay, 8 * time.Second, 8 * time.Second},
		{"down to 1 s", 298 * time.Second, 2 * time.Second, codeDelay, 1 * time.Second, 1 * time.Second},
		{"with less there is no retry", 298 * time.Second, 1999 * time.Millisecond, codeDelay, 0, 0},
		{"nor after the end", 400 * time.Second, -time.Minute, codeDelay, 0, 0},
		{"nor without times", math.MaxInt64, math.MinInt64, codeDelay, 0, 0},
	} {
		t.Run(c.rule, func(t *testing.T) {
			for random, want := range map[float64]time.Duration{0: c.least, 0.999: c.longest} {
				got, ok := retryDelay(c.age, c.left, c.most, random)
				if ok != (want != 0) || ok && got != want {
					t.Errorf("random %g: %v, %t, want %v", random, got, ok, want)
				}
			}
		})
	}
	t.Run("messages of the same moment are spread", func(t *testing.T) {
		seen := map[time.Duration]bool{}
		for n := range 100 {
			delay, _ := retryDelay(30*time.Second, 4*time.Minute, codeDelay, float64(n)/100)
			seen[delay] = true
		}
		if len(seen) != 11 { // 10 to 20 s
			t.Errorf("%v", seen)
		}
	})
	t.Run("a code that lives five minutes is tried often at first and to the end", func(t *testing.T) {
		for _, random := range []float64{0, 0.5, 0.999} {
			age, attempts := 300*time.Millisecond, 1
			for {
				delay, ok := retryDelay(age, 5*time.Minute-age, codeDelay, random)
				if !ok {
					break
				}
				age, attempts = age+delay+200*time.Millisecond, attempts+1 // the queue and the attempt take a while
			}
			if attempts < 15 || attempts > 45 || age < 5*time.Minute-3*time.Second || age >= 5*time.Minute {
				t.Errorf("random %g: %d attempts, the last at %v", random, attempts, age)
			}
		}
	})
}

// TestRetries: batches that are delivered again, and queues that accept nothing.
func TestRetries(t *testing.T) {
	ada := toEmail(otp.Login, "ada@example.com")
	t.Run("R6: a number that opted out costs one call, however often its batch is brought again", func(t *testing.T) {
		f := newFixture(t)
		opted, other, third := f.put(t, "a", toPhone("+4915112345678")), f.put(t, "b", toPhone("+4915112345679")), f.put(t, "c", ada)
		batch := []object{inserted(opted), inserted(other), inserted(third)}
		f.provider.fail["+4915112345678"], f.provider.fail["+4915112345679"] = errRefused, errThrottled
		f.retry.refuse = errQueue // so that the stream delivers the batch again
		for range 5 {
			if failed := f.run(t, batch...); !slices.Equal(failed, []string{"seq-b"}) {
				t.Errorf("failed %v", failed)
			}
		}
		f.retry.refuse = nil
		if failed := f.run(t, batch...); len(failed) != 0 {
			t.Errorf("failed %v", failed)
		}
		if f.provider.callsTo("+4915112345678") != 1 || f.provider.callsTo("ada@example.com") != 1 || f.provider.callsTo("+4915112345679") != 6 ||
			len(f.retry.all) != 1 || f.retry.all[0] != other.pointer || len(f.dead.all) != 0 {
			t.Errorf("calls %v, retried %v, dead %v", f.provider.calls, f.retry.all, f.dead.all)
		}
		if state := f.sessionOf(t, opted).State(false, f.now()); state != otp.StateBounced {
			t.Error(state)
		}
		if all := f.refunds.all; len(all) != 1 || all[0].ID != "asked" || !all[0].At.Equal(opted.session.CreatedAt) || all[0].To.Phone != "+4915112345678" {
			t.Errorf("given back: %+v", all)
		}
	})
	t.Run("a security notification that is rejected permanently gives nothing back: it is not counted", func(t *testing.T) {
		f := newFixture(t)
		n := f.notify(t, f.put(t, "a", ada))
		f.provider.fail["ada@example.com"] = errRefused
		if failed := f.run(t, inserted(n)); len(failed)+len(f.refunds.all) != 0 || !f.message(t, n).Refused {
			t.Errorf("failed %v, given back %+v", failed, f.refunds.all)
		}
	})
	t.Run("a batch with a throttled message sends the others once, and that one from the queue", func(t *testing.T) {
		f := newFixture(t)
		slow := toEmail(otp.Login, "slow@example.com")
		batch := []object{inserted(f.put(t, "a", ada)), inserted(f.put(t, "b", slow)), inserted(f.put(t, "c", toEmail(otp.Login, "bob@example.com")))}
		f.provider.fail["slow@example.com"] = errThrottled
		f.run(t, batch...)
		delete(f.provider.fail, "slow@example.com")
		f.run(t, queued(row{pointer: f.retry.all[0]}))
		f.run(t, batch...) // the batch may be delivered again for any reason
		f.run(t, queued(row{pointer: f.retry.all[0]}))
		if len(f.provider.sent) != 3 || f.provider.callsTo("slow@example.com") != 2 || len(f.retry.all) != 1 {
			t.Errorf("calls %v, retried %v", f.provider.calls, f.retry.all)
		}
	})
	t.Run("a code that is used before its retry is not sent", func(t *testing.T) {
		f := newFixture(t)
		f.provider.fail["ada@example.com"] = errThrottled
		r := f.put(t, "a", ada)
		f.run(t, inserted(r))
		delete(f.provider.fail, "ada@example.com")
		must(t, f.store.Consume(context.Background(), r.session, "r", f.now()))
		if failed := f.run(t, queued(r)); len(failed)+len(f.provider.sent)+len(f.dead.all) != 0 {
			t.Errorf("failed %v, sent %v, dead %v", failed, f.provider.sent, f.dead.all)
		}
	})
	t.Run("a retry that fails is a new message with a longer delay", func(t *testing.T) {
		f := newFixture(t)
		f.provider.fail["ada@example.com"] = errThrottled
		r := f.put(t, "a", ada)
		f.run(t, inserted(r))
		f.ahead += 16 * time.Second
		if failed := f.run(t, queued(r)); len(failed) != 0 || !slices.Equal(f.retry.delays, []time.Duration{time.Second, 8 * time.Second}) {
			t.Errorf("failed %v, delays %v", failed, f.retry.delays)
		}
	})
	t.Run("a notification waits longer", func(t *testing.T) {
		f := newFixture(t)
		f.provider.fail["ada@example.com"] = errThrottled
		r := f.notify(t, f.put(t, "a", ada))
		f.ahead += 2 * time.Hour
		f.run(t, queued(r))
		if !slices.Equal(f.retry.delays, []time.Duration{150 * time.Second}) {
			t.Errorf("%v", f.retry.delays)
		}
	})
	t.Run("the delay of a row that cannot be read comes from the stream's record, or is a few seconds", func(t *testing.T) {
		f := newFixture(t)
		r := f.put(t, "a", ada)
		f.codes = unreadable{f.store}
		f.ahead += 30 * time.Second
		f.run(t, inserted(r))
		f.run(t, queued(r))
		f.ahead += 10 * time.Minute // only the row shows whether it was sent before it expired
		f.run(t, inserted(r))
		few := spread(unreadDelay, 0)
		if !slices.Equal(f.retry.delays, []time.Duration{10 * time.Second, few, few}) || few < time.Second || len(f.dead.all) != 0 {
			t.Errorf("%v, dead %v", f.retry.delays, f.dead.all)
		}
		if !strings.Contains(f.log.String(), `"requestId":"asked"`) {
			t.Errorf("want the request id of the stream's record:\n%s", f.log)
		}
	})
	for source, record := range sources {
		t.Run("a pointer that the retry queue does not accept is delivered again, "+source, func(t *testing.T) {
			f := newFixture(t)
			f.provider.fail["ada@example.com"] = errThrottled
			f.retry.refuse = errQueue
			r := f.put(t, "a", ada)
			if failed := f.run(t, record(r)); len(failed) != 1 || f.message(t, r).Refused || f.counted(telemetry.ProviderError) != 1 {
				t.Errorf("failed %v\n%s", failed, f.log)
			}
		})
		t.Run("an expired message is one dead letter, however often it is brought again, "+source, func(t *testing.T) {
			f := newFixture(t)
			r := f.put(t, "a", ada)
			f.ahead += 6 * time.Minute
			f.dead.refuse = errQueue
			if failed := f.run(t, record(r)); len(failed) != 1 || f.message(t, r).Refused || f.counted(telemetry.Undelivered) != 0 {
				t.Errorf("failed %v\n%s", failed, f.log)
			}
			f.dead.refuse = nil
			for range 3 {
				if failed := f.run(t, record(r)); len(failed) != 0 {
					t.Errorf("failed %v", failed)
				}
			}
			if len(f.dead.all) != 1 || f.dead.all[0] != r.pointer || f.dead.delays[0] != 0 || len(f.provider.calls) != 0 || f.counted(telemetry.Undelivered) != 1 {
				t.Errorf("dead %v, calls %v\n%s", f.dead.all, f.provider.calls, f.log)
			}
		})
		t.Run("a suppressed message is no dead letter when it is brought again after it expired, "+source, func(t *testing.T) {
			f := newFixture(t)
			must(t, f.suppressions.Add(context.Background(), f.ring.Destination("ada@example.com"), nil, store.Bounce, f.now()))
			r := f.put(t, "a", toEmail(otp.Reset, "ada@example.com"))
			f.run(t, record(r))
			f.ahead += 6 * time.Minute
			if f.run(t, record(r)); len(f.dead.all)+len(f.provider.calls) != 0 {
				t.Errorf("dead %v, calls %v", f.dead.all, f.provider.calls)
			}
		})
	}
	t.Run("a message that is out is not reported as failed though it cannot be marked", func(t *testing.T) {
		f := newFixture(t)
		f.codes = unmarked{f.store}
		if failed := f.run(t, inserted(f.put(t, "a", ada))); len(failed)+len(f.retry.all) != 0 || len(f.provider.sent) != 1 || f.counted(telemetry.Sent) != 1 {
			t.Errorf("failed %v, retried %v\n%s", failed, f.retry.all, f.log)
		}
	})
}

// unmarked is a table that accepts no marks.
type unmarked struct{ codes }

func (unmarked) MarkSent(context.Context, store.Message, time.Time) error { return errQueue }
