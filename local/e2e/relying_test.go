package e2e

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// A relyingLibrary is a library that applications log people in with, and what its client needs. Its application is in local/relying.
type relyingLibrary struct {
	name     string
	command  []string // in the application's folder; `make e2e` installs what it needs
	public   bool     // the library runs in the browser
	callback string   // path
	bye      string   // path to which a logout leads back
	begin    string   // method and path at which a login begins, if it needs no script

	// Checks of an ID token that the library leaves out, since it gets the token from the token endpoint by TLS. OpenID Connect Core 3.1.3.7
	// allows that for the signature alone.
	ignoresSignature, ignoresClient bool

	address string // of the application
}

var relyingLibraries = []relyingLibrary{
	{name: "openid-client", command: []string{"node", "openid_client.mjs"}, callback: "/callback", bye: "/", begin: "GET /login", ignoresSignature: true},
	{name: "oidc-client-ts", command: []string{"node", "oidc_client_ts.mjs"}, public: true, callback: "/callback", bye: "/"},
	{name: "better-auth", command: []string{"node", "better_auth.mjs"}, callback: "/api/auth/callback/streamotp", bye: "/"},
	{name: "@auth/core", command: []string{"node", "auth_js.mjs"}, callback: "/auth/callback/streamotp", bye: "/"},
	{name: "Authlib", command: []string{"authlib_flask.py"}, callback: "/callback", bye: "/logged-out", begin: "GET /login"},
	{name: "django-allauth", command: []string{"allauth_django.py"}, callback: "/accounts/oidc/streamotp/login/callback/", bye: "/"},
	{name: "mozilla-django-oidc", command: []string{"mozilla_django.py"}, callback: "/oidc/callback/", bye: "/", begin: "GET /oidc/authenticate/",
		ignoresClient: true},
}

// TestRelyingParties: the libraries that many applications use log people in and out, as their documentation shows.
func TestRelyingParties(t *testing.T) {
	browser := openBrowser(t)
	var origins []string
	for i := range relyingLibraries {
		relyingLibraries[i].address = freeAddress(t)
		if relyingLibraries[i].public {
			origins = append(origins, "http://"+relyingLibraries[i].address)
		}
	}
	stack := Start(t, append([]string{"-parameter", "AllowedOrigins=" + strings.Join(origins, ",")}, unlimited...)...)
	for _, library := range relyingLibraries {
		t.Run(library.name, func(t *testing.T) {
			s := stack.In(t)
			secret := library.register(s)
			log := library.run(t, s, secret)
			library.logsIn(t, browser, s, log, secret)
		})
	}
}

