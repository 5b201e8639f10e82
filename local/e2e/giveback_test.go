package e2e

import (
	"testing"
	"time"
)

// held returns how many slots of mailboxes and numbers are taken. The limit of the client IP address has other slots.
func held(s *Stack) (n int) {
	for _, item := range s.Items("LimitsTable") {
		for name, value := range item {
			if len(name) == 2 && name[0] == 'm' && value["N"] != "0" && item["m2"] == nil {
				n++
			}
		}
	}
	return n
}

// TestGiveBack: what a message took from the limits is given back if the message was not written, and never otherwise.
func TestGiveBack(t *testing.T) {
	down := func(s *Stack) {
		s.Fault(fields{"service": "dynamodb", "action": "PutItem", "table": "CodesTable", "error": "InternalServerError"})
	}
	t.Run("R2: codes that could not be written use nothing up", func(t *testing.T) {
		s := Start(t, "-parameter", "SendsPerIpPerHour=5", "-parameter", "SmsPerDay=5", "-parameter", "SmsPrefixSends=5")
		for _, ask := range []fields{{"email": "eve@example.com"}, {"phone": "+4915123456789"}, login("grace@example.com", demoPassword)} {
			down(s)
			for range 5 {
				expect(t, s, "/api/generate", ask, 503, "unavailable")
			}
			s.ClearFaults()
		}
		for range 5 {
			expect(t, s, "/api/generate", fields{"phone": "+4915123456789"}, 200, "")
		}
		until(t, Patience, "five messages", func() bool { return count(s, "+4915123456789") == 5 })
		expect(t, s, "/api/generate", fields{"phone": "+4915123456789"}, 429, "too_many_requests")
		if n := len(s.Messages()); n != 5 {
			t.Errorf("%d messages", n)
		}
	})
	t.Run("R3: a resend that could not be written leaves its turn, and the next one sends", func(t *testing.T) {
		s := Start(t)
		id, _ := session(t, s, fields{"email": "eve@example.com"}, "eve@example.com")
		age(t, s, id, time.Minute)
		down(s)
		expect(t, s, "/api/resend", fields{"sessionId": id}, 503, "unavailable")
		s.ClearFaults()
		for sent := 2; sent <= 3; sent++ {
			expect(t, s, "/api/resend", fields{"sessionId": id}, 200, "")
			until(t, Patience, "the resend", func() bool { return count(s, "eve@example.com") == sent })
			age(t, s, id, time.Minute)
		}
		expect(t, s, "/api/resend", fields{"sessionId": id}, 429, "too_many_requests")
		for _, want := range []int{200, 200, 429} { // 5, less the code and two resends
			if status, _, _ := s.Post("/api/generate", fields{"email": "eve@example.com"}); status != want {
				t.Errorf("%d, want %d", status, want)
			}
		}
	})
	t.Run("a code that its provider refuses for good gives mailbox and number their slot back, a reset's does not", func(t *testing.T) {
		s := Start(t, "-parameter", "SendsPerHour=2", "-parameter", "SmsPrefixSends=0")
		s.Fault(fields{"service": "sns", "action": "Publish", "error": "OptedOutException"})
		s.Fault(fields{"service": "ses", "action": "SendEmail", "error": "MessageRejected", "message": "Address blacklisted"})
		bounced := func(id string) func() bool {
			return func() bool {
				return expect(t, s, "/api/status", fields{"sessionId": id}, 200, "")["state"] == "bounced"
			}
		}
		for _, ask := range []fields{{"phone": "+4915123456789"}, login("grace@example.com", demoPassword), {"email": "eve@example.com"}} {
			for range 4 {
				id := expect(t, s, "/api/generate", ask, 200, "")["sessionId"].(string)
				until(t, Patience, "the refusal", bounced(id))
				until(t, Patience, "the slot is given back", func() bool { return held(s) == 0 })
			}
		}
		for _, email := range []string{"ada@example.com", "none@example.com"} {
			for _, want := range []int{200, 200, 429} {
				if status, _, _ := s.Post("/api/generate", fields{"email": email, "purpose": "reset"}); status != want {
					t.Errorf("reset of %s: %d, want %d", email, status, want)
				}
			}
		}
		if n := len(s.Messages()) + len(s.DeadLetters()); n != 0 {
			t.Errorf("%d messages and dead letters", n)
		}
	})
	t.Run("R4: a write whose response was lost leaves the mark that the message was sent", func(t *testing.T) {
		s := Start(t)
		s.Fault(fields{"service": "dynamodb", "action": "PutItem", "table": "CodesTable", "dropResponse": true, "count": 1})
		id, code := session(t, s, fields{"email": "eve@example.com"}, "eve@example.com")
		until(t, Patience, "delivered", func() bool {
			return expect(t, s, "/api/status", fields{"sessionId": id}, 200, "")["state"] == "delivered"
		})
		for _, item := range s.Items("CodesTable") {
			if item["sessionId"]["S"] == id && item["sentAt"] == nil {
				t.Errorf("the mark is gone: %v", item)
			}
		}
		expect(t, s, "/api/verify", try(id, code), 200, "")
		expect(t, s, "/api/verify", try(id, code), 410, "code_used")
		if n := count(s, "eve@example.com"); n != 1 {
			t.Errorf("%d messages", n)
		}
	})
}
