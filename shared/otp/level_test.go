package otp_test

import (
	"slices"
	"testing"

	"streamotp/shared/otp"
)

func TestMeets(t *testing.T) {
	const one, two = "urn:streamotp:1", "urn:streamotp:2"
	for _, c := range []struct {
		asked []string
		level string
		want  bool
	}{
		{nil, one, true}, {[]string{one}, two, true}, {[]string{two}, one, false}, {[]string{two}, two, true}, {[]string{two, one}, one, true},
		{[]string{"urn:other"}, one, true}, {nil, "urn:other", false}, {nil, "", false},
	} {
		if got := otp.Meets(c.level, otp.WantedLevel(c.asked)); got != c.want {
			t.Errorf("%q for %q: %v", c.level, c.asked, got)
		}
	}
}

// TestLogsInBy: a client's people log in only in the ways that it allows, and that are as strong as the application asks.
func TestLogsInBy(t *testing.T) {
	password, code, both := []otp.Purpose{otp.Login}, []otp.Purpose{otp.Passwordless}, []otp.Purpose{otp.Login, otp.Passwordless}
	for _, c := range []struct {
		logins []otp.Purpose
		wanted string
		want   []otp.Purpose
	}{
		{nil, "", password}, {password, "", password}, {code, "", code}, {both, "", both}, {both, "urn:streamotp:1", both},
		{both, "urn:streamotp:2", password}, {code, "urn:streamotp:2", nil}, {[]otp.Purpose{otp.Verify, otp.Reset}, "", nil},
	} {
		if got := (otp.Client{Logins: c.logins}).LogsInBy(c.wanted); !slices.Equal(got, c.want) {
			t.Errorf("%v for %q: %v", c.logins, c.wanted, got)
		}
	}
}
