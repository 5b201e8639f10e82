package main

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"streamotp/shared/otp"
	"streamotp/shared/proof"
	"streamotp/shared/store"
)

var t0 = time.Unix(1764370000, 0)

// TestProves: L2. A proof, though its signature is right, completes a transaction only if all of it fits.
func TestProves(t *testing.T) {
	const issuer, id, fromSlowClock = "https://login.example.com", "abcdefghijklmnopqrstuv", "of a function whose clock is two seconds behind"
	for name, change := range map[string]func(*proof.Claims, *otp.Transaction){
		"":                        func(*proof.Claims, *otp.Transaction) {},
		"of another issuer":       func(c *proof.Claims, _ *otp.Transaction) { c.Issuer = "https://other.example.com" },
		"for a client":            func(c *proof.Claims, _ *otp.Transaction) { c.Audience = "shop" },
		"for another transaction": func(c *proof.Claims, _ *otp.Transaction) { c.Nonce = "bbcdefghijklmnopqrstuv" },
		"of an address":           func(c *proof.Claims, _ *otp.Transaction) { c.Purpose = otp.Verify },
		"of a code alone, which the client does not allow": func(c *proof.Claims, _ *otp.Transaction) { c.Purpose, c.Level = otp.Passwordless, "urn:streamotp:1" },
		"without a purpose, as an ID token is":             func(c *proof.Claims, _ *otp.Transaction) { c.Purpose = "" },
		"of nobody":                                        func(c *proof.Claims, _ *otp.Transaction) { c.Subject = "" },
		"that has expired":                                 func(c *proof.Claims, _ *otp.Transaction) { c.Expires = t0.Unix() },
		"of a login before the application's request":      func(_ *proof.Claims, t *otp.Transaction) { t.CreatedAt = t0.Add(store.ClockSlack + time.Second) },
		fromSlowClock:                                      func(_ *proof.Claims, t *otp.Transaction) { t.CreatedAt = t0.Add(2 * time.Second) },
		"without a level":                                  func(c *proof.Claims, _ *otp.Transaction) { c.Level = "" },
		"of a weaker level than was asked for": func(c *proof.Claims, t *otp.Transaction) {
			c.Level, t.WantedLevel = "urn:streamotp:1", "urn:streamotp:2"
		},
	} {
		t.Run("a proof "+name, func(t *testing.T) {
			claims := proof.Claims{Issuer: issuer, Audience: issuer, Nonce: id, Purpose: otp.Login, Subject: "account", Expires: t0.Unix() + 1, AuthTime: t0.Unix(),
				Level: "urn:streamotp:2"}
			transaction := otp.Transaction{ID: id, CreatedAt: t0}
			change(&claims, &transaction)
			if got := proves(claims, issuer, otp.Client{}, transaction, t0); got != (name == "" || name == fromSlowClock) {
				t.Error(got)
			}
		})
	}
}

// TestVerifies: the example of RFC 7636, appendix B, and what is no verifier.
func TestVerifies(t *testing.T) {
	const challenge, verifier = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	for _, c := range []struct {
		challenge, verifier string
		want                bool
	}{
		{challenge, verifier, true}, {"", "", true},
		{challenge, "", false}, {"", verifier, false}, {challenge, challenge, false}, {challenge, verifier + "x", false}, {challenge, strings.Repeat("x", 129), false},
	} {
		if got := verifies(c.challenge, c.verifier); got != c.want {
			t.Errorf("%q, %q: %v", c.challenge, c.verifier, got)
		}
	}
}

func TestIsNavigation(t *testing.T) {
	for _, c := range []struct {
		mode, destination string
		want              bool
	}{
		{"", "", true}, {"navigate", "document", true}, {"navigate", "", true},
		{"navigate", "iframe", false}, {"navigate", "frame", false}, {"navigate", "embed", false}, {"navigate", "object", false}, {"no-cors", "image", false},
		{"no-cors", "script", false}, {"cors", "empty", false}, {"same-origin", "empty", false},
	} {
		header := map[string]string{"sec-fetch-mode": c.mode, "sec-fetch-dest": c.destination}
		if got := isNavigation(header); got != c.want {
			t.Errorf("%v: %v", header, got)
		}
	}
}

func TestCookieOf(t *testing.T) {
	value := strings.Repeat("c", 43)
	for _, c := range []struct {
		cookies []string
		want    string
	}{
		{[]string{"other=1", "__Host-streamotp=" + value}, value},
		{nil, ""}, {[]string{"__Host-streamotp="}, ""}, {[]string{"__Host-streamotp=short"}, ""}, {[]string{"streamotp=" + value}, ""},
		{[]string{"__Host-streamotp=" + value[1:] + "\""}, ""},
	} {
		if got := cookieOf(c.cookies); got != c.want {
			t.Errorf("%q: %q", c.cookies, got)
		}
	}
}

func TestGrant(t *testing.T) {
	for asked, want := range map[string][]string{
		"openid": {"openid"}, "profile  email openid offline_access otp:login": {"openid", "email", "profile"}, "": nil, "OPENID": nil,
	} {
		if got := grant(asked); !slices.Equal(got, want) {
			t.Errorf("%q: %q", asked, got)
		}
	}
}

