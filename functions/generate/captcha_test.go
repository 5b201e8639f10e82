package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"streamotp/shared/httpapi"
	"streamotp/shared/otp"
	"streamotp/shared/store"
	"streamotp/shared/telemetry"
)

const captchaSecret = "0xSECRET"

type fixedSecret string

func (s fixedSecret) Value(context.Context) (string, error) { return string(s), nil }

type fixedHost string

func (h fixedHost) Host(context.Context) (string, error) { return string(h), nil }

// forms hold what a provider was sent. A request that was given up may still be in progress.
type forms struct {
	mu  sync.Mutex
	all []url.Values
}

func (f *forms) add(form url.Values) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, form)
}

// take empties them.
func (f *forms) take() []url.Values {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.all
	f.all = nil
	return all
}

// siteverify starts a provider that responds in this way and records what it was sent.
func siteverify(t *testing.T, provider string, answer http.HandlerFunc) (*captcha, *forms) {
	t.Helper()
	sent := &forms{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		sent.add(r.PostForm)
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	return &captcha{provider: provider, url: server.URL, hosts: []string{"shop.example"}, site: fixedHost("site.example"),
		secret: fixedSecret(captchaSecret), client: newCaptchaClient()}, sent
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		fmt.Fprint(w, `{"success":true,"hostname":"site.example","action":"login"}`)
	}
}

func slow(before, between time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		wait := func(d time.Duration) {
			select {
			case <-time.After(d):
			case <-r.Context().Done():
			}
		}
		wait(before)
		fmt.Fprint(w, `{"success":true,`)
		http.NewResponseController(w).Flush() //nolint:errcheck // the caller may be gone
		wait(between)
		fmt.Fprint(w, `"hostname":"site.example","action":"login"}`)
	}
}

// logged collects the log of a test.
func logged(t *testing.T) *bytes.Buffer {
	var out bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&out, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	return &out
}

func refusal(code string) string { return fmt.Sprintf(`{"success":false,"error-codes":[%q]}`, code) }

