package e2e

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// free turns the send limits off and sets other limits to what a test needs.
func free(parameters ...string) []string {
	args := append([]string{}, unlimited...)
	for _, p := range parameters {
		args = append(args, "-parameter", p)
	}
	return args
}

func TestPasswordTries(t *testing.T) {
	t.Run("of 50 wrong passwords at once at a limit of 3 exactly 3 are reported as wrong, for an account as for an unknown address", func(t *testing.T) {
		for _, email := range []string{"ada@example.com", "nobody@example.com"} {
			s := Start(t, free("PasswordTriesPerHour=3", "ThrottleBurst=1000")...)
			bodies := make([]fields, 50)
			for i := range bodies {
				bodies[i] = login(email, "not the password")
			}
			if seen := atOnce(s, "/api/generate", bodies); seen["401 invalid_credentials"] != 3 || seen["429 too_many_requests"] != 47 {
				t.Errorf("%s: answers %v", email, seen)
			}
		}
	})
	t.Run("beyond the limit a right password is not reported as right, and nothing is sent", func(t *testing.T) {
		s := Start(t, free("PasswordTriesPerHour=3")...)
		for range 3 {
			expect(t, s, "/api/generate", login("ada@example.com", "not the password"), 401, "invalid_credentials")
		}
		for _, password := range []string{demoPassword, "not the password"} {
			status, header, _ := s.Post("/api/generate", login("ada@example.com", password))
			if status != 429 || !strings.HasPrefix(header.Get("Retry-After"), "3") || len(header.Get("Retry-After")) != 4 {
				t.Errorf("%d, Retry-After %s", status, header.Get("Retry-After"))
			}
		}
		if len(s.Messages())+len(s.Items("CodesTable")) != 0 {
			t.Error("a code was made")
		}
		session(t, s, fields{"email": "ada@example.com", "purpose": "reset"}, "ada@example.com") // the way out of the lock
	})
	t.Run("one client address has no more guesses over many accounts, and uses up the guesses of no other address", func(t *testing.T) {
		s := Start(t, free("PasswordTriesPerHour=0", "PasswordTriesPerIpPerHour=3")...)
		told := 0
		for i := range 20 {
			if status, _, _ := s.Post("/api/generate", login(fmt.Sprintf("p%d@example.com", i), "not the password")); status == 401 {
				told++
			}
		}
		if told != 3 {
			t.Errorf("%d guesses were reported as wrong", told)
		}
		expect(t, s, "/api/generate", login("ada@example.com", demoPassword), 429, "too_many_requests")
		expect(t, nobody(s), "/api/generate", login("ada@example.com", demoPassword), 200, "")
	})
	t.Run("R14: wrong passwords of an office do not lock its other people out", func(t *testing.T) {
		s := Start(t)
		for i := range 10 {
			expect(t, s, "/api/generate", login(fmt.Sprintf("p%d@example.com", i), "not the password"), 401, "invalid_credentials")
		}
		expect(t, s, "/api/generate", login("ada@example.com", demoPassword), 200, "")
	})
	t.Run("right passwords use up no tries", func(t *testing.T) {
		s := Start(t, free("PasswordTriesPerHour=2")...)
		for range 5 {
			expect(t, s, "/api/generate", login("ada@example.com", demoPassword), 200, "")
		}
	})
	t.Run("a new password clears the wrong guesses at the old password", func(t *testing.T) {
		s := Start(t, free("PasswordTriesPerHour=60", "PasswordTriesPerIpPerHour=0")...)
		for range 60 {
			s.Post("/api/generate", login("ada@example.com", "not the password"))
		}
		const fresh = "violet meadow 7 kites"
		expect(t, s, "/api/generate", login("ada@example.com", demoPassword), 429, "")
		id, code := session(t, s, fields{"email": "ada@example.com", "purpose": "reset"}, "ada@example.com")
		expect(t, s, "/api/reset", fields{"sessionId": id, "code": code, "password": fresh}, 200, "")
		for _, item := range s.Items("LimitsTable") {
			if item["notBefore"] != nil && (item["w0"] != nil || item["wX"] != nil) {
				t.Errorf("wrong passwords are still there: %v", item)
			}
		}
	})
	t.Run("if the count cannot be written, the response is no verdict", func(t *testing.T) {
		s := Start(t, free()...)
		s.Fault(fields{"service": "dynamodb", "action": "UpdateItem", "table": "LimitsTable", "error": "InternalServerError"})
		expect(t, s, "/api/generate", login("ada@example.com", "not the password"), 503, "unavailable")
	})
}

