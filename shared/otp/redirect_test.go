package otp_test

import (
	"strings"
	"testing"

	"streamotp/shared/otp"
)

func TestRedirectsTo(t *testing.T) {
	const web, app, six = "https://shop.example/callback?a=1", "http://127.0.0.1:8080/callback", "http://[::1]/callback"
	own := []string{web, app, six, "http://localhost:3000/callback"}
	for uri, want := range map[string]struct{ confidential, public bool }{
		web:                                     {true, true},
		app:                                     {true, true},
		"http://127.0.0.1:49152/callback":       {false, true},
		"http://127.0.0.1/callback":             {false, true},
		"http://[::1]:49152/callback":           {false, true},
		"http://127.0.0.1:49152/callback/":      {false, false},
		"http://127.0.0.1:49152/callback?a=1":   {false, false},
		"http://127.0.0.1:/callback":            {false, false},
		"http://127.0.0.1:80@evil.example/":     {false, false},
		"http://127.0.0.1.evil.example/":        {false, false},
		"https://127.0.0.1:8080/callback":       {false, false},
		"http://localhost:49152/callback":       {false, false},
		"https://shop.example/callback":         {false, false},
		"https://shop.example/callback?a=1&b=":  {false, false},
		"https://shop.example:443/callback?a=1": {false, false},
		"https://SHOP.example/callback?a=1":     {false, false},
		"https://shop.example/%63allback?a=1":   {false, false},
		"":                                      {false, false},
	} {
		server := otp.Client{Type: otp.ConfidentialClient, RedirectURIs: own}
		page := otp.Client{Type: otp.PublicClient, RedirectURIs: own}
		if server.RedirectsTo(uri) != want.confidential || page.RedirectsTo(uri) != want.public {
			t.Errorf("%q: confidential %v, public %v", uri, !want.confidential, !want.public)
		}
	}
}

// TestTokensOrProofs: no client gets both, whatever lies in the table.
func TestTokensOrProofs(t *testing.T) {
	both := otp.Client{RedirectURIs: []string{"https://shop.example/"}, Purposes: []otp.Purpose{otp.Login}}
	tokens, proofs := both, both
	tokens.Purposes, proofs.RedirectURIs = nil, nil
	for want, c := range map[[2]bool]otp.Client{{false, false}: both, {true, false}: tokens, {false, true}: proofs} {
		if got := [2]bool{c.Hosted(), c.MayAsk(otp.Login)}; got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
	if !(otp.Client{Type: otp.PublicClient, NoPKCE: true}).NeedsPKCE() || (otp.Client{Type: otp.ConfidentialClient, NoPKCE: true}).NeedsPKCE() {
		t.Error("PKCE is left out for a public client, or required of a confidential one")
	}
}

func TestIsPageURL(t *testing.T) {
	for text, want := range map[string]bool{
		"https://shop.example/": true, "https://shop.example": true, "https://shop.example:8443/cb?a=%20": true, "http://localhost:3000/cb": true,
		"http://127.0.0.1/cb": true, "http://[::1]:80/cb": true,
		"http://shop.example/": false, "javascript:alert(1)": false, "data:text/html,x": false, "com.example.app:/cb": false, "https://shop.example/#": false,
		"https://ada@shop.example/": false, "https://shop.example/?q=a b": false, "https://shop.example/?q=ä": false, "https://shop.example/?\"": false,
		"https://shop.example\\@evil.example/": false, "https:///cb": false, "//shop.example/": false, "": false, "https://*.shop.example/": true,
		"https://shop.example/" + strings.Repeat("x", 1000): false,
	} {
		if otp.IsPageURL(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

func TestIsAPIAudience(t *testing.T) {
	for text, want := range map[string]bool{
		"https://api.shop.example": true, "urn:shop:api": true,
		"demo": false, "4fJ2vX0t2mJc5n1v0yq3-w": false, "": false, "https:": false, "https://api.shop.example/#x": false, "https://api shop": false, "/api": false,
	} {
		if otp.IsAPIAudience(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}
