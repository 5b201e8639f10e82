package store_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"streamotp/shared/otp"
	"streamotp/shared/store"
)

var guard = otp.PumpingLimit{Sends: 30, Percent: 20}

func (f fixture) prefixes() store.Prefixes {
	return store.Prefixes{DB: f.limits.DB, Table: f.limits.Table, Rule: guard}
}

// pump requests n messages to a prefix in every step, verifies none, and counts those that are accepted.
func pump(t *testing.T, p store.Prefixes, prefix string, n int, at time.Time, step time.Duration) (through, began int) {
	t.Helper()
	for i := range n {
		var paused *otp.PausedError
		switch err := p.TakeMessage(ctx, prefix, at.Add(time.Duration(i)*step)); {
		case err == nil:
			through++
		case !errors.As(err, &paused):
			t.Fatal(err)
		case paused.Began:
			began++
		}
	}
	return through, began
}

func TestPumping(t *testing.T) {
	t.Run("of 200 at once exactly 30 get through, and the pause begins once", func(t *testing.T) {
		p := newFixture(t).prefixes()
		var through, began atomic.Int32
		var wait sync.WaitGroup
		for range 200 {
			wait.Go(func() {
				var paused *otp.PausedError
				switch err := p.TakeMessage(ctx, "+4915112", t0); {
				case err == nil:
					through.Add(1)
				case !errors.As(err, &paused):
					t.Error(err)
				case paused.Began:
					began.Add(1)
				}
			})
		}
		wait.Wait()
		if through.Load() != 30 || began.Load() != 1 {
			t.Errorf("%d got through, %d pauses", through.Load(), began.Load())
		}
	})
	t.Run("simulation: 10,000 numbers of one range, one a second, get 45 messages; its neighbours go on", func(t *testing.T) {
		p := newFixture(t).prefixes()
		through, refused := 0, 0
		for i := range 10_000 {
			at := t0.Add(time.Duration(i) * time.Second)
			if p.TakeMessage(ctx, "+4915112", at) == nil {
				through++
			}
			if i%20 != 0 {
				continue
			}
			people := fmt.Sprintf("+49%d", 16000+i/20%7) // of seven other ranges; two of three enter their code
			if p.TakeMessage(ctx, people, at) != nil {
				refused++
			} else if i/20%3 != 0 {
				must(t, p.Verified(ctx, people))
			}
		}
		if through != 45 || refused != 0 { // 30, and 15 after the first hour of pause
			t.Errorf("%d messages to the range, %d of other people rejected", through, refused)
		}
	})
	t.Run("over days a pause grows to a day", func(t *testing.T) {
		p, at := newFixture(t).prefixes(), t0
		for _, want := range []time.Duration{1, 2, 4, 8, 16, 24, 24} {
			_, began := pump(t, p, "+1202", 40, at, 0)
			for prefix, err := range p.List(ctx, at) {
				must(t, err)
				if got := prefix.PausedUntil.Sub(at); began != 1 || prefix.Name != "+1202" || got != want*time.Hour {
					t.Errorf("%d pauses, %+v, of %v", began, prefix, got)
				}
			}
			at = at.Add(want * time.Hour)
		}
	})
	t.Run("a prefix whose numbers are verified is never paused", func(t *testing.T) {
		p := newFixture(t).prefixes()
		for i := range 200 {
			at := t0.Add(time.Duration(i) * time.Hour) // over many days
			must(t, p.TakeMessage(ctx, "+1202", at))
			if i%4 == 0 {
				must(t, p.Verified(ctx, "+1202"))
			}
		}
	})
	t.Run("messages of yesterday count, and earlier ones do not", func(t *testing.T) {
		p := newFixture(t).prefixes()
		evening := t0.Truncate(24 * time.Hour).Add(23 * time.Hour)
		pump(t, p, "+1202", 28, evening, time.Minute)
		if through, _ := pump(t, p, "+1202", 10, evening.Add(23*time.Hour), 0); through != 2 {
			t.Errorf("a day later %d got through", through)
		}
		pump(t, p, "+1303", 30, evening, time.Minute)
		if through, _ := pump(t, p, "+1303", 30, evening.Add(36*time.Hour), 0); through != 30 {
			t.Errorf("two days later %d got through", through)
		}
	})
	t.Run("verifying a prefix that is not known makes no item", func(t *testing.T) {
		p := newFixture(t).prefixes()
		must(t, p.Verified(ctx, "+1202"))
		for prefix, err := range p.List(ctx, t0) {
			t.Errorf("%+v, %v", prefix, err)
		}
	})
	t.Run("a released prefix begins anew", func(t *testing.T) {
		p := newFixture(t).prefixes()
		pump(t, p, "+1202", 40, t0, 0)
		if known, err := p.Release(ctx, "+1202"); !known || err != nil {
			t.Error(known, err)
		}
		if known, err := p.Release(ctx, "+1202"); known || err != nil {
			t.Error(known, err)
		}
		if through, _ := pump(t, p, "+1202", 40, t0, 0); through != 30 {
			t.Errorf("%d got through", through)
		}
	})
	t.Run("with the guard off nothing is paused", func(t *testing.T) {
		p := newFixture(t).prefixes()
		p.Rule.Sends = 0
		if through, _ := pump(t, p, "+1202", 100, t0, 0); through != 100 {
			t.Errorf("%d got through", through)
		}
	})
}

func TestPrefixGivesBack(t *testing.T) {
	p := newFixture(t).prefixes()
	must(t, p.GiveBackSend(ctx, "+1202", t0)) // nothing was counted
	for range 100 {
		must(t, p.TakeMessage(ctx, "+1202", t0))
		must(t, p.GiveBackSend(ctx, "+1202", t0))
	}
	if through, _ := pump(t, p, "+1202", 40, t0, 0); through != 30 {
		t.Errorf("%d got through", through)
	}
	must(t, p.GiveBackSend(ctx, "+1202", t0)) // paused: its counts began at zero again
	if through, _ := pump(t, p, "+1202", 40, t0.Add(time.Hour), 0); through != 15 {
		t.Errorf("after the pause %d got through", through)
	}
}
