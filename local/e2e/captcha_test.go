package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// withCaptcha returns the parameters of a stack that requires a CAPTCHA of the stub.
func withCaptcha(provider string, more ...string) []string {
	return append([]string{"-parameter", "CaptchaProvider=" + provider, "-parameter", "CaptchaSiteKey=site-key"}, more...)
}

// solve returns the token of a solved challenge. change makes something in it wrong.
func solve(s *Stack, action string, change fields) string {
	challenge := fields{"siteKey": "site-key", "hostname": "127.0.0.1", "action": action}
	for name, value := range change {
		challenge[name] = value
	}
	_, _, answer := s.Post("/_local/captcha/tokens", challenge)
	return fmt.Sprint(answer["token"])
}

func solved(ask fields, token string) fields {
	out := fields{"captchaToken": token}
	for name, value := range ask {
		out[name] = value
	}
	return out
}

// asked counts the calls of siteverify. It fails the test if generate made any other call besides those for secrets and
// for the site's parameter.
func asked(t *testing.T, s *Stack) (n int) {
	t.Helper()
	for _, c := range s.Calls() {
		switch {
		case c.Function != "GenerateFunction": // an earlier message may still be in progress
		case c.Service == "captcha":
			n++
		case c.Service != "secretsmanager" && c.Service != "ssm":
			t.Errorf("called %s %s %s", c.Service, c.Action, c.Table)
		}
	}
	return n
}

func TestCaptcha(t *testing.T) {
	reset := fields{"email": "ada@example.com", "purpose": "reset"}
	byLogin := login("ada@example.com", demoPassword)
	for provider, wrongTokens := range map[string]map[string]fields{
		"turnstile": {"for another action": {"action": "verify"}, "for no action": {"action": ""}, "of five minutes ago": {"ageSeconds": 301}},
		"hcaptcha":  {"of two minutes ago": {"ageSeconds": 121}},
		"recaptcha": {"of two minutes ago": {"ageSeconds": 121}, "of v3 with a bad score": {"score": 0.3}, "of v3 for another action": {"score": 0.9, "action": "verify"}},
	} {
		t.Run(provider, func(t *testing.T) {
			s := Start(t, withCaptcha(provider)...).In(t)
			s.ClearCalls()
			for name, body := range map[string]fields{
				"no token": byLogin, "an empty token": solved(byLogin, ""), "a forged token": solved(byLogin, "forged"), "a reset with none": reset,
				"a number with none": {"phone": "+4915123456789"},
			} {
				t.Log(name)
				expect(t, s, "/api/generate", body, 400, "captcha_failed")
			}
			wrongTokens["of another site"] = fields{"hostname": "evil.example"}
			for name, change := range wrongTokens {
				t.Log("a token " + name)
				expect(t, s, "/api/generate", solved(byLogin, solve(s, "login", change)), 400, "captcha_failed")
			}
			if n := asked(t, s); n != 1+len(wrongTokens) {
				t.Errorf("siteverify was asked %d times", n)
			}
			if n := len(s.Items("CodesTable")) + len(s.Items("LimitsTable")); n != 0 {
				t.Errorf("%d items were written", n)
			}

			token := solve(s, "login", nil)
			id, code := session(t, s, solved(byLogin, token), "ada@example.com")
			expect(t, s, "/api/verify", try(id, code), 200, "")
			expect(t, s, "/api/generate", solved(byLogin, token), 400, "captcha_failed") // once only
			for purpose, ask := range map[string]fields{"reset": reset, "verify": {"email": "eve@example.com"}} {
				expect(t, s, "/api/generate", solved(ask, solve(s, purpose, nil)), 200, "")
			}
			for _, line := range s.Logs() {
				if strings.Contains(line, captchaSecret) || strings.Contains(line, token) {
					t.Errorf("the log contains a secret: %s", line)
				}
			}
		})
	}
}

