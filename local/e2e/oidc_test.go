package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The clients of hosted login that these tests register.
const (
	webClient, webSecret = "web", "web-secret-web-secret-web-secret-web-secret"
	webCallback          = "https://web.example/callback?from=login"
	appClient            = "app"
	appCallback          = "http://127.0.0.1/callback"
	plainClient          = "plain" // confidential, without PKCE, with an API
	apiAudience          = "https://api.example"
	bothClient           = "both"  // public, with a password or with a code alone
	codeClient           = "codes" // public, with a code alone
)

func texts(values ...string) map[string]any {
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = fields{"S": v}
	}
	return map[string]any{"L": list}
}

// secretHash is the attribute of a client with this secret.
func secretHash(s *Stack, secret string) map[string]any {
	s.Remember(secret)
	hash := sha256.Sum256([]byte(secret))
	return texts(base64.RawURLEncoding.EncodeToString(hash[:]))
}

// register writes the clients.
func register(s *Stack) {
	secret := secretHash(s, webSecret)
	for _, c := range []Item{
		{"id": {"S": webClient}, "name": {"S": "Web Shop"}, "type": {"S": "confidential"}, "secretHash": secret, "redirectUris": texts(webCallback),
			"postLogoutUris": texts("https://web.example/bye")},
		{"id": {"S": appClient}, "name": {"S": "App"}, "type": {"S": "public"}, "redirectUris": texts(appCallback)},
		{"id": {"S": plainClient}, "name": {"S": "Plain"}, "type": {"S": "confidential"}, "secretHash": secret, "redirectUris": texts(webCallback),
			"noPkce": {"BOOL": true}, "apiAudience": {"S": apiAudience}},
		{"id": {"S": bothClient}, "name": {"S": "Both"}, "type": {"S": "public"}, "redirectUris": texts(appCallback), "logins": texts("login", "passwordless")},
		{"id": {"S": codeClient}, "name": {"S": "Codes"}, "type": {"S": "public"}, "redirectUris": texts(appCallback), "logins": texts("passwordless")},
	} {
		c["createdAt"] = map[string]any{"N": "1764370000000"}
		s.PutItem("ClientsTable", c)
	}
}

// visitor is a browser, as far as hosted login needs one: it keeps the cookie and follows no redirect.
type visitor struct {
	s      *Stack
	cookie string
}

// application is what an application remembers of a login.
type application struct {
	id, redirect, state, nonce, verifier string
	scope, level                         string // level is acr_values; empty for none
}

func random() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b)
}

func newApplication(id, redirect string) application {
	return application{id, redirect, random(), random(), random(), "openid email phone profile offline_access", ""}
}

// query returns the application's request.
func (a application) query() url.Values {
	q := url.Values{"client_id": {a.id}, "redirect_uri": {a.redirect}, "response_type": {"code"}, "scope": {a.scope}, "state": {a.state}, "nonce": {a.nonce}}
	if a.level != "" {
		q.Set("acr_values", a.level)
	}
	if a.verifier != "" {
		challenge := sha256.Sum256([]byte(a.verifier))
		q.Set("code_challenge", base64.RawURLEncoding.EncodeToString(challenge[:]))
		q.Set("code_challenge_method", "S256")
	}
	return q
}

// answered is a response with its redirect read.
type answered struct {
	status int
	header http.Header
	body   string
	to     *url.URL // of a redirect; else nil
	json   fields
}

// send sends a request with the visitor's cookie, and keeps a new one.
func (v *visitor) send(method, path string, header http.Header, body string) answered {
	v.s.t.Helper()
	header = header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if v.cookie != "" {
		header.Set("Cookie", "other=1; __Host-streamotp="+v.cookie)
	}
	res, text := v.s.Send(method, path, header, body)
	if got := res.Header.Get("Cache-Control"); got != "no-store" && res.StatusCode != http.StatusForbidden {
		v.s.t.Errorf("%s %s: %d, Cache-Control %q", method, path, res.StatusCode, got)
	}
	out := answered{status: res.StatusCode, header: res.Header, body: string(text)}
	if location := res.Header.Get("Location"); location != "" {
		out.to, _ = url.Parse(location)
	}
	_ = json.Unmarshal(text, &out.json)
	for _, c := range res.Cookies() {
		if c.Name != "__Host-streamotp" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 0 ||
			!c.Expires.IsZero() {
			v.s.t.Errorf("the cookie %s", c.Raw)
		}
		v.cookie = c.Value
		v.s.Remember(c.Value)
	}
	return out
}

// begin opens the application's request, and returns the transaction.
func (v *visitor) begin(a application) (id string, err error) {
	r := v.send(http.MethodGet, "/api/oauth2/authorize?"+a.query().Encode(), http.Header{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}}, "")
	if r.status != http.StatusSeeOther || !strings.HasPrefix(r.header.Get("Location"), v.s.URL+"/#") {
		return "", fmt.Errorf("authorize answers %d %s %s", r.status, r.header.Get("Location"), r.body)
	}
	return r.to.Fragment, nil
}

// post makes a call of the login page.
func (v *visitor) post(path string, body fields) answered {
	v.s.t.Helper()
	text, _ := json.Marshal(body)
	return v.send(http.MethodPost, path, http.Header{"Content-Type": {"application/json"}, "Origin": {v.s.URL}}, string(text))
}

// prove logs a person in for a transaction, and returns the proof.
func (v *visitor) prove(t testing.TB, transaction, email string) (proof string, err error) {
	t.Helper()
	to := email
	if email == "grace@example.com" {
		to = "+4915112345678"
	}
	return v.proveBy(t, transaction, solved(login(email, demoPassword), solve(v.s, "login", nil)), to)
}