// TestRelyingVersions: docs/oidc.md names the versions that TestRelyingParties uses.
func TestRelyingVersions(t *testing.T) {
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	read := func(path ...string) string {
		text, err := os.ReadFile(filepath.Join(append([]string{root}, path...)...))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	document := read("docs", "oidc.md")
	pinned := read("local", "relying", "node", "package.json") + read("local", "relying", "python", "requirements.in")
	for _, library := range relyingLibraries {
		version := regexp.MustCompile(`(?m)^\W*` + library.name + `(?:": "|(?:\[\w+\])?==)([\d.]+)`).FindStringSubmatch(pinned)
		if version == nil || !strings.Contains(document, "`"+library.name+"` "+version[1]) {
			t.Errorf("docs/oidc.md does not name the version of %s: %v", library.name, version)
		}
	}
}

// id returns the id of the library's client. The id has "-", which some libraries encode.
func (l relyingLibrary) id() string {
	return "client-" + strings.NewReplacer("@", "", "/", "-").Replace(l.name)
}

// register adds the library's client, and returns its secret.
func (l relyingLibrary) register(s *Stack) (secret string) {
	site := "http://" + l.address
	item := Item{"id": {"S": l.id()}, "name": {"S": "Shop"}, "type": {"S": "public"}, "redirectUris": texts(site + l.callback),
		"postLogoutUris": texts(site + l.bye), "createdAt": {"N": "1764370000000"}}
	if !l.public {
		secret = random()
		item["type"], item["secretHash"] = fields{"S": "confidential"}, secretHash(s, secret)
	}
	s.PutItem("ClientsTable", item)
	return secret
}

// run runs the library's application until the end of the test, and returns its log.
func (l relyingLibrary) run(t *testing.T, s *Stack, secret string) *output {
	t.Helper()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	dir, command := filepath.Join(root, "local", "relying", "node"), l.command
	if strings.HasSuffix(command[0], ".py") {
		dir, command = filepath.Join(root, "local", "relying", "python"), append([]string{filepath.Join(root, ".tools", "relying", "python", "bin", "python")}, command...)
	}
	return runApplication(t, dir, l.address, command, "ISSUER="+s.URL, "CLIENT_ID="+l.id(), "CLIENT_SECRET="+secret)
}

// logsIn logs a person in, whose first login expires half-way, and out again. Every page of the application has one link or button.
func (l relyingLibrary) logsIn(t *testing.T, browser context.Context, s *Stack, log *output, secret string) {
	v := &visit{openTab(t, browser, "http://"+l.address), s}
	seen := watchTraffic(v.tab)
	user := v.addUser("email", "")
	begin := func() {
		v.open("/")
		v.waitText("a", "Log in")
		v.click("a")
		v.waitStep("start")
		v.ready()
		v.logIn(user, demoPassword)
	}

	begin()
	v.age("authz#" + strings.TrimPrefix(eval[string](v.tab, "location.hash"), "#"))
	first := v.code(user, 1)
	v.press(first)
	v.waitText("[data-step=ended] h1", "This login has ended")

	begin()
	code := v.code(user, 2)
	v.press(code)
	v.waitText("body", "Hello "+user)
	v.same("the path", eval[string](v.tab, "location.pathname"), "/")
	v.reload()
	v.waitText("body", "Hello "+user)
	secrets := append(l.tokens(v), first, code, demoPassword, url.QueryEscape(demoPassword), url.PathEscape(demoPassword), user, url.QueryEscape(user))
	if secret != "" {
		secrets = append(secrets, secret)
	}
	for _, c := range call(v.tab, network.GetCookies, network.GetCookiesParams{URLs: []string{s.URL}}).Cookies {
		if c.Name == "__Host-streamotp" {
			secrets = append(secrets, c.Value)
		}
	}
	s.Remember(secrets...)

	callback := seen.find(t, "http://"+l.address+l.callback)
	s.Remember(callback.Query().Get("code"))
	stranger := &visit{openTab(t, browser, v.base), s}
	stranger.do(chromedp.Navigate(callback.String()))
	stranger.wait("document.readyState === 'complete'")
	stranger.open("/")
	stranger.waitText("a", "Log in") // in another browser the URL logs nobody in

	v.click("a, button")
	v.waitText("a", "Log in")
	v.same("the path", eval[string](v.tab, "location.pathname"), "/")
	v.reload()
	v.waitText("a", "Log in")
	seen.find(t, s.URL+"/api/oauth2/logout")
	seen.expect("/favicon.ico", "/api/oauth2/complete") // an application has no icon; the first login has expired
	seen.check(t, secrets...)
	for _, secret := range secrets {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the application's log has %q:\n%s", secret, log)
		}
	}
}

// tokens returns the access tokens that a library keeps in the browser.
func (l relyingLibrary) tokens(v *visit) []string {
	found := eval[[]string](v.tab, `Object.values({...sessionStorage, ...localStorage}).map(text => /"access_token":"([^"]+)"/.exec(text)?.[1]).filter(Boolean)`)
	if l.public != (len(found) == 1) {
		v.t.Errorf("the browser keeps %d access tokens", len(found))
	}
	return found
}

// expect removes the problems with URLs that end in one of the paths.
func (x *traffic) expect(paths ...string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.problems = slices.DeleteFunc(x.problems, func(problem string) bool {
		return slices.ContainsFunc(paths, func(path string) bool { return strings.HasSuffix(problem, path) })
	})
}

// find returns the last URL that was requested below another.
func (x *traffic) find(t *testing.T, below string) (found *url.URL) {
	t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, address := range x.urls {
		if strings.HasPrefix(address, below+"?") {
			found, _ = url.Parse(address)
		}
	}
	if found == nil {
		t.Fatalf("nothing requested %s", below)
	}
	return found
}

// givesAnyToken has the token endpoint give the ID token and the access token that follow a ~ in the code.
var givesAnyToken = []Edit{{"functions/oidc/token.go", "	t, err := h.granted(ctx, client, form, audit)\n", `	if given := strings.Split(form.Get("code"), "~"); len(given) == 3 {
		return tokens{Access: given[2], Type: "Bearer", Expires: 900, ID: given[1], Scope: "openid email"}, nil
	}
	t, err := h.granted(ctx, client, form, audit)
`}}

