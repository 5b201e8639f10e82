package attack

import (
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"streamotp/local/e2e"
)

// An application logs people in by hosted login. It remembers a login by these.
type application struct{ id, redirect, state, nonce, verifier string }

// The applications that these attacks use. All but app are servers, with the secret.
var (
	shop  = application{id: "shop", redirect: "https://shop.example/callback"}
	rival = application{id: "rival", redirect: "https://rival.example/callback"}
	desk  = application{id: "desk", redirect: "http://127.0.0.1:8080/callback"}
	api   = application{id: "api", redirect: "https://api.example/callback"} // its access tokens are JWTs
	app   = application{id: "app", redirect: "http://127.0.0.1/callback"}
)

// afterLogout is where an application's people return after a logout.
func (a application) afterLogout() string { return strings.Replace(a.redirect, "callback", "bye", 1) }

// register adds the applications.
func register(s *e2e.Stack) {
	for _, a := range []application{shop, rival, desk, api, app} {
		item := e2e.Item{"id": {"S": a.id}, "name": {"S": "Client"}, "type": {"S": "confidential"}, "createdAt": {"N": "1"}, "secretHash": secretHash(),
			"redirectUris": texts(a.redirect), "postLogoutUris": texts(a.afterLogout())}
		if a == app {
			item["type"]["S"] = "public"
			delete(item, "secretHash")
		}
		if a == api {
			item["apiAudience"] = fields{"S": "https://api.example"}
		}
		s.PutItem("ClientsTable", item)
	}
}

// begun returns the application with a new login.
func (a application) begun() application {
	a.state, a.nonce, a.verifier = crand.Text(), crand.Text(), crand.Text()+crand.Text()
	return a
}

// query returns the request that opens the login. changes are names and values of parameters; "" leaves a parameter out.
func (a application) query(changes ...string) string {
	hash := sha256.Sum256([]byte(a.verifier))
	return "/api/oauth2/authorize?" + form(changes, "client_id", a.id, "redirect_uri", a.redirect, "response_type", "code", "scope", "openid email", "state", a.state,
		"nonce", a.nonce, "code_challenge", base64.RawURLEncoding.EncodeToString(hash[:]), "code_challenge_method", "S256")
}

// exchange asks for tokens as the application does, but for these changes.
func (a application) exchange(s *e2e.Stack, code string, changes ...string) (status int, answer fields) {
	own := []string{"grant_type", "authorization_code", "code", code, "redirect_uri", a.redirect, "client_id", a.id, "code_verifier", a.verifier}
	if a.id != app.id {
		own = append(own, "client_secret", secret)
	}
	status, _, answer = (&browser{Stack: s}).send(http.MethodPost, "/api/oauth2/token", form(changes, own...), "Content-Type", "application/x-www-form-urlencoded")
	return status, answer
}

// form encodes names and values. Those in changes come first, and "" leaves a name out.
func form(changes []string, own ...string) string {
	values := url.Values{}
	for _, list := range [][]string{own, changes} {
		for i := 0; i < len(list); i += 2 {
			values.Set(list[i], list[i+1])
			if list[i+1] == "" {
				values.Del(list[i])
			}
		}
	}
	return values.Encode()
}

// userinfo reports whether an access token is accepted.
func userinfo(s *e2e.Stack, token any) bool {
	text, _ := token.(string)
	status, _, _ := (&browser{Stack: s}).send(http.MethodGet, "/api/oauth2/userinfo", "", "Authorization", "Bearer "+text)
	return status == http.StatusOK
}

// browser is a browser that keeps the cookie of hosted login.
type browser struct {
	*e2e.Stack
	cookie string
}

// send sends a request with the cookie and these headers, as names and values. It repeats requests that the API throttles.
func (b *browser) send(method, path, body string, headers ...string) (status int, to *url.URL, answer fields) {
	header := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		header.Set(headers[i], headers[i+1])
	}
	if b.cookie != "" {
		header.Set("Cookie", "__Host-streamotp="+b.cookie)
	}
	for {
		res, text := b.Send(method, path, header, body)
		answer = nil
		_ = json.Unmarshal(text, &answer)
		if res.StatusCode == http.StatusTooManyRequests && answer["message"] != nil {
			continue
		}
		for _, c := range res.Cookies() {
			b.cookie = c.Value
		}
		to, _ = res.Location() // nil without a redirect
		return res.StatusCode, to, answer
	}
}

// begin opens an application's login and returns the transaction, or "" if none begins.
func (b *browser) begin(query string, headers ...string) (transaction string) {
	_, to, _ := b.send(http.MethodGet, query, "", headers...)
	if to == nil || !strings.HasPrefix(to.String(), b.URL+"/#") {
		return ""
	}
	return to.Fragment
}

// call makes a call of the login page. headers may replace its origin.
func (b *browser) call(path string, body fields, headers ...string) (status int, answer fields) {
	text, _ := json.Marshal(body)
	status, _, answer = b.send(http.MethodPost, "/api/oauth2/"+path, string(text), append([]string{"Content-Type", "application/json", "Origin", b.URL}, headers...)...)
	return status, answer
}

