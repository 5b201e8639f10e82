package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"streamotp/shared/config"
	"streamotp/shared/httpapi"
	"streamotp/shared/keys"
	"streamotp/shared/otp"
	"streamotp/shared/site"
)

const (
	captchaTime   = 2 * time.Second // for the provider's whole response: a user is waiting
	captchaAnswer = 16 << 10        // bytes; a verdict has a few hundred
	captchaToken  = 2048            // the most characters of a Turnstile token; the body's limit alone bounds those of others
	leastScore    = 0.5             // reCAPTCHA v3: 1.0 is very likely a person, 0.0 a robot; Google's own threshold
)

// captcha asks the provider that a site chose whether a person solved its challenge. The siteverify calls of all providers are alike.
type captcha struct {
	provider string   // recaptcha, turnstile or hcaptcha
	url      string   // of siteverify
	hosts    []string // of other pages whose challenges count, beside the site's own
	site     interface {
		Host(ctx context.Context) (string, error)
	}
	secret interface {
		Value(ctx context.Context) (string, error)
	}
	client *http.Client
}

// newCaptcha reads the environment. It returns nil if no CAPTCHA is required.
func newCaptcha(env *config.Env, cfg aws.Config, own *site.Site, now func() time.Time) *captcha {
	provider := env.OneOf("CAPTCHA_PROVIDER", "none", "recaptcha", "turnstile", "hcaptcha")
	if provider == "none" {
		return nil
	}
	return &captcha{
		provider: provider,
		url:      env.String("CAPTCHA_URL"),
		hosts:    hostsOf(env.List("CAPTCHA_HOSTS")),
		site:     own,
		secret:   keys.NewText(cfg, env.String("CAPTCHA_SECRET"), now),
		client:   newCaptchaClient(),
	}
}

// newCaptchaClient keeps no connection. If one died while Lambda had the function frozen, a user's request would fail, and a token
// cannot be sent twice. The client follows no redirect, which would carry the secret elsewhere.
func newCaptchaClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// hostsOf takes hosts and origins, such as https://www.example.com:8443, and returns the hosts.
func hostsOf(places []string) (hosts []string) {
	for _, place := range places {
		if _, rest, ok := strings.Cut(place, "://"); ok {
			place, _, _ = strings.Cut(rest, ":")
		}
		if place != "" {
			hosts = append(hosts, strings.ToLower(place))
		}
	}
	return hosts
}

// checkCaptcha returns nil if the CAPTCHA was solved for this purpose, or if none is required. It puts the reason of a rejection
// into the audit log: without it, a host that is missing in the configuration would look to the operator as if everybody were a
// robot.
//
// Errors: httpapi.ErrCaptchaFailed; *otp.UnavailableError if the provider gives no verdict or does not accept our secret, or
// if the site's host is not known.
func (h handler) checkCaptcha(ctx context.Context, c call, purpose otp.Purpose) error {
	if h.captcha == nil {
		return nil
	}
	token := c.Get("captchaToken")
	if token == "" || h.captcha.provider == "turnstile" && len(token) > captchaToken {
		c.Event.Reason = "captcha-token"
		return httpapi.ErrCaptchaFailed
	}
	siteHost, err := h.captcha.site.Host(ctx) // before the provider is asked, which takes a token only once
	if err != nil {
		return err
	}
	v, err := h.captcha.verify(ctx, token, c.clientIP)
	if err != nil {
		return err
	}
	failed, err := h.captcha.judge(v, purpose, siteHost)
	if err == nil && failed != "" {
		c.Event.Reason = "captcha-" + failed
		return httpapi.ErrCaptchaFailed
	}
	return err
}

// verdict is a provider's response. Success is nil if the response is not a verdict.
type verdict struct {
	Success  *bool    `json:"success"`
	Hostname string   `json:"hostname"`
	Action   string   `json:"action"` // only from Turnstile and reCAPTCHA v3
	Score    *float64 `json:"score"`  // from reCAPTCHA v3; hCaptcha's paid plan has one that means the reverse
	Codes    []string `json:"error-codes"`
}

// verify asks the provider. Its errors quote no text: an error of net/http may quote what it read.
func (c *captcha) verify(ctx context.Context, token, client string) (v verdict, err error) {
	secret, err := c.secret.Value(ctx)
	if err != nil {
		return v, err
	}
	ctx, cancel := context.WithTimeout(ctx, captchaTime)
	defer cancel()
	form := url.Values{"secret": {secret}, "response": {token}, "remoteip": {client}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, strings.NewReader(form.Encode()))
	if err != nil {
		return v, unavailable("has no usable URL")
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := c.client.Do(request)
	if err != nil {
		return v, unavailable(silence(ctx))
	}
	defer response.Body.Close() //nolint:errcheck // it was read, or is given up
	if response.StatusCode != http.StatusOK {
		return v, unavailable(fmt.Sprintf("answers status %d", response.StatusCode))
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, captchaAnswer)).Decode(&v); err != nil || v.Success == nil {
		if ctx.Err() != nil {
			return v, unavailable(silence(ctx))
		}
		return v, unavailable("answers no verdict")
	}
	return v, nil
}

func silence(ctx context.Context) string {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return "does not answer in time"
	}
	return "cannot be reached"
}

func unavailable(what string) error {
	return &otp.UnavailableError{Reason: "captcha: siteverify " + what}
}

// judge decides by the provider's verdict. It returns what is wrong with a token, or "" if the token is accepted.
func (c *captcha) judge(v verdict, purpose otp.Purpose, siteHost string) (failed string, err error) {
	if !*v.Success {
		return "token", mistake(v.Codes)
	}
	host, action := strings.ToLower(v.Hostname), v.Action == string(purpose)
	switch {
	case host == "not-provided": // hCaptcha, under an unusual load
		return "", unavailable("leaves out the host")
	case host != siteHost && !slices.Contains(c.hosts, host):
		return "host", nil
	case c.provider == "turnstile" && !action:
		return "action", nil
	case c.provider == "recaptcha" && v.Score != nil && !action: // only v3 has a score; v2 has no actions
		return "action", nil
	case c.provider == "recaptcha" && v.Score != nil && *v.Score < leastScore:
		return "score", nil
	}
	return "", nil
}

// visitors are the error codes that a visitor's token causes. All others are our own mistake or the provider's.
var visitors = []string{"missing-input-response", "invalid-input-response", "timeout-or-duplicate", "expired-input-response",
	"already-seen-response", "invalid-or-already-seen-response", "browser-error",
	"sitekey-secret-mismatch"} // the token of another site, or our own two keys do not match: either way no code is sent

// ours are the other codes that are known, so that it is safe to log them.
var ours = []string{"missing-input-secret", "invalid-input-secret", "invalid-keys", "bad-request",
	"not-using-dummy-passcode", "missing-remoteip", "invalid-remoteip", "internal-error"}

// mistake returns nil if only the token was rejected.
func mistake(codes []string) error {
	for _, code := range codes {
		switch {
		case slices.Contains(ours, code):
			return unavailable("answers " + code)
		case !slices.Contains(visitors, code):
			return unavailable("answers an unknown error code")
		}
	}
	return nil
}
