package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// unlimited turns the send limits off, for tests of other things.
var unlimited = []string{"-parameter", "SendsPerHour=0", "-parameter", "SendsPerIpPerHour=0"}

// session requests a code and returns the session and the code that arrived.
func session(t *testing.T, s *Stack, ask fields, to string) (id, code string) {
	t.Helper()
	before := s.Messages()
	status, _, body := s.Post("/api/generate", ask)
	if status != http.StatusOK || len(body) != 1 {
		t.Fatalf("generate: %d %v", status, body)
	}
	until(t, Patience, "a code to "+to, func() bool { code = s.CodeSince(before, to); return code != "" })
	return body["sessionId"].(string), code
}

func count(s *Stack, to string) (n int) {
	for _, m := range s.Messages() {
		if m.To == to {
			n++
		}
	}
	return n
}

// expect sends a request and compares its status and code.
func expect(t *testing.T, s *Stack, path string, body any, status int, code string) fields {
	t.Helper()
	got, header, answer := s.Post(path, body)
	if got != status || fmt.Sprint(answer["code"]) != code && code != "" {
		t.Fatalf("POST %s answers %d %v, want %d %s", path, got, answer, status, code)
	}
	if status >= 400 && header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("POST %s answers %s", path, header.Get("Content-Type"))
	}
	return answer
}

func login(email, password string) fields {
	return fields{"email": email, "password": password, "purpose": "login"}
}

func try(id, code string) fields { return fields{"sessionId": id, "code": code} }

func TestAPI(t *testing.T) {
	s := Start(t, unlimited...)
	t.Run("an address is confirmed by the code that was sent there, once", func(t *testing.T) {
		id, code := session(t, s, fields{"email": "Eve@Example.com"}, "eve@example.com")
		if left := expect(t, s, "/api/verify", try(id, wrong(code)), 401, "wrong_code")["attemptsRemaining"]; left != 4.0 {
			t.Errorf("%v attempts remain", left)
		}
		got := expect(t, s, "/api/verify", try(id, code[:3]+" "+code[3:]), 200, "")
		if fmt.Sprint(got) != "map[email:eve@example.com purpose:verify verified:true]" {
			t.Errorf("proven: %v", got)
		}
		expect(t, s, "/api/verify", try(id, code), 410, "code_used")
	})
	t.Run("a number is confirmed by SMS", func(t *testing.T) {
		id, code := session(t, s, fields{"phone": "+49 151 23456789"}, "+4915123456789")
		if got := expect(t, s, "/api/verify", try(id, code), 200, ""); got["phone"] != "+4915123456789" {
			t.Errorf("proven: %v", got)
		}
	})
	t.Run("a login's code goes to the account's own channel", func(t *testing.T) {
		id, code := session(t, s, login("ada@example.com", demoPassword), "ada@example.com")
		if got := expect(t, s, "/api/verify", try(id, code), 200, ""); got["email"] != "ada@example.com" || got["purpose"] != "login" {
			t.Errorf("proven: %v", got)
		}
		id, code = session(t, s, login("grace@example.com", demoPassword), "+4915112345678")
		if got := expect(t, s, "/api/verify", try(id, code), 200, ""); got["email"] != "grace@example.com" {
			t.Errorf("proven: %v", got)
		}
		if count(s, "grace@example.com") != 0 {
			t.Error("a code went to the other channel too")
		}
	})
	t.Run("a wrong password and an unknown account get the same response and send nothing", func(t *testing.T) {
		before := len(s.Messages())
		wrong := expect(t, s, "/api/generate", login("ada@example.com", "nope nope nope"), 401, "invalid_credentials")
		unknown := expect(t, s, "/api/generate", login("nobody@example.com", demoPassword), 401, "invalid_credentials")
		delete(wrong, "requestId")
		delete(unknown, "requestId")
		if fmt.Sprint(wrong) != fmt.Sprint(unknown) || len(s.Messages()) != before {
			t.Errorf("%v, %v", wrong, unknown)
		}
	})
	t.Run("each session is for its own call", func(t *testing.T) {
		id, code := session(t, s, login("ada@example.com", demoPassword), "ada@example.com")
		expect(t, s, "/api/reset", fields{"sessionId": id, "code": code, "password": "violet meadow 7 kites"}, 404, "session_not_found")
		resetID, resetCode := session(t, s, fields{"email": "ada@example.com", "purpose": "reset"}, "ada@example.com")
		expect(t, s, "/api/verify", try(resetID, resetCode), 404, "session_not_found")
		expect(t, s, "/api/verify", try(resetID, code), 404, "session_not_found")
		expect(t, s, "/api/verify", try(id, code), 200, "") // none of this took an attempt or the code
	})
}

