package store_test

import (
	"slices"
	"testing"

	"streamotp/shared/store"
)

func TestSignUps(t *testing.T) {
	f := newFixture(t)
	s := store.SignUps{DB: f.DB, Table: f.Limits}
	for _, domain := range []string{"mailinator.com", "mailinator.com", "temp.example"} {
		must(t, s.Block(ctx, domain))
	}
	for email, want := range map[string]bool{
		"ada@mailinator.com": true, "ada@a.b.mailinator.com": true, "ada@temp.example": true,
		"ada@notmailinator.com": false, "ada@mailinator.com.example": false, "ada@example": false, "mailinator.com@example.com": false, "ada@com": false,
	} {
		if got, err := s.Blocks(ctx, email); err != nil || got != want {
			t.Errorf("%s: %v, %v", email, got, err)
		}
	}
	var listed []string
	for domain, err := range s.Blocked(ctx) {
		must(t, err)
		listed = append(listed, domain)
	}
	if slices.Sort(listed); !slices.Equal(listed, []string{"mailinator.com", "temp.example"}) {
		t.Errorf("listed %v", listed)
	}
	for _, want := range []bool{true, false} {
		if was, err := s.Unblock(ctx, "temp.example"); err != nil || was != want {
			t.Errorf("%v, %v", was, err)
		}
	}
	if got, err := s.Blocks(ctx, "ada@temp.example"); err != nil || got {
		t.Errorf("%v, %v", got, err)
	}
}