func TestCaptcha(t *testing.T) {
	const passed, failed, down = "passed", "failed", "unavailable"
	for name, test := range map[string]struct {
		provider string
		answer   http.HandlerFunc
		want     string
	}{
		"Turnstile: host and action are right":         {"turnstile", says(`{"success":true,"hostname":"site.example","action":"login","error-codes":[]}`), passed},
		"Turnstile: another page of ours":              {"turnstile", says(`{"success":true,"hostname":"Shop.Example","action":"login"}`), passed},
		"Turnstile: another site":                      {"turnstile", says(`{"success":true,"hostname":"evil.example","action":"login"}`), failed},
		"Turnstile: a site below ours":                 {"turnstile", says(`{"success":true,"hostname":"a.site.example","action":"login"}`), failed},
		"Turnstile: no host":                           {"turnstile", says(`{"success":true,"action":"login"}`), failed},
		"Turnstile: another action":                    {"turnstile", says(`{"success":true,"hostname":"site.example","action":"verify"}`), failed},
		"Turnstile: no action":                         {"turnstile", says(`{"success":true,"hostname":"site.example"}`), failed},
		"Turnstile: used before":                       {"turnstile", says(refusal("timeout-or-duplicate")), failed},
		"Turnstile: a forged token":                    {"turnstile", says(refusal("invalid-input-response")), failed},
		"Turnstile: our secret is wrong":               {"turnstile", says(refusal("invalid-input-secret")), down},
		"Turnstile: both are wrong":                    {"turnstile", says(`{"success":false,"error-codes":["invalid-input-response","invalid-input-secret"]}`), down},
		"Turnstile: its own fault":                     {"turnstile", says(refusal("internal-error")), down},
		"v2: the host is right":                        {"recaptcha", says(`{"success":true,"hostname":"site.example"}`), passed},
		"v2: another site":                             {"recaptcha", says(`{"success":true,"hostname":"evil.example"}`), failed},
		"v2: an app in place of a page":                {"recaptcha", says(`{"success":true,"apk_package_name":"site.example"}`), failed},
		"v3: a good score":                             {"recaptcha", says(`{"success":true,"hostname":"site.example","action":"login","score":0.5}`), passed},
		"v3: a bad score":                              {"recaptcha", says(`{"success":true,"hostname":"site.example","action":"login","score":0.4}`), failed},
		"v3: the worst score":                          {"recaptcha", says(`{"success":true,"hostname":"site.example","action":"login","score":0}`), failed},
		"v3: another action":                           {"recaptcha", says(`{"success":true,"hostname":"site.example","action":"reset","score":0.9}`), failed},
		"v3: no action":                                {"recaptcha", says(`{"success":true,"hostname":"site.example","score":0.9}`), failed},
		"reCAPTCHA: the browser had no network":        {"recaptcha", says(refusal("browser-error")), failed},
		"reCAPTCHA: our keys are wrong":                {"recaptcha", says(refusal("invalid-keys")), down},
		"hCaptcha: the host is right":                  {"hcaptcha", says(`{"success":true,"hostname":"site.example","credit":false}`), passed},
		"hCaptcha: a score means the reverse":          {"hcaptcha", says(`{"success":true,"hostname":"site.example","score":0.1}`), passed},
		"hCaptcha: another site":                       {"hcaptcha", says(`{"success":true,"hostname":"evil.example"}`), failed},
		"hCaptcha: the host is left out under load":    {"hcaptcha", says(`{"success":true,"hostname":"not-provided"}`), down},
		"hCaptcha: seen before":                        {"hcaptcha", says(refusal("already-seen-response")), failed},
		"hCaptcha: seen before, in the older word":     {"hcaptcha", says(refusal("invalid-or-already-seen-response")), failed},
		"hCaptcha: expired":                            {"hcaptcha", says(refusal("expired-input-response")), failed},
		"hCaptcha: the keys do not belong together":    {"hcaptcha", says(refusal("sitekey-secret-mismatch")), failed},
		"a refusal without a reason":                   {"turnstile", says(`{"success":false,"error-codes":[]}`), failed},
		"a code that nobody documents":                 {"turnstile", says(refusal("new-code-" + captchaSecret)), down},
		"success is not true but a word":               {"turnstile", says(`{"success":"true","hostname":"site.example","action":"login"}`), down},
		"no verdict":                                   {"turnstile", says(`{}`), down},
		"nothing":                                      {"turnstile", says(``), down},
		"a page in place of JSON":                      {"turnstile", says(`<html>` + captchaSecret), down},
		"half an answer":                               {"turnstile", says(`{"success":true,"hostname":"site.example",`), down},
		"an answer that does not end":                  {"turnstile", says(`{"success":true,"hostname":"site.example","action":"login","x":"` + strings.Repeat("x", 1<<20) + `"}`), down},
		"500":                                          {"turnstile", status(500), down},
		"503":                                          {"turnstile", status(503), down},
		"429":                                          {"turnstile", status(429), down},
		"403 with a verdict":                           {"turnstile", status(403), down},
		"a redirect":                                   {"turnstile", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", 307) }, down},
		"a connection that breaks":                     {"turnstile", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, down},
		"a provider that answers late":                 {"turnstile", slow(10*time.Second, 0), down},
		"a provider that begins in time and is late":   {"turnstile", slow(0, 10*time.Second), down},
		"a provider that takes a second is waited for": {"turnstile", slow(time.Second, 0), passed},
	} {
		t.Run(name, func(t *testing.T) {
			c, sent := siteverify(t, test.provider, test.answer)
			log := logged(t)
			begun := time.Now()
			request := call{clientIP: "203.0.113.7", Request: httpapi.Request{Fields: map[string]string{"captchaToken": "the token"}, Event: &telemetry.Event{}}}
			err := handler{captcha: c}.checkCaptcha(context.Background(), request, otp.Login)
			var unavailable *otp.UnavailableError
			got := map[bool]string{true: passed}[err == nil]
			switch {
			case errors.Is(err, httpapi.ErrCaptchaFailed):
				got = failed
			case errors.As(err, &unavailable):
				got = down
			}
			if got != test.want {
				t.Errorf("%s (%v), want %s", got, err, test.want)
			}
			if took := time.Since(begun); took > captchaTime+5*time.Second { // of the 10 that it would take
				t.Errorf("it took %s", took)
			}
			if strings.HasPrefix(request.Event.Reason, "captcha-") != (got == failed) {
				t.Errorf("the audit log has the reason %q", request.Event.Reason)
			}
			if all := fmt.Sprint(err, log, *request.Event); strings.Contains(all, captchaSecret) || strings.Contains(all, "the token") || strings.Contains(all, "203.0.113.7") {
				t.Errorf("this reveals a secret: %s", all)
			}
			want := url.Values{"secret": {captchaSecret}, "response": {"the token"}, "remoteip": {"203.0.113.7"}}
			if sent := sent.take(); len(sent) != 1 || sent[0].Encode() != want.Encode() {
				t.Errorf("sent %v", sent)
			}
		})
	}
}

func TestCaptchaIsAskedForFirst(t *testing.T) {
	f := newFixture(t)
	c, sent := siteverify(t, "turnstile", says(refusal("invalid-input-response")))
	f.captcha = c
	f.users = slowUsers{f.users, func() { t.Error("an account is read") }}
	f.admit.Limits, f.admit.MessagesPerHour, f.admit.MessagesPerIP, f.admit.WrongPasswordsPerHour = forbiddenLimits{t}, 5, 5, 5
	for name, test := range map[string]struct {
		body   fields
		status int
		code   any
		asked  int
	}{
		"no token":                          {fields{"email": "ada@example.com"}, 400, "captcha_failed", 0},
		"an empty token":                    {fields{"email": "ada@example.com", "captchaToken": ""}, 400, "captcha_failed", 0},
		"a token longer than any":           {fields{"email": "ada@example.com", "captchaToken": strings.Repeat("x", 2049)}, 400, "captcha_failed", 0},
		"a login with a bad token":          {fields{"email": "ada@example.com", "purpose": "login", "password": secretWord, "captchaToken": "x"}, 400, "captcha_failed", 1},
		"a reset with a bad token":          {fields{"email": "ada@example.com", "purpose": "reset", "captchaToken": "x"}, 400, "captcha_failed", 1},
		"a number with a bad token":         {fields{"phone": "+4915112345678", "captchaToken": "x"}, 400, "captcha_failed", 1},
		"a malformed request is invalid":    {fields{"email": "ada", "captchaToken": "x"}, 400, "invalid_request", 0},
		"a robot is not asked for one":      {fields{"email": "ada@example.com", honeypot: "x"}, 200, nil, 0},
		"a robot that has one neither":      {fields{"email": "ada@example.com", honeypot: "x", "captchaToken": "x"}, 200, nil, 0},
		"a token with control characters":   {fields{"email": "ada@example.com", "captchaToken": "x\n"}, 400, "invalid_request", 0},
		"a body over the limit is rejected": {fields{"email": "ada@example.com", "captchaToken": strings.Repeat("x", 9000)}, 413, "too_large", 0},
	} {
		t.Run(name, func(t *testing.T) {
			sent.take()
			status, _, body := f.call(t, "/generate", test.body)
			if asked := len(sent.take()); status != test.status || body["code"] != test.code || asked != test.asked {
				t.Errorf("%d %v, asked %d times", status, body, asked)
			}
		})
	}
	if items := f.items(t); len(items) != 0 {
		t.Errorf("items %v", items)
	}
	t.Run("a provider that is down is 503, with Retry-After and one line in the log that says why", func(t *testing.T) {
		f.captcha, _ = siteverify(t, "turnstile", status(500))
		log := logged(t)
		code, header, body := f.call(t, "/generate", fields{"email": "ada@example.com", "captchaToken": "x"})
		if code != 503 || body["code"] != "unavailable" || header["retry-after"] == "" {
			t.Errorf("%d %v %v", code, header, body)
		}
		if strings.Count(log.String(), "siteverify answers status 500") != 1 || strings.Count(log.String(), "\n") != 1 {
			t.Error(log)
		}
	})
	t.Run("while the site's host is unknown it is 503, and the provider, which takes a token once, is not asked", func(t *testing.T) {
		f.captcha, sent = siteverify(t, "turnstile", says(`{"success":true,"hostname":"","action":"verify"}`))
		f.captcha.site = unknownSite{}
		status, header, body := f.call(t, "/generate", fields{"email": "ada@example.com", "captchaToken": "x"})
		if status != 503 || body["code"] != "unavailable" || header["retry-after"] == "" || len(sent.take()) != 0 || len(f.items(t)) != 0 {
			t.Errorf("%d %v %v", status, header, body)
		}
	})
	t.Run("a secret that cannot be read is 503", func(t *testing.T) {
		f.captcha, _ = siteverify(t, "turnstile", says(`{"success":true,"hostname":"site.example","action":"verify"}`))
		f.captcha.secret = noSecret{}
		if status, _, body := f.call(t, "/generate", fields{"email": "ada@example.com", "captchaToken": "x"}); status != 503 {
			t.Errorf("%d %v", status, body)
		}
	})
}

// A resend needs no CAPTCHA, because its session's CAPTCHA was solved.
func TestResendAsksForNoCaptcha(t *testing.T) {
	f := newFixture(t)
	c, sent := siteverify(t, "turnstile", says(`{"success":true,"hostname":"site.example","action":"verify"}`))
	f.captcha = c
	_, _, body := f.call(t, "/generate", fields{"email": "ada@example.com", "captchaToken": "x"})
	f.at = f.at.Add(time.Minute)
	if status, _, answer := f.call(t, "/resend", fields{"sessionId": body["sessionId"]}); status != 200 || len(sent.take()) != 1 {
		t.Errorf("%d %v", status, answer)
	}
}

func TestHostsOf(t *testing.T) {
	got := hostsOf(strings.Split("Login.example.com,https://www.example.com,http://localhost:8080,,", ","))
	if fmt.Sprint(got) != "[login.example.com www.example.com localhost]" {
		t.Error(got)
	}
}

// unknownSite is the site before the deployment has set its URL.
type unknownSite struct{}

func (unknownSite) Host(context.Context) (string, error) {
	return "", &otp.UnavailableError{Reason: "no"}
}

type noSecret struct{}

func (noSecret) Value(context.Context) (string, error) {
	return "", &otp.UnavailableError{Reason: "no"}
}

// forbiddenLimits fails the test if anything is counted, or even read.
type forbiddenLimits struct{ t *testing.T }

func (l forbiddenLimits) TakeMessage(context.Context, store.Quota, string, time.Time) (s store.KeyState, err error) {
	l.t.Error("a message is counted")
	return s, nil
}

func (l forbiddenLimits) GiveBackMessage(context.Context, store.Quota, string, time.Time) error {
	l.t.Error("a message is given back")
	return nil
}

func (l forbiddenLimits) TakeWrongPassword(context.Context, store.Quota, string, time.Time) error {
	l.t.Error("a password is counted")
	return nil
}

func (l forbiddenLimits) Peek(context.Context, store.Quota, time.Time) (s store.KeyState, err error) {
	l.t.Error("the limits are read")
	return s, nil
}