func TestRequestUnits(t *testing.T) {
	trip := func(s *Stack, ask fields, to string) (read, write float64) {
		s.ClearCalls()
		id, code := session(t, s, ask, to)
		expect(t, s, "/api/verify", try(id, code), 200, "")
		for _, c := range s.Calls() {
			if c.Function == "FeedbackFunction" { // one more write, once SES reports the delivery
				continue
			}
			if c.Action == "GetItem" || c.Action == "Query" {
				read += c.Units
			} else {
				write += c.Units
			}
		}
		return read, write
	}
	free, limited := Start(t, unlimited...), Start(t)
	if read, write := trip(free, fields{"email": "units@example.com"}, "units@example.com"); read == 0 || read > 3 || write > 5 {
		t.Errorf("without send limits %v read, %v write", read, write)
	}
	for _, test := range []struct { // in this order: the first message of an instance reads half a unit and writes one less
		name        string
		ask         fields
		to          string
		write, read float64
	}{
		{"verify", fields{"email": "units@example.com"}, "units@example.com", 8, 3},
		{"login", login("ada@example.com", demoPassword), "ada@example.com", 8, 3.5},          // half a unit reads whether the client IP address may check a password
		{"login by SMS", login("grace@example.com", demoPassword), "+4915112345678", 11, 3.5}, // 5 limits at generate, the prefix at verify
	} {
		if read, write := trip(limited, test.ask, test.to); read == 0 || read > test.read || write > test.write {
			t.Errorf("%s with send limits: %v read, %v write", test.name, read, write)
		}
	}
}

func wrongMany(code string, n int) (others []string) {
	for i := 0; len(others) < n; i++ {
		if guess := fmt.Sprintf("%06d", i); guess != code {
			others = append(others, guess)
		}
	}
	return others
}

func TestReset(t *testing.T) {
	s := Start(t, unlimited...)
	const fresh = "violet meadow 7 kites"
	oldLogin, oldCode := session(t, s, login("grace@example.com", demoPassword), "+4915112345678")
	id, code := session(t, s, fields{"email": "grace@example.com", "purpose": "reset", "locale": "de"}, "grace@example.com")
	set := func(code, password string) fields { return fields{"sessionId": id, "code": code, "password": password} }

	for password, reason := range map[string]string{"short": "too_short", "password1": "common", "my streamotp": "contains_app_name",
		"grace@example.com": "contains_address"} {
		if got := expect(t, s, "/api/reset", set(code, password), 422, "weak_password"); fmt.Sprint(got["reasons"]) != "["+reason+"]" {
			t.Errorf("%q: %v", password, got)
		}
	}
	if left := expect(t, s, "/api/reset", set(wrong(code), fresh), 401, "wrong_code")["attemptsRemaining"]; left != 4.0 {
		t.Errorf("weak passwords took tries: %v remain", left)
	}
	if got := expect(t, s, "/api/reset", set(code, fresh), 200, ""); fmt.Sprint(got) != "map[reset:true]" {
		t.Errorf("reset: %v", got)
	}
	expect(t, s, "/api/reset", set(code, fresh), 410, "code_used")
	expect(t, s, "/api/verify", try(oldLogin, oldCode), 410, "code_expired")
	expect(t, s, "/api/generate", login("grace@example.com", demoPassword), 401, "invalid_credentials")
	notice := s.WaitMessage("grace@example.com", func(m Message) bool { return Code(m) == "" })
	if !strings.Contains(notice.Text, "Passwort") {
		t.Errorf("notice: %s", notice.Text)
	}
	newLogin, newCode := session(t, s, login("grace@example.com", fresh), "+4915112345678")
	expect(t, s, "/api/verify", try(newLogin, newCode), 200, "")
}

