package main

import (
	"strings"
	"testing"
)

func TestSignUpBlocks(t *testing.T) {
	s := newStack(t)
	list := func(want string) {
		t.Helper()
		if r := s.run("", "signup", "block", "list"); r.code != exitOK || r.stdout != want {
			t.Errorf("listed\n%s%s", r.stdout, r.stderr)
		}
	}
	s.run("", "signup", "block", "list").want(t, exitOK, "No domain is blocked.")
	s.run("", "signup", "block", "add", " @Mailinator.COM").want(t, exitOK, "Blocked mailinator.com.")
	s.run("# from a list\n\nTemp.example\r\nbücher.example\nmailinator.com\n", "signup", "block", "add", "-").want(t, exitOK, "Blocked 3 domains.")
	list("DOMAIN\nmailinator.com\ntemp.example\nxn--bcher-kva.example\n")
	s.run("", "signup", "block", "list", "--json").want(t, exitOK, `"domain": "mailinator.com"`)
	s.run("", "signup", "block", "remove", "MAILINATOR.com").want(t, exitOK, "Ended the block of mailinator.com.")
	s.run("", "signup", "block", "remove", "mailinator.com").want(t, exitFailed, "mailinator.com is not blocked", "signup block list")
	for _, bad := range []string{"com", "", "a@b@c.example", "http://temp.example/", "temp_.example.", "two words.example"} {
		s.run("", "signup", "block", "add", bad).want(t, exitUsage, "must be a domain, as mailinator.com")
	}
	if r := s.run("good.example\nhttp://bad.example\n", "signup", "block", "add", "-"); r.code == exitOK || !strings.Contains(r.stderr, "line 2") {
		t.Errorf("%d %s", r.code, r.stderr)
	}
	s.run("# nothing\n", "signup", "block", "add", "-").want(t, exitUsage, "stdin names no domain")
	list("DOMAIN\ntemp.example\nxn--bcher-kva.example\n") // nothing of a bad list was written
}
