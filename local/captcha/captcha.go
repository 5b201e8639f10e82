// Package captcha imitates the CAPTCHA providers: a script with the providers' API, which draws a checkbox that is
// labelled as an imitation, and a siteverify that responds as theirs do. It stops no robots.
//
// It promises: (S1) a token is accepted once, before it expires, and only with the right secret; (S2) the response
// reports the host and the action that the token was made for, as far as the provider's does.
package captcha

import (
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// Provider is the stub of one provider for one site. It is safe for concurrent use.
type Provider struct {
	Name    string // recaptcha, turnstile or hcaptcha
	SiteKey string
	Now     func() time.Time

	mu     sync.Mutex
	tokens map[string]*token
}

// Secret is the stub's secret key for every site key.
const Secret = "stub-secret"

// token is the result of a solved challenge.
type token struct {
	SiteKey  string   `json:"siteKey"`
	Hostname string   `json:"hostname"`
	Action   string   `json:"action"`
	Score    *float64 `json:"score"`      // if set, the token is one of reCAPTCHA v3
	Age      int      `json:"ageSeconds"` // for tests of the expiry
	made     time.Time
	used     bool
}

// lives is how long a token can be verified, according to each provider's documentation.
var lives = map[string]time.Duration{"turnstile": 300 * time.Second, "recaptcha": 120 * time.Second, "hcaptcha": 120 * time.Second}

//go:embed stub.js
var stub []byte

// serveScript serves the stub of the provider's script.
func serveScript(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(stub)
}

// solve makes the token of a solved challenge. The stub's script calls it, and so do tests, which may set more than the
// script can.
func (p *Provider) solve(w http.ResponseWriter, r *http.Request) {
	t := &token{}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10))
	d.DisallowUnknownFields()
	if err := d.Decode(t); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if t.SiteKey != p.SiteKey {
		http.Error(w, "the site key is not the one of -parameter CaptchaSiteKey", http.StatusBadRequest)
		return
	}
	t.made = p.Now().Add(-time.Duration(t.Age) * time.Second)
	text := "stub-" + rand.Text()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tokens == nil || len(p.tokens) > 10_000 { // a stack may run for days
		p.tokens = map[string]*token{}
	}
	p.tokens[text] = t
	answer(w, map[string]string{"token": text})
}

// siteverify responds as the provider's does: always with 200.
func (p *Provider) siteverify(w http.ResponseWriter, r *http.Request) {
	secret, text := r.PostFormValue("secret"), r.PostFormValue("response") // not from the URL: there it would be logged
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.tokens[text]
	switch {
	case secret == "":
		refuse(w, "missing-input-secret")
	case secret != Secret:
		refuse(w, "invalid-input-secret")
	case text == "":
		refuse(w, "missing-input-response")
	case t == nil:
		refuse(w, "invalid-input-response")
	case t.used:
		refuse(w, p.word("timeout-or-duplicate", "already-seen-response"))
	case p.Now().Sub(t.made) > lives[p.Name]:
		refuse(w, p.word("timeout-or-duplicate", "expired-input-response"))
	default:
		t.used = true
		answer(w, p.verdict(t))
	}
}

// word returns the provider's word for something: hCaptcha has one of its own.
func (p *Provider) word(common, hcaptcha string) string {
	if p.Name == "hcaptcha" {
		return hcaptcha
	}
	return common
}

func (p *Provider) verdict(t *token) map[string]any {
	v := map[string]any{"success": true, "challenge_ts": t.made.UTC().Format(time.RFC3339), "hostname": t.Hostname}
	switch {
	case p.Name == "turnstile":
		v["action"], v["cdata"], v["error-codes"] = t.Action, "", []string{}
	case p.Name == "recaptcha" && t.Score != nil:
		v["action"], v["score"] = t.Action, *t.Score
	}
	return v
}

func refuse(w http.ResponseWriter, code string) {
	answer(w, map[string]any{"success": false, "error-codes": []string{code}})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}