func TestOwnerIsTold(t *testing.T) {
	s := Start(t, free()...)
	t.Run("of five wrong codes after the right password, once, by e-mail", func(t *testing.T) {
		id, code := session(t, s, login("grace@example.com", demoPassword), "+4915112345678")
		for _, guess := range wrongMany(code, 5) {
			s.Post("/api/verify", try(id, guess))
		}
		m := s.WaitMessage("grace@example.com", nil)
		if m.Subject != "Somebody knows your StreamOTP password" || Code(m) != "" || strings.Contains(m.Text, code) {
			t.Errorf("%+v", m)
		}
		expect(t, s, "/api/verify", try(id, code), 403, "locked")
		if n := count(s, "grace@example.com"); n != 1 {
			t.Errorf("notified %d times", n)
		}
	})
	t.Run("by the next wrong code, where the fifth could not be written down", func(t *testing.T) {
		id, code := session(t, s, login("ada@example.com", demoPassword), "ada@example.com")
		before := count(s, "ada@example.com")
		for i, guess := range wrongMany(code, 5) {
			if i == 4 {
				s.Fault(fields{"service": "dynamodb", "action": "PutItem", "table": "CodesTable", "error": "InternalServerError"})
			}
			expect(t, s, "/api/verify", try(id, guess), 401, "wrong_code")
		}
		s.ClearFaults()
		if count(s, "ada@example.com") != before {
			t.Fatal("the fault did nothing")
		}
		for _, item := range s.Items("LimitsTable") { // ends the lock
			if item["tries"] != nil && item["lastTry"] != nil {
				item["lastTry"]["N"] = fmt.Sprint(time.Now().Add(-time.Hour).UnixMilli())
				s.PutItem("LimitsTable", item)
			}
		}
		id, code = session(t, s, login("ada@example.com", demoPassword), "ada@example.com")
		s.Post("/api/verify", try(id, wrong(code)))
		until(t, Patience, "the notice", func() bool { return count(s, "ada@example.com") == before+2 })
		s.Post("/api/verify", try(id, wrong(code)))
		s.Post("/api/verify", try(id, code)) // forgotten
	})
	t.Run("of the hundredth wrong code in a row; of an address without account nothing is sent", func(t *testing.T) {
		for email, want := range map[string]int{"ada@example.com": 1, "none@example.com": 0} {
			id, before := hundredth(t, s, email), count(s, email)
			expect(t, s, "/api/reset", fields{"sessionId": id, "code": "000000", "password": "violet meadow 7 kites"}, 401, "wrong_code")
			notices := 0
			for _, item := range s.Items("CodesTable") {
				if item["sessionId"]["S"] == id && item["code"]["S"] == "notice#closed" {
					notices++
				}
			}
			if notices != 1 {
				t.Errorf("%s: %d notices written", email, notices)
			}
			if want == 1 {
				until(t, Patience, "the notice", func() bool { return count(s, email) == before+1 })
			}
			status, header, _ := s.Post("/api/generate", fields{"email": email, "purpose": "reset"})
			if wait, err := strconv.Atoi(header.Get("Retry-After")); status != 403 || err != nil || wait > 86400 || wait < 86400-int(2*Patience/time.Second) {
				t.Errorf("%s: %d, Retry-After %s", email, status, header.Get("Retry-After"))
			}
		}
		session(t, s, fields{"email": "last@example.com"}, "last@example.com") // comes after the decoy's record in the stream
		if n := count(s, "none@example.com"); n != 0 {
			t.Errorf("%d messages to an address without account", n)
		}
	})
}

// hundredth makes a reset session whose next wrong attempt is the hundredth in a row.
func hundredth(t *testing.T, s *Stack, email string) string {
	t.Helper()
	old := len(s.Items("LimitsTable"))
	id := expect(t, s, "/api/generate", fields{"email": email, "purpose": "reset"}, 200, "")["sessionId"].(string)
	expect(t, s, "/api/reset", fields{"sessionId": id, "code": "000000", "password": "violet meadow 7 kites"}, 401, "wrong_code")
	items := s.Items("LimitsTable")
	if len(items) != old+1 {
		t.Fatalf("%d items of limits, were %d", len(items), old)
	}
	subject := ""
	for _, item := range s.Items("CodesTable") {
		if item["sessionId"]["S"] == id {
			subject = item["subject"]["S"].(string)
		}
	}
	for _, item := range items {
		if item["key"]["S"] == subject {
			item["tries"]["N"], item["ceiling"]["N"] = "99", "100"
			s.PutItem("LimitsTable", item)
		}
	}
	return id
}

// numberOf returns the i-th number of one prefix: +4915112 and six digits.
func numberOf(i int) string { return fmt.Sprintf("+4915112%06d", 300_000+i) }

