package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// conforming logs people in as the OpenID Foundation's conformance suite does. Its client authenticates with HTTP Basic and sends no PKCE.
type conforming struct {
	*visitor
	a     application
	check *oidc.IDTokenVerifier
}

// entered is one login: what the application's token says, and the response that it came in.
type entered struct {
	code   string
	tokens answered
	id     fields // claims of the ID token
}

// login goes through a whole login, whose request is changed before.
func (c *conforming) login(t *testing.T, email string, change func(url.Values)) (e entered) {
	t.Helper()
	q := c.a.query()
	if change != nil {
		change(q)
	}
	begun := c.send(http.MethodGet, "/api/oauth2/authorize?"+q.Encode(), nil, "")
	if begun.to == nil || begun.to.Fragment == "" {
		t.Fatalf("authorize answers %d %s %s", begun.status, begun.header.Get("Location"), begun.body)
	}
	return c.finish(t, email, begun.to.Fragment, q, basic)
}

// finish logs a person in for a transaction, and checks the ID token as the suite does for every module.
func (c *conforming) finish(t *testing.T, email, transaction string, q url.Values, authenticate func(url.Values, http.Header)) (e entered) {
	t.Helper()
	proof, err := c.prove(t, transaction, email)
	if err != nil {
		t.Fatal(err)
	}
	way, err := c.complete(transaction, proof)
	if err != nil || way.Query().Get("state") != q.Get("state") || way.Query().Get("iss") != c.s.URL {
		t.Fatalf("the way back is %s, %v", way, err)
	}
	e.code = way.Query().Get("code")
	e.tokens = c.a.exchange(c.s, e.code, authenticate)
	raw := fmt.Sprint(e.tokens.json["id_token"])
	if _, err := c.check.Verify(t.Context(), raw); err != nil || e.tokens.json["token_type"] != "Bearer" {
		t.Fatalf("token answers %d %s, %v", e.tokens.status, e.tokens.body, err)
	}
	var header fields
	header, e.id = payload(raw)
	nonce, _ := e.id["nonce"].(string)
	if header["alg"] != "RS256" || header["kid"] == nil || nonce != q.Get("nonce") || e.id["sub"] == nil || e.id["iat"] == nil || e.id["auth_time"] == nil {
		t.Errorf("the ID token is %v %v", header, e.id)
	}
	return e
}

// claimsOf returns the names of the claims that userinfo answers.
func (c *conforming) claimsOf(t *testing.T, e entered) []string {
	t.Helper()
	who := userinfo(c.s, fmt.Sprint(e.tokens.json["access_token"]))
	if who.status != 200 || who.json["sub"] != e.id["sub"] {
		t.Errorf("userinfo answers %d %s", who.status, who.body)
	}
	return slices.Sorted(maps.Keys(who.json))
}

func setting(name, value string) func(url.Values) {
	return func(q url.Values) { q.Set(name, value) }
}

