package e2e

import (
	"slices"
	"testing"
	"time"
)

func TestTestDestinations(t *testing.T) {
	s := Start(t, "-parameter", "SendsPerHour=1", "-parameter", "SendsPerIpPerHour=2", "-parameter", "PasswordTriesPerHour=2")
	end := time.Now().UTC().AddDate(0, 1, 0).Format(time.DateOnly)
	const fixed = "171939"
	for _, destination := range []string{"ada@example.com", "reviewer@example.com", "+4915112345678", "+33612345678"} {
		otpctl(t, s, fixed, "test-destinations", "add", destination, "--until", end, "--code-stdin")
	}
	generate := func(ask fields) string {
		t.Helper()
		return expect(t, s, "/api/generate", ask, 200, "")["sessionId"].(string)
	}
	for name, ask := range map[string]fields{
		"an address":                           {"email": "Reviewer@example.com"},
		"a login":                              login("ada@example.com", demoPassword),
		"a login by SMS":                       login("grace@example.com", demoPassword),
		"a number":                             {"phone": "+49 151 12345678"},
		"a number in a country that gets none": {"phone": "+33612345678"},
	} {
		t.Run(name+" takes the fixed code, as often as need be", func(t *testing.T) {
			for range 3 {
				id := generate(ask)
				expect(t, s, "/api/verify", try(id, wrong(fixed)), 401, "wrong_code")
				expect(t, s, "/api/verify", try(id, fixed), 200, "")
				expect(t, s, "/api/verify", try(id, fixed), 410, "code_used")
			}
		})
	}
	t.Run("a login still needs its password, and guesses at it are limited", func(t *testing.T) {
		expect(t, s, "/api/generate", login("ada@example.com", "not the password"), 401, "invalid_credentials")
		expect(t, s, "/api/generate", login("ada@example.com", "not the password"), 401, "invalid_credentials")
		expect(t, s, "/api/generate", login("ada@example.com", demoPassword), 429, "too_many_requests")
	})
	t.Run("a reset where there is no account takes no code", func(t *testing.T) {
		id := generate(fields{"email": "reviewer@example.com", "purpose": "reset"})
		expect(t, s, "/api/reset", fields{"sessionId": id, "code": fixed, "password": "violet meadow 7 kites"}, 401, "wrong_code")
	})
	t.Run("guesses lock it like any other", func(t *testing.T) {
		id := generate(fields{"email": "reviewer@example.com"})
		for _, guess := range wrongMany(fixed, 5) {
			expect(t, s, "/api/verify", try(id, guess), 401, "wrong_code")
		}
		expect(t, s, "/api/verify", try(id, fixed), 403, "locked")
		expect(t, s, "/api/generate", fields{"email": "reviewer@example.com"}, 403, "locked")
	})
	t.Run("every use is counted", func(t *testing.T) {
		uses := 0
		for _, e := range s.events() {
			if e["event"] == "TestDestination" {
				uses++
			}
		}
		if uses != 5*3+2 {
			t.Errorf("%d uses", uses)
		}
	})
	t.Run("nothing is sent, no code is sent again, and no limit counts it", func(t *testing.T) {
		for range 3 {
			id := generate(fields{"phone": "+4915112345678"})
			age(t, s, id, time.Minute)
			expect(t, s, "/api/resend", fields{"sessionId": id}, 200, "")
		}
		session(t, s, fields{"email": "eve@example.com"}, "eve@example.com") // comes after them in the stream
		if i := slices.IndexFunc(s.Messages(), func(m Message) bool { return m.To != "eve@example.com" }); i >= 0 {
			t.Errorf("%+v", s.Messages()[i])
		}
	})
	t.Run("once it is removed it is a number like any other", func(t *testing.T) {
		otpctl(t, s, "", "test-destinations", "remove", "+33612345678")
		s.Kill("GenerateFunction") // otherwise it reads the secret only after a minute
		expect(t, s, "/api/generate", fields{"phone": "+33612345678"}, 400, "unsupported_destination")
	})
}
