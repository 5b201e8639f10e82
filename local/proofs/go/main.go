// Command go checks tokens with the JWT libraries of Go. ../proofs_test.go describes its input and output.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"os"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwk"
	jwxjwt "github.com/lestrrat-go/jwx/v3/jwt"
)

type request struct {
	Issuer, Audience, Nonce string
	Tokens                  []struct{ Name, Token, Purpose string }
}

// claims are those that the libraries do not check.
type claims struct {
	Nonce   string `json:"nonce"`
	Purpose string `json:"purpose"`
}

// verifier returns the claims of a token that the library accepts.
type verifier func(token string) (claims, error)

func main() {
	var in request
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		log.Fatal(err)
	}
	results := map[string]map[string]string{}
	for library, prepare := range map[string]func(ctx context.Context, issuer, keys, audience string) (verifier, error){
		"go-oidc": goOIDC, "go-jose": goJOSE, "jwx": jwx, "golang-jwt": golangJWT,
	} {
		verify, err := prepare(context.Background(), in.Issuer, in.Issuer+"/.well-known/jwks.json", in.Audience)
		if err != nil {
			log.Fatal(library, ": ", err)
		}
		results[library] = map[string]string{}
		for _, t := range in.Tokens {
			results[library][t.Name] = check(verify, t.Token, claims{in.Nonce, t.Purpose})
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(results); err != nil {
		log.Fatal(err)
	}
}

func check(verify verifier, token string, want claims) string {
	got, err := verify(token)
	switch {
	case err != nil:
		return err.Error()
	case got.Nonce != want.Nonce:
		return "other nonce"
	case got.Purpose != want.Purpose:
		return "other purpose"
	}
	return "accepted"
}

func goOIDC(ctx context.Context, issuer, _, audience string) (verifier, error) {
	provider, err := oidc.NewProvider(ctx, issuer) // finds the keys by discovery
	if err != nil {
		return nil, err
	}
	v := provider.Verifier(&oidc.Config{ClientID: audience, SupportedSigningAlgs: []string{oidc.RS256}})
	return func(token string) (c claims, err error) {
		id, err := v.Verify(ctx, token)
		if err == nil {
			err = id.Claims(&c)
		}
		return c, err
	}, nil
}

func goJOSE(_ context.Context, issuer, keys, audience string) (verifier, error) {
	response, err := http.Get(keys)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	var set jose.JSONWebKeySet
	if err := json.NewDecoder(response.Body).Decode(&set); err != nil {
		return nil, err
	}
	return func(token string) (c claims, err error) {
		parsed, err := josejwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
		if err != nil {
			return c, err
		}
		var registered josejwt.Claims
		if err := parsed.Claims(set, &registered, &c); err != nil {
			return c, err
		}
		return c, registered.Validate(josejwt.Expected{Issuer: issuer, AnyAudience: josejwt.Audience{audience}})
	}, nil
}

func jwx(ctx context.Context, issuer, keys, audience string) (verifier, error) {
	set, err := jwk.Fetch(ctx, keys)
	if err != nil {
		return nil, err
	}
	return func(token string) (c claims, err error) {
		parsed, err := jwxjwt.ParseString(token, jwxjwt.WithKeySet(set), jwxjwt.WithIssuer(issuer), jwxjwt.WithAudience(audience))
		if err != nil {
			return c, err
		}
		return c, errors.Join(parsed.Get("nonce", &c.Nonce), parsed.Get("purpose", &c.Purpose))
	}, nil
}

func golangJWT(ctx context.Context, issuer, keys, audience string) (verifier, error) {
	set, err := keyfunc.NewDefaultCtx(ctx, []string{keys})
	if err != nil {
		return nil, err
	}
	type all struct {
		jwt.RegisteredClaims
		claims
	}
	return func(token string) (claims, error) {
		var c all
		_, err := jwt.ParseWithClaims(token, &c, set.Keyfunc, jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(issuer),
			jwt.WithAudience(audience), jwt.WithExpirationRequired())
		return c.claims, err
	}, nil
}