func TestLifetimes(t *testing.T) {
	s := Start(t, append(unlimited, "-parameter", "ResendCooldownSeconds=1", "-parameter", "LockSeconds=1", "-parameter", "MaxAttempts=2")...)
	t.Run("an expired code is refused though the item is still there", func(t *testing.T) {
		id, code := session(t, s, fields{"email": "late@example.com"}, "late@example.com")
		expire(t, s, id)
		expect(t, s, "/api/verify", try(id, code), 410, "code_expired")
		expect(t, s, "/api/resend", fields{"sessionId": id}, 410, "code_expired")
	})
	t.Run("the same code is sent again, twice at most", func(t *testing.T) {
		id, code := session(t, s, fields{"email": "again@example.com"}, "again@example.com")
		expect(t, s, "/api/resend", fields{"sessionId": id}, 429, "too_many_requests")
		for n := 2; n <= 3; n++ {
			until(t, Patience, "the cooldown is over", func() bool {
				status, _, _ := s.Post("/api/resend", fields{"sessionId": id})
				return status == http.StatusOK
			})
			until(t, Patience, "the message comes again", func() bool { return count(s, "again@example.com") == n })
		}
		for _, m := range s.Messages() {
			if m.To == "again@example.com" && s.Code(m) != code {
				t.Errorf("another code was sent: %s", m.Text)
			}
		}
		_, header, _ := s.Post("/api/resend", fields{"sessionId": id})
		if header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		expect(t, s, "/api/verify", try(id, code), 200, "")
	})
	t.Run("a lock ends by itself, the next lock is longer, and a new code gives no new attempts", func(t *testing.T) {
		id, code := session(t, s, fields{"email": "lock@example.com"}, "lock@example.com")
		for lock := 1; lock <= 2; lock++ {
			for left := 1.0; left >= 0; left-- {
				if got := expect(t, s, "/api/verify", try(id, wrong(code)), 401, "wrong_code")["attemptsRemaining"]; got != left {
					t.Errorf("%v remain, want %v", got, left)
				}
			}
			status, header, _ := s.Post("/api/verify", try(id, code))
			if status != http.StatusForbidden || header.Get("Retry-After") != fmt.Sprint(lock) {
				t.Errorf("lock %d: %d, Retry-After %s", lock, status, header.Get("Retry-After"))
			}
			expect(t, s, "/api/generate", fields{"email": "lock@example.com"}, 403, "locked")
			until(t, Patience, "the lock is over", func() bool {
				status, _, _ := s.Post("/api/generate", fields{"email": "lock@example.com"})
				return status == http.StatusOK
			})
		}
		expect(t, s, "/api/verify", try(id, code), 200, "")
	})
}

func TestOtherOrigins(t *testing.T) {
	const a, b, example, evil = "https://a.example", "https://b.example", "http://127.0.0.1:8080", "https://evil.example"
	t.Run("those of the parameter may call, and no others", func(t *testing.T) {
		allows(t, Start(t, "-parameter", "AllowedOrigins="+a+","+b), map[string]string{a: a, b: b, example: "", evil: ""})
	})
	t.Run("by default those of the example applications may, and no others", func(t *testing.T) {
		allows(t, Start(t), map[string]string{example: example, "http://127.0.0.1:8081": "", "https://127.0.0.1:8080": "", a: "", evil: ""})
	})
	t.Run("an empty parameter allows none", func(t *testing.T) {
		allows(t, Start(t, "-parameter", "AllowedOrigins="), map[string]string{example: "", evil: ""})
	})
}

