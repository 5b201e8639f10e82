package e2e

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The calls of each function, as one request makes them in a process that has just started.
var (
	secretCall = fields{"service": "secretsmanager", "action": "GetSecretValue"}
	siteCall   = fields{"service": "ssm", "action": "GetParameter"} // by the send function for an SMS, and if there is a CAPTCHA

	generateCalls = []fields{secretCall,
		{"service": "dynamodb", "action": "GetItem", "table": "UsersTable"},
		{"service": "dynamodb", "action": "GetItem", "table": "LimitsTable"},
		{"service": "dynamodb", "action": "PutItem", "table": "CodesTable"},
	}
	resendCalls = []fields{
		{"service": "dynamodb", "action": "Query", "table": "CodesTable"},
		{"service": "dynamodb", "action": "GetItem", "table": "LimitsTable"},
		{"service": "dynamodb", "action": "PutItem", "table": "CodesTable"},
	}
	sendCalls = []fields{secretCall,
		{"service": "dynamodb", "action": "Query", "table": "CodesTable"},
		{"service": "dynamodb", "action": "UpdateItem", "table": "CodesTable"},
	}
	verifyCalls = []fields{secretCall,
		{"service": "dynamodb", "action": "Query", "table": "CodesTable"},
		{"service": "dynamodb", "action": "UpdateItem", "table": "LimitsTable"},
		{"service": "dynamodb", "action": "UpdateItem", "table": "CodesTable"},
	}
	resetCalls = []fields{secretCall,
		{"service": "dynamodb", "action": "Query", "table": "CodesTable"},
		{"service": "dynamodb", "action": "UpdateItem", "table": "LimitsTable"},
		{"service": "dynamodb", "action": "TransactWriteItems", "table": "UsersTable"},
	}
)

// calls counts the calls of a service.
func calls(s *Stack, service string) (n int) {
	for _, c := range s.Calls() {
		if c.Service == service {
			n++
		}
	}
	return n
}

// with returns a fault for a call.
func with(call fields, function string, more fields) fields {
	fault := fields{"function": function}
	for _, from := range []fields{call, more} {
		for name, value := range from {
			fault[name] = value
		}
	}
	return fault
}

func name(call fields) string { return fmt.Sprint(call["action"], call["table"]) }

// passing are transient errors, from which the SDK recovers by retrying.
func passing(service any) []fields {
	if service == "secretsmanager" {
		return []fields{{"error": "InternalServiceError", "count": 1}, {"latencyMs": 400, "count": 1}, {"dropResponse": true, "count": 1}}
	}
	return []fields{{"error": "InternalServerError", "count": 1}, {"error": "ThrottlingException", "count": 1},
		{"error": "InvalidSignatureException", "count": 1}, // signed before the instance was frozen, sent after it
		{"latencyMs": 400, "count": 1}, {"dropResponse": true, "count": 1}}
}

