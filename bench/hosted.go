package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// callback is where the client of hosted login gets its people back.
const callback = "https://shop.example/"

// The PKCE verifier with its challenge, the example of RFC 7636, appendix B.
const (
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// authorization is the application's request.
func authorization(client, redirect string) string {
	return "/oauth2/authorize?" + url.Values{"client_id": {client}, "redirect_uri": {redirect}, "response_type": {"code"}, "scope": {"openid email"},
		"state": {"state"}, "nonce": {"n-7f3a"}, "code_challenge_method": {"S256"}, "code_challenge": {challenge}}.Encode()
}

// exchange is the form with which the application gets its tokens.
func exchange(client, redirect, code string) string {
	return url.Values{"grant_type": {"authorization_code"}, "client_id": {client}, "redirect_uri": {redirect}, "code": {code}, "code_verifier": {verifier}}.Encode()
}

var form = map[string]string{"content-type": "application/x-www-form-urlencoded"}

// authorize begins a login, and returns its transaction and the browser's cookie.
func authorize(i *instance) (transaction, cookie string, err error) {
	text, err := i.invoke(httpEvent("GET", authorization(hosted, callback), "", nil))
	if err != nil {
		return "", "", err
	}
	var response httpResponse
	if err := json.Unmarshal(text, &response); err != nil || response.StatusCode != 303 || len(response.Cookies) == 0 {
		return "", "", fmt.Errorf("authorize: %s, %w", text, err)
	}
	_, transaction, _ = strings.Cut(response.Headers["location"], "#")
	cookie, _, _ = strings.Cut(response.Cookies[0], ";")
	return transaction, cookie, nil
}

// visitor drives the functions of hosted logins, each in a warm process.
type visitor struct {
	*lab
	generate, send, verify, oidc *instance
	spent                        map[string]time.Duration // processor time of each call, summed
}

func (b *lab) visitor() (v visitor, err error) {
	v = visitor{lab: b, spent: map[string]time.Duration{}}
	for _, f := range []struct {
		name string
		to   **instance
	}{{"generate", &v.generate}, {"send", &v.send}, {"verify", &v.verify}, {"oidc", &v.oidc}} {
		if *f.to, err = b.function(f.name); err != nil {
			return v, err
		}
	}
	return v, nil
}

func (v visitor) stop() {
	for _, i := range []*instance{v.generate, v.send, v.verify, v.oidc} {
		i.stop()
	}
}

// call makes a call to a function and adds up its processor time.
func (v visitor) call(name string, i *instance, make func() error) error {
	before := i.cpu()
	err := make()
	v.spent[name] += i.cpu() - before
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// session requests a code, and returns the session and the code.
func (v visitor) session(body map[string]string) (id, code string, err error) {
	if id, err = v.cloud.generate(v.generate, body); err == nil {
		code, err = v.cloud.send(v.send, id)
	}
	return id, code, err
}

// code logs a person in, and returns the authorization code.
func (v visitor) code() (code string, err error) {
	var transaction, cookie, sessionID, typed, proof string
	body := map[string]string{"email": "ada@example.com", "password": oldPassword, "purpose": "login"}
	for _, step := range []struct {
		name string
		i    *instance
		make func() error
	}{
		{"authorize", v.oidc, func() (err error) { transaction, cookie, err = authorize(v.oidc); return err }},
		{"transaction", v.oidc, func() error {
			_, err := answer(v.oidc.invoke(v.fromPage("/oauth2/transaction", cookie, map[string]string{"transaction": transaction})))
			return err
		}},
		{"generate (one Argon2id)", v.generate, func() (err error) {
			body["transaction"] = transaction
			sessionID, err = v.cloud.generate(v.generate, body)
			return err
		}},
		{"send", v.send, func() (err error) { typed, err = v.cloud.send(v.send, sessionID); return err }},
		{"verify", v.verify, func() error {
			got, err := answer(v.verify.invoke(request("/verify", map[string]string{"sessionId": sessionID, "code": typed})))
			proof, _ = got["proof"].(string)
			return err
		}},
		{"complete", v.oidc, func() error {
			got, err := answer(v.oidc.invoke(v.fromPage("/oauth2/complete", cookie, map[string]string{"transaction": transaction, "proof": proof})))
			if err != nil {
				return err
			}
			way, err := url.Parse(got["redirect"].(string))
			if err == nil {
				code = way.Query().Get("code")
			}
			return err
		}},
	} {
		if err := v.call(step.name, step.i, step.make); err != nil {
			return "", err
		}
	}
	return code, nil
}

// fromPage returns the event of a call of the login page.
func (v visitor) fromPage(path, cookie string, body map[string]string) []byte {
	text, _ := json.Marshal(body)
	return httpEvent("POST", path, string(text), map[string]string{"content-type": "application/json", "origin": siteURL}, cookie)
}

// token exchanges a code, and returns the access token.
func token(i *instance, code string) (access string, err error) {
	got, err := answer(i.invoke(httpEvent("POST", "/oauth2/token", exchange(hosted, callback, code), form)))
	access, _ = got["access_token"].(string)
	return access, err
}

// warmHosted measures whole hosted logins.
func (b *lab) warmHosted(runs int) error {
	v, err := b.visitor()
	if err != nil {
		return err
	}
	defer v.stop()
	const warmUp = 50
	for n := range warmUp + runs {
		if n == warmUp {
			clear(v.spent)
		}
		code, err := v.code()
		if err != nil {
			return err
		}
		var access string
		if err := v.call("token", v.oidc, func() (err error) { access, err = token(v.oidc, code); return err }); err != nil {
			return err
		}
		if err := v.call("userinfo", v.oidc, func() error {
			_, err := answer(v.oidc.invoke(httpEvent("GET", "/oauth2/userinfo", "", map[string]string{"authorization": "Bearer " + access})))
			return err
		}); err != nil {
			return err
		}
	}
	fmt.Printf("| a hosted login, warm, mean of %d | CPU, ms |\n|---|---|\n", runs)
	var total time.Duration
	for _, name := range []string{"authorize", "transaction", "generate (one Argon2id)", "send", "verify", "complete", "token", "userinfo"} {
		total += v.spent[name]
		fmt.Printf("| %s | %s |\n", name, ms(v.spent[name]/time.Duration(runs)))
	}
	fmt.Printf("| one whole hosted login | %s |\n| oidc, RSS | %.1f MiB |\n\n", ms(total/time.Duration(runs)), float64(v.oidc.rss())/1024)
	return nil
}