// complete brings a proof to a transaction and returns what the application gets: an empty query if the call is rejected.
func (b *browser) complete(transaction, proof string, headers ...string) url.Values {
	_, answer := b.call("complete", fields{"transaction": transaction, "proof": proof}, headers...)
	text, _ := answer["redirect"].(string)
	to, err := url.Parse(text)
	if err != nil {
		return nil
	}
	return to.Query()
}

// prove logs a person in for a transaction and returns the proof.
func prove(t *testing.T, s *e2e.Stack, transaction, email string) string {
	t.Helper()
	account(t, s, email)
	ask := login(email, password)
	ask["transaction"] = transaction
	proof := proven(t, elsewhere(s), ask)
	if proof == "" {
		t.Fatalf("no proof for %s", email)
	}
	return proof
}

// grant logs a person in to an application and returns the authorization code.
func grant(t *testing.T, s *e2e.Stack, a application, email string) (code string) {
	t.Helper()
	b := &browser{Stack: s}
	id := b.begin(a.query())
	if code = b.complete(id, prove(t, s, id, email)).Get("code"); code == "" {
		t.Fatal("no authorization code")
	}
	return code
}

// transactionOf selects the item of a transaction, of an authorization code or of an opaque access token.
func transactionOf(text string) func(e2e.Item) bool {
	id, _, _ := strings.Cut(text, ".")
	return of("authz#" + id)
}

// counted returns the result of tries, each of which reports whether it reached its goal.
func counted(what string, tries ...bool) result {
	got := 0
	for _, reached := range tries {
		if reached {
			got++
		}
	}
	return result{len(tries), got, what, got > 0}
}

// ---- In front of the login page ------------------------------------------------------------------------------------

// stealTransaction has a transaction's id, and a browser without a cookie and one with its own. The thief logs in as themselves.
func stealTransaction(t *testing.T, s *e2e.Stack) result {
	register(s)
	id := (&browser{Stack: s}).begin(shop.begun().query())
	proof := prove(t, s, id, "thief@example.com")
	other := &browser{Stack: s}
	other.begin(shop.begun().query())
	var tries []bool
	for _, thief := range []*browser{{Stack: s}, other} {
		status, _ := thief.call("transaction", fields{"transaction": id})
		tries = append(tries, status == http.StatusOK, thief.complete(id, proof).Has("code"))
	}
	return counted("answers", tries...)
}

// lure has a victim log in at the attacker's transaction, in a browser without a cookie and in one with a cookie of another login. The
// attacker tries to complete it too: without a proof, and with a proof of the victim's other login.
func lure(t *testing.T, s *e2e.Stack) result {
	register(s)
	attacker, victim := &browser{Stack: s}, &browser{Stack: s}
	id, own := attacker.begin(shop.begun().query()), victim.begin(shop.begun().query())
	lured, seen := prove(t, s, id, "lured@example.com"), prove(t, s, own, "seen@example.com")
	return counted("codes", (&browser{Stack: s}).complete(id, lured).Has("code"), victim.complete(id, lured).Has("code"),
		attacker.complete(id, "").Has("code"), attacker.complete(id, seen).Has("code"))
}

// useFromElsewhere makes the calls of the login page from pages of other origins, in the browser in which the login began.
func useFromElsewhere(t *testing.T, s *e2e.Stack) result {
	register(s)
	b := &browser{Stack: s}
	id := b.begin(shop.begun().query())
	proof := prove(t, s, id, "elsewhere@example.com")
	var tries []bool
	for _, origin := range []string{"https://evil.example", "null"} {
		ask := login("elsewhere@example.com", password)
		ask["transaction"] = id
		status, _ := post(elsewhere(s, "Origin", origin), "generate", ask)
		tries = append(tries, status == http.StatusOK, b.complete(id, proof, "Origin", origin).Has("code"))
	}
	return counted("answers", tries...)
}

// loginByMailbox logs in with codes of verify and reset, which need no password.
func loginByMailbox(t *testing.T, s *e2e.Stack) result {
	register(s)
	account(t, s, "mailbox@example.com")
	var tries []bool
	for _, purpose := range []string{"verify", "reset", "passwordless"} {
		b := &browser{Stack: s}
		id := b.begin(shop.begun().query())
		proof := proven(t, elsewhere(s), fields{"email": "mailbox@example.com", "purpose": purpose, "transaction": id})
		tries = append(tries, b.complete(id, proof).Has("code"))
	}
	return counted("codes", tries...)
}