func TestCaptchaFailsClosed(t *testing.T) {
	s := Start(t, withCaptcha("turnstile", "-parameter", "SendsPerHour=20")...)
	ask := fields{"email": "eve@example.com"}
	id, _ := session(t, s, solved(ask, solve(s, "verify", nil)), "eve@example.com")
	for name, fault := range map[string]fields{
		"a provider that is down":                {"error": "ServiceUnavailable"},
		"a provider with a fault of its own":     {"error": "internal-error"},
		"a secret that the provider refuses":     {"error": "invalid-input-secret"},
		"an answer that is lost":                 {"dropResponse": true},
		"a provider that is slow":                {"latencyMs": 10_000},
		"a provider that is slow and then fails": {"latencyMs": 10_000, "error": "InternalFailure"},
	} {
		t.Run(name, func(t *testing.T) {
			s := s.In(t)
			items, limits := len(s.Items("CodesTable")), fmt.Sprint(s.Items("LimitsTable"))
			s.Fault(with(fields{"service": "captcha", "action": "siteverify"}, "GenerateFunction", fault))
			defer s.ClearFaults()
			s.ClearCalls()
			begun := time.Now()
			status, header, answer := s.Post("/api/generate", solved(ask, solve(s, "verify", nil)))
			if status != 503 || answer["code"] != "unavailable" || header.Get("Retry-After") == "" {
				t.Errorf("%d %v", status, answer)
			}
			if took := time.Since(begun); took > 4*time.Second {
				t.Errorf("it took %s", took)
			}
			if asked(t, s); len(s.Items("CodesTable")) != items || fmt.Sprint(s.Items("LimitsTable")) != limits {
				t.Error("something was written")
			}
		})
	}
	t.Run("a robot in the hidden field, a malformed call and a resend ask nobody", func(t *testing.T) {
		s := s.In(t)
		age(t, s, id, time.Minute)
		s.ClearCalls()
		expect(t, s, "/api/generate", fields{"email": "eve@example.com", "contact_me_by_fax_only": "x"}, 200, "")
		expect(t, s, "/api/generate", fields{"email": "eve", "captchaToken": "x"}, 400, "invalid_request")
		if n := asked(t, s); n != 0 {
			t.Errorf("siteverify was asked %d times", n)
		}
		expect(t, s, "/api/resend", fields{"sessionId": id}, 200, "")
		for _, c := range s.Calls() {
			if c.Service == "captcha" {
				t.Error("a resend asks for a CAPTCHA")
			}
		}
	})
	t.Run("a page of the site counts, and none of a host that only begins or ends as the site's does", func(t *testing.T) {
		s := s.In(t)
		for host, want := range map[string]int{"127.0.0.1": 200, "localhost": 200, "127.0.0.1.evil.example": 400, "0.1": 400, s.URL: 400, strings.TrimPrefix(s.URL, "http://"): 400} {
			if status, _, answer := s.Post("/api/generate", solved(ask, solve(s, "verify", fields{"hostname": host}))); status != want {
				t.Errorf("%s: %d %v", host, status, answer["code"])
			}
		}
	})
	for name, fault := range map[string]fields{
		"the site's parameter does not exist yet": {"error": "ParameterNotFound"},
		"SSM is down":         {"error": "InternalServerError"},
		"SSM denies the read": {"error": "AccessDeniedException"},
		"SSM does not answer": {"latencyMs": 10_000},
	} {
		t.Run("while "+name+" nobody is let in, and the token is not used up", func(t *testing.T) {
			s := s.In(t)
			fresh(s, "GenerateFunction")
			items, limits, token := len(s.Items("CodesTable")), fmt.Sprint(s.Items("LimitsTable")), solve(s, "verify", nil)
			s.Fault(with(siteCall, "GenerateFunction", fault))
			s.ClearCalls()
			status, header, answer := s.Post("/api/generate", solved(ask, token))
			if status != 503 || answer["code"] != "unavailable" || header.Get("Retry-After") == "" {
				t.Errorf("%d %v", status, answer)
			}
			if n := asked(t, s); n != 0 || len(s.Items("CodesTable")) != items || fmt.Sprint(s.Items("LimitsTable")) != limits {
				t.Errorf("siteverify was asked %d times, or something was written", n)
			}
			s.ClearFaults()
			expect(t, s, "/api/generate", solved(ask, token), 200, "")
		})
	}
	t.Run("the secret key is in Secrets Manager; if it cannot be read, no request is accepted", func(t *testing.T) {
		s := s.In(t)
		fresh(s, "GenerateFunction")
		s.ClearCalls()
		s.Fault(with(secretCall, "GenerateFunction", fields{"error": "AccessDeniedException", "count": 1}))
		expect(t, s, "/api/generate", solved(ask, solve(s, "verify", nil)), 503, "unavailable")
		if n := asked(t, s); n != 0 {
			t.Errorf("siteverify was asked %d times", n)
		}
		expect(t, s, "/api/generate", solved(ask, solve(s, "verify", nil)), 200, "")
	})
}