// proveBy requests a code for a transaction and enters it, and returns the proof.
func (v *visitor) proveBy(t testing.TB, transaction string, body fields, to string) (proof string, err error) {
	t.Helper()
	body["transaction"] = transaction
	before := v.s.Messages()
	status, _, answer := v.s.Post("/api/generate", body)
	if status != 200 {
		return "", fmt.Errorf("generate answers %d %v", status, answer["code"])
	}
	var code string
	until(t, Patience, "a code", func() bool { code = v.s.CodeSince(before, to); return code != "" || denied(v.s, "SendFunction") })
	status, _, verified := v.s.Post("/api/verify", try(answer["sessionId"].(string), code))
	if status != 200 {
		return "", fmt.Errorf("verify answers %d %v", status, verified["code"])
	}
	said, err := claims(verified)
	if err != nil || said["aud"] != v.s.URL || said["nonce"] != transaction {
		return "", fmt.Errorf("the proof says %v, %v", said, err)
	}
	proof = verified["proof"].(string)
	v.s.Remember(proof)
	return proof, nil
}

// beginAndProve opens the application's request and logs a person in for its transaction.
func (v *visitor) beginAndProve(t testing.TB, a application, email string) (id, proof string, err error) {
	t.Helper()
	if id, err = v.begin(a); err == nil {
		proof, err = v.prove(t, id, email)
	}
	return id, proof, err
}

// complete brings a proof to its transaction, and returns where the browser is led.
func (v *visitor) complete(transaction, proof string) (*url.URL, error) {
	r := v.post("/api/oauth2/complete", fields{"transaction": transaction, "proof": proof})
	to, _ := r.json["redirect"].(string)
	if r.status != 200 || to == "" {
		return nil, fmt.Errorf("complete answers %d %v", r.status, r.json["code"])
	}
	way, err := url.Parse(to)
	if err == nil {
		v.s.Remember(way.Query().Get("code"))
	}
	return way, err
}

// login goes the whole way of a person's browser, and returns the authorization code.
func (v *visitor) login(t testing.TB, a application, email string) (code string, err error) {
	t.Helper()
	id, proof, err := v.beginAndProve(t, a, email)
	if err != nil {
		return "", err
	}
	way, err := v.complete(id, proof)
	if err != nil {
		return "", err
	}
	q := way.Query()
	if back := strings.TrimSuffix(way.String(), way.RawQuery); !strings.HasPrefix(a.redirect, strings.TrimSuffix(back, "?")) ||
		q.Get("state") != a.state || q.Get("iss") != v.s.URL || !strings.HasPrefix(q.Get("code"), id+".") {
		return "", fmt.Errorf("the way back is %s", way)
	}
	return q.Get("code"), nil
}

// exchange makes the application's request for tokens.
func (a application) exchange(s *Stack, code string, change func(url.Values, http.Header)) answered {
	s.t.Helper()
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {a.redirect}, "client_id": {a.id}}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	if a.verifier != "" {
		form.Set("code_verifier", a.verifier)
		s.Remember(a.verifier)
	}
	if !slices.Contains([]string{appClient, bothClient, codeClient}, a.id) {
		form.Set("client_secret", webSecret)
	}
	if change != nil {
		change(form, header)
	}
	r := (&visitor{s: s}).send(http.MethodPost, "/api/oauth2/token", header, form.Encode())
	for _, name := range []string{"access_token", "id_token"} {
		if token, ok := r.json[name].(string); ok {
			s.Remember(token)
		}
	}
	return r
}

// basic moves the credentials of a form into the header.
func basic(form url.Values, header http.Header) {
	header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(form.Get("client_id")+":"+form.Get("client_secret"))))
	form.Del("client_id")
	form.Del("client_secret")
}

func userinfo(s *Stack, token string) answered {
	return (&visitor{s: s}).send(http.MethodGet, "/api/oauth2/userinfo", http.Header{"Authorization": {"Bearer " + token}}, "")
}

// payload returns what a token says, without a check of its signature.
func payload(token any) (header, claims fields) {
	parts := strings.Split(fmt.Sprint(token), ".")
	for i, into := range []*fields{&header, &claims} {
		if data, err := base64.RawURLEncoding.DecodeString(parts[min(i, len(parts)-1)]); err == nil {
			_ = json.Unmarshal(data, into)
		}
	}
	return header, claims
}

// copied makes a copy of ada's account, whose limits are its own, and returns its address.
func copied(s *Stack, email string) string {
	for _, item := range s.Items("UsersTable") {
		if item["email"]["S"] == "ada@example.com" {
			item["email"] = map[string]any{"S": email}
			delete(item, "id")
			s.PutItem("UsersTable", item)
		}
	}
	return email
}

// hosted logs a person in to each kind of client, through CloudFront, and uses what it gets.
func hosted(t *testing.T, s *Stack) error {
	s = fromCloudFront(t, s)
	register(s)
	app := newApplication(appClient, strings.Replace(appCallback, "127.0.0.1", "127.0.0.1:49152", 1)) // an app gets its port from the system
	plain := newApplication(plainClient, webCallback)
	plain.verifier = ""
	for _, login := range []struct {
		a      application
		email  string
		change func(url.Values, http.Header)
	}{
		{newApplication(webClient, webCallback), copied(s, "holly@example.com"), basic}, {newApplication(webClient, webCallback), "grace@example.com", nil},
		{app, copied(s, "hugo@example.com"), nil}, {plain, copied(s, "hana@example.com"), basic},
	} {
		code, err := (&visitor{s: s}).login(t, login.a, login.email)
		if err != nil {
			return fmt.Errorf("%s: %w", login.a.id, err)
		}
		got := login.a.exchange(s, code, login.change)
		if got.status != 200 || got.json["token_type"] != "Bearer" || got.json["scope"] != "openid email phone profile" || got.json["expires_in"] != 900.0 {
			return fmt.Errorf("%s: token answers %d %v", login.a.id, got.status, got.json["error"])
		}
		_, id := payload(got.json["id_token"])
		if id["iss"] != s.URL || id["aud"] != login.a.id || id["nonce"] != login.a.nonce || id["email"] != login.email || id["purpose"] != nil ||
			id["email_verified"] != (login.email != "grace@example.com") || id["acr"] != "urn:streamotp:2" || id["name"] == nil {
			return fmt.Errorf("%s: the ID token says %v", login.a.id, id)
		}
		who := userinfo(s, fmt.Sprint(got.json["access_token"]))
		if who.status != 200 || who.json["sub"] != id["sub"] || who.json["email"] != login.email || who.json["phone_number"] != id["phone_number"] ||
			(login.email == "grace@example.com") != (id["phone_number_verified"] == true) {
			return fmt.Errorf("%s: userinfo answers %d %s", login.a.id, who.status, who.body)
		}
		if header, access := payload(got.json["access_token"]); login.a.id == plainClient &&
			(header["typ"] != "at+jwt" || access["aud"] != apiAudience || access["client_id"] != plainClient || access["sub"] != id["sub"]) {
			return fmt.Errorf("the access token is %v %v", header, access)
		}
		if out := (&visitor{s: s}).send(http.MethodGet, "/api/oauth2/logout?"+url.Values{"id_token_hint": {fmt.Sprint(got.json["id_token"])}, "state": {"x"},
			"post_logout_redirect_uri": {"https://web.example/bye"}}.Encode(), nil, ""); login.a.id == webClient &&
			(out.status != 303 || out.header.Get("Location") != "https://web.example/bye?state=x") {
			return fmt.Errorf("logout answers %d %s", out.status, out.body)
		}
	}
	return nil
}

