package e2e

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// An example is an application of examples/ on a port of its own, with a stack that knows it as a client.
type example struct {
	url   string // without a slash at its end
	stack *Stack
}

// exampleCommands start the applications, each in its folder. `make e2e` installs what they need.
var exampleCommands = map[string][]string{
	"node":   {"node", "server.js"},
	"python": {"../../.tools/examples/python/bin/python", "app.py"},
	"go":     {"../../.tools/examples/go/server"},
}

// maxExampleLines bounds an example's lines of code: those that are neither blank nor a comment.
const maxExampleLines = 80

var notCode = regexp.MustCompile(`(?m)^\s*(?://.*|#.*)?\n`)

// TestExamples: people log in to the applications of examples/, which accept no other proof than the one for this browser, once.
func TestExamples(t *testing.T) {
	findAxe(t)
	browser := openBrowser(t)
	for name, file := range map[string]string{"node": "server.js", "python": "app.py", "go": "main.go"} {
		t.Run(name, func(t *testing.T) {
			root, err := Root()
			if err != nil {
				t.Fatal(err)
			}
			source, err := os.ReadFile(filepath.Join(root, "examples", name, file))
			if n := strings.Count(notCode.ReplaceAllString(string(source), ""), "\n"); err != nil || n == 0 || n > maxExampleLines {
				t.Errorf("%s has %d lines of code, want %d at most; %v", file, n, maxExampleLines, err)
			}
			x := startExample(t, name)
			t.Run("Ada logs in and out", func(t *testing.T) { x.logsIn(t, browser) })
			t.Run("each check rejects the proof that only it can reject", x.checks)
			t.Run("a proof for another browser is rejected", x.otherBrowser)
			t.Run("a proof is accepted once", x.once)
			t.Run("in production cookies are for https, and proofs RS256", func(t *testing.T) { inProduction(t, name) })
		})
	}
}

// startExample starts an application and a stack that has it as a client.
func startExample(t *testing.T, name string) *example {
	t.Helper()
	address := freeAddress(t)
	x := &example{url: "http://" + address, stack: Start(t, append([]string{"-parameter", "AllowedOrigins=http://" + address}, unlimited...)...)}
	registerShop(x.stack, x.url)
	runExample(t, name, address, "ISSUER="+x.stack.URL)
	return x
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// runExample runs an application of examples/ until the end of the test.
func runExample(t *testing.T, name, address string, environment ...string) {
	t.Helper()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	runApplication(t, filepath.Join(root, "examples", name), address, exampleCommands[name], append(environment, "CLIENT_ID="+shopClient)...)
}

// runApplication runs a command in a folder until the end of the test, and returns its log. It returns once the application responds at
// the address.
func runApplication(t *testing.T, dir, address string, command []string, environment ...string) (log *output) {
	t.Helper()
	log = &output{}
	_, port, _ := net.SplitHostPort(address)
	ctx, kill := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.Env = append(os.Environ(), append(environment, "PORT="+port)...)
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v (make e2e installs the applications)", err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		kill()
		<-ended
		if t.Failed() {
			t.Logf("the log of %s:\n%s", dir, log)
		}
	})
	until(t, Patience, "the application responds", func() bool {
		select {
		case <-ended:
			t.Fatalf("the application ended (make e2e installs the applications):\n%s", log)
		default:
		}
		response, err := client.Get("http://" + address + "/")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return true
	})
	return log
}

// ---- In Chromium -----------------------------------------------------------------------------------------------------

