package main

import (
	"context"
	"io"
	"time"

	"github.com/go-jose/go-jose/v4"

	"streamotp/shared/httpapi"
	"streamotp/shared/otp"
	"streamotp/shared/telemetry"
)

type handler struct {
	site    issuer
	keys    keySet
	home    homePage
	codes   transactions
	clients clientTable
	rings   keyrings
	limits  limits
	signer  signer
	origin  origin
	signUp  bool // whether people may create accounts
	now     func() time.Time
	random  io.Reader // crypto/rand
}

// issuer is the site, whose URL is the issuer of tokens and the origin of its pages.
type issuer interface {
	URL(ctx context.Context) (string, error)
}

// keySet has the public keys of proofs and tokens.
type keySet interface {
	Set(ctx context.Context) (jose.JSONWebKeySet, error)
	Open(ctx context.Context, typ, token string, claims any) error
}

type homePage interface {
	Document(ctx context.Context) (homeDocument, error)
}

type transactions interface {
	PutTransaction(ctx context.Context, t otp.Transaction, requestID string) error
	Transaction(ctx context.Context, id string) (otp.Transaction, error)
	Complete(ctx context.Context, t otp.Transaction, now time.Time) (otp.Transaction, error)
	Exchange(ctx context.Context, t otp.Transaction, tokenHash, requestID string, now time.Time) error
	Revoke(ctx context.Context, id string, now time.Time) error
}

type clientTable interface {
	Get(ctx context.Context, id string) (otp.Client, error)
	Authenticate(ctx context.Context, id, secret, source, requestID string) (otp.Client, error)
}

type keyrings interface {
	Current(ctx context.Context) (*otp.Keyring, error)
	For(ctx context.Context, keyID string) (*otp.Keyring, error)
}

type limits interface {
	Count(ctx context.Context, key string, most int, now, end time.Time) error
}

type signer interface {
	SignJWT(ctx context.Context, typ string, claims any) (string, error)
}

// origin reports whether a request came through our own CloudFront distribution.
type origin interface {
	Sent(ctx context.Context, secret string) (bool, error)
}

// routes are the calls. The application's server makes those that are not gated: it does not come through CloudFront.
func (h handler) routes() map[string]httpapi.Endpoint {
	return map[string]httpapi.Endpoint{
		"GET /oauth2/authorize":    {Open: h.authorize},
		"POST /oauth2/authorize":   {Open: h.authorizeByForm},
		"POST /oauth2/transaction": {Fields: []string{"transaction"}, Serve: h.transaction},
		"POST /oauth2/complete":    {Fields: []string{"transaction", "proof"}, Serve: h.complete, Counts: telemetry.Authorized},
		"POST /oauth2/token":       {Open: h.token, Ungated: true},
		"GET /oauth2/userinfo":     {Open: h.userinfo, Ungated: true},
		"POST /oauth2/userinfo":    {Open: h.userinfo, Ungated: true},
		"GET /oauth2/logout":       {Open: h.logout},
		"POST /oauth2/logout":      {Open: h.logout},

		"GET /.well-known/openid-configuration": document(aMinute, h.discovery), // the issuer changes with DomainName
		"GET /.well-known/jwks.json":            document(anHour, h.keys.Set),
		"GET /.well-known/streamotp.json":       document(aMinute, h.home.Document),
	}
}
