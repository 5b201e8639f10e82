package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestStats: otpctl counts the functions' metrics by channel and purpose, for this stack alone.
func TestStats(t *testing.T) {
	s := Start(t, unlimited...)
	id, code := session(t, s, fields{"email": "eve@example.com"}, "eve@example.com")
	expect(t, s, "/api/verify", try(id, wrong(code)), 401, "wrong_code")
	expect(t, s, "/api/verify", try(id, code), 200, "")
	session(t, s, fields{"email": "never@example.com"}, "never@example.com")
	session(t, s, login("grace@example.com", demoPassword), "+4915112345678")

	type row struct {
		Name           string
		Sent, Verified float64
		Conversion     *float64
	}
	var document struct {
		Data struct {
			ByChannel, ByPurpose []row
			SmsSpendUsd          *float64
		}
	}
	counts := &document.Data
	shown := func(r row) string {
		if r.Conversion == nil {
			return fmt.Sprint(r.Name, " ", r.Sent, " ", r.Verified, " -")
		}
		return fmt.Sprint(r.Name, " ", r.Sent, " ", r.Verified, " ", *r.Conversion)
	}
	var got []string
	until(t, Patience, "the metrics of all messages", func() bool { // up to the last whole second
		if err := json.Unmarshal([]byte(otpctl(t, s, "", "stats", "--json")), &document); err != nil {
			t.Fatal(err)
		}
		got = nil
		for _, r := range append(counts.ByChannel, counts.ByPurpose...) {
			got = append(got, shown(r))
		}
		return counts.ByChannel[0].Sent == 2 && counts.ByChannel[1].Sent == 1
	})
	want := []string{"email 2 1 0.5", "sms 1 0 0", "verify 2 1 0.5", "login 1 0 0", "reset 0 0 -", "passwordless 0 0 -"}
	if fmt.Sprint(got) != fmt.Sprint(want) || counts.SmsSpendUsd != nil {
		t.Errorf("counted %v, spend %v", got, counts.SmsSpendUsd)
	}
}

// TestDoctor: on the development stack, doctor finds no problem in what the stack imitates, and reports that the rest is
// not imitated.
func TestDoctor(t *testing.T) {
	s := Start(t)
	said := otpctl(t, s, "", "doctor")
	for _, want := range []string{"ok         ses.sandbox", "ok         ses.sender: login@example.com", "warning    ses.dkim", "ok         sms.sandbox",
		"unchecked  sms.spend: could not be checked", "note       alarms", "problem 0,"} {
		if !strings.Contains(said, want) {
			t.Errorf("does not say %q:\n%s", want, said)
		}
	}
	s.Fault(fields{"service": "ses", "action": "GetAccount", "error": "AccessDeniedException"})
	if said := otpctl(t, s, "", "doctor"); !strings.Contains(said, "unchecked  ses.account: could not be checked: these AWS credentials may not call SESv2 GetAccount") {
		t.Errorf("of a refusal it says:\n%s", said)
	}
}