// TestCaptchaNeedsItsSiteKey: a stack that could accept no request does not start.
func TestCaptchaNeedsItsSiteKey(t *testing.T) {
	root, binary, err := build()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-addr", "127.0.0.1:0", "-parameter", "CaptchaProvider=turnstile")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "CaptchaProvider needs CaptchaSiteKey") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestPagePolicy: the pages' policy allows the sources that a provider documents, and no others without a CAPTCHA.
// frontend/README.md gives the same policy for other hosts.
func TestPagePolicy(t *testing.T) {
	readme, err := os.ReadFile("../../frontend/README.md")
	if err != nil {
		t.Fatal(err)
	}
	const plain = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	for provider, added := range map[string]map[string]string{
		"none": {},
		"turnstile": {"script-src 'self'": "script-src 'self' https://challenges.cloudflare.com",
			"form-action": "frame-src https://challenges.cloudflare.com; form-action"},
		"hcaptcha": {"script-src 'self'": "script-src 'self' https://hcaptcha.com https://*.hcaptcha.com",
			"style-src 'self'":   "style-src 'self' https://hcaptcha.com https://*.hcaptcha.com",
			"connect-src 'self'": "connect-src 'self' https://hcaptcha.com https://*.hcaptcha.com",
			"form-action":        "frame-src https://hcaptcha.com https://*.hcaptcha.com; form-action"},
		"recaptcha": {"script-src 'self'": "script-src 'self' https://www.google.com/recaptcha/ https://www.gstatic.com/recaptcha/",
			"connect-src 'self'": "connect-src 'self' https://www.google.com/recaptcha/",
			"form-action":        "frame-src https://www.google.com/recaptcha/ https://recaptcha.google.com/recaptcha/; form-action"},
	} {
		t.Run(provider, func(t *testing.T) {
			want, args := plain, withCaptcha(provider)
			for before, after := range added {
				want = strings.Replace(want, before, after, 1)
				if source := strings.TrimSuffix(strings.TrimPrefix(after, before+" "), "; form-action"); !bytes.Contains(readme, []byte(strings.TrimPrefix(source, "frame-src "))) {
					t.Errorf("frontend/README.md lacks %q", source)
				}
			}
			if provider == "none" {
				args = nil
			}
			s := Start(t, args...)
			_, header, page := s.Do(http.MethodGet, "/", nil)
			if got := header.Get("Content-Security-Policy"); got != want {
				t.Errorf("the policy is\n%s, want\n%s", got, want)
			}
			for name, want := range map[string]string{"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY"} {
				if got := header.Get(name); got != want {
					t.Errorf("%s: %s", name, got)
				}
			}
			if bytes.Contains(page, []byte(captchaSecret)) {
				t.Error("the page has the secret")
			}
			var config fields
			if _, _, body := s.Do(http.MethodGet, "/config.json", nil); json.NewDecoder(io.TeeReader(bytes.NewReader(body), io.Discard)).Decode(&config) != nil || bytes.Contains(body, []byte(captchaSecret)) {
				t.Errorf("%s", body)
			}
			if got, _ := config["captcha"].(map[string]any); provider != "none" && (got["provider"] != provider || got["siteKey"] != "site-key") || provider == "none" && config["captcha"] != nil {
				t.Errorf("config.json says %v", config["captcha"])
			}
		})
	}
}