// age makes a session older, so that its cooldown is over.
func age(t *testing.T, s *Stack, id string, by time.Duration) {
	t.Helper()
	for _, item := range s.Items("CodesTable") {
		if item["sessionId"]["S"] == id {
			created, err := strconv.ParseInt(item["createdAt"]["N"].(string), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			item["createdAt"]["N"] = fmt.Sprint(created - by.Milliseconds())
			s.PutItem("CodesTable", item)
		}
	}
}

// expireSoon makes a session's rows expire within a second.
func expireSoon(s *Stack, id string) {
	for _, item := range s.Items("CodesTable") {
		if item["sessionId"]["S"] == id {
			item["expiredAt"]["N"] = fmt.Sprint(time.Now().Unix() + 1)
			s.PutItem("CodesTable", item)
		}
	}
}

// fresh kills a function's processes, so that the next request reads the secret again.
func fresh(s *Stack, function string) { s.ClearFaults(); s.Kill(function) }

func TestPassingFaults(t *testing.T) {
	s := Start(t, unlimited...)
	people := 0
	each := func(t *testing.T, function string, calls []fields, do func(t *testing.T, fault func(), to string)) {
		for _, call := range calls {
			for _, more := range passing(call["service"]) {
				t.Run(fmt.Sprint(name(call), more), func(t *testing.T) {
					fresh(s, function)
					people++
					do(t, func() { s.Fault(with(call, function, more)) }, fmt.Sprintf("p%d@example.com", people))
					s.ClearFaults()
				})
			}
		}
	}
	t.Run("generate writes one item and one message goes out", func(t *testing.T) {
		each(t, "GenerateFunction", generateCalls, func(t *testing.T, fault func(), _ string) {
			before, items := count(s, "ada@example.com"), len(s.Items("CodesTable"))
			fault()
			expect(t, s, "/api/generate", login("ada@example.com", demoPassword), 200, "")
			until(t, Patience, "the message", func() bool { return count(s, "ada@example.com") > before })
			if n, m := len(s.Items("CodesTable"))-items, count(s, "ada@example.com")-before; n != 1 || m != 1 {
				t.Errorf("%d items, %d messages", n, m)
			}
		})
	})
	t.Run("a resend is one message, though its answer was lost", func(t *testing.T) {
		each(t, "GenerateFunction", resendCalls, func(t *testing.T, fault func(), to string) {
			id, _ := session(t, s, fields{"email": to}, to)
			age(t, s, id, time.Minute)
			fault()
			expect(t, s, "/api/resend", fields{"sessionId": id}, 200, "")
			until(t, Patience, "the message", func() bool { return count(s, to) == 2 })
		})
	})
	t.Run("send sends once", func(t *testing.T) {
		each(t, "SendFunction", sendCalls, func(t *testing.T, fault func(), to string) {
			fault()
			id, code := session(t, s, fields{"email": to}, to)
			expect(t, s, "/api/verify", try(id, code), 200, "")
			if n := count(s, to); n != 1 {
				t.Errorf("%d messages", n)
			}
		})
	})
	t.Run("verify takes one try for a wrong code and answers success for the right one", func(t *testing.T) {
		each(t, "VerifyFunction", verifyCalls, func(t *testing.T, fault func(), to string) {
			id, code := session(t, s, fields{"email": to}, to)
			fault()
			if left := expect(t, s, "/api/verify", try(id, wrong(code)), 401, "wrong_code")["attemptsRemaining"]; left != 4.0 {
				t.Errorf("%v attempts remain after one", left)
			}
			fresh(s, "VerifyFunction")
			fault()
			expect(t, s, "/api/verify", try(id, code), 200, "")
		})
	})
	t.Run("reset sets the password once and notifies the owner once", func(t *testing.T) {
		before := count(s, "ada@example.com")
		n := 0
		each(t, "ResetFunction", append(resetCalls, fields{"service": "dynamodb", "action": "TransactWriteItems", "error": "TransactionCanceledException"}),
			func(t *testing.T, fault func(), _ string) {
				id, code := session(t, s, fields{"email": "ada@example.com", "purpose": "reset"}, "ada@example.com")
				fault()
				n++
				password := fmt.Sprintf("violet meadow %d kites", n)
				expect(t, s, "/api/reset", fields{"sessionId": id, "code": code, "password": password}, 200, "")
				expect(t, s, "/api/generate", login("ada@example.com", password), 200, "")
				until(t, Patience, "code, notice and login code", func() bool { return count(s, "ada@example.com")-before == 3*n })
			})
	})
	if letters := s.DeadLetters(); len(letters) != 0 {
		t.Errorf("dead letters: %v", letters)
	}
}

func TestLastingFaultsFailClosed(t *testing.T) {
	s := Start(t, unlimited...)
	refused := func(t *testing.T, path string, body fields) {
		t.Helper()
		status, header, answer := s.Post(path, body)
		if status != 503 || answer["code"] != "unavailable" || header.Get("Retry-After") == "" {
			t.Errorf("%d %v %v", status, header, answer)
		}
	}
	lasting := func(t *testing.T, function string, calls []fields, do func(t *testing.T, n int)) {
		for n, call := range calls {
			t.Run(name(call), func(t *testing.T) {
				fresh(s, function)
				s.Fault(with(call, function, fields{"error": "AccessDeniedException"}))
				do(t, n)
				s.ClearFaults()
			})
		}
	}
	lasting(t, "GenerateFunction", generateCalls, func(t *testing.T, _ int) {
		refused(t, "/api/generate", login("ada@example.com", demoPassword))
	})
	for _, item := range s.Items("CodesTable") { // after a failed write, an empty row may keep its place
		if item["send"] != nil || item["skip"] != nil {
			t.Errorf("%v", item)
		}
	}
	if n := len(s.Messages()); n != 0 {
		t.Errorf("%d messages", n)
	}
	lasting(t, "VerifyFunction", verifyCalls, func(t *testing.T, n int) {
		to := fmt.Sprintf("verify%d@example.com", n)
		id, code := session(t, s, fields{"email": to}, to)
		refused(t, "/api/verify", try(id, code))
		s.ClearFaults()
		expect(t, s, "/api/verify", try(id, code), 200, "") // nothing was consumed
	})
	lasting(t, "ResetFunction", resetCalls, func(t *testing.T, n int) {
		id, code := session(t, s, fields{"email": "grace@example.com", "purpose": "reset"}, "grace@example.com")
		body := fields{"sessionId": id, "code": code, "password": fmt.Sprintf("violet meadow %d kites", n)}
		refused(t, "/api/reset", body)
		s.ClearFaults()
		expect(t, s, "/api/reset", body, 200, "")
	})
	t.Run("a conflict that stays is no wrong code", func(t *testing.T) {
		id, code := session(t, s, fields{"email": "grace@example.com", "purpose": "reset"}, "grace@example.com")
		s.Fault(fields{"service": "dynamodb", "action": "TransactWriteItems", "error": "TransactionCanceledException",
			"reasons": []string{"None", "TransactionConflict", "None"}})
		refused(t, "/api/reset", fields{"sessionId": id, "code": code, "password": "violet meadow 99 kites"})
		s.ClearFaults()
		expect(t, s, "/api/reset", fields{"sessionId": id, "code": code, "password": "violet meadow 99 kites"}, 200, "")
	})
	t.Run("a store that does not answer is unavailable before the function times out", func(t *testing.T) {
		id, code := session(t, s, fields{"email": "slow@example.com"}, "slow@example.com")
		for _, function := range []string{"GenerateFunction", "VerifyFunction", "ResetFunction"} {
			for _, action := range []string{"GetItem", "Query"} {
				s.Fault(fields{"function": function, "service": "dynamodb", "action": action, "latencyMs": 30000})
			}
		}
		var wait sync.WaitGroup
		for path, body := range map[string]fields{"/api/generate": {"email": "x@example.com"}, "/api/verify": try(id, code),
			"/api/reset": {"sessionId": id, "code": code, "password": "violet meadow 7 kites"}} {
			wait.Go(func() { refused(t, path, body) })
		}
		wait.Wait()
		s.ClearFaults()
	})
}

func TestDelivery(t *testing.T) {
	s := Start(t, unlimited...)
	ses := func(more fields) {
		s.Fault(with(fields{"service": "ses", "action": "SendEmail"}, "SendFunction", more))
	}
	t.Run("R1: a message that a provider throttles is retried, goes out once and leaves no dead letter", func(t *testing.T) {
		ses(fields{"error": "TooManyRequestsException", "count": 2})
		session(t, s, fields{"email": "throttled@example.com"}, "throttled@example.com")
		if n := count(s, "throttled@example.com"); n != 1 || len(s.DeadLetters()) != 0 {
			t.Errorf("%d messages, dead letters %v", n, s.DeadLetters())
		}
	})
	t.Run("one throttled record of a batch does not send the others again", func(t *testing.T) {
		s.ClearFaults()
		ses(fields{"error": "LimitExceededException", "count": 3})
		bodies := make([]fields, 30)
		for i := range bodies {
			bodies[i] = fields{"email": fmt.Sprintf("batch%d@example.com", i)}
		}
		if seen := atOnce(s, "/api/generate", bodies); seen["200"] != 30 {
			t.Fatalf("answers %v", seen)
		}
		for i := range bodies {
			to := fmt.Sprintf("batch%d@example.com", i)
			s.WaitMessage(to, nil)
			if n := count(s, to); n != 1 {
				t.Errorf("%s got %d messages", to, n)
			}
		}
	})
	t.Run("a sender that is killed while the provider thinks loses nothing and doubles nothing", func(t *testing.T) {
		s.ClearFaults()
		s.ClearCalls()
		ses(fields{"latencyMs": 2000, "count": 1})
		s.Post("/api/generate", fields{"email": "killed@example.com"})
		until(t, Patience, "the sender reads the item", func() bool {
			for _, c := range s.Calls() {
				if c.Function == "SendFunction" && c.Action == "Query" {
					return true
				}
			}
			return false
		})
		s.Kill("SendFunction")
		s.WaitMessage("killed@example.com", nil)
		if n := count(s, "killed@example.com"); n != 1 {
			t.Errorf("%d messages", n)
		}
	})
	t.Run("what the provider refuses for good is not tried again and is no dead letter", func(t *testing.T) {
		s.ClearFaults()
		s.ClearCalls()
		ses(fields{"error": "MessageRejected", "message": "Address blacklisted.", "count": 1})
		s.Post("/api/generate", fields{"email": "refused@example.com"})
		until(t, Patience, "it is refused", func() bool { return strings.Contains(strings.Join(s.Logs(), "\n"), `"outcome":"refused"`) })
		session(t, s, fields{"email": "next@example.com"}, "next@example.com")
		if n := count(s, "refused@example.com"); n != 0 || len(s.DeadLetters()) != 0 {
			t.Errorf("%d messages, dead letters %v", n, s.DeadLetters())
		}
	})
	t.Run("a message that expires unsent is one dead letter, a pointer and nothing else, and delays nobody", func(t *testing.T) {
		s.ClearFaults()
		ses(fields{"error": "SendingPausedException"})
		id := begun(t, s, fields{"email": "paused@example.com"})
		expireSoon(s, id)
		until(t, Patience, "the dead letter", func() bool { return len(s.DeadLetters()) > 0 })
		s.ClearFaults()
		session(t, s, fields{"email": "next2@example.com"}, "next2@example.com")
		if letters := s.DeadLetters(); len(letters) != 1 || letters[0]["sessionId"] != id || letters[0]["code"] == nil || len(letters[0]) != 2 {
			t.Errorf("%v", letters)
		}
	})
	t.Run("SMS is retried and refused by the same rules", func(t *testing.T) {
		s.ClearFaults()
		sns := func(more fields) { s.Fault(with(fields{"service": "sns", "action": "Publish"}, "SendFunction", more)) }
		sns(fields{"error": "ThrottledException", "count": 2})
		session(t, s, fields{"phone": "+4915123456781"}, "+4915123456781")
		letters, refused := len(s.DeadLetters()), strings.Count(strings.Join(s.Logs(), "\n"), `"outcome":"refused"`)
		sns(fields{"error": "OptedOut", "count": 1})
		s.Post("/api/generate", fields{"phone": "+4915123456782"})
		until(t, Patience, "it is refused", func() bool {
			return strings.Count(strings.Join(s.Logs(), "\n"), `"outcome":"refused"`) > refused
		})
		session(t, s, fields{"phone": "+4915123456783"}, "+4915123456783")
		if count(s, "+4915123456781") != 1 || count(s, "+4915123456782") != 0 || len(s.DeadLetters()) != letters {
			t.Errorf("%+v, dead letters %v", s.Messages(), s.DeadLetters())
		}
	})
	t.Run("an SMS that is asked for before the site's parameter exists goes out once it does, with its line", func(t *testing.T) {
		s.ClearFaults()
		fresh(s, "SendFunction")
		s.ClearCalls()
		s.Fault(with(siteCall, "SendFunction", fields{"error": "ParameterNotFound"}))
		before := logged(s, `"outcome":"later"`)
		s.Post("/api/generate", fields{"phone": "+4915123456784"})
		until(t, Patience, "it waits", func() bool { return logged(s, `"outcome":"later"`) > before })
		session(t, s, fields{"email": "meanwhile@example.com"}, "meanwhile@example.com")
		if n := count(s, "+4915123456784"); n != 0 || calls(s, "sns") != 0 {
			t.Errorf("%d messages without the site's host", n)
		}
		letters := len(s.DeadLetters())
		s.ClearFaults()
		until(t, Patience, "the message", func() bool { return count(s, "+4915123456784") == 1 })
		for _, m := range s.Messages() {
			if m.To == "+4915123456784" && !strings.Contains(m.Text, "\n\n@127.0.0.1 #") {
				t.Errorf("%q", m.Text)
			}
		}
		if n := calls(s, "sns"); n != 1 || len(s.DeadLetters()) != letters {
			t.Errorf("%d calls of SNS, dead letters %v", n, s.DeadLetters())
		}
	})
	t.Run("the site is read for the first SMS alone, and by nobody for e-mail", func(t *testing.T) {
		s.ClearFaults()
		for _, function := range []string{"GenerateFunction", "SendFunction"} {
			fresh(s, function)
		}
		s.ClearCalls()
		session(t, s, fields{"email": "plain@example.com"}, "plain@example.com")
		if n := calls(s, "ssm"); n != 0 {
			t.Errorf("%d calls of SSM", n)
		}
		for i := range 3 {
			to := fmt.Sprintf("+491512345679%d", i)
			session(t, s, fields{"phone": to}, to)
		}
		if n := calls(s, "ssm"); n < 1 || n > 2 { // a second process may handle some of them
			t.Errorf("%d calls of SSM", n)
		}
	})
	t.Run("an answer that the provider's side lost may double a message, and never loses it", func(t *testing.T) {
		s.ClearFaults()
		ses(fields{"dropResponse": true, "count": 1})
		session(t, s, fields{"email": "lost@example.com"}, "lost@example.com")
	})
}
