// Command go is a net/http application that people log in to with StreamOTP. ../README.md says how to run it and what to change.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"html/template"
	"log"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/coreos/go-oidc/v3/oidc"
)

var issuer = cmp.Or(os.Getenv("ISSUER"), "http://127.0.0.1:3000") // without a slash at the end
var client, port = cmp.Or(os.Getenv("CLIENT_ID"), "demo"), cmp.Or(os.Getenv("PORT"), "8080")
var used, sessions = new(sync.Map), scs.New() // the jti of used proofs; sessions in memory, whose cookie is HttpOnly and SameSite=Lax
var page = template.Must(template.New("").Parse(`<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Example</title><main>
{{if .Email}}<h1>Hello {{.Email}}</h1><form method="post" action="/logout"><button>Log out</button></form>{{else}}
<link rel="stylesheet" href="{{.Issuer}}/stream-otp.css"><script type="module" src="{{.Issuer}}/stream-otp.js"></script>
<script type="module" src="/login.js"></script><p role="alert"></p>
<stream-otp purpose="login" client-id="{{.Client}}" nonce="{{.Nonce}}" api="{{.Issuer}}/api" autofocus></stream-otp>{{end}}</main>`))

func main() {
	provider, err := oidc.NewProvider(context.Background(), issuer) // finds the keys
	if err != nil {
		log.Fatal(err)
	}
	verifier := provider.Verifier(&oidc.Config{ClientID: client, SupportedSigningAlgs: []string{oidc.RS256}})
	sessions.Cookie.Secure = strings.HasPrefix(issuer, "https:")                                             // in production both sites are https
	sessions.Cookie.Name = map[bool]string{false: "session", true: "__Host-session"}[sessions.Cookie.Secure] // no subdomain can set the latter

	http.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		if email := sessions.GetString(r.Context(), "email"); email == "" {
			http.Redirect(w, r, "/login", http.StatusFound)
		} else {
			_ = page.Execute(w, map[string]string{"Email": email})
		}
	})
	http.HandleFunc("GET /login.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "../login.js") })
	http.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		nonce := cmp.Or(sessions.GetString(r.Context(), "nonce"), rand.Text()) // a reload keeps it: the code was requested with it
		sessions.Put(r.Context(), "nonce", nonce)
		_ = page.Execute(w, map[string]string{"Issuer": issuer, "Client": client, "Nonce": nonce})
	})
	http.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) { // the numbers are those of the list in docs/integrate.md
		var claims map[string]any
		token, err := verifier.Verify(r.Context(), r.PostFormValue("proof")) // 1, 2, 3, 4
		if err != nil || token.Claims(&claims) != nil {
			http.Error(w, "the proof is not valid", http.StatusUnauthorized)
			return
		}
		enteredAt, _ := claims["auth_time"].(float64)
		again := func() bool { _, found := used.LoadOrStore(claims["jti"], true); return found }
		if nonce := sessions.GetString(r.Context(), "nonce"); nonce == "" || token.Nonce != nonce || // 5
			claims["purpose"] != "login" || // 6
			time.Since(time.Unix(int64(enteredAt), 0)) > 5*time.Minute || // 7
			claims["test"] == true || claims["jti"] == nil || // 8
			again() { // 9
			http.Error(w, "the proof is not for a login of this browser, or was used before", http.StatusUnauthorized)
			return
		}
		time.AfterFunc(time.Until(token.Expiry)+time.Minute, func() { used.Delete(claims["jti"]) })
		_ = sessions.RenewToken(r.Context())
		sessions.Remove(r.Context(), "nonce")
		sessions.Put(r.Context(), "person", token.Issuer+" "+token.Subject) // the key of your own record: an address can change hands
		sessions.Put(r.Context(), "email", claims["email"])
	})
	http.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		_ = sessions.Destroy(r.Context())
		http.Redirect(w, r, "/login", http.StatusSeeOther)
	})
	handler := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self' "+issuer+"; style-src "+issuer+
			"; connect-src 'self' "+issuer+"; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
		sessions.LoadAndSave(http.DefaultServeMux).ServeHTTP(w, r)
	}
	log.Fatal((&http.Server{Addr: "127.0.0.1:" + port, Handler: http.HandlerFunc(handler), ReadTimeout: time.Minute}).ListenAndServe())
}
