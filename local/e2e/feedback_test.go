package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// stateOf waits until a session has this state and returns the whole response.
func stateOf(t *testing.T, s *Stack, id, want string) fields {
	t.Helper()
	if err := awaitState(t, s, id, want); err != nil {
		t.Fatal(err)
	}
	return expect(t, s, "/api/status", fields{"sessionId": id}, 200, "")
}

// suppressions are the suppressed destinations, each with its reason.
func suppressions(s *Stack) (all []string) {
	for _, item := range s.Items("LimitsTable") {
		if strings.HasPrefix(fmt.Sprint(item["key"]["S"]), "suppressed#") {
			all = append(all, fmt.Sprint(item["reason"]["S"]))
		}
	}
	return all
}

func begun(t *testing.T, s *Stack, body fields) string {
	t.Helper()
	return expect(t, s, "/api/generate", body, 200, "")["sessionId"].(string)
}

func TestFeedback(t *testing.T) {
	s := Start(t)
	t.Run("a session is followed from its request to its end", func(t *testing.T) {
		s := s.In(t)
		asked := time.Now()
		id, code := session(t, s, fields{"email": "eve@example.com"}, "eve@example.com")
		answer := stateOf(t, s, id, "delivered")
		if len(answer) != 6 || answer["channel"] != "email" || answer["destination"] != "e•••@example.com" || answer["attemptsRemaining"] != 5.0 {
			t.Errorf("%v", answer)
		}
		within := func(name string, after time.Duration) {
			at, err := time.Parse(time.RFC3339, fmt.Sprint(answer[name]))
			if off := at.Sub(asked.Add(after)); err != nil || off < -time.Second || off > 3*time.Second {
				t.Errorf("%s is %v, %v off: %v", name, answer[name], off, err)
			}
		}
		within("expiresAt", 300*time.Second)
		within("resendAt", 30*time.Second)
		expect(t, s, "/api/verify", try(id, wrong(code)), 401, "wrong_code")
		if left := stateOf(t, s, id, "delivered")["attemptsRemaining"]; left != 4.0 {
			t.Errorf("%v attempts are left", left)
		}
		expect(t, s, "/api/verify", try(id, code), 200, "")
		if answer := stateOf(t, s, id, "used"); answer["resendAt"] != nil {
			t.Errorf("%v", answer)
		}
	})
	t.Run("an SMS is sent, and its login names the phone by two digits", func(t *testing.T) {
		s := s.In(t)
		id, _ := session(t, s, login("grace@example.com", demoPassword), "+4915112345678")
		if answer := stateOf(t, s, id, "sent"); answer["channel"] != "sms" || answer["destination"] != "•••78" {
			t.Errorf("%v", answer)
		}
	})
	t.Run("status reports a bounce, its mailbox stays empty, and no second mail goes there", func(t *testing.T) {
		s := s.In(t)
		s.ClearCalls()
		for range 2 {
			stateOf(t, s, begun(t, s, fields{"email": "bounce@simulator.amazonses.com"}), "bounced")
		}
		if arrived := count(s, "bounce@simulator.amazonses.com"); arrived != 0 || mailed(s) != 1 {
			t.Errorf("%d messages arrived of %d", arrived, mailed(s))
		}
	})
	t.Run("a complaint comes after the delivery; the next code is not sent", func(t *testing.T) {
		s := s.In(t)
		before := len(suppressions(s))
		s.ClearCalls()
		stateOf(t, s, begun(t, s, fields{"email": "complaint@simulator.amazonses.com"}), "delivered")
		until(t, Patience, "the complaint", func() bool { return len(suppressions(s)) > before })
		stateOf(t, s, begun(t, s, fields{"email": "complaint@simulator.amazonses.com"}), "bounced")
		if n := mailed(s); n != 1 {
			t.Errorf("%d mails went out", n)
		}
	})
	t.Run("an out-of-office reply is no bounce", func(t *testing.T) {
		s := s.In(t)
		before := len(suppressions(s))
		id := begun(t, s, fields{"email": "ooto+1@simulator.amazonses.com"})
		stateOf(t, s, id, "delivered")
		s.ClearCalls()
		session(t, s, fields{"email": "ooto+1@simulator.amazonses.com"}, "ooto+1@simulator.amazonses.com")
		if n := mailed(s); n != 1 || len(suppressions(s)) != before {
			t.Errorf("%d mails went out; suppressed %v", n, suppressions(s))
		}
	})
	t.Run("status reports an SMS that the provider rejects", func(t *testing.T) {
		s := s.In(t)
		s.Fault(fields{"service": "sns", "action": "Publish", "error": "OptedOut", "count": 1})
		stateOf(t, s, begun(t, s, fields{"phone": "+4915123456789"}), "bounced")
	})
	t.Run("feedback that cannot be kept at once is kept the next time", func(t *testing.T) {
		s := s.In(t)
		before := len(suppressions(s))
		s.Fault(fields{"service": "dynamodb", "action": "UpdateItem", "table": "LimitsTable", "function": "FeedbackFunction",
			"error": "ValidationException", "count": 1}) // the SDK does not retry this by itself
		stateOf(t, s, begun(t, s, fields{"email": "bounce+2@simulator.amazonses.com"}), "bounced")
		if len(suppressions(s)) != before+1 {
			t.Errorf("%v", suppressions(s))
		}
	})
	t.Run("status reports a lock", func(t *testing.T) {
		s := s.In(t)
		id, code := session(t, s, fields{"email": "mallory@example.com"}, "mallory@example.com")
		for _, guess := range wrongMany(code, 5) {
			s.Post("/api/verify", try(id, guess))
		}
		if answer := stateOf(t, s, id, "locked"); answer["attemptsRemaining"] != 0.0 {
			t.Errorf("%v", answer)
		}
	})
	t.Run("a reset's bounce reveals no account", func(t *testing.T) {
		s := s.In(t)
		account(t, s, "bounce+account@simulator.amazonses.com")
		before := len(suppressions(s))
		for _, to := range []string{"bounce+account@simulator.amazonses.com", "bounce+nobody@simulator.amazonses.com"} {
			begun(t, nobody(s), fields{"email": to, "purpose": "reset"})
		}
		until(t, Patience, "the bounce", func() bool { return len(suppressions(s)) > before })
		s.ClearCalls()
		for _, to := range []string{"bounce+account@simulator.amazonses.com", "bounce+nobody@simulator.amazonses.com"} {
			caller := nobody(s)
			id := begun(t, caller, fields{"email": to})
			if state := expect(t, caller, "/api/status", fields{"sessionId": id}, 200, "")["state"]; state == "bounced" {
				t.Errorf("to %s: %v at once", to, state)
			}
			stateOf(t, caller, id, "bounced")
		}
		if n := mailed(s); n != 2 {
			t.Errorf("%d mails went out", n)
		}
		begun(t, nobody(s), fields{"email": "bounce+account@simulator.amazonses.com", "purpose": "reset"})
		until(t, Patience, "the second reset is held back", func() bool {
			return strings.Contains(strings.Join(s.Logs(), "\n"), `"outcome":"suppressed"`)
		})
		if n := mailed(s); n != 2 {
			t.Errorf("%d mails went out", n)
		}
	})
	t.Run("a login that a reset ended is not sent again", func(t *testing.T) {
		s := s.In(t)
		id, _ := session(t, s, login("ada@example.com", demoPassword), "ada@example.com")
		age(t, s, id, time.Minute)
		reset, code := session(t, s, fields{"email": "ada@example.com", "purpose": "reset"}, "ada@example.com")
		expect(t, s, "/api/reset", fields{"sessionId": reset, "code": code, "password": "violet meadow 7 kites"}, 200, "")
		if answer := stateOf(t, s, id, "expired"); answer["resendAt"] != nil {
			t.Errorf("%v", answer)
		}
		s.WaitMessage("ada@example.com", func(m Message) bool { return strings.Contains(m.Subject, "was changed") }) // the last message there is
		s.ClearMessages()
		expect(t, s, "/api/resend", fields{"sessionId": id}, 410, "code_expired")
		if mails := s.Messages(); len(mails) > 0 {
			t.Errorf("%d mails went out", len(mails))
		}
	})
	t.Run("an unknown session, a GET and a session in the address are refused", func(t *testing.T) {
		s := s.In(t)
		expect(t, s, "/api/status", fields{"sessionId": "6f2a9d0c-3b1e-4a77-9d3e-0c1b2a3d4e5f"}, 404, "session_not_found")
		for _, path := range []string{"/api/status", "/api/status?sessionId=6f2a9d0c-3b1e-4a77-9d3e-0c1b2a3d4e5f"} {
			if status, _, _ := s.Do("GET", path, nil); status != 404 {
				t.Errorf("GET %s: %d", path, status)
			}
		}
	})
}
