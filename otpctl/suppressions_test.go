package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"streamotp/shared/otp"
	"streamotp/shared/store"
)

// suppress does what the feedback function does when an e-mail to this address bounces or is reported as spam.
func (s *stack) suppress(t *testing.T, email string, reason store.Reason) {
	t.Helper()
	ring := s.ring(t)
	err := store.Suppressions{DB: s.DB, Table: s.Limits}.Add(ctx, ring.Destination(email),
		[]string{ring.Subject(otp.Verify, email), ring.Subject(otp.Login, email)}, reason, time.Now())
	if err != nil {
		t.Fatal(err)
	}
}

func TestSuppressions(t *testing.T) {
	s := newStack(t)
	s.run("", "suppressions", "list").want(t, exitOK, "No address is suppressed.")
	s.run("", "suppressions", "list", adasEmail).want(t, exitOK, "The address is not suppressed.")
	s.suppress(t, adasEmail, store.Bounce)
	s.suppress(t, "grace@example.com", store.Complaint)
	s.message(t, "+4930", 3, true) // another item of the same table
	want := regexp.MustCompile(`^DESTINATION +REASON +SINCE +UNTIL\n\S{43} +complaint +20\S+Z +20\S+Z\n\S{43} +bounce .*\n$`)
	r := s.run("", "suppressions", "list")
	if !want.MatchString(r.stdout) {
		t.Errorf("listed\n%s%s", r.stdout, r.stderr)
	}
	s.silent(t, r, adasEmail, "grace@example.com")
	if r := s.run("", "suppressions", "list", "ADA@example.com"); strings.Count(r.stdout, "\n") != 2 || !strings.Contains(r.stdout, "bounce") {
		t.Errorf("listed\n%s%s", r.stdout, r.stderr)
	}
	if r := s.run("", "suppressions", "list", "nobody@example.com"); strings.Count(r.stdout, "\n") != 1 {
		t.Errorf("listed\n%s%s", r.stdout, r.stderr)
	}
	s.run("", "suppressions", "remove", "Ada@Example.com").want(t, exitOK, "Codes go to ada@example.com again")
	for key, item := range s.limitItems(t) {
		if ring := s.ring(t); key == "suppressed#"+ring.Destination(adasEmail) || key == ring.Subject(otp.Login, adasEmail) && item["suppressedUntil"] != nil {
			t.Errorf("left %s %v", key, item)
		}
	}
	s.run("", "suppressions", "remove", adasEmail).want(t, exitFailed, "ada@example.com is not suppressed")
	s.run("", "suppressions", "remove", "+4915112345678").want(t, exitUsage, "only e-mail addresses")
	s.run("", "suppressions", "remove", "nobody").want(t, exitUsage, "must be an e-mail address")
	if r := s.run("", "suppressions", "list"); strings.Count(r.stdout, "\n") != 2 {
		t.Errorf("left\n%s", r.stdout)
	}
	s.deny("Scan")
	s.run("", "suppressions", "list").want(t, exitFailed, "may not call DynamoDB Scan")
}
