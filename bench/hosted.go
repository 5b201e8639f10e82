package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
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

// browser makes the calls of a hosted login, and gets the code from the message.
type browser interface {
	call(method, path, body string, headers map[string]string) (httpResponse, error)
	code(sessionID string) (string, error)
}

var (
	jsonBody = map[string]string{"content-type": "application/json"}
	formBody = map[string]string{"content-type": "application/x-www-form-urlencoded"}
)

// authorization is the path of the application's request.
func authorization() string {
	return "/oauth2/authorize?" + url.Values{"client_id": {hosted}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid email"},
		"state": {"state"}, "nonce": {"n-7f3a"}, "code_challenge_method": {"S256"}, "code_challenge": {challenge}}.Encode()
}

// exchange is the form with which the application gets its tokens.
func exchange(code string) string {
	return url.Values{"grant_type": {"authorization_code"}, "client_id": {hosted}, "redirect_uri": {callback}, "code": {code}, "code_verifier": {verifier}}.Encode()
}

// logIn logs ada in to the application, from its request to the authorization code. origin is that of the login page.
func logIn(b browser, origin string) (code string, err error) {
	begun, err := b.call(http.MethodGet, authorization(), "", nil)
	if err != nil {
		return "", err
	}
	_, transaction, found := strings.Cut(begun.Headers["location"], "#")
	if begun.StatusCode != http.StatusSeeOther || !found || len(begun.Cookies) == 0 {
		return "", fmt.Errorf("authorize: %+v", begun)
	}
	cookie, _, _ := strings.Cut(begun.Cookies[0], ";")
	fromPage := map[string]string{"origin": origin, "cookie": cookie}
	maps.Copy(fromPage, jsonBody)
	post := func(path string, body map[string]string) (out map[string]any) {
		if err == nil {
			text, _ := json.Marshal(body)
			out, err = success(b.call(http.MethodPost, path, string(text), fromPage))
		}
		return out
	}
	post("/oauth2/transaction", map[string]string{"transaction": transaction})
	session, _ := post("/generate", map[string]string{"email": "ada@example.com", "password": oldPassword, "purpose": "login", "transaction": transaction})["sessionId"].(string)
	if err != nil {
		return "", err
	}
	typed, err := b.code(session)
	proof, _ := post("/verify", map[string]string{"sessionId": session, "code": typed})["proof"].(string)
	way, _ := post("/oauth2/complete", map[string]string{"transaction": transaction, "proof": proof})["redirect"].(string)
	back, _ := url.Parse(way)
	if err == nil && back.Query().Get("code") == "" {
		err = errors.New("complete gives no code")
	}
	return back.Query().Get("code"), err
}

// use makes the application's own calls: token and userinfo.
func use(b browser, code string) error {
	got, err := success(b.call(http.MethodPost, "/oauth2/token", exchange(code), formBody))
	if err == nil {
		_, err = success(b.call(http.MethodGet, "/oauth2/userinfo", "", map[string]string{"authorization": "Bearer " + fmt.Sprint(got["access_token"])}))
	}
	return err
}

// warm is a browser of the functions of a hosted login, each in a warm process.
type warm struct {
	*cloud
	generate, send, verify, oidc *instance
	spent                        map[string]time.Duration // processor time of each call, summed
}

func (b *lab) warm() (w warm, err error) {
	w = warm{cloud: b.cloud, spent: map[string]time.Duration{}}
	for name, to := range map[string]**instance{"generate": &w.generate, "send": &w.send, "verify": &w.verify, "oidc": &w.oidc} {
		if *to, err = b.function(name); err != nil {
			return w, err
		}
	}
	return w, nil
}

func (w warm) stop() {
	for _, i := range []*instance{w.generate, w.send, w.verify, w.oidc} {
		i.stop()
	}
}

func (w warm) call(method, path, body string, headers map[string]string) (r httpResponse, err error) {
	i := w.oidc
	switch path {
	case "/generate":
		i = w.generate
	case "/verify":
		i = w.verify
	}
	name, _, _ := strings.Cut(path, "?")
	before := i.cpu()
	text, err := i.invoke(httpEvent(method, path, body, headers))
	w.spent[name] += i.cpu() - before
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	return r, err
}

func (w warm) code(sessionID string) (string, error) {
	before := w.send.cpu()
	code, err := w.cloud.send(w.send, sessionID)
	w.spent["send"] += w.send.cpu() - before
	return code, err
}

// warmHosted measures whole hosted logins.
func (b *lab) warmHosted(runs int) error {
	w, err := b.warm()
	if err != nil {
		return err
	}
	defer w.stop()
	const warmUp = 50
	for n := range warmUp + runs {
		if n == warmUp {
			clear(w.spent)
		}
		code, err := logIn(w, siteURL)
		if err != nil {
			return err
		}
		if err := use(w, code); err != nil {
			return err
		}
	}
	fmt.Printf("| a hosted login, warm, mean of %d | CPU, ms |\n|---|---|\n", runs)
	var total time.Duration
	for _, name := range []string{"/oauth2/authorize", "/oauth2/transaction", "/generate", "send", "/verify", "/oauth2/complete", "/oauth2/token", "/oauth2/userinfo"} {
		each := w.spent[name] / time.Duration(runs)
		total += each
		fmt.Printf("| %s | %s |\n", name, ms(each))
	}
	fmt.Printf("| one whole hosted login | %s |\n| RSS of oidc | %.1f MiB |\n\n", ms(total), float64(w.oidc.rss())/1024)
	return nil
}

func (d *development) call(method, path, body string, headers map[string]string) (r httpResponse, err error) {
	request, err := http.NewRequest(method, d.url+"/api"+path, strings.NewReader(body))
	if err != nil {
		return r, err
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response, err := d.http.Transport.RoundTrip(request) // follows no redirect
	if err != nil {
		return r, err
	}
	defer response.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(response.Body)
	return httpResponse{response.StatusCode, map[string]string{"location": response.Header.Get("Location")}, response.Header["Set-Cookie"], string(text)}, err
}

func (d *development) code(string) (string, error) {
	m, err := d.mail("ada@example.com")
	return ownLine.FindString(m.Text), err
}

// hostedTrip is a whole hosted login.
func (d *development) hostedTrip() error {
	code, err := logIn(d, d.url)
	if err == nil {
		err = use(d, code)
	}
	return err
}