// reused has a code exchanged twice, which ends the tokens, and a wrong secret counted.
func reused(t *testing.T, s *Stack) error {
	register(s)
	a := newApplication(webClient, webCallback)
	code, err := (&visitor{s: s}).login(t, a, copied(s, "rita@example.com"))
	if err != nil {
		return err
	}
	if r := a.exchange(s, code, func(form url.Values, _ http.Header) { form.Set("client_secret", "wrong") }); r.status != 401 || r.json["error"] != "invalid_client" {
		return fmt.Errorf("a wrong secret: %d %v", r.status, r.json["error"])
	}
	first, second := a.exchange(s, code, nil), a.exchange(s, code, nil)
	if first.status != 200 || second.status != 400 || second.json["error"] != "invalid_grant" {
		return fmt.Errorf("token answers %d, then %d %v", first.status, second.status, second.json["error"])
	}
	if who := userinfo(s, fmt.Sprint(first.json["access_token"])); who.status != 401 {
		return fmt.Errorf("userinfo answers %d", who.status)
	}
	return nil
}

func TestHostedLogin(t *testing.T) {
	s := Start(t, withCaptcha("turnstile")...)
	if err := hosted(t, s); err != nil {
		t.Fatal(err)
	}
	if err := reused(t, s); err != nil {
		t.Error(err)
	}
	if logged(s, `"event":"Authorized"`) != 5 || logged(s, `"event":"Exchanged"`) != 5 || logged(s, `"event":"Revoked"`) != 1 || logged(s, `"event":"ClientRefused"`) != 1 {
		t.Error("the log lacks an event, or has one too many")
	}
	m := s.Messages()[0]
	if !strings.Contains(m.Subject+m.Text, "Web Shop") {
		t.Errorf("the message does not name the application: %s", m.Text)
	}
}

