package e2e

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// from requests a code with its own headers and returns the status.
func from(t *testing.T, s *Stack, email string, headers map[string]string) int {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, s.URL+"/api/generate", strings.NewReader(fmt.Sprintf(`{"email":%q}`, email)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

func TestSendLimits(t *testing.T) {
	t.Run("50 at once for one mailbox, however it is spelled, send exactly 3 at a limit of 3", func(t *testing.T) {
		s := Start(t, "-parameter", "SendsPerHour=3", "-parameter", "SendsPerIpPerHour=0")
		spellings := []string{"ada@example.com", "ADA@example.com", "ada+shop@example.com", " ada@EXAMPLE.com"}
		bodies := make([]fields, 50)
		for i := range bodies {
			bodies[i] = fields{"email": spellings[i%len(spellings)]}
		}
		if seen := atOnce(s, "/api/generate", bodies); seen["200"] != 3 || seen["429 too_many_requests"] != 47 {
			t.Errorf("answers %v", seen)
		}
		until(t, Patience, "three messages", func() bool { return len(s.Messages()) == 3 })
		if items := s.Items("CodesTable"); len(items) != 3 {
			t.Errorf("%d items", len(items))
		}
		status, header, _ := s.Post("/api/generate", bodies[0])
		if wait, err := strconv.Atoi(header.Get("Retry-After")); status != 429 || err != nil || wait > 3600 || wait < 3500 {
			t.Errorf("%d, Retry-After %q", status, header.Get("Retry-After"))
		}
		if status := from(t, s, "eve@example.com", nil); status != 200 {
			t.Errorf("another mailbox: %d", status)
		}
	})
	t.Run("a tagged address shares the mailbox's messages, not its attempts", func(t *testing.T) {
		s := Start(t, "-parameter", "SendsPerHour=3", "-parameter", "SendsPerIpPerHour=0")
		victim, code := session(t, s, fields{"email": "victim@example.com"}, "victim@example.com")
		for range 4 {
			expect(t, s, "/api/verify", try(victim, wrong(code)), 401, "wrong_code")
		}
		own, ownCode := session(t, s, fields{"email": "victim+x@example.com"}, "victim+x@example.com")
		expect(t, s, "/api/verify", try(own, ownCode), 200, "")
		if left := expect(t, s, "/api/verify", try(victim, wrong(code)), 401, "wrong_code")["attemptsRemaining"]; left != 0.0 {
			t.Errorf("another address's success gave tries back: %v remain", left)
		}
		for range 5 {
			status, _, _ := s.Post("/api/verify", try(own, ownCode))
			if status != 410 {
				t.Errorf("%d", status)
			}
		}
		expect(t, s, "/api/verify", try(victim, code), 403, "locked")
	})
	t.Run("a resend counts", func(t *testing.T) {
		s := Start(t, "-parameter", "SendsPerHour=2", "-parameter", "SendsPerIpPerHour=0")
		id, _ := session(t, s, fields{"email": "eve@example.com"}, "eve@example.com")
		age(t, s, id, time.Minute)
		expect(t, s, "/api/resend", fields{"sessionId": id}, 200, "")
		age(t, s, id, time.Minute)
		expect(t, s, "/api/resend", fields{"sessionId": id}, 429, "too_many_requests")
		expect(t, s, "/api/generate", fields{"email": "eve@example.com"}, 429, "too_many_requests")
	})
	t.Run("wrong passwords use none of the owner's sends, and an unknown account is limited alike", func(t *testing.T) {
		s := Start(t, "-parameter", "SendsPerHour=2", "-parameter", "SendsPerIpPerHour=0")
		for range 5 {
			expect(t, s, "/api/generate", login("ada@example.com", "not the password"), 401, "invalid_credentials")
		}
		expect(t, s, "/api/generate", login("ada@example.com", demoPassword), 200, "")
		for _, email := range []string{"ada@example.com", "nobody@example.com"} {
			seen := ""
			for range 3 {
				status, _, _ := s.Post("/api/generate", fields{"email": email, "purpose": "reset"})
				seen += fmt.Sprint(status, " ")
			}
			if seen != "200 200 429 " {
				t.Errorf("%s: %s", email, seen)
			}
		}
	})
	t.Run("a number counts over all who use it", func(t *testing.T) {
		s := Start(t, "-parameter", "SendsPerHour=2", "-parameter", "SendsPerIpPerHour=0")
		expect(t, s, "/api/generate", fields{"phone": "+4915112345678"}, 200, "")
		expect(t, s, "/api/generate", login("grace@example.com", demoPassword), 200, "")
		expect(t, s, "/api/generate", login("grace@example.com", demoPassword), 429, "too_many_requests")
		expect(t, s, "/api/generate", fields{"phone": "+4915112345678"}, 429, "too_many_requests")
	})
	t.Run("a write whose answer was lost takes one slot", func(t *testing.T) {
		s := Start(t, "-parameter", "SendsPerHour=2", "-parameter", "SendsPerIpPerHour=2")
		for _, want := range []int{200, 200, 429} {
			s.Fault(fields{"service": "dynamodb", "action": "UpdateItem", "table": "LimitsTable", "dropResponse": true, "count": 1})
			if status := from(t, s, "eve@example.com", nil); status != want {
				t.Errorf("%d, want %d", status, want)
			}
			s.ClearFaults()
		}
	})
	t.Run("if the limits cannot be read, nothing is sent", func(t *testing.T) {
		s := Start(t)
		s.Fault(fields{"service": "dynamodb", "action": "UpdateItem", "table": "LimitsTable", "error": "InternalServerError"})
		expect(t, s, "/api/generate", fields{"email": "eve@example.com"}, 503, "unavailable")
		s.ClearFaults()
		session(t, s, fields{"email": "eve2@example.com"}, "eve2@example.com")
		if count(s, "eve@example.com") != 0 || len(s.Items("CodesTable")) != 1 {
			t.Errorf("messages %v", s.Messages())
		}
	})
}

func TestClientAddress(t *testing.T) {
	s := Start(t, "-parameter", "SendsPerHour=2", "-parameter", "SendsPerIpPerHour=3")
	secret := aws(t, s, "secretsmanager.GetSecretValue", fields{"SecretId": stackOutput(t, s, "OriginSecretArn")})["SecretString"].(string)
	viewer := func(address string) map[string]string {
		return map[string]string{"X-Origin-Secret": secret, "CloudFront-Viewer-Address": address}
	}
	people := 0
	send := func(headers map[string]string) int {
		people++
		return from(t, s, fmt.Sprintf("p%d@example.com", people), headers)
	}
	for range 3 {
		if status := send(nil); status != 200 {
			t.Fatal(status)
		}
	}
	t.Run("no header of the caller's gives a new address", func(t *testing.T) {
		for name, headers := range map[string]map[string]string{
			"none":               nil,
			"X-Forwarded-For":    {"X-Forwarded-For": "198.51.100.1"},
			"Forwarded":          {"Forwarded": "for=198.51.100.1"},
			"viewer, no secret":  {"CloudFront-Viewer-Address": "198.51.100.1:4711"},
			"viewer, no match":   {"CloudFront-Viewer-Address": "198.51.100.1:4711", "X-Origin-Secret": "guess"},
			"viewer, the prefix": {"CloudFront-Viewer-Address": "198.51.100.1:4711", "X-Origin-Secret": secret[:32]},
			"secret, no viewer":  {"X-Origin-Secret": secret, "X-Forwarded-For": "198.51.100.1"},
		} {
			if status := send(headers); status != 429 {
				t.Errorf("%s: %d", name, status)
			}
		}
	})
	t.Run("our CloudFront's viewers count each for themselves, IPv6 by /64", func(t *testing.T) {
		for _, network := range [][]string{
			{"198.51.100.1:4711", "198.51.100.1:4712", "198.51.100.1:1", "198.51.100.1:65535"},
			{"2001:db8:1:2::1:4711", "2001:db8:1:2:ffff::2:4711", "2001:db8:1:2:3:4:5:6:4711", "2001:db8:1:2::9:4711"},
		} {
			for i, address := range network {
				if status := send(viewer(address)); (status == 200) != (i < 3) {
					t.Errorf("%s, call %d: %d", address, i, status)
				}
			}
		}
	})
	t.Run("a blocked address uses none of a victim's sends", func(t *testing.T) {
		for range 5 {
			if status := from(t, s, "victim@example.com", nil); status != 429 {
				t.Errorf("%d", status)
			}
		}
		for range 2 {
			if status := from(t, s, "victim@example.com", viewer("192.0.2.9:1")); status != 200 {
				t.Errorf("%d", status)
			}
		}
	})
}
