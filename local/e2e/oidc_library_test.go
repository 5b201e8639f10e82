package e2e

import (
	"net/url"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// TestGoClient: the libraries that most Go applications use log people in with the issuer, a client's id and its secret alone. They accept the
// ID token, and neither the access token nor the proof in its place.
func TestGoClient(t *testing.T) {
	s := Start(t, withCaptcha("turnstile", unlimited...)...)
	register(s)
	provider, err := oidc.NewProvider(t.Context(), s.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ id, secret, redirect string }{{webClient, webSecret, webCallback}, {plainClient, webSecret, webCallback}, {appClient, "", appCallback}} {
		t.Run(c.id, func(t *testing.T) {
			config := oauth2.Config{ClientID: c.id, ClientSecret: c.secret, RedirectURL: c.redirect, Endpoint: provider.Endpoint(),
				Scopes: []string{oidc.ScopeOpenID, "email", "profile"}}
			state, nonce, verifier := random(), random(), oauth2.GenerateVerifier()
			asked, err := url.Parse(config.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)))
			if err != nil {
				t.Fatal(err)
			}
			v := &visitor{s: s.In(t)}
			begun := v.send("GET", strings.TrimPrefix(asked.String(), s.URL), nil, "")
			if begun.to == nil {
				t.Fatalf("%d %s", begun.status, begun.body)
			}
			proof, err := v.prove(t, begun.to.Fragment, "ada@example.com")
			if err != nil {
				t.Fatal(err)
			}
			way, err := v.complete(begun.to.Fragment, proof)
			if err != nil || way.Query().Get("state") != state || way.Query().Get("iss") != s.URL {
				t.Fatal(way, err)
			}
			token, err := config.Exchange(t.Context(), way.Query().Get("code"), oauth2.VerifierOption(verifier))
			if err != nil {
				t.Fatal(err)
			}
			raw, _ := token.Extra("id_token").(string)
			s.Remember(raw, token.AccessToken)
			check := provider.VerifierContext(t.Context(), &oidc.Config{ClientID: c.id})
			id, err := check.Verify(t.Context(), raw)
			if err != nil || id.Nonce != nonce || id.Subject == "" {
				t.Fatal(id, err)
			}
			who, err := provider.UserInfo(t.Context(), oauth2.StaticTokenSource(token))
			if err != nil || who.Subject != id.Subject || who.Email != "ada@example.com" || !who.EmailVerified {
				t.Errorf("%+v, %v", who, err)
			}
			for name, other := range map[string]string{"the access token": token.AccessToken, "the proof": proof} {
				if _, err := check.Verify(t.Context(), other); err == nil {
					t.Errorf("%s passes as an ID token", name)
				}
			}
		})
	}
}
