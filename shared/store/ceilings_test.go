package store_test

import (
	"testing"
	"time"

	"streamotp/shared/otp"
	"streamotp/shared/store"
)

func (f fixture) ceilings(messages, sms int) *store.Ceilings {
	return &store.Ceilings{DB: f.limits.DB, Table: f.limits.Table, Messages: messages, SMS: sms}
}

func TestCeilings(t *testing.T) {
	t.Run("20 instances that take 200 at once send exactly what the ceiling says", func(t *testing.T) {
		f := newFixture(t)
		instances := make([]*store.Ceilings, 20)
		for i := range instances {
			instances[i] = f.ceilings(100, 0)
		}
		sent := atOnce[*otp.TooManyRequestsError](t, 200, func(i int) error { return instances[i/10].Take(ctx, otp.Email, t0) })
		if sent != 100 {
			t.Errorf("%d were sent", sent)
		}
	})
	t.Run("the SMS ceiling stops SMS and nothing else, until midnight UTC", func(t *testing.T) {
		c := newFixture(t).ceilings(10, 2)
		for range 2 {
			must(t, c.Take(ctx, otp.SMS, t0))
		}
		midnight := t0.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
		if got := limitedFor(t, c.Take(ctx, otp.SMS, t0)); got != midnight.Sub(t0) {
			t.Errorf("wait %v", got)
		}
		must(t, c.Take(ctx, otp.Email, t0))
		must(t, c.Take(ctx, otp.SMS, midnight))
	})
	t.Run("the ceiling of all messages stops SMS too", func(t *testing.T) {
		c := newFixture(t).ceilings(1, 2)
		must(t, c.Take(ctx, otp.Email, t0))
		limitedFor(t, c.Take(ctx, otp.SMS, t0))
	})
	t.Run("one instance after the other, each may send what is left, and one message on credit", func(t *testing.T) {
		f := newFixture(t)
		sent := 0
		for _, most := range []int{1, 2, 3, 10, 500, 9_000} {
			instance := f.ceilings(5_003, 0)
			for i := 0; i < most && instance.Take(ctx, otp.Email, t0) == nil; i++ {
				sent++
			}
		}
		if sent < 5_003-10 || sent > 5_004 { // 5 of the first instances' leases were left over at most, one message is owed
			t.Errorf("%d were sent", sent)
		}
	})
	t.Run("once the day's count is at the ceiling no new instance sends", func(t *testing.T) {
		f := newFixture(t)
		for first := f.ceilings(2_000, 0); first.Take(ctx, otp.Email, t0) == nil; {
		}
		limitedFor(t, f.ceilings(2_000, 0).Take(ctx, otp.Email, t0))
	})
	t.Run("what is lost with an instance is no more than it used", func(t *testing.T) {
		f := newFixture(t)
		sent := 0
		for over := false; !over; {
			instance := f.ceilings(2_000, 0)
			for range 3 {
				if over = instance.Take(ctx, otp.Email, t0) != nil; over {
					break
				}
				sent++
			}
		}
		if sent < 1_000 {
			t.Errorf("%d were sent of 2,000", sent)
		}
	})
	t.Run("no ceiling writes nothing", func(t *testing.T) {
		f := newFixture(t)
		f.limits.Table = "there is no such table"
		must(t, f.ceilings(0, 0).Take(ctx, otp.SMS, t0))
	})
	t.Run("where the table cannot be reached nothing is sent", func(t *testing.T) {
		f := newFixture(t)
		f.limits.Table = "gone"
		if f.ceilings(10, 0).Take(ctx, otp.Email, t0) == nil {
			t.Error("a message was let through")
		}
	})
}
