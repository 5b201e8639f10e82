package main

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"streamotp/shared/otp"
	"streamotp/shared/store"
)

// message counts n messages for a prefix, of which either all are verified or none.
func (s *stack) message(t *testing.T, prefix string, n int, verified bool) {
	t.Helper()
	guard := store.Prefixes{DB: s.DB, Table: s.Limits, Rule: otp.PumpingLimit{Sends: 5, Percent: 20}}
	for range n {
		var paused *otp.PausedError
		if err := guard.TakeMessage(ctx, prefix, time.Now()); err != nil && !errors.As(err, &paused) {
			t.Fatal(err)
		}
		if verified {
			if err := guard.Verified(ctx, prefix); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestPrefixes(t *testing.T) {
	s := newStack(t)
	s.run("", "prefixes", "list").want(t, exitOK, "No SMS went to a new number in the last day.")
	s.run("", "prefixes", "list", "--paused").want(t, exitOK, "No prefix is paused.")
	s.message(t, "+4930", 3, true)
	s.message(t, "+4915112", 6, false)
	s.message(t, "+12015", 4, false)
	s.guess(t, otp.Verify, adasEmail, 6) // another item of the same table
	want := regexp.MustCompile(`PREFIX .*\n\+4915112 +0 +0 +- +1 +20\S+Z\n\+12015 +4 +0 +0 % +0 +-\n\+4930 +3 +3 +100 % +0 +-\n$`)
	if r := s.run("", "prefixes", "list"); !want.MatchString(r.stdout) {
		t.Errorf("listed\n%s%s", r.stdout, r.stderr)
	}
	if r := s.run("", "prefixes", "list", "--paused"); strings.Count(r.stdout, "\n") != 2 || !strings.Contains(r.stdout, "+4915112") {
		t.Errorf("listed\n%s", r.stdout)
	}
	before := s.limitItems(t)
	s.run("", "prefixes", "release", "+49 (151) 12").want(t, exitOK, "Released +4915112")
	if after := s.limitItems(t); len(after) != len(before)-1 || after["prefix#+4915112"] != nil {
		t.Errorf("left %v", after)
	}
	if r := s.run("", "prefixes", "list", "--paused"); strings.Contains(r.stdout, "+") {
		t.Errorf("listed\n%s", r.stdout)
	}
	s.run("", "prefixes", "release", "+4915112").want(t, exitFailed, "nothing is known of the prefix +4915112", "prefixes list")
	for _, bad := range []string{"4915112", "+", "+49x", "", "prefix#+4930", "+49151123456789012"} {
		s.run("", "prefixes", "release", bad).want(t, exitUsage, "must be a + and digits")
	}
	if after := s.limitItems(t); len(after) != len(before)-1 {
		t.Errorf("left %v", after)
	}
	s.deny("Scan")
	s.run("", "prefixes", "list").want(t, exitFailed, "may not call DynamoDB Scan")
}