// TestAuthorizeErrors: what is wrong with the client or its URL is shown on our own page, and never leads anywhere; everything else goes to
// the application with state and iss. Nothing is written.
func TestAuthorizeErrors(t *testing.T) {
	s := Start(t)
	register(s)
	evil := "https://evil.example/?<script>"
	for name, c := range map[string]struct {
		change func(url.Values)
		header http.Header
		want   string // of the error at the application; empty for our own page, which then says the next
		says   string
	}{
		"an unknown client":               {func(q url.Values) { q.Set("client_id", "nobody<b>") }, nil, "", "client_id"},
		"no client":                       {func(q url.Values) { q.Del("client_id") }, nil, "", "client_id"},
		"a client that gets proofs":       {func(q url.Values) { q.Set("client_id", "demo") }, nil, "", "client_id"},
		"a URL that is not registered":    {func(q url.Values) { q.Set("redirect_uri", evil) }, nil, "", "redirect_uri"},
		"a URL with one more character":   {func(q url.Values) { q.Set("redirect_uri", webCallback+"&") }, nil, "", "redirect_uri"},
		"no URL":                          {func(q url.Values) { q.Del("redirect_uri") }, nil, "", "redirect_uri"},
		"a repeated URL":                  {func(q url.Values) { q.Add("redirect_uri", evil) }, nil, "", "redirect_uri is repeated"},
		"a repeated parameter of another": {func(q url.Values) { q["<x>"] = []string{"1", "2"} }, nil, "", "a parameter is repeated"},
		"a frame":                         {nil, http.Header{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"iframe"}}, "", "frame"},
		"an image":                        {nil, http.Header{"Sec-Fetch-Mode": {"no-cors"}, "Sec-Fetch-Dest": {"image"}}, "", "frame"},
		"a script":                        {nil, http.Header{"Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"}}, "", "script"},
		"no response type":                {func(q url.Values) { q.Del("response_type") }, nil, "invalid_request", ""},
		"another response type":           {func(q url.Values) { q.Set("response_type", "code id_token") }, nil, "unsupported_response_type", ""},
		"another response mode":           {func(q url.Values) { q.Set("response_mode", "fragment") }, nil, "invalid_request", ""},
		"no scope openid":                 {func(q url.Values) { q.Set("scope", "email") }, nil, "invalid_scope", ""},
		"no PKCE":                         {func(q url.Values) { q.Del("code_challenge"); q.Del("code_challenge_method") }, nil, "invalid_request", ""},
		"PKCE plain":                      {func(q url.Values) { q.Set("code_challenge_method", "plain") }, nil, "invalid_request", ""},
		"PKCE without its method":         {func(q url.Values) { q.Del("code_challenge_method") }, nil, "invalid_request", ""},
		"a challenge of another form":     {func(q url.Values) { q.Set("code_challenge", "x") }, nil, "invalid_request", ""},
		"prompt none":                     {func(q url.Values) { q.Set("prompt", "none") }, http.Header{"Sec-Fetch-Dest": {"iframe"}}, "login_required", ""},
		"prompt none and another":         {func(q url.Values) { q.Set("prompt", "none login") }, nil, "invalid_request", ""},
		"an unknown prompt":               {func(q url.Values) { q.Set("prompt", "create") }, nil, "invalid_request", ""},
		"a max_age that is no number":     {func(q url.Values) { q.Set("max_age", "-1") }, nil, "invalid_request", ""},
		"a request object":                {func(q url.Values) { q.Set("request", "x.y.z") }, nil, "request_not_supported", ""},
		"a request URI":                   {func(q url.Values) { q.Set("request_uri", evil) }, nil, "request_uri_not_supported", ""},
	} {
		t.Run(name, func(t *testing.T) {
			v, a := &visitor{s: s.In(t)}, newApplication(webClient, webCallback)
			q := a.query()
			if c.change != nil {
				c.change(q)
			}
			r := v.send(http.MethodGet, "/api/oauth2/authorize?"+q.Encode(), c.header, "")
			switch {
			case c.want == "" && (r.status != 400 || r.to != nil || !strings.Contains(r.body, c.says) || strings.Contains(r.body, "evil") || strings.Contains(r.body, "<b>") ||
				!strings.Contains(r.header.Get("Content-Security-Policy"), "default-src 'none'")):
				t.Errorf("%d %v\n%s", r.status, r.header, r.body)
			case c.want != "" && (r.status != 303 || !strings.HasPrefix(r.header.Get("Location"), webCallback+"&") || r.to.Query().Get("error") != c.want ||
				r.to.Query().Get("state") != a.state || r.to.Query().Get("iss") != s.URL || r.to.Query().Has("code")):
				t.Errorf("%d %s", r.status, r.header.Get("Location"))
			}
			if v.cookie != "" {
				t.Error("it sets a cookie")
			}
		})
	}
	if items := s.Items("CodesTable"); len(items) != 0 {
		t.Errorf("%d items are written", len(items))
	}
	t.Run("what is unknown or optional is ignored", func(t *testing.T) {
		v, a := &visitor{s: s.In(t)}, newApplication(webClient, webCallback)
		q := a.query()
		for name, value := range map[string]string{"claims": "{", "display": "popup", "max_age": "0", "prompt": "login consent", "acr_values": "urn:other", "ui_locales": "!!! de",
			"login_hint": "Ada@Example.com", "id_token_hint": "x", "other": "x"} {
			q.Set(name, value)
		}
		r := v.send(http.MethodPost, "/api/oauth2/authorize", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, q.Encode())
		if r.status != 303 || r.to == nil || !strings.HasPrefix(r.to.String(), s.URL+"/api/oauth2/authorize?") || v.cookie != "" {
			t.Fatalf("%d %v", r.status, r.header)
		}
		r = v.send(http.MethodGet, strings.TrimPrefix(r.to.String(), s.URL), nil, "")
		if r.status != 303 || r.to.Fragment == "" {
			t.Fatalf("%d %s", r.status, r.body)
		}
		s.Remember("Ada@Example.com")
		if offer := v.post("/api/oauth2/transaction", fields{"transaction": r.to.Fragment}); offer.status != 200 || offer.json["name"] != "Web Shop" ||
			offer.json["loginHint"] != "Ada@Example.com" || offer.json["locale"] != "de" || fmt.Sprint(offer.json["purposes"]) != "[login]" {
			t.Errorf("%d %s", offer.status, offer.body)
		}
	})
}