func (x *example) logsIn(t *testing.T, browser context.Context) {
	v := &visit{openTab(t, browser, x.url), x.stack.In(t)}
	seen := watchTraffic(v.tab)
	const ada = "ada@example.com"
	nonce := func() string { return eval[string](v.tab, "document.querySelector('stream-otp').nonce") }
	arrives := func(path, text string) {
		t.Helper()
		is := fmt.Sprintf("location.pathname === %q && document.readyState === 'complete' && document.body.innerText.includes(%q)", path, text)
		until(t, Patience, path+" with "+text, func() bool {
			there, err := chromedp.Run(v.ctx, chromedp.Evaluate[bool](is))
			return err == nil && there // an error, as the page may be on its way to the next one
		})
	}

	v.open("/")
	arrives("/login", "Log in")
	v.focus("email")
	first := nonce()
	v.logIn(ada, demoPassword)
	v.reload()
	v.waitStep("code")
	v.same("the nonce after a reload", nonce(), first)
	v.keepsNoSecret(ada, demoPassword)
	before := x.cookies(v.tab)
	code := v.code(ada, 1)
	v.fill("#code", code)
	arrives("/", "Hello "+ada)
	v.same("what scripts see of the cookies", eval[string](v.tab, "document.cookie"), "")
	v.reload()
	arrives("/", "Hello "+ada)

	v.accessible("the protected page")
	proof, session := seen.proof(t), x.cookies(v.tab)
	for when, cookies := range map[string]string{"before": before, "after": session} {
		if x.agent(t, cookies).logsIn(proof) {
			t.Errorf("the proof is accepted again with the cookies of %s the login", when)
		}
	}
	v.same("who is logged in by the session's cookie", x.agent(t, session).person(), ada)
	v.click("form button")
	arrives("/login", "Log in")
	v.same("who is logged in by the old cookie", x.agent(t, session).person(), "")
	v.open("/")
	arrives("/login", "Log in")
	if nonce() == first {
		t.Error("a used nonce is used again")
	}
	seen.check(t, ada, url.QueryEscape(ada), code, demoPassword, proof, first)
	v.accessible("the login page") // last, because axe-core requests the style sheet of the other origin
}

// traffic is what a tab requested, and the errors that the browser logged.
type traffic struct {
	mu             sync.Mutex
	urls, problems []string
	proofs         []string
}

func watchTraffic(p *tab) *traffic {
	p.t.Helper()
	seen := &traffic{}
	call(p, network.Enable, network.EnableParams{})
	call(p, cdplog.Enable, cdp.Empty{})
	err := chromedp.Listen(p.ctx, func(event any) {
		seen.mu.Lock()
		defer seen.mu.Unlock()
		switch event := event.(type) {
		case *network.EventRequestWillBeSent:
			seen.urls = append(seen.urls, event.Request.URL)
			for _, entry := range event.Request.PostDataEntries {
				if values, err := url.ParseQuery(string(entry.Bytes)); err == nil && values.Has("proof") {
					seen.proofs = append(seen.proofs, values.Get("proof"))
				}
			}
		case *cdplog.EventEntryAdded:
			if event.Entry.Level == cdplog.EntryLevelError || event.Entry.Level == cdplog.EntryLevelWarning {
				seen.problems = append(seen.problems, event.Entry.Text+" "+event.Entry.URL)
			}
		}
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return seen
}

// proof returns the proof that the page gave to its server.
func (x *traffic) proof(t *testing.T) string {
	t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.proofs) != 1 {
		t.Fatalf("%d proofs were posted", len(x.proofs))
	}
	return x.proofs[0]
}

// check fails if the browser logged a problem, such as a violation of the page's policy, requested something from another
// host, or had a secret in a URL.
func (x *traffic) check(t *testing.T, secrets ...string) {
	t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.problems) > 0 {
		t.Errorf("the browser reports\n%s", strings.Join(x.problems, "\n"))
	}
	for _, address := range x.urls {
		at, err := url.Parse(address)
		if err != nil || at.Hostname() != "127.0.0.1" {
			t.Errorf("a request to %s", address)
		}
		if slices.ContainsFunc(secrets, func(secret string) bool { return strings.Contains(address, secret) }) {
			t.Errorf("a secret in %s", address)
		}
	}
	if len(x.urls) < 10 {
		t.Errorf("only %d requests were seen", len(x.urls))
	}
}

// cookies returns the header Cookie of a tab's next request to the application.
func (x *example) cookies(p *tab) string {
	p.t.Helper()
	var all []*http.Cookie
	for _, c := range call(p, network.GetCookies, network.GetCookiesParams{URLs: []string{x.url}}).Cookies {
		if !c.HTTPOnly || c.SameSite != network.CookieSameSiteLax {
			p.t.Errorf("the cookie %s is not HttpOnly and SameSite=Lax", c.Name)
		}
		all = append(all, &http.Cookie{Name: c.Name, Value: c.Value})
	}
	return header(all)
}

