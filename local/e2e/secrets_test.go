package e2e

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// TestNothingTells runs the flows, failures among them; its stack's end searches everything that is kept or written for
// what was secret in them, as that of every other test does.
func TestNothingTells(t *testing.T) {
	s := Start(t)
	runEverything(t, s)
	if told := s.Tells(); len(told) > 0 {
		t.Error(told)
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

// runEverything takes every way that a secret goes.
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

// What the search must find, it finds: in a table whatever the coding, and in the log.
func TestTellsFindsWhatIsPlanted(t *testing.T) {
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
				if told := strings.Join(s.Tells(), "\n"); !strings.Contains(told, "the limits table tells") || !strings.Contains(told, secret) {
					t.Errorf("%s of %s: found %q", coding, secret, told)
				}
			}
		}
		for _, harmless := range []string{"17" + code + "0123", "0." + code, "a" + code + "b"} {
			plant(harmless)
			if told := s.Tells(); len(told) > 0 {
				t.Errorf("%s counts as the code: %v", harmless, told)
			}
		}
	})
	t.Run("in the log", func(t *testing.T) {
		s := StartChanged(t, []Edit{{"shared/judge/judge.go", "	reserved := j.Now()",
			"	slog.Info(\"trying\", \"code\", code, \"to\", c.Contents.Email)\n	reserved := j.Now()"}})
		id, code := session(t, s, fields{"email": "eve@example.com"}, "eve@example.com")
		s.Post("/api/verify", try(id, code))
		var told string
		until(t, Patience, "the log tells", func() bool { told = strings.Join(s.Tells(), "\n"); return told != "" })
		if !strings.Contains(told, "the log tells code "+code) || !strings.Contains(told, "eve@example.com in plain") {
			t.Error(told)
		}
		s.ExpectTold()
	})
}