// TestBasicProfile: what the modules of the OpenID Foundation's Basic OP plan do, for a client that is registered by hand. docs/oidc.md has
// the other modules.
func TestBasicProfile(t *testing.T) {
	s := Start(t, withCaptcha("turnstile", unlimited...)...)
	register(s)
	provider, err := oidc.NewProvider(t.Context(), s.URL)
	if err != nil {
		t.Fatal(err)
	}
	start := func(t *testing.T, scope string) *conforming {
		a := newApplication(plainClient, webCallback)
		a.verifier, a.scope = "", scope
		return &conforming{&visitor{s: s.In(t)}, a, provider.VerifierContext(t.Context(), &oidc.Config{ClientID: plainClient})}
	}
	// Requests with one parameter more or less than the suite's own. Each must end in a login.
	for name, change := range map[string]func(url.Values){
		"oidcc-server": nil,
		"oidcc-ensure-request-without-nonce-succeeds-for-code-flow": func(q url.Values) { q.Del("nonce") },
		"oidcc-display-page":  setting("display", "page"),
		"oidcc-display-popup": setting("display", "popup"),
		"oidcc-ensure-request-with-unknown-parameter-succeeds": setting("extra", "foobar"),
		"oidcc-login-hint":       setting("login_hint", "buffy@example.com"),
		"oidcc-ui-locales":       setting("ui_locales", "se"),
		"oidcc-claims-locales":   setting("claims_locales", "se"),
		"oidcc-claims-essential": setting("claims", `{"userinfo":{"name":{"essential":true}}}`),
	} {
		t.Run(name, func(t *testing.T) {
			c := start(t, "openid")
			e := c.login(t, "ada@example.com", change)
			if claims := c.claimsOf(t, e); !slices.Equal(claims, []string{"sub"}) || e.id["name"] != nil || e.id["email"] != nil {
				t.Errorf("userinfo has %v, the ID token %v", claims, e.id)
			}
		})
	}
	for name, c := range map[string]struct {
		scope, email string
		want         []string
	}{
		"oidcc-scope-profile":                     {"openid profile", "ada@example.com", []string{"name", "sub"}},
		"oidcc-scope-email":                       {"openid email", "ada@example.com", []string{"email", "email_verified", "sub"}},
		"oidcc-scope-phone":                       {"openid phone", "grace@example.com", []string{"phone_number", "phone_number_verified", "sub"}},
		"oidcc-ensure-other-scope-order-succeeds": {"email openid", "ada@example.com", []string{"email", "email_verified", "sub"}},
	} {
		t.Run(name, func(t *testing.T) {
			suite := start(t, c.scope)
			if claims := suite.claimsOf(t, suite.login(t, c.email, nil)); !slices.Equal(claims, c.want) {
				t.Errorf("userinfo has %v", claims)
			}
		})
	}
	t.Run("oidcc-ensure-request-with-acr-values-succeeds", func(t *testing.T) {
		var offered struct {
			Levels []string `json:"acr_values_supported"`
		}
		if err := provider.Claims(&offered); err != nil {
			t.Fatal(err)
		}
		e := start(t, "openid").login(t, "ada@example.com", setting("acr_values", strings.Join(offered.Levels, " ")))
		if level, _ := e.id["acr"].(string); !slices.Contains(offered.Levels, level) {
			t.Errorf("the ID token has the level %q, of %v", level, offered.Levels)
		}
	})
	// The second request of a browser that has just logged in. It must lead to the login page again.
	for name, change := range map[string]func(url.Values){"oidcc-prompt-login": setting("prompt", "login"), "oidcc-max-age-1": setting("max_age", "1")} {
		t.Run(name, func(t *testing.T) {
			c := start(t, "openid")
			first := c.login(t, "ada@example.com", nil)
			asked := time.Now().Unix()
			second := c.login(t, "ada@example.com", change)
			if at, _ := second.id["auth_time"].(float64); int64(at) < asked || second.id["sub"] != first.id["sub"] {
				t.Errorf("asked at %d: %v, then %v", asked, first.id, second.id)
			}
		})
	}
	t.Run("oidcc-ensure-post-request-succeeds", func(t *testing.T) {
		c := start(t, "openid")
		q := c.a.query()
		form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Origin": {"https://web.example"}, "Sec-Fetch-Mode": {"navigate"}}
		begun := c.send(http.MethodPost, "/api/oauth2/authorize", form, q.Encode())
		begun = c.send(http.MethodGet, strings.TrimPrefix(begun.header.Get("Location"), s.URL), nil, "")
		c.finish(t, "ada@example.com", begun.to.Fragment, q, basic)
	})
	t.Run("oidcc-server-client-secret-post", func(t *testing.T) {
		c := start(t, "openid")
		id, err := c.begin(c.a)
		if err != nil {
			t.Fatal(err)
		}
		c.finish(t, "ada@example.com", id, c.a.query(), nil)
	})
	for name, age := range map[string]time.Duration{"oidcc-codereuse": 0, "oidcc-codereuse-30seconds": 30 * time.Second} {
		t.Run(name, func(t *testing.T) {
			c := start(t, "openid")
			e := c.login(t, "ada@example.com", nil)
			c.claimsOf(t, e)
			older(c.s, strings.Split(e.code, ".")[0], age)
			if again := c.a.exchange(c.s, e.code, basic); again.status != 400 || again.json["error"] != "invalid_grant" || again.header.Get("Content-Type") != "application/json" {
				t.Errorf("token answers %d %s", again.status, again.body)
			}
			if who := userinfo(c.s, fmt.Sprint(e.tokens.json["access_token"])); who.status != 401 {
				t.Errorf("userinfo answers %d", who.status)
			}
		})
	}
}

