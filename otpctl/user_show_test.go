package main

import (
	"encoding/json"
	"testing"
	"time"

	"streamotp/shared/otp"
)

func TestShow(t *testing.T) {
	s := newStack(t)
	s.add(t, adasEmail, "--name", "Ada", "--phone", mobile)
	r := s.run("", "user", "show", " ADA@example.com")
	r.want(t, exitOK, "ACCOUNT   "+adasEmail, "name      Ada", "+49*********78", "password  set", "login         0            -")
	s.silent(t, r, mobile, "argon2id")

	s.guess(t, otp.Login, adasEmail, 6)
	r = s.run("", "user", "show", adasEmail, "--json")
	r.want(t, exitOK)
	var shown struct {
		Name              string
		HasPassword       bool
		PasswordChangedAt *time.Time
		Attempts          []struct {
			Purpose     otp.Purpose
			WrongCodes  int
			LockedUntil *time.Time
		}
	}
	if err := json.Unmarshal([]byte(r.data(t)), &shown); err != nil {
		t.Fatal(err)
	}
	for _, a := range shown.Attempts {
		if locked := a.Purpose == otp.Login; (a.WrongCodes == 5) != locked || (a.LockedUntil != nil) != locked {
			t.Errorf("%s: %+v", a.Purpose, a)
		}
	}
	if !shown.HasPassword || shown.PasswordChangedAt == nil || shown.Name != "Ada" {
		t.Errorf("shows %+v", shown)
	}

	s.run("", "user", "add", "grace@example.com", "--no-password").want(t, exitOK)
	s.run("", "user", "show", "grace@example.com").want(t, exitOK, "password  none", "phone     -")
	s.run("", "user", "show", "nobody@example.com").want(t, exitFailed, "no such account")
	s.run("", "user", "show", "nobody").want(t, exitUsage, "must be one e-mail address")
}