// answerByLess opens a login for which the application wants a password. It answers by a code alone, and by a login of the same person that
// another request has asked for.
func answerByLess(t *testing.T, s *e2e.Stack) result {
	const email = "stepped@example.com"
	register(s)
	bank := application{id: "bank", redirect: "https://bank.example/callback"}
	s.PutItem("ClientsTable", e2e.Item{"id": {"S": bank.id}, "name": {"S": "Client"}, "type": {"S": "confidential"}, "createdAt": {"N": "1"}, "secretHash": secretHash(),
		"redirectUris": texts(bank.redirect), "logins": texts("login", "passwordless")})
	b := &browser{Stack: s}
	old := prove(t, s, b.begin(bank.begun().query()), email)
	id := b.begin(bank.begun().query("acr_values", "urn:streamotp:2"))
	alone := proven(t, elsewhere(s), fields{"email": email, "purpose": "passwordless", "transaction": id})
	return counted("codes", b.complete(id, alone).Has("code"), b.complete(id, old).Has("code"))
}

// replayProof brings two proofs to a transaction that was completed and whose code was used: the proof that completed it, and another
// person's.
func replayProof(t *testing.T, s *e2e.Stack) result {
	register(s)
	b, a := &browser{Stack: s}, shop.begun()
	id := b.begin(a.query())
	first, second := prove(t, s, id, "first@example.com"), prove(t, s, id, "second@example.com")
	code := b.complete(id, first).Get("code")
	early := b.complete(id, second).Has("code")
	if status, answer := a.exchange(s, code); status != http.StatusOK && !early {
		t.Fatalf("%d %v", status, answer)
	}
	return counted("codes", early, b.complete(id, first).Has("code"), b.complete(id, second).Has("code"))
}

// ---- Where browsers are led ----------------------------------------------------------------------------------------

// mixUp is an attack on an application that has several issuers. It sends the code to the issuer that iss names, and without iss to the
// issuer at which it began the login, which may be the attacker's.
func mixUp(t *testing.T, s *e2e.Stack) result {
	register(s)
	b := &browser{Stack: s}
	id := b.begin(shop.begun().query())
	success := b.complete(id, prove(t, s, id, "mixed@example.com"))
	_, failed, _ := b.send(http.MethodGet, shop.begun().query("prompt", "none"), "")
	if !success.Has("code") || failed == nil {
		t.Fatal(success, failed)
	}
	return counted("answers", success.Get("iss") != s.URL, failed.Query().Get("iss") != s.URL)
}

// leadElsewhere has browsers led to URLs that are not registered: by a login, by an error, and by a logout.
func leadElsewhere(_ *testing.T, s *e2e.Stack) result {
	register(s)
	b := &browser{Stack: s}
	var tries []bool
	led := func(path string) {
		status, _, _ := b.send(http.MethodGet, path, "")
		tries = append(tries, status == http.StatusSeeOther)
	}
	for a, urls := range map[application][]string{
		shop: {"https://evil.example/callback", shop.redirect + "/", shop.redirect + "?", shop.redirect + "#", "https://shop.example/", "https://shop.example@evil.example/callback",
			"https://shop.example.evil.example/callback", "https://SHOP.example/callback", "//evil.example", "javascript:alert(1)", rival.redirect, shop.afterLogout()},
		desk: {"http://127.0.0.1:8081/callback", "http://127.0.0.1/callback"}, // a server has one port
		app:  {"http://127.0.0.1:80@evil.example/callback", "http://127.0.0.1.evil.example/callback", "http://localhost/callback", "http://127.0.0.1/other"},
	} {
		for _, to := range urls {
			led(a.begun().query("redirect_uri", to))
			led(a.begun().query("redirect_uri", to, "prompt", "none"))
			if to != a.afterLogout() {
				led("/api/oauth2/logout?" + form(nil, "client_id", a.id, "post_logout_redirect_uri", to))
			}
		}
	}
	return counted("led there", tries...)
}

// beginElsewhere has a page of another site begin logins in an office: in frames, by images and scripts, and, in browsers too old to say
// what opens a URL, more than an hour's. Then people of the office ask for a code.
func beginElsewhere(t *testing.T, s *e2e.Stack) result {
	register(s)
	b, got, tries := &browser{Stack: elsewhere(s)}, 0, 0
	for _, opened := range [][2]string{{"navigate", "iframe"}, {"navigate", "frame"}, {"navigate", "object"}, {"no-cors", "image"}, {"no-cors", "script"}, {"cors", "empty"}} {
		tries++
		if b.begin(shop.begun().query(), "Sec-Fetch-Mode", opened[0], "Sec-Fetch-Dest", opened[1]) != "" {
			got++
		}
	}
	const images, most = 320, 300
	old := counts{}
	for hour := -1; hour != hourNow(); { // once more if the hour ends meanwhile
		hour = hourNow()
		b = &browser{Stack: elsewhere(s)}
		old = atOnce(images, func(int) (int, fields) {
			status, _, answer := (&browser{Stack: b.Stack}).send(http.MethodGet, shop.begun().query(), "")
			return status, answer
		})
	}
	got += max(0, old["303"]-most)
	if status, answer := post(b.Stack, "generate", fields{"email": "office@example.com"}); status != http.StatusOK {
		t.Errorf("the office gets no code: %d %v", status, answer)
	}
	return result{tries + images, got, "begun", got > 0}
}

func hourNow() int { return time.Now().Hour() }