// older makes a transaction older, as if it had been written and used earlier.
func older(s *Stack, id string, age time.Duration) {
	for _, item := range s.Items("CodesTable") {
		if item["sessionId"]["S"] != "authz#"+id {
			continue
		}
		for name, unit := range map[string]time.Duration{"createdAt": time.Millisecond, "usedAt": time.Millisecond, "authTime": time.Second, "expiredAt": time.Second} {
			at, _ := json.Number(fmt.Sprint(item[name]["N"])).Int64()
			item[name] = map[string]any{"N": fmt.Sprint(at - int64(age/unit))}
		}
		s.PutItem("CodesTable", item)
		return
	}
	s.t.Errorf("there is no transaction %s", id)
}

// TestConfigProfile: what the only module of the OpenID Foundation's Config OP plan checks, oidcc-discovery-endpoint-verification. The module
// also requires https, which the development stack does not have.
func TestConfigProfile(t *testing.T) {
	s := Start(t)
	status, header, text := s.Do(http.MethodGet, "/.well-known/openid-configuration", nil)
	var d fields
	if err := json.Unmarshal(text, &d); err != nil || status != 200 || header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d %s", status, text)
	}
	if d["issuer"] != s.URL {
		t.Errorf("issuer: %v", d["issuer"])
	}
	for _, endpoint := range []string{"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "end_session_endpoint"} {
		if value, _ := d[endpoint].(string); !strings.HasPrefix(value, s.URL+"/") {
			t.Errorf("%s: %q", endpoint, value)
		}
	}
	for name, needed := range map[string]string{"response_types_supported": "code", "subject_types_supported": "public", "id_token_signing_alg_values_supported": "RS256",
		"scopes_supported": "openid", "claims_supported": "sub",
		"token_endpoint_auth_methods_supported": "client_secret_basic"} {
		if list, _ := d[name].([]any); !slices.Contains(list, any(needed)) {
			t.Errorf("%s: %v", name, d[name])
		}
	}
	if grants, _ := d["grant_types_supported"].([]any); !slices.Equal(grants, []any{"authorization_code"}) { // no refresh_token
		t.Errorf("grant_types_supported: %v", grants)
	}
	for _, name := range []string{"request_parameter_supported", "request_uri_parameter_supported", "claims_parameter_supported"} {
		if d[name] != false {
			t.Errorf("%s: %v", name, d[name])
		}
	}
	var set struct{ Keys []fields }
	_, _, text = s.Do(http.MethodGet, "/.well-known/jwks.json", nil)
	if err := json.Unmarshal(text, &set); err != nil || len(set.Keys) == 0 {
		t.Fatalf("%s", text)
	}
	ids := map[any]bool{}
	for _, key := range set.Keys {
		for name, value := range key {
			if text, _ := value.(string); text == "" || slices.Contains([]string{"d", "p", "q", "dp", "dq", "qi", "k"}, name) {
				t.Errorf("a key has %s: %v", name, value)
			}
		}
		if key["kty"] != "RSA" || key["use"] != "sig" || key["alg"] != "RS256" || key["kid"] == nil || ids[key["kid"]] {
			t.Errorf("the key %v", key)
		}
		ids[key["kid"]] = true
	}
}