// TestRelyingTokens: applications accept the ID token of their own login, and neither another token of the stack nor a forged one. Also
// those that trust the token endpoint reject the ID token of another login, proofs and access tokens.
func TestRelyingTokens(t *testing.T) {
	stack := StartChanged(t, givesAnyToken, withCaptcha("turnstile", unlimited...)...)
	stack.AllowLeaks() // the code is a token
	register(stack)
	web := newApplication(webClient, webCallback)
	code, err := (&visitor{s: stack}).login(t, web, "ada@example.com")
	if err != nil {
		t.Fatal(err)
	}
	tokens := web.exchange(stack, code, nil)
	id, access := ParseToken(t, fmt.Sprint(tokens.json["id_token"])), fmt.Sprint(tokens.json["access_token"])
	own := relyingLibrary{name: "go-oidc", callback: "/_local/app/callback", begin: "POST /_local/app/login", address: strings.TrimPrefix(stack.URL, "http://")}
	for _, library := range append(relyingLibraries, own) {
		if library.begin == "" {
			continue
		}
		t.Run(library.name, func(t *testing.T) {
			s := stack.In(t)
			if library.name != own.name {
				library.address = freeAddress(t)
				library.run(t, s, library.register(s))
			}
			for name, change := range map[string]func(Token) string{
				"":                          func(k Token) string { return k.With(nil, nil, s.Sign) },
				"another client's ID token": func(k Token) string { return k.With(nil, fields{"aud": webClient}, s.Sign) },
				"another login's ID token":  func(k Token) string { return k.With(nil, fields{"nonce": random()}, s.Sign) },
				"an expired ID token":       func(k Token) string { return k.With(nil, fields{"iat": 1764370000, "exp": 1764370600}, s.Sign) },
				"another issuer's ID token": func(k Token) string { return k.With(nil, fields{"iss": "https://login.example.com"}, s.Sign) },
				"a proof of hosted login": func(k Token) string {
					return k.With(nil, fields{"aud": s.URL, "nonce": "t", "purpose": "login"}, s.Sign)
				},
				"an access token": func(Token) string { return access },
				"an access token that is a JWT": func(k Token) string {
					return k.With(fields{"typ": "at+jwt"}, fields{"aud": apiAudience, "nonce": nil, "client_id": k.Claims["aud"]}, s.Sign)
				},
			} {
				ignored := library.ignoresClient && (name == "another client's ID token" || name == "another issuer's ID token")
				if accepted := library.accepts(t, id, access, change); accepted != (name == "" || ignored) {
					t.Errorf("%q: accepted %v", name, accepted)
				}
			}
			forged := slices.Collect(maps.Keys(s.Forge(id)))
			accepted := slices.DeleteFunc(forged, func(name string) bool {
				return !library.accepts(t, id, access, func(k Token) string { return s.Forge(k)[name] })
			})
			if (len(accepted) > 0) != library.ignoresSignature {
				t.Errorf("accepted: %q", accepted)
			}
		})
	}
}

// accepts begins a login at the library's application, and reports whether an ID token logs the browser in. change gets the ID token that
// would be right.
func (l relyingLibrary) accepts(t *testing.T, id Token, access string, change func(Token) string) bool {
	t.Helper()
	a := (&example{url: "http://" + l.address}).agent(t, "")
	method, path, _ := strings.Cut(l.begin, " ")
	begun, body := a.do(method, path, nil)
	asked, err := begun.Location()
	if err != nil {
		t.Fatal(begun.Status, body, err)
	}
	q := asked.Query()
	id.Claims = replaced(id.Claims, fields{"aud": q.Get("client_id"), "nonce": q.Get("nonce"), "exp": time.Now().Unix() + 600, "jti": random()})
	back := url.Values{"code": {"~" + change(id) + "~" + access}, "state": {q.Get("state")}, "iss": {fmt.Sprint(id.Claims["iss"])}}
	a.do(http.MethodGet, l.callback+"?"+back.Encode(), nil)
	_, home := a.do(http.MethodGet, strings.TrimSuffix(strings.TrimSuffix(path, "/login"), "/oidc/authenticate/"), nil)
	return strings.Contains(home, "Hello ada@example.com") || strings.Contains(home, "You are logged in")
}
