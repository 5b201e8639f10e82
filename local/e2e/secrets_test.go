package e2e

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// TestNothingTells runs the flows, failures among them, and searches everything that is kept or written for what was
// secret in them: no table but Users, no log line and no dead letter holds a code, an address, a number or a password.
func TestNothingTells(t *testing.T) {
	s := Start(t)
	const fresh = "violet meadow 7 kites"
	secrets := []string{"ada@example.com", "grace@example.com", "eve@example.com", "+4915112345678", "15112345678", "+4915123456789",
		"nobody@example.com", demoPassword, fresh, "not the password", "password1"}
	remember := func(id, code string) (string, string) { secrets = append(secrets, code); return id, code }

	id, code := remember(session(t, s, fields{"email": "eve@example.com"}, "eve@example.com"))
	s.Post("/api/verify", try(id, wrong(code)))
	secrets = append(secrets, wrong(code))
	s.Post("/api/verify", try(id, code))
	remember(session(t, s, fields{"phone": "+4915123456789"}, "+4915123456789"))
	remember(session(t, s, login("grace@example.com", demoPassword), "+4915112345678"))
	s.Post("/api/generate", login("ada@example.com", "not the password"))
	s.Post("/api/generate", fields{"email": "nobody@example.com", "purpose": "reset"})
	id, code = remember(session(t, s, fields{"email": "ada@example.com", "purpose": "reset"}, "ada@example.com"))
	s.Post("/api/reset", fields{"sessionId": id, "code": code, "password": "password1"})
	s.Post("/api/reset", fields{"sessionId": id, "code": code, "password": fresh})
	for _, fault := range []fields{
		{"service": "ses", "action": "SendEmail", "error": "MessageRejected", "count": 1,
			"message": "Email address is not verified. The following identities failed the check: eve@example.com"},
		{"service": "ses", "action": "SendEmail", "error": "SendingPausedException", "message": "eve@example.com"},
	} {
		s.Fault(fault)
		s.Post("/api/generate", fields{"email": "eve@example.com"})
	}
	until(t, Patience, "a dead letter", func() bool { return len(s.DeadLetters()) > 0 })
	s.ClearFaults()
	s.Fault(fields{"service": "dynamodb", "action": "PutItem", "error": "ValidationException", "message": "eve@example.com"})
	s.Post("/api/generate", fields{"email": "eve@example.com"})
	s.ClearFaults()

	kept := map[string]any{"codes table": s.Items("CodesTable"), "limits table": s.Items("LimitsTable"),
		"dead letters": s.DeadLetters(), "log": s.Logs(), "calls": s.Calls()}
	for place, what := range kept {
		text, err := json.Marshal(what)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) < 100 {
			t.Errorf("%s is empty: nothing was searched", place)
		}
		for _, secret := range secrets {
			for coding, form := range map[string]string{
				"plain": secret, "base64": strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(secret)), "="),
				"hex": hex.EncodeToString([]byte(secret)), "url": url.QueryEscape(secret),
			} {
				if found := strings.Index(string(text), form); found >= 0 && !partOfNumber(string(text), found, form) {
					t.Errorf("%s tells %s in %s: …%s…", place, secret, coding, around(string(text), found))
				}
			}
		}
	}
}

// partOfNumber says whether six digits that look like a code lie within more digits or letters: a time, a digest.
func partOfNumber(text string, at int, form string) bool {
	isWord := func(i int) bool {
		return i >= 0 && i < len(text) && strings.ContainsRune("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/_-.", rune(text[i]))
	}
	return len(form) == 6 && (isWord(at-1) || isWord(at+len(form)))
}

func around(text string, at int) string {
	return fmt.Sprintf("%q", text[max(0, at-60):min(len(text), at+60)])
}