func TestPumpingGuard(t *testing.T) {
	s := Start(t, free("SmsPrefixSends=4", "SmsPerDay=0")...)
	verified := func(ask fields, to string) {
		t.Helper()
		id, code := session(t, s, ask, to)
		expect(t, s, "/api/verify", try(id, code), 200, "")
	}
	// Before the test: one person verifies a number, and grace logs in by SMS. Neither counts again.
	verified(fields{"phone": numberOf(0)}, numberOf(0))
	verified(login("grace@example.com", demoPassword), "+4915112345678")
	through := 0
	var refusal fields
	for i := 1; i <= 30; i++ {
		status, _, answer := s.Post("/api/generate", fields{"phone": numberOf(i)})
		if status == http.StatusOK {
			through++
		} else {
			refusal = answer
		}
	}
	if through < 2 || through > 8 {
		t.Errorf("%d of a range of 30 got through", through)
	}
	t.Run("the refusal is that of any number that nothing is sent to", func(t *testing.T) {
		fixed := expect(t, s, "/api/generate", fields{"phone": "+493012345678"}, 400, "unsupported_destination")
		delete(fixed, "requestId")
		delete(refusal, "requestId")
		if fmt.Sprint(fixed) != fmt.Sprint(refusal) {
			t.Errorf("%v, %v", fixed, refusal)
		}
	})
	t.Run("who was verified here goes on, by whatever purpose", func(t *testing.T) {
		verified(fields{"phone": numberOf(0)}, numberOf(0))
		verified(login("grace@example.com", demoPassword), "+4915112345678")
		verified(fields{"phone": "+4915112345678"}, "+4915112345678") // verified by a login only
	})
	t.Run("an account with a +tag is known by its own login", func(t *testing.T) {
		for _, user := range s.Items("UsersTable") {
			if user["email"]["S"] == "grace@example.com" {
				user["email"]["S"], user["phone"]["S"] = "grace+x@example.com", "+4915123456780"
				s.PutItem("UsersTable", user)
			}
		}
		verified(login("grace+x@example.com", demoPassword), "+4915123456780")
		verified(login("grace+x@example.com", demoPassword), "+4915123456780")
		for _, item := range s.Items("LimitsTable") {
			if item["key"]["S"] == "prefix#+4915123" && item["sends"]["N"] != "1" {
				t.Errorf("counted as new again: %v", item)
			}
		}
	})
	t.Run("other ranges of the country go on", func(t *testing.T) {
		verified(fields{"phone": "+4915123456789"}, "+4915123456789")
	})
	t.Run("a number in a prefix is no number: nothing else of it is kept, and the start is logged once", func(t *testing.T) {
		suspected := 0
		for _, line := range s.Logs() {
			if strings.Contains(line, `"event":"Suspected"`) && strings.Contains(line, `"reason":"pumping"`) && strings.Contains(line, `"prefix":"+4915112"`) {
				suspected++
			}
		}
		if suspected != 1 {
			t.Errorf("%d lines say it", suspected)
		}
	})
}

// TestPrefixCountsNumbers (R13): one own number, verified in many sessions, counts only once for its prefix.
func TestPrefixCountsNumbers(t *testing.T) {
	s := Start(t, free("SmsPerDay=0")...)
	type open struct{ id, code string }
	var sessions []open
	for range 5 {
		id, code := session(t, s, fields{"phone": numberOf(0)}, numberOf(0))
		sessions = append(sessions, open{id, code})
	}
	bodies := make([]fields, 0, 5)
	for _, o := range sessions {
		bodies = append(bodies, try(o.id, o.code))
	}
	if seen := atOnce(s, "/api/verify", bodies); seen["200"] != 5 {
		t.Errorf("answers %v", seen)
	}
	for _, item := range s.Items("LimitsTable") {
		if item["sends"] != nil && (item["sends"]["N"] != "5" || item["verified"]["N"] != "1") {
			t.Errorf("%v", item)
		}
	}
}

// TestResendsAtOnceCountOnce: resends that fail against each other take nothing from the limits; only sent messages
// count.
func TestResendsAtOnceCountOnce(t *testing.T) {
	s := Start(t, "-parameter", "SendsPerIpPerHour=0")
	id, _ := session(t, s, fields{"email": "eve@example.com"}, "eve@example.com")
	age(t, s, id, time.Minute)
	bodies := make([]fields, 30)
	for i := range bodies {
		bodies[i] = fields{"sessionId": id}
	}
	if seen := atOnce(s, "/api/resend", bodies); seen["200"] != 1 || seen["429 too_many_requests"] != 29 {
		t.Errorf("answers %v", seen)
	}
	for _, want := range []int{200, 200, 200, 429} { // 5, less the code and one resend
		if status, _, _ := s.Post("/api/generate", fields{"email": "eve@example.com"}); status != want {
			t.Errorf("%d, want %d", status, want)
		}
	}
}

func TestDayOfSMS(t *testing.T) {
	s := Start(t, free("SmsPerDay=2", "SmsPrefixSends=0")...)
	statuses := func(asks ...fields) (seen []int) {
		for _, ask := range asks {
			status, _, _ := s.Post("/api/generate", ask)
			seen = append(seen, status)
		}
		return seen
	}
	mail := fields{"email": "p@example.com"}
	sms := func(i int) fields { return fields{"phone": numberOf(i)} }
	if got := fmt.Sprint(statuses(sms(1), sms(2), sms(3), mail)); got != "[200 200 429 200]" {
		t.Errorf("answers %v", got)
	}
	s.Kill("GenerateFunction") // a new instance has the same limits
	status, header, _ := s.Post("/api/generate", sms(4))
	if status != 429 || header.Get("Retry-After") == "" {
		t.Errorf("%d, Retry-After %q", status, header.Get("Retry-After"))
	}
	if n := len(s.Items("CodesTable")); n != 3 {
		t.Errorf("%d sessions", n)
	}
}
