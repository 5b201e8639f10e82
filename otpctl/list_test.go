package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func TestList(t *testing.T) {
	s := newStack(t)
	if r := s.run("", "user", "list"); r.stdout != "There are no accounts.\n" {
		t.Errorf("no accounts are %q", r.stdout)
	}
	if r := s.run("", "user", "list", "--json"); r.data(t) != "[]" {
		t.Errorf("no accounts are %q", r.stdout)
	}
	s.put(t, map[string]types.AttributeValue{"email": text(adasEmail), "passwordHash": text("secret-hash"), "channel": text("sms"),
		"phone": text(mobile), "name": text("Ada\x1b[2J\nLovelace"), "passwordChangedAt": &types.AttributeValueMemberN{Value: "1700000000000"}})
	s.put(t, map[string]types.AttributeValue{"email": text("grace@example.com"), "passwordHash": text("secret-hash"), "channel": text("email")})

	r := s.run("", "user", "list")
	r.want(t, exitOK, "+49*********78", "2023-11-14T22:13:20Z", "never", "grace@example.com")
	s.silent(t, r, mobile, "secret-hash", "\x1b", "\nLovelace")

	r = s.run("", "user", "list", "--json")
	r.want(t, exitOK)
	s.silent(t, r, mobile, "secret-hash", "\x1b")
	for _, u := range decodeList(t, r) {
		if u.Email == adasEmail && (u.Phone != "+49*********78" || u.Channel != "sms" || *u.PasswordChangedAt != "2023-11-14T22:13:20Z") {
			t.Errorf("listed %+v", u)
		}
	}
}

func TestListReadsEveryPage(t *testing.T) {
	s := newStack(t)
	const accounts, kilobytes = 20, 100 // 2 MB are two pages
	for i := range accounts {
		s.put(t, map[string]types.AttributeValue{"email": text(fmt.Sprintf("u%d@example.com", i)),
			"channel": text("email"), "name": text("N"), "later": text(strings.Repeat("x", kilobytes<<10))})
	}
	scans := 0
	s.on(func(call string) string {
		if call == "Scan" {
			scans++
		}
		return ""
	})
	r := s.run("", "user", "list", "--json")
	r.want(t, exitOK)
	if n := len(decodeList(t, r)); n != accounts || scans < 2 {
		t.Errorf("listed %d of %d in %d pages", n, accounts, scans)
	}
	s.on(func(call string) string {
		if call == "Scan" {
			if scans--; scans == 0 {
				return "AccessDeniedException"
			}
		}
		return ""
	})
	r = s.run("", "user", "list", "--json")
	r.want(t, exitFailed, "may not call DynamoDB Scan")
	if strings.Contains(r.stdout, "]") {
		t.Error("half a list passes for a whole one")
	}
}
