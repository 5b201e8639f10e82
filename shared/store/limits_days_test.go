package store_test

import (
	"fmt"
	"testing"
	"time"

	"streamotp/shared/otp"
	"streamotp/shared/store"
)

func (f fixture) days(sms int) store.Days {
	return store.Days{DB: f.limits.DB, Table: f.limits.Table, SMS: sms}
}

func TestDays(t *testing.T) {
	t.Run("of 200 at once at a limit of 50 exactly 50 are taken, until midnight UTC", func(t *testing.T) {
		d := newFixture(t).days(50)
		taken := atOnce[*otp.TooManyRequestsError](t, 200, func(i int) error { return d.TakeSMS(ctx, fmt.Sprint(i), t0) })
		if taken != 50 {
			t.Errorf("%d were taken", taken)
		}
		midnight := t0.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
		if got := limitedFor(t, d.TakeSMS(ctx, "late", t0)); got != midnight.Sub(t0) {
			t.Errorf("wait %v", got)
		}
		must(t, d.TakeSMS(ctx, "tomorrow", midnight))
	})
	t.Run("a write that comes twice takes one", func(t *testing.T) {
		d := newFixture(t).days(1)
		for range 3 {
			must(t, d.TakeSMS(ctx, "same", t0))
		}
	})
	t.Run("a message that is given back can be taken again, and no more than that", func(t *testing.T) {
		d := newFixture(t).days(1)
		must(t, d.GiveBackSMS(ctx, t0)) // nothing was taken
		must(t, d.TakeSMS(ctx, "1", t0))
		limitedFor(t, d.TakeSMS(ctx, "2", t0))
		must(t, d.GiveBackSMS(ctx, t0))
		must(t, d.GiveBackSMS(ctx, t0))
		must(t, d.TakeSMS(ctx, "3", t0))
		limitedFor(t, d.TakeSMS(ctx, "4", t0))
	})
	t.Run("no limit writes nothing", func(t *testing.T) {
		f := newFixture(t)
		f.limits.Table = "there is no such table"
		must(t, f.days(0).TakeSMS(ctx, "1", t0))
		must(t, f.days(0).GiveBackSMS(ctx, t0))
	})
	t.Run("where the table cannot be reached nothing is sent", func(t *testing.T) {
		f := newFixture(t)
		f.limits.Table = "gone"
		if f.days(10).TakeSMS(ctx, "1", t0) == nil {
			t.Error("a message was admitted")
		}
	})
}