// TestTransactionThreats: knowing a transaction is of no use. The cookie of the browser in which it began, and a proof for it, have to meet.
func TestTransactionThreats(t *testing.T) {
	s := Start(t, withCaptcha("turnstile", unlimited...)...)
	register(s)
	a := newApplication(webClient, webCallback)
	ada := &visitor{s: s}
	id, proof, err := ada.beginAndProve(t, a, "ada@example.com")
	if err != nil {
		t.Fatal(err)
	}
	mallory := &visitor{s: s}
	other, err := mallory.begin(newApplication(webClient, webCallback))
	if err != nil || mallory.cookie == ada.cookie {
		t.Fatal(err)
	}
	ask := func(t *testing.T, v *visitor, path, transaction, proof string, header http.Header) answered {
		body := fields{"transaction": transaction}
		if proof != "" {
			body["proof"] = proof
		}
		text, _ := json.Marshal(body)
		all := http.Header{"Content-Type": {"application/json"}, "Origin": {s.URL}}
		for name, values := range header {
			all[name] = values
		}
		return (&visitor{s.In(t), v.cookie}).send(http.MethodPost, path, all, string(text))
	}
	const offer, complete = "/api/oauth2/transaction", "/api/oauth2/complete"
	// Proofs and tokens that are right, but for something else.
	forClient := func() string {
		body := login("ada@example.com", demoPassword)
		body["clientId"], body["nonce"] = "demo", id
		sessionID, code, err := coded(t, s, "login", body, "ada@example.com")
		if err != nil {
			t.Fatal(err)
		}
		_, _, answer := s.Post("/api/verify", try(sessionID, code))
		return answer["proof"].(string)
	}()
	parts := strings.Split(proof, ".")
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + "."
	for name, c := range map[string]struct {
		who         *visitor
		path        string
		transaction string
		proof       string
		header      http.Header
		status      int
		code        string
	}{
		"a stolen transaction shows nothing in another browser":          {mallory, offer, id, "", nil, 404, "transaction_not_found"},
		"nor in one without a cookie":                                    {&visitor{s: s}, offer, id, "", nil, 404, "transaction_not_found"},
		"an unknown transaction shows nothing":                           {ada, offer, id[:21] + "x", "", nil, 404, "transaction_not_found"},
		"a text that is no transaction is none":                          {ada, offer, "authz#" + id, "", nil, 400, "invalid_request"},
		"a stolen transaction and proof complete nothing":                {mallory, complete, id, proof, nil, 403, "foreign_request"},
		"a person who was lured to another's transaction logs in nobody": {mallory, complete, other, proof, nil, 401, "invalid_proof"},
		"a page of another origin completes nothing":                     {ada, complete, id, proof, http.Header{"Origin": {"https://evil.example"}}, 403, "foreign_request"},
		"nor does a caller without an origin":                            {ada, complete, id, proof, http.Header{"Origin": nil}, 403, "foreign_request"},
		"no proof completes nothing":                                     {ada, complete, id, "", nil, 400, "invalid_request"},
		"a proof for a client is no proof for us":                        {ada, complete, id, forClient, nil, 401, "invalid_proof"},
		"a proof without a signature is none":                            {ada, complete, id, unsigned, nil, 401, "invalid_proof"},
		"a text is no proof":                                             {ada, complete, id, "proof", nil, 401, "invalid_proof"},
		"a transaction that is gone is over":                             {ada, complete, id[:21] + "x", proof, nil, 410, "transaction_over"},
	} {
		t.Run(name, func(t *testing.T) {
			r := ask(t, c.who, c.path, c.transaction, c.proof, c.header)
			if r.status != c.status || r.json["code"] != c.code || r.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
	t.Run("after all that the right browser completes it, and gets the same again until the code is used", func(t *testing.T) {
		first, err := ada.complete(id, proof)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ada.complete(id, proof)
		if err != nil || again.String() != first.String() {
			t.Errorf("%v, %v", again, err)
		}
		if r := ask(t, ada, offer, id, "", nil); r.status != 404 {
			t.Errorf("the page may begin again: %d", r.status)
		}
		if r := a.exchange(s, first.Query().Get("code"), nil); r.status != 200 {
			t.Fatalf("%d %v", r.status, r.json["error"])
		}
		if r := ask(t, ada, complete, id, proof, nil); r.status != 410 || r.json["code"] != "transaction_over" {
			t.Errorf("a replayed proof: %d %s", r.status, r.body)
		}
	})
	t.Run("a second tab of the browser has its own transaction and the same cookie", func(t *testing.T) {
		cookie := ada.cookie
		if second, err := ada.begin(a); err != nil || second == id || ada.cookie != cookie {
			t.Errorf("%q, %v", second, err)
		}
	})
}

// TestExpiredTransaction: after a quarter of an hour nothing goes on; a code of a minute ago gives no tokens.
func TestExpiredTransaction(t *testing.T) {
	s := Start(t, withCaptcha("turnstile", unlimited...)...)
	register(s)
	a, v := newApplication(webClient, webCallback), &visitor{s: s}
	aged := func(id string) {
		for _, item := range s.Items("CodesTable") {
			if item["sessionId"]["S"] == "authz#"+id {
				item["expiredAt"] = map[string]any{"N": fmt.Sprint(time.Now().Unix())}
				s.PutItem("CodesTable", item)
			}
		}
	}
	id, proof, err := v.beginAndProve(t, a, "ada@example.com")
	if err != nil {
		t.Fatal(err)
	}
	aged(id)
	if r := v.post("/api/oauth2/transaction", fields{"transaction": id}); r.status != 404 {
		t.Errorf("transaction answers %d %s", r.status, r.body)
	}
	body := login("ada@example.com", demoPassword)
	body["transaction"] = id
	if status, _, answer := s.Post("/api/generate", body); status != 404 || answer["code"] != "transaction_not_found" {
		t.Errorf("generate answers %d %v", status, answer)
	}
	if r := v.post("/api/oauth2/complete", fields{"transaction": id, "proof": proof}); r.status != 410 {
		t.Errorf("complete answers %d %s", r.status, r.body)
	}
	code, err := v.login(t, a, "ada@example.com")
	if err != nil {
		t.Fatal(err)
	}
	aged(strings.Split(code, ".")[0])
	if r := a.exchange(s, code, nil); r.status != 400 || r.json["error"] != "invalid_grant" {
		t.Errorf("token answers %d %s", r.status, r.body)
	}
}

// TestTokenErrors: whoever lacks anything that an exchange needs gets an error of RFC 6749, costs no signature, and harms nobody: the code
// stays usable.
func TestTokenErrors(t *testing.T) {
	s := Start(t, withCaptcha("turnstile", unlimited...)...)
	register(s)
	a, v := newApplication(webClient, webCallback), &visitor{s: s}
	code, err := v.login(t, a, "ada@example.com")
	if err != nil {
		t.Fatal(err)
	}
	s.ClearCalls()
	set := func(name, value string) func(url.Values, http.Header) {
		return func(form url.Values, _ http.Header) { form.Set(name, value) }
	}
	for name, c := range map[string]struct {
		change func(url.Values, http.Header)
		status int
		want   string
	}{
		"JSON":                          {func(_ url.Values, h http.Header) { h.Set("Content-Type", "application/json") }, 400, "invalid_request"},
		"a repeated parameter":          {func(f url.Values, _ http.Header) { f.Add("code", code) }, 400, "invalid_request"},
		"no grant type":                 {set("grant_type", ""), 400, "invalid_request"},
		"another grant type":            {set("grant_type", "client_credentials"), 400, "unsupported_grant_type"},
		"no secret":                     {set("client_secret", ""), 401, "invalid_client"},
		"a wrong secret":                {set("client_secret", "wrong"), 401, "invalid_client"},
		"an unknown client":             {set("client_id", "nobody"), 401, "invalid_client"},
		"a wrong secret by Basic":       {func(f url.Values, h http.Header) { f.Set("client_secret", "wrong"); basic(f, h) }, 401, "invalid_client"},
		"two ways at once":              {func(f url.Values, h http.Header) { basic(f, h); f.Set("client_secret", webSecret) }, 400, "invalid_request"},
		"two clients at once":           {func(f url.Values, h http.Header) { basic(f, h); f.Set("client_id", appClient) }, 400, "invalid_request"},
		"a secret from a page":          {func(_ url.Values, h http.Header) { h.Set("Origin", "https://web.example") }, 400, "invalid_request"},
		"a client that gets proofs":     {func(f url.Values, _ http.Header) { f.Set("client_id", "demo"); f.Del("client_secret") }, 400, "unauthorized_client"},
		"no code":                       {set("code", ""), 400, "invalid_request"},
		"a text that is no code":        {set("code", "authz#x.y"), 400, "invalid_grant"},
		"a code of a known transaction": {set("code", strings.Split(code, ".")[0]+"."+random()), 400, "invalid_grant"},
		"a code of no transaction":      {set("code", "abcdefghijklmnopqrstuv."+random()), 400, "invalid_grant"},
		"another client's code":         {set("client_id", plainClient), 400, "invalid_grant"},
		"a public client's name":        {func(f url.Values, _ http.Header) { f.Set("client_id", appClient); f.Del("client_secret") }, 400, "invalid_grant"},
		"another redirect URI":          {set("redirect_uri", "https://web.example/callback"), 400, "invalid_grant"},
		"no redirect URI":               {set("redirect_uri", ""), 400, "invalid_grant"},
		"no verifier":                   {set("code_verifier", ""), 400, "invalid_grant"},
		"another verifier":              {set("code_verifier", random()), 400, "invalid_grant"},
		"the challenge as the verifier": {set("code_verifier", a.query().Get("code_challenge")), 400, "invalid_grant"},
	} {
		t.Run(name, func(t *testing.T) {
			r := a.exchange(s.In(t), code, c.change)
			if r.status != c.status || r.json["error"] != c.want || r.json["access_token"] != nil || (r.header.Get("WWW-Authenticate") != "") != (name == "a wrong secret by Basic") {
				t.Errorf("%d %s %v", r.status, r.body, r.header)
			}
		})
	}
	for _, call := range s.Calls() {
		if call.Action == "Sign" {
			t.Error("a signature was spent")
		}
	}
	t.Run("a code without a challenge is not exchanged with a verifier", func(t *testing.T) {
		plain := newApplication(plainClient, webCallback)
		plain.verifier = ""
		code, err := v.login(t, plain, "ada@example.com")
		if err != nil {
			t.Fatal(err)
		}
		if r := plain.exchange(s.In(t), code, set("code_verifier", random())); r.status != 400 || r.json["error"] != "invalid_grant" {
			t.Errorf("%d %s", r.status, r.body)
		}
	})
	if r := a.exchange(s, code, nil); r.status != 200 {
		t.Errorf("the code is gone: %d %s", r.status, r.body)
	}
}

// TestParallelExchanges: of 50 exchanges of a code one gets tokens, and the others end them.
func TestParallelExchanges(t *testing.T) {
	s := Start(t, withCaptcha("turnstile", unlimited...)...)
	register(s)
	a := newApplication(webClient, webCallback)
	code, err := (&visitor{s: s}).login(t, a, "ada@example.com")
	if err != nil {
		t.Fatal(err)
	}
	var won atomic.Int32
	var token atomic.Value
	var wait sync.WaitGroup
	for range 50 {
		wait.Go(func() {
			switch r := a.exchange(s, code, nil); {
			case r.status == 200:
				won.Add(1)
				token.Store(r.json["access_token"])
			case r.status != 400 || r.json["error"] != "invalid_grant":
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
	if wait.Wait(); won.Load() != 1 {
		t.Fatalf("%d won", won.Load())
	}
	if who := userinfo(s, fmt.Sprint(token.Load())); who.status != 401 || !strings.Contains(who.header.Get("WWW-Authenticate"), "invalid_token") {
		t.Errorf("the token outlives it: %d %v", who.status, who.header)
	}
}

// TestHostedFaults: a write whose response is lost counts as made; a store or key that is down answers 503 with Retry-After, and nothing is
// used.
func TestHostedFaults(t *testing.T) {
	s := Start(t, withCaptcha("turnstile", unlimited...)...)
	register(s)
	a, v := newApplication(plainClient, webCallback), &visitor{s: s}
	a.verifier = ""
	lost := func(action string) {
		s.Fault(fields{"service": "dynamodb", "action": action, "table": "CodesTable", "function": "OidcFunction", "dropResponse": true, "count": 1})
	}
	down := func(service, action string) {
		failure := map[string]string{"dynamodb": "InternalServerError", "kms": "KMSInternalException"}[service]
		s.Fault(fields{"service": service, "action": action, "function": "OidcFunction", "error": failure})
	}
	lost("PutItem")
	id, proof, err := v.beginAndProve(t, a, "ada@example.com")
	if err != nil {
		t.Fatal(err)
	}
	down("dynamodb", "UpdateItem")
	if r := v.post("/api/oauth2/complete", fields{"transaction": id, "proof": proof}); r.status != 503 || r.header.Get("Retry-After") == "" {
		t.Errorf("complete answers %d %s", r.status, r.body)
	}
	if r := v.send(http.MethodGet, "/api/oauth2/authorize?"+a.query().Encode(), nil, ""); r.status != 503 || r.header.Get("Retry-After") == "" {
		t.Errorf("authorize answers %d %s", r.status, r.body)
	}
	s.ClearFaults()
	lost("UpdateItem")
	way, err := v.complete(id, proof)
	if err != nil {
		t.Fatal(err)
	}
	code := way.Query().Get("code")
	for _, fault := range [][2]string{{"kms", "Sign"}, {"dynamodb", "UpdateItem"}, {"dynamodb", "GetItem"}} {
		down(fault[0], fault[1])
		if r := a.exchange(s, code, nil); r.status != 503 || r.header.Get("Retry-After") == "" || r.json["error"] != "temporarily_unavailable" {
			t.Errorf("without %s token answers %d %s", fault[1], r.status, r.body)
		}
		s.ClearFaults()
	}
	lost("UpdateItem")
	r := a.exchange(s, code, nil)
	if r.status != 200 {
		t.Fatalf("token answers %d %s", r.status, r.body)
	}
	token := fmt.Sprint(r.json["access_token"])
	down("dynamodb", "GetItem")
	if r := userinfo(s, token); r.status != 503 || r.header.Get("Retry-After") == "" {
		t.Errorf("userinfo answers %d %s", r.status, r.body)
	}
	s.ClearFaults()
	down("dynamodb", "UpdateItem") // the code is used again, and its tokens cannot be ended
	if r := a.exchange(s, code, nil); r.status != 503 {
		t.Errorf("token answers %d %s", r.status, r.body)
	}
	s.ClearFaults()
	if r := userinfo(s, token); r.status != 200 {
		t.Errorf("userinfo answers %d %s", r.status, r.body)
	}
}

// TestUserInfoErrors: RFC 6750.
func TestUserInfoErrors(t *testing.T) {
	s := Start(t, withCaptcha("turnstile", unlimited...)...)
	register(s)
	a := newApplication(webClient, webCallback)
	a.scope = "openid"
	code, err := (&visitor{s: s}).login(t, a, "ada@example.com")
	if err != nil {
		t.Fatal(err)
	}
	got := a.exchange(s, code, nil)
	token := fmt.Sprint(got.json["access_token"])
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	both := form.Clone()
	both.Set("Authorization", "Bearer "+token)
	for name, c := range map[string]struct {
		method    string
		header    http.Header
		body      string
		status    int
		challenge string
	}{
		"a token of a GET":        {http.MethodGet, http.Header{"Authorization": {"Bearer " + token}}, "", 200, ""},
		"a token in the header":   {http.MethodPost, http.Header{"Authorization": {"bearer " + token}}, "", 200, ""},
		"a token in the form":     {http.MethodPost, form, url.Values{"access_token": {token}}.Encode(), 200, ""},
		"no token":                {http.MethodGet, nil, "", 401, `Bearer realm="streamotp"`},
		"Basic":                   {http.MethodGet, http.Header{"Authorization": {"Basic eA=="}}, "", 401, `Bearer realm="streamotp"`},
		"two tokens":              {http.MethodPost, both, url.Values{"access_token": {token}}.Encode(), 400, `Bearer realm="streamotp", error="invalid_request"`},
		"the ID token":            {http.MethodGet, http.Header{"Authorization": {"Bearer " + fmt.Sprint(got.json["id_token"])}}, "", 401, `Bearer realm="streamotp", error="invalid_token"`},
		"the authorization code":  {http.MethodGet, http.Header{"Authorization": {"Bearer " + code}}, "", 401, `Bearer realm="streamotp", error="invalid_token"`},
		"a token that nobody has": {http.MethodGet, http.Header{"Authorization": {"Bearer " + strings.Split(token, ".")[0] + "." + random()}}, "", 401, `Bearer realm="streamotp", error="invalid_token"`},
		"a text":                  {http.MethodGet, http.Header{"Authorization": {"Bearer x"}}, "", 401, `Bearer realm="streamotp", error="invalid_token"`},
	} {
		t.Run(name, func(t *testing.T) {
			r := (&visitor{s: s.In(t)}).send(c.method, "/api/oauth2/userinfo", c.header, c.body)
			if r.status != c.status || r.header.Get("WWW-Authenticate") != c.challenge || r.status == 200 && len(r.json) != 1 {
				t.Errorf("%d %s %q", r.status, r.body, r.header.Get("WWW-Authenticate"))
			}
		})
	}
}

// TestLogoutErrors: a logout leads only to a URL that is registered for the client, and touches no cookie.
func TestLogoutErrors(t *testing.T) {
	s := Start(t)
	register(s)
	for name, c := range map[string]struct {
		query  url.Values
		status int
		says   string
	}{
		"nothing":                 {url.Values{}, 200, "You have logged out"},
		"the client by its id":    {url.Values{"client_id": {webClient}, "post_logout_redirect_uri": {"https://web.example/bye"}}, 303, ""},
		"another URL":             {url.Values{"client_id": {webClient}, "post_logout_redirect_uri": {"https://evil.example/"}}, 400, "post_logout_redirect_uri"},
		"a redirect URI":          {url.Values{"client_id": {webClient}, "post_logout_redirect_uri": {webCallback}}, 400, "post_logout_redirect_uri"},
		"no client":               {url.Values{"post_logout_redirect_uri": {"https://web.example/bye"}}, 400, "post_logout_redirect_uri"},
		"a hint that is no token": {url.Values{"id_token_hint": {"x"}, "post_logout_redirect_uri": {"https://web.example/bye"}}, 400, "id_token_hint"},
		"a repeated parameter":    {url.Values{"state": {"1", "2"}}, 400, "state is repeated"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				v, path, body := &visitor{s: s.In(t)}, "/api/oauth2/logout?"+c.query.Encode(), ""
				header := http.Header{}
				if method == http.MethodPost {
					path, body = "/api/oauth2/logout", c.query.Encode()
					header.Set("Content-Type", "application/x-www-form-urlencoded")
				}
				r := v.send(method, path, header, body)
				if r.status != c.status || !strings.Contains(r.body, c.says) || strings.Contains(r.body, "evil") || v.cookie != "" || (r.to != nil) != (c.status == 303) {
					t.Errorf("%s: %d %v\n%s", method, r.status, r.header, r.body)
				}
			}
		})
	}
}

// TestAuthorizeLimit: 300 logins an hour may begin at one address. The messages of that address are counted elsewhere.
func TestAuthorizeLimit(t *testing.T) {
	s := Start(t)
	register(s)
	a := newApplication(webClient, webCallback)
	var begun, refused atomic.Int32
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			for range 16 {
				r := (&visitor{s: s}).send(http.MethodGet, "/api/oauth2/authorize?"+a.query().Encode(), nil, "")
				switch {
				case r.status == 303:
					begun.Add(1)
				case r.status == 429 && r.header.Get("Retry-After") != "" && strings.Contains(r.body, "Too many logins"):
					refused.Add(1)
				default:
					t.Errorf("%d %s", r.status, r.body)
				}
			}
		})
	}
	wait.Wait()
	if time.Now().Minute() > 0 && (begun.Load() != 300 || refused.Load() != 20) { // not if the hour ended meanwhile
		t.Errorf("%d began, %d were refused", begun.Load(), refused.Load())
	}
	expect(t, s, "/api/generate", fields{"email": "eve@example.com"}, 200, "")
	if v := (&visitor{s: s.From("127.0.0.9", nil)}); true {
		if _, err := v.begin(a); err != nil {
			t.Errorf("another address: %v", err)
		}
	}
}

// TestHostedBehindFirewall: with a web ACL the browser's calls come through CloudFront alone, and an application's server still gets tokens.
func TestHostedBehindFirewall(t *testing.T) {
	direct := Start(t, withCaptcha("turnstile", "-parameter", webACL)...)
	register(direct)
	s := fromCloudFront(t, direct)
	a := newApplication(webClient, webCallback)
	code, err := (&visitor{s: s}).login(t, a, "ada@example.com")
	if err != nil {
		t.Fatal(err)
	}
	got := a.exchange(direct, code, nil)
	if who := userinfo(direct, fmt.Sprint(got.json["access_token"])); got.status != 200 || who.status != 200 {
		t.Errorf("token answers %d, userinfo %d", got.status, who.status)
	}
	if err := published(direct); err != nil {
		t.Error(err)
	}
	around := &visitor{s: direct}
	for _, r := range []answered{around.send(http.MethodGet, "/api/oauth2/authorize?"+a.query().Encode(), nil, ""), around.send(http.MethodGet, "/api/oauth2/logout", nil, ""),
		around.post("/api/oauth2/transaction", fields{"transaction": "x"}), around.post("/api/oauth2/complete", fields{"transaction": "x"})} {
		if r.status != 403 || !bytes.Contains([]byte(r.body), []byte("Forbidden")) {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
}

// TestHostedCORS: pages of AllowedOrigins may exchange codes and read userinfo, and may use nothing that has the cookie.
func TestHostedCORS(t *testing.T) {
	const page = "https://spa.example"
	s := Start(t, "-parameter", "AllowedOrigins="+page)
	for path, allowed := range map[string]bool{"token": true, "userinfo": true, "authorize": false, "transaction": false, "complete": false, "logout": false} {
		preflight := http.Header{"Origin": {page}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"authorization"}}
		for _, method := range []string{http.MethodOptions, http.MethodPost} {
			res, _ := s.Send(method, "/api/oauth2/"+path, preflight, "")
			var names []string
			for name := range res.Header {
				if strings.HasPrefix(name, "Access-Control-") {
					names = append(names, name)
				}
			}
			if slices.Contains(names, "Access-Control-Allow-Origin") != allowed || !allowed && len(names) > 0 ||
				allowed && method == http.MethodOptions && !strings.Contains(res.Header.Get("Access-Control-Allow-Headers"), "authorization") {
				t.Errorf("%s %s: %v", method, path, res.Header)
			}
		}
	}
}

// TestTransactionRights: an attacker with the credentials of the function reads and changes no session, and sends people of a transaction
// nowhere else.
func TestTransactionRights(t *testing.T) {
	s := Start(t)
	register(s)
	if _, err := (&visitor{s: s}).begin(newApplication(webClient, webCallback)); err != nil { // starts the function
		t.Fatal(err)
	}
	expect(t, s, "/api/generate", fields{"email": "eve@example.com"}, 200, "")
	until(t, Patience, "the functions have started", func() bool { return s.CodeSince(nil, "eve@example.com") != "" })
	session := Item{"sessionId": {"S": "6f2a9d0c"}, "code": {"S": "digest"}}
	transaction := Item{"sessionId": {"S": "authz#held"}, "code": {"S": "authz"}}
	for _, item := range []Item{session, transaction} {
		s.PutItem("CodesTable", item)
	}
	value := fields{":v": fields{"S": "x"}}
	for _, c := range []struct {
		name, function, action string
		rest                   fields // of the call
		allowed                bool
	}{
		{"reads a transaction", "OidcFunction", "GetItem", fields{"Key": transaction}, true},
		{"reads no session", "OidcFunction", "GetItem", fields{"Key": session}, false},
		{"queries no session", "OidcFunction", "Query", fields{"KeyConditionExpression": "sessionId = :v", "ExpressionAttributeValues": value}, false},
		{"writes no session", "OidcFunction", "PutItem", fields{"Item": session}, false},
		{"exchanges a code", "OidcFunction", "UpdateItem", fields{"Key": transaction, "UpdateExpression": "SET usedBy = :v", "ExpressionAttributeValues": value}, true},
		{"uses no code of a session", "OidcFunction", "UpdateItem", fields{"Key": session, "UpdateExpression": "SET usedBy = :v", "ExpressionAttributeValues": value}, false},
		{"changes no URL", "OidcFunction", "UpdateItem", fields{"Key": transaction, "UpdateExpression": "SET redirect = :v", "ExpressionAttributeValues": value}, false},
		{"changes no challenge", "OidcFunction", "UpdateItem", fields{"Key": transaction, "UpdateExpression": "REMOVE challenge"}, false},
		{"reads a transaction", "GenerateFunction", "GetItem", fields{"Key": transaction}, true},
		{"marks no transaction", "GenerateFunction", "UpdateItem", fields{"Key": transaction, "UpdateExpression": "SET codeHash = :v", "ExpressionAttributeValues": value}, false},
	} {
		t.Run(c.function+" "+c.name, func(t *testing.T) {
			s := s.In(t)
			body := fields{"TableName": stackOutput(t, s, "CodesTableName")}
			for name, v := range c.rest {
				body[name] = v
			}
			status, text := awsAs(t, s, credential(t, s, c.function), "dynamodb", "DynamoDB_20120810."+c.action, body)
			if denied := strings.Contains(string(text), "AccessDeniedException"); denied == c.allowed || c.allowed && status != 200 {
				t.Errorf("%d %s", status, text)
			}
		})
	}
}
