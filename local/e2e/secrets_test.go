package e2e

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// TestNothingLeaks runs the flows, failures among them. When its stack ends, everything that was stored or written is
// searched for their secrets, as at the end of every other test.
func TestNothingLeaks(t *testing.T) {
	s := Start(t)
	runEverything(t, s)
	if leaked := s.LeakedSecrets(); len(leaked) > 0 {
		t.Error(leaked)
	}
	for place, path := range kept {
		if text := s.call("GET", path, nil); len(text) < 100 {
			t.Errorf("%s is empty: nothing was searched", place)
		}
	}
	for _, want := range []string{"ada@example.com", "eve@example.com", "nobody@example.com", "+4915123456789", "4915123456789", demoPassword,
		"violet meadow 7 kites", "not the password", "password1"} {
		if s.secrets.known[want] == "" {
			t.Errorf("%s is not searched for", want)
		}
	}
	codes := 0
	for _, kind := range s.secrets.known {
		if kind == "code" {
			codes++
		}
	}
	if codes < 5 {
		t.Errorf("%d codes are searched for", codes)
	}
}

// runEverything takes every path that a secret can take.
func runEverything(t *testing.T, s *Stack) {
	const fresh = "violet meadow 7 kites"
	id, code := session(t, s, fields{"email": "eve@example.com"}, "eve@example.com")
	s.Post("/api/verify", try(id, wrong(code)))
	s.Post("/api/verify", try(id, code))
	session(t, s, fields{"phone": "+4915123456789"}, "+4915123456789")
	session(t, s, login("grace@example.com", demoPassword), "+4915112345678")
	s.Post("/api/generate", login("ada@example.com", "not the password"))
	s.Post("/api/generate", fields{"email": "nobody@example.com", "purpose": "reset"})
	id, code = session(t, s, fields{"email": "ada@example.com", "purpose": "reset"}, "ada@example.com")
	s.Post("/api/reset", fields{"sessionId": id, "code": code, "password": "password1"})
	s.Post("/api/reset", fields{"sessionId": id, "code": code, "password": fresh})
	for _, fault := range []fields{
		{"service": "ses", "action": "SendEmail", "error": "MessageRejected", "count": 1,
			"message": "Email address is not verified. The following identities failed the check: eve@example.com"},
		{"service": "ses", "action": "SendEmail", "error": "SendingPausedException", "message": "eve@example.com"},
	} {
		s.Fault(fault)
		expireSoon(s, begun(t, s, fields{"email": "eve@example.com"}))
	}
	until(t, Patience, "a dead letter", func() bool { return len(s.DeadLetters()) > 0 })
	s.ClearFaults()
	s.Fault(fields{"service": "dynamodb", "action": "PutItem", "error": "ValidationException", "message": "eve@example.com"})
	s.Post("/api/generate", fields{"email": "eve@example.com"})
	s.ClearFaults()
}

// TestLeakedSecretsFindsWhatIsPlanted: the search finds every planted secret: in a table, in every encoding, and in the
// log.
func TestLeakedSecretsFindsWhatIsPlanted(t *testing.T) {
	t.Run("in a table", func(t *testing.T) {
		s := Start(t)
		_, code := session(t, s, fields{"email": "o'hara&co@example.com"}, "o'hara&co@example.com")
		plant := func(text string) {
			s.PutItem("LimitsTable", Item{"key": {"S": "planted"}, "expiredAt": {"N": "1"}, "text": {"S": text}})
		}
		for _, secret := range []string{code, "o'hara&co@example.com"} {
			bare := base64.RawStdEncoding.EncodeToString
			for coding, text := range map[string]string{
				"plain":                       secret,
				"plain, in a sentence":        "to " + secret + ", now",
				"hex":                         hex.EncodeToString([]byte(secret)),
				"hex, capitals":               fmt.Sprintf("%X", secret),
				"url":                         url.QueryEscape(secret),
				"base64":                      bare([]byte(secret)),
				"base64, a byte in":           bare([]byte("x" + secret + "yz")),
				"base64, two bytes in":        bare([]byte("xy" + secret + "z")),
				"base64url, in something":     base64.RawURLEncoding.EncodeToString([]byte("\xff\xfe" + secret + "\xff")),
				"JSON in JSON, in a sentence": fmt.Sprintf("%q", " "+secret+" "),
			} {
				plant(text)
				if leaked := strings.Join(s.LeakedSecrets(), "\n"); !strings.Contains(leaked, "the limits table reveals") || !strings.Contains(leaked, secret) {
					t.Errorf("%s of %s: found %q", coding, secret, leaked)
				}
			}
		}
		for _, harmless := range []string{"17" + code + "0123", "0." + code, "a" + code + "b"} {
			plant(harmless)
			if leaked := s.LeakedSecrets(); len(leaked) > 0 {
				t.Errorf("%s counts as the code: %v", harmless, leaked)
			}
		}
	})
	t.Run("in the log", func(t *testing.T) {
		s := StartChanged(t, []Edit{{"shared/judge/judge.go", "	reserved := j.Now()",
			"	slog.Info(\"trying\", \"code\", code, \"to\", c.Contents.Email)\n	reserved := j.Now()"}})
		id, code := session(t, s, fields{"email": "eve@example.com"}, "eve@example.com")
		s.Post("/api/verify", try(id, code))
		var leaked string
		until(t, Patience, "the log reveals a secret", func() bool { leaked = strings.Join(s.LeakedSecrets(), "\n"); return leaked != "" })
		if !strings.Contains(leaked, "the log reveals code "+code) || !strings.Contains(leaked, "eve@example.com in plain") {
			t.Error(leaked)
		}
		s.AllowLeaks()
	})
}
