package admit_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"streamotp/shared/otp"
)

func TestLoginByAnUnknownChannel(t *testing.T) {
	fax := otp.Contents{Purpose: otp.Login, Channel: "fax", Email: "ada@example.com", Phone: mobile}
	t.Run("is an error, gives everything back, and makes the calls of a login to a number that gets nothing", func(t *testing.T) {
		calls := func(to otp.Contents, want any) []string {
			t.Helper()
			f := newFixture(t)
			_, err := f.Admit(context.Background(), f.from(office, to))
			if !errors.As(err, want) || f.counted(t) != 0 {
				t.Errorf("%s: error %v, %d messages stay counted", to.Channel, err, f.counted(t))
			}
			return slices.DeleteFunc(f.calls, func(call string) bool { return call == "parse" })
		}
		unknown := calls(fax, new(*otp.UnknownChannelError))
		unsupported := calls(smsLogin("ada@example.com", "+33612345678"), new(*otp.UnsupportedError))
		if !slices.Equal(unknown, unsupported) {
			t.Errorf("%v, want %v", unknown, unsupported)
		}
	})
	t.Run("A3: gets the response of a wrong password once the account has none left", func(t *testing.T) {
		f := newFixture(t)
		for range 2 {
			if _, err := f.WrongPassword(context.Background(), f.from(office, fax)); err != nil {
				t.Fatal(err)
			}
		}
		_, wrong := f.WrongPassword(context.Background(), f.from(office, fax))
		_, right := f.Admit(context.Background(), f.from("203.0.113.8", fax))
		var first, second *otp.TooManyRequestsError
		if !errors.As(wrong, &first) || !errors.As(right, &second) || *first != *second {
			t.Errorf("wrong: %v, right: %v", wrong, right)
		}
	})
	t.Run("gets the response of a locked account while it is locked", func(t *testing.T) {
		f := newFixture(t)
		f.lock(t, otp.Login, "ada@example.com")
		_, err := f.Admit(context.Background(), f.from(office, fax))
		var locked *otp.LockedError
		if !errors.As(err, &locked) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("is no test destination, whatever its address is", func(t *testing.T) {
		f := newFixture(t)
		f.tests["ada@example.com"], f.tests[mobile] = "482913", "482913"
		d, err := f.Admit(context.Background(), f.from(office, fax))
		var unknown *otp.UnknownChannelError
		if d.TestCode != "" || !errors.As(err, &unknown) {
			t.Errorf("%+v, %v", d, err)
		}
	})
}