// allows checks which origins' pages may call the API.
func allows(t *testing.T, s *Stack, wanted map[string]string) {
	t.Helper()
	for origin, want := range wanted {
		for _, method := range []string{http.MethodOptions, http.MethodPost} {
			request, err := http.NewRequest(method, s.URL+"/api/generate", strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Origin", origin)
			request.Header.Set("Access-Control-Request-Method", "POST")
			request.Header.Set("Content-Type", "application/json")
			response, err := client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if got := response.Header.Get("Access-Control-Allow-Origin"); got != want {
				t.Errorf("%s from %s: allowed is %q", method, origin, got)
			}
		}
	}
}

func TestEdge(t *testing.T) {
	s := Start(t, append(unlimited, "-parameter", "AllowedOrigins=")...)
	send := func(method, path, contentType, body string) (int, http.Header) {
		request, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", contentType)
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.StatusCode, response.Header
	}
	const json = "application/json"
	for name, test := range map[string]struct {
		method, path, contentType, body string
		status                          int
	}{
		"a preflight, if no other origin is allowed": {"OPTIONS", "/api/generate", "", "", 404},
		"GET sends nothing":                          {"GET", "/api/generate", json, "", 404},
		"an unknown route":                           {"POST", "/api/nope", json, "{}", 404},
		"a form":                                     {"POST", "/api/generate", "application/x-www-form-urlencoded", "email=eve@example.com", 415},
		"no content type":                            {"POST", "/api/generate", "", `{"email":"eve@example.com"}`, 415},
		"a body over 8 KiB":                          {"POST", "/api/generate", json, `{"email":"` + strings.Repeat("x", 8<<10) + `"}`, 413},
		"a body over 10 MB":                          {"POST", "/api/generate", json, strings.Repeat(" ", 10<<20+1), 413},
		"an unknown field":                           {"POST", "/api/generate", json, `{"email":"eve@example.com","cc":"x"}`, 400},
		"a field twice":                              {"POST", "/api/generate", json, `{"email":"eve@example.com","email":"eve@example.com"}`, 400},
		"a wrong type":                               {"POST", "/api/generate", json, `{"email":["eve@example.com"]}`, 400},
		"something behind the object":                {"POST", "/api/generate", json, `{"email":"eve@example.com"}{}`, 400},
		"invalid UTF-8":                              {"POST", "/api/generate", json, "{\"email\":\"eve\xff@example.com\"}", 400},
		"a second recipient":                         {"POST", "/api/generate", json, `{"email":"eve@example.com\r\nBcc: ada@example.com"}`, 400},
		"a session id that is no UUID":               {"POST", "/api/verify", json, `{"sessionId":"x","code":"123456"}`, 400},
		"a session that does not exist":              {"POST", "/api/verify", json, `{"sessionId":"6f2a9d0c-3b1e-4a77-9d3e-0c1b2a3d4e5f","code":"123456"}`, 404},
	} {
		t.Run(name, func(t *testing.T) {
			status, header := send(test.method, test.path, test.contentType, test.body)
			if status != test.status {
				t.Errorf("%d, want %d", status, test.status)
			}
			if strings.HasPrefix(header.Get("Content-Type"), "application/problem") && header.Get("Cache-Control") != "no-store" {
				t.Errorf("header %v", header)
			}
		})
	}
	if messages := s.Messages(); len(messages) != 0 {
		t.Errorf("messages: %+v", messages)
	}
	if items := s.Items("CodesTable"); len(items) != 0 {
		t.Errorf("items: %+v", items)
	}
}
