// Package app is an example application, to which people log in through the development stack by OpenID Connect. It is the first
// application that a visitor of the stack sees. It knows the stack only as its issuer, like any other application.
package app

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// App serves the application below Path.
type App struct {
	Issuer, Path     string // URL and path, without a slash at their ends
	ClientID, Secret string

	mu       sync.Mutex
	browsers map[string]*browser // by cookie
}

// browser is what the application knows of one browser: the login that it has begun, or who has logged in.
type browser struct {
	state, nonce, verifier string
	idToken                string
	Claims                 map[string]any
}

const cookie = "app"

//go:embed app.html
var text string

var page = template.Must(template.New("app").Funcs(template.FuncMap{"json": func(v any) (string, error) {
	out, err := json.MarshalIndent(v, "", "  ")
	return string(out), err
}}).Parse(text))

// Register adds the application's routes.
func (a *App) Register(m *http.ServeMux) {
	m.HandleFunc("GET "+a.Path, a.home)
	m.HandleFunc("POST "+a.Path+"/login", a.login)
	m.HandleFunc("GET "+a.Path+"/callback", a.callback)
	m.HandleFunc("POST "+a.Path+"/pay", a.pay)
	m.HandleFunc("POST "+a.Path+"/logout", a.logout)
}

// A payment needs a login with a password, in the last five minutes.
const (
	payLevel  = "urn:streamotp:2"
	payMaxAge = 5 * time.Minute
)

func (a *App) home(w http.ResponseWriter, r *http.Request) {
	if "http://"+r.Host != a.Issuer { // under another name of this machine the browser would keep another cookie
		http.Redirect(w, r, a.Issuer+a.Path, http.StatusSeeOther)
		return
	}
	a.show(w, http.StatusOK, map[string]any{"Claims": a.of(r).Claims})
}

func (a *App) show(w http.ResponseWriter, status int, values map[string]any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	values["Path"] = a.Path
	_ = page.Execute(w, values)
}

// pay needs more than other pages do: a login by code alone, or an old one, is not enough. The response says what would be (RFC 9470).
func (a *App) pay(w http.ResponseWriter, r *http.Request) {
	claims := a.of(r).Claims
	entered, _ := claims["auth_time"].(float64)
	if claims["acr"] == payLevel && time.Since(time.Unix(int64(entered), 0)) < payMaxAge {
		a.show(w, http.StatusOK, map[string]any{"Claims": claims, "Paid": true})
		return
	}
	w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer error="insufficient_user_authentication", acr_values=%q, max_age="%.0f"`, payLevel, payMaxAge.Seconds()))
	a.show(w, http.StatusUnauthorized, map[string]any{"Claims": claims, "Level": payLevel, "MaxAge": payMaxAge.Seconds()})
}

// login begins a login, and leads to the issuer's login page. It passes on what pay asks for.
func (a *App) login(w http.ResponseWriter, r *http.Request) {
	config, _, err := a.provider(r.Context())
	if err != nil {
		fail(w, err)
		return
	}
	b := &browser{state: rand.Text(), nonce: rand.Text(), verifier: oauth2.GenerateVerifier()}
	a.renew(w, r, b)
	options := []oauth2.AuthCodeOption{oidc.Nonce(b.nonce), oauth2.S256ChallengeOption(b.verifier)}
	for _, name := range []string{"acr_values", "max_age"} {
		if value := r.PostFormValue(name); value != "" {
			options = append(options, oauth2.SetAuthURLParam(name, value))
		}
	}
	http.Redirect(w, r, config.AuthCodeURL(b.state, options...), http.StatusSeeOther)
}

// callback exchanges the code for an ID token, checks it, and knows who has logged in.
func (a *App) callback(w http.ResponseWriter, r *http.Request) {
	b, q := a.of(r), r.URL.Query()
	if b.state == "" || q.Get("state") != b.state || q.Get("iss") != a.Issuer {
		fail(w, errors.New("this login was not begun here"))
		return
	}
	config, verifier, err := a.provider(r.Context())
	if err != nil {
		fail(w, err)
		return
	}
	tokens, err := config.Exchange(r.Context(), q.Get("code"), oauth2.VerifierOption(b.verifier))
	if err != nil {
		fail(w, err)
		return
	}
	raw, _ := tokens.Extra("id_token").(string)
	token, err := verifier.Verify(r.Context(), raw)
	if err == nil && token.Nonce != b.nonce {
		err = errors.New("the ID token is for another browser")
	}
	logged := &browser{idToken: raw}
	if err == nil {
		err = token.Claims(&logged.Claims)
	}
	if err != nil {
		fail(w, err)
		return
	}
	a.renew(w, r, logged)
	http.Redirect(w, r, a.Path, http.StatusSeeOther)
}

// logout ends the application's session, then the issuer's, which leads back.
func (a *App) logout(w http.ResponseWriter, r *http.Request) {
	hint := a.of(r).idToken
	a.renew(w, r, &browser{})
	http.Redirect(w, r, a.Issuer+"/api/oauth2/logout?"+url.Values{"id_token_hint": {hint}, "client_id": {a.ClientID},
		"post_logout_redirect_uri": {a.Issuer + a.Path}}.Encode(), http.StatusSeeOther)
}

// provider finds the issuer's endpoints and keys (OpenID Connect Discovery 1.0).
func (a *App) provider(ctx context.Context) (oauth2.Config, *oidc.IDTokenVerifier, error) {
	provider, err := oidc.NewProvider(context.WithoutCancel(ctx), a.Issuer)
	if err != nil {
		return oauth2.Config{}, nil, err
	}
	return oauth2.Config{ClientID: a.ClientID, ClientSecret: a.Secret, Endpoint: provider.Endpoint(), RedirectURL: a.Issuer + a.Path + "/callback",
		Scopes: []string{oidc.ScopeOpenID, "email", "profile"}}, provider.Verifier(&oidc.Config{ClientID: a.ClientID}), nil
}

func (a *App) of(r *http.Request) *browser {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c, err := r.Cookie(cookie); err == nil && a.browsers[c.Value] != nil {
		return a.browsers[c.Value]
	}
	return &browser{}
}

// renew gives the browser a new cookie, so that one from before a login is worth nothing.
func (a *App) renew(w http.ResponseWriter, r *http.Request, b *browser) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c, err := r.Cookie(cookie); err == nil {
		delete(a.browsers, c.Value)
	}
	if a.browsers == nil || len(a.browsers) > 1000 {
		a.browsers = map[string]*browser{}
	}
	id := rand.Text()
	a.browsers[id] = b
	http.SetCookie(w, &http.Cookie{Name: cookie, Value: id, Path: a.Path, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

func fail(w http.ResponseWriter, err error) {
	slog.Warn("the example application", "error", err)
	http.Error(w, "The login failed: "+err.Error()+". Go back and try again.", http.StatusBadRequest)
}