// ---- Without a browser -----------------------------------------------------------------------------------------------

// An agent is a browser without scripts, which keeps an application's cookies.
type agent struct {
	t      *testing.T
	url    string
	client *http.Client
}

// agent returns an agent that has these cookies, in the form of the header Cookie.
func (x *example) agent(t *testing.T, cookies string) *agent {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	parsed, _ := http.ParseCookie(cookies)
	jar.SetCookies(x.at(t), parsed)
	return &agent{t, x.url, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (x *example) at(t *testing.T) *url.URL {
	t.Helper()
	at, err := url.Parse(x.url)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// do makes a request, with a form if there is one.
func (a *agent) do(method, path string, form url.Values) (*http.Response, string) {
	a.t.Helper()
	request, err := http.NewRequest(method, a.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		a.t.Fatal(err)
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := a.client.Do(request)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return response, string(body)
}

// logsIn posts a proof and reports whether it logs the agent in.
func (a *agent) logsIn(proof string) bool {
	a.t.Helper()
	response, _ := a.do(http.MethodPost, "/login", url.Values{"proof": {proof}})
	if response.StatusCode == http.StatusUnauthorized {
		if kind := response.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/plain") {
			a.t.Errorf("a rejection is %s", kind)
		}
		return false
	}
	if response.StatusCode/100 != 2 || a.person() == "" {
		a.t.Errorf("POST /login: %s, and then %q is logged in", response.Status, a.person())
	}
	return true
}

var hello, nonceAttribute = regexp.MustCompile(`Hello ([^<]+)<`), regexp.MustCompile(`nonce="([^"]+)"`)

// person returns who is logged in, or "" if the application leads to the login.
func (a *agent) person() string {
	a.t.Helper()
	response, body := a.do(http.MethodGet, "/", nil)
	if response.StatusCode == http.StatusFound && response.Header.Get("Location") == "/login" {
		return ""
	}
	found := hello.FindStringSubmatch(body)
	if response.StatusCode != http.StatusOK || found == nil {
		a.t.Fatalf("GET /: %s %s", response.Status, body)
	}
	return found[1]
}

// nonce opens the login page.
func (a *agent) nonce() string {
	a.t.Helper()
	response, body := a.do(http.MethodGet, "/login", nil)
	found := nonceAttribute.FindStringSubmatch(body)
	if found == nil {
		a.t.Fatalf("GET /login: %s %s", response.Status, body)
	}
	return found[1]
}

// proof requests a code, enters it and returns the proof.
func (x *example) proof(t *testing.T, nonce string, ask fields) Token {
	t.Helper()
	body := fields{"clientId": shopClient, "nonce": nonce}
	maps.Copy(body, ask)
	id, code := session(t, x.stack.In(t), body, ask["email"].(string))
	status, _, answer := x.stack.In(t).Post("/api/verify", try(id, code))
	proof, _ := answer["proof"].(string)
	if status != http.StatusOK {
		t.Fatal(status, answer)
	}
	return ParseToken(t, proof)
}

var changedProofs atomic.Int64

// changed returns a proof that says the same but for these claims, and has another jti. A claim that is nil is left out.
func (x *example) changed(t *testing.T, proof Token, changes fields) string {
	t.Helper()
	claims := fields{"jti": fmt.Sprintf("00000000-0000-4000-8000-%012d", changedProofs.Add(1))}
	maps.Copy(claims, changes)
	return proof.With(nil, claims, x.stack.In(t).Sign)
}

func (x *example) checks(t *testing.T) {
	a := x.agent(t, "")
	nonce, now := a.nonce(), time.Now()
	proof, s := x.proof(t, nonce, login("ada@example.com", demoPassword)), x.stack.In(t)
	verify := x.proof(t, nonce, fields{"email": "eve@example.com"})
	ago := func(by time.Duration) int64 { return now.Add(-by).Unix() }
	rejected := s.Forge(proof)
	maps.Copy(rejected, map[string]string{
		"no proof":              "",
		"no token":              "nonsense",
		"another signature":     proof.With(nil, nil, func([]byte) []byte { return verify.Signature }),
		"a proof of an address": verify.Text,
		"another issuer":        x.changed(t, proof, fields{"iss": "https://login.example.com"}),
		"another client":        x.changed(t, proof, fields{"aud": "demo"}),
		"no client":             x.changed(t, proof, fields{"aud": nil}),
		"an expired proof":      x.changed(t, proof, fields{"exp": ago(5 * time.Minute)}),
		"a proof that stays":    x.changed(t, proof, fields{"exp": nil}),
		"another nonce":         x.changed(t, proof, fields{"nonce": "n-7f3a"}),
		"no nonce":              x.changed(t, proof, fields{"nonce": nil}),
		"an empty nonce":        x.changed(t, proof, fields{"nonce": ""}),
		"another purpose":       x.changed(t, proof, fields{"purpose": "verify"}),
		"an old code":           x.changed(t, proof, fields{"auth_time": ago(time.Hour)}),
		"no time of the code":   x.changed(t, proof, fields{"auth_time": nil}),
		"a test destination":    x.changed(t, proof, fields{"test": true}),
		"no jti":                x.changed(t, proof, fields{"jti": nil}),
		// Tokens with the claims of hosted login, for this very client and browser.
		"an ID token": x.changed(t, proof, fields{"purpose": nil, "channel": nil, "scope": nil}),
		"an access token": proof.With(fields{"typ": "at+jwt"}, fields{"purpose": nil, "channel": nil, "scope": "openid email", "client_id": shopClient,
			"amr": nil, "email": nil, "email_verified": nil}, s.Sign),
	})
	for what, proof := range rejected {
		if same := x.agent(t, a.cookies()); same.logsIn(proof) || same.person() != "" {
			t.Errorf("%s is accepted", what)
		}
	}
	for _, nonce := range []any{nil, "", "undefined", "None"} { // for an agent that has none
		if x.agent(t, "").logsIn(x.changed(t, proof, fields{"nonce": nonce})) {
			t.Errorf("the nonce %v is accepted from a browser without one", nonce)
		}
	}
	if a.nonce() != nonce || !a.logsIn(proof.Text) || a.person() != "ada@example.com" {
		t.Error("the right proof is rejected after the others")
	}
	escaped := x.agent(t, "")
	if escaped.logsIn(x.changed(t, proof, fields{"nonce": escaped.nonce(), "email": `"a<b>"@example.com`})); strings.Contains(escaped.person(), "<") {
		t.Error("an address is not escaped")
	}
}

func (x *example) otherBrowser(t *testing.T) {
	a, b := x.agent(t, ""), x.agent(t, "")
	proof := x.proof(t, a.nonce(), login("ada@example.com", demoPassword)).Text
	if b.nonce(); b.logsIn(proof) || x.agent(t, "").logsIn(proof) {
		t.Error("another browser is logged in")
	}
	if !a.logsIn(proof) {
		t.Error("the proof is spoiled for its own browser")
	}
}

// once tries used proofs with a nonce that is still right, so that only their jti can reject them.
func (x *example) once(t *testing.T) {
	a := x.agent(t, "")
	proof := x.proof(t, a.nonce(), login("ada@example.com", demoPassword))
	before := a.cookies()
	if !a.logsIn(proof.Text) {
		t.Fatal("the proof is rejected")
	}
	old := x.agent(t, before)
	if old.person() != "" {
		t.Error("the cookies of before the login, which somebody else may know, are logged in")
	}
	if old.logsIn(proof.Text) {
		t.Error("the proof is accepted again")
	}
	nonce := a.nonce()
	if nonce == proof.Claims["nonce"] {
		t.Error("the nonce is used again")
	}
	if a.logsIn(x.changed(t, proof, fields{"nonce": nonce, "jti": proof.Claims["jti"]})) {
		t.Error("the jti is accepted again")
	}
	if !a.logsIn(x.changed(t, proof, fields{"nonce": nonce})) {
		t.Error("another jti is rejected")
	}
	// Of parallel requests with the same proof one is accepted.
	a = x.agent(t, "")
	again := x.changed(t, proof, fields{"nonce": a.nonce()})
	before, accepted := a.cookies(), atomic.Int64{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if response, _ := x.agent(t, before).do(http.MethodPost, "/login", url.Values{"proof": {again}}); response.StatusCode/100 == 2 {
				accepted.Add(1)
			}
		})
	}
	if all.Wait(); accepted.Load() != 1 {
		t.Errorf("%d of 8 parallel requests are accepted", accepted.Load())
	}
}

// cookies returns the header Cookie of the next request.
func (a *agent) cookies() string {
	at, err := url.Parse(a.url)
	if err != nil {
		a.t.Fatal(err)
	}
	return header(a.client.Jar.Cookies(at))
}

func header(cookies []*http.Cookie) string {
	pairs := make([]string, len(cookies))
	for i, c := range cookies {
		pairs[i] = c.Name + "=" + c.Value
	}
	return strings.Join(pairs, "; ")
}

// inProduction runs an application with an issuer that is https, and whose keys do not name their algorithm.
func inProduction(t *testing.T, name string) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	issuer := httptest.NewTLSServer(mux)
	t.Cleanup(issuer.Close)
	for path, document := range map[string]fields{
		"/.well-known/openid-configuration": {"issuer": issuer.URL, "jwks_uri": issuer.URL + "/keys"},
		"/keys":                             {"keys": []fields{{"kty": "RSA", "use": "sig", "kid": "own", "n": encode(key.N.Bytes()), "e": "AQAB"}}},
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(document)
		})
	}
	certificate := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issuer.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	x := &example{url: "http://" + freeAddress(t)}
	runExample(t, name, x.at(t).Host, "ISSUER="+issuer.URL, "SSL_CERT_FILE="+certificate, "NODE_EXTRA_CA_CERTS="+certificate)

	response, body := x.agent(t, "").do(http.MethodGet, "/login", nil)
	found := nonceAttribute.FindStringSubmatch(body)
	if found == nil || !strings.Contains(body, issuer.URL+"/stream-otp.js") {
		t.Fatalf("GET /login: %v %s", response.Header, body)
	}
	want := "default-src 'none'; script-src 'self' " + issuer.URL + "; style-src " + issuer.URL + "; connect-src 'self' " + issuer.URL +
		"; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
	if got := response.Header.Get("Content-Security-Policy"); got != want || !strings.Contains(response.Header.Get("Cache-Control"), "no-store") {
		t.Errorf("the headers %v", response.Header)
	}
	cookies, now := response.Cookies(), time.Now().Unix()
	for _, sample := range []struct {
		alg  string
		sign Signer
		want int
	}{
		{"PS256", ps256(t, key), http.StatusUnauthorized},
		{"RS256", rs256(t, key), http.StatusOK},
	} {
		proof := Token{Header: fields{"alg": sample.alg, "kid": "own", "typ": "JWT"}, Claims: fields{"iss": issuer.URL, "aud": shopClient, "sub": "ada", "exp": now + 60,
			"iat": now, "auth_time": now, "jti": sample.alg, "nonce": found[1], "purpose": "login", "email": "ada@example.com"}}.With(nil, nil, sample.sign)
		response, body := x.agent(t, header(cookies)).do(http.MethodPost, "/login", url.Values{"proof": {proof}})
		if response.StatusCode/100 != sample.want/100 {
			t.Errorf("a proof with %s: %s %s", sample.alg, response.Status, body)
		}
		cookies = append(cookies, response.Cookies()...)
	}
	for _, c := range cookies {
		if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || !strings.HasPrefix(c.Name, "__Host-") || c.Path != "/" || c.Domain != "" {
			t.Errorf("the cookie %s", c)
		}
	}
	if len(cookies) < 2 {
		t.Errorf("only the cookies %v", cookies)
	}
}