// TestRedirect: a URL keeps its own parameters, and ours are encoded.
func TestHintOf(t *testing.T) {
	long := strings.Repeat("a", mostHint-len("@example.com")) + "@example.com"
	for asked, want := range map[string]string{
		"Ada@Example.com": "Ada@Example.com", " ada@m\u00fcller.de\u202e ": "ada@m\u00fcller.de", long: long,
		"": "", "ada": "", "+4915112345678": "", "a" + long: "",
	} {
		if got := hintOf(asked); got != want {
			t.Errorf("%q shows %q, want %q", asked, got, want)
		}
	}
}

func TestRedirect(t *testing.T) {
	for to, want := range map[string]string{
		"https://shop.example/cb":     "https://shop.example/cb?state=a%26b%0D%0Ac",
		"https://shop.example/cb?a=1": "https://shop.example/cb?a=1&state=a%26b%0D%0Ac",
	} {
		r := redirect(to, url.Values{"state": {"a&b\r\nc"}})
		if r.StatusCode != http.StatusSeeOther || r.Headers["location"] != want || r.Headers["cache-control"] != "no-store" {
			t.Errorf("%+v", r)
		}
	}
}

func TestBearer(t *testing.T) {
	event := func(method, authorization, form string) (e request) {
		e.RequestContext.HTTP.Method, e.Body = method, form
		e.Headers = map[string]string{"authorization": authorization}
		if form != "" {
			e.Headers["content-type"] = "application/x-www-form-urlencoded; charset=UTF-8"
		}
		return e
	}
	for _, c := range []struct {
		event request
		token string
		form  bool
	}{
		{event("GET", "Bearer x", ""), "x", false}, {event("GET", "BEARER x", ""), "x", false}, {event("GET", "Basic x", ""), "", false}, {event("GET", "", ""), "", false},
		{event("POST", "Bearer x", ""), "x", false}, {event("POST", "", "access_token=x"), "x", true}, {event("POST", "Bearer x", "a=b"), "x", false},
		{event("POST", "Bearer x", "access_token=x"), "", true}, {event("POST", "", "access_token=x&access_token=y"), "", true},
		{event("GET", "", "access_token=x"), "", false},
	} {
		if token, form := bearer(c.event); token != c.token || form != c.form {
			t.Errorf("%s %q %q: %q, %v", c.event.RequestContext.HTTP.Method, c.event.Headers["authorization"], c.event.Body, token, form)
		}
	}
}

// TestPersonOf: a scope gives its claims, and no other.
func TestPersonOf(t *testing.T) {
	yes, no := true, false
	contents := otp.TransactionContents{Email: "ada@example.com", EmailVerified: true, Phone: "+4915112345678", Name: "Ada"}
	for scope, want := range map[string]person{
		"openid": {}, "email": {Email: "ada@example.com", EmailVerified: &yes}, "phone": {Phone: "+4915112345678", PhoneVerified: &no}, "profile": {Name: "Ada"},
	} {
		got := personOf(otp.Transaction{Scopes: []string{"openid", scope}}, contents)
		if got.Email != want.Email || got.Phone != want.Phone || got.Name != want.Name || !same(got.EmailVerified, want.EmailVerified) || !same(got.PhoneVerified, want.PhoneVerified) {
			t.Errorf("%s: %+v", scope, got)
		}
	}
	if got := personOf(otp.Transaction{Scopes: scopes}, otp.TransactionContents{Email: "a@b.de"}); got.PhoneVerified != nil {
		t.Error("a number that the account does not have is reported")
	}
}

func same(a, b *bool) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }

// lastCompleted keeps the transaction that was completed.
type lastCompleted struct {
	transactions
	t otp.Transaction
}

func (l *lastCompleted) Complete(_ context.Context, t otp.Transaction, _ time.Time) (otp.Transaction, error) {
	l.t = t
	return t, nil
}

type fixedRing struct{ *otp.Keyring }

func (r fixedRing) Current(context.Context) (*otp.Keyring, error)     { return r.Keyring, nil }
func (r fixedRing) For(context.Context, string) (*otp.Keyring, error) { return r.Keyring, nil }

// TestFinish: what a proof says about the person is sealed, and what its code has confirmed is confirmed – never by a test destination, whose
// code the operator has fixed.
func TestFinish(t *testing.T) {
	ring, err := otp.ParseKeyring([]byte(`{"index":"0123456789abcdef0123456789abcdef"}`))
	if err != nil {
		t.Fatal(err)
	}
	yes, no := true, false
	for _, test := range []bool{false, true} {
		codes := &lastCompleted{}
		h := handler{codes: codes, rings: fixedRing{ring}, now: func() time.Time { return t0 }}
		claims := proof.Claims{Subject: "account", Email: "ada@example.com", EmailVerified: &no, Phone: "+4915112345678", PhoneVerified: &yes, Name: "Ada", Test: test}
		asked := otp.TransactionContents{State: "s", Nonce: "n", Hint: "other@example.com"}
		done, err := h.finish(t.Context(), otp.Transaction{ID: "abcdefghijklmnopqrstuv"}, asked, claims, otp.HashSecret("proof"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := ring.OpenTransaction(codes.t)
		want := otp.TransactionContents{State: "s", Nonce: "n", Email: "ada@example.com", Phone: "+4915112345678", PhoneVerified: !test, Name: "Ada", Test: test}
		if err != nil || got != want || codes.t.Subject != "account" || !codes.t.ExpiresAt.Equal(t0.Add(otp.GrantLife)) {
			t.Errorf("%+v, %v\n%+v", got, err, codes.t)
		}
		if code, err := h.code(t.Context(), done); err != nil || !done.HasCode(code) || otp.TransactionOf(code) != done.ID {
			t.Errorf("%q, %v", code, err)
		}
	}
}
