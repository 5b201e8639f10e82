package main

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"streamotp/shared/clients"
	"streamotp/shared/httpapi"
	"streamotp/shared/otp"
	"streamotp/shared/proof"
	"streamotp/shared/store"
	"streamotp/shared/telemetry"
)

// tokenError is an error of the token endpoint (RFC 6749 5.2). The description names what the application's developer can change.
type tokenError struct {
	status      int
	code        string
	description string
	basic       bool // the client tried HTTP Basic
}

func (e *tokenError) Error() string { return e.code }

func badToken(code, description string) error {
	return &tokenError{status: http.StatusBadRequest, code: code, description: description}
}

// errGrant does not say what is wrong with a code: it may be stolen.
var errGrant = badToken("invalid_grant", "the code is wrong, expired or used, or redirect_uri or code_verifier does not belong to it")

// tokens is a success (RFC 6749 5.1).
type tokens struct {
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Expires int    `json:"expires_in"` // seconds
	ID      string `json:"id_token"`
	Scope   string `json:"scope"`
}

// token exchanges an authorization code for tokens (OpenID Connect Core 3.1.3).
func (h handler) token(ctx context.Context, event request, audit *telemetry.Event) (response, error) {
	answer, err := h.exchange(ctx, event, audit)
	var r response
	if refused, ok := errors.AsType[*tokenError](err); ok {
		r = respond(refused.status, noStore, map[string]string{"error": refused.code, "error_description": refused.description})
		if refused.status == http.StatusUnauthorized {
			audit.Name, audit.Reason = telemetry.ClientRefused, "token"
		}
		if refused.basic {
			r.Headers["www-authenticate"] = `Basic realm="streamotp"`
		}
		err = nil
	} else if err != nil {
		status, wait := httpapi.Status(err, audit)
		code := "temporarily_unavailable"
		if status == http.StatusInternalServerError {
			code = "server_error"
		}
		r = respond(status, noStore, map[string]string{"error": code, "error_description": "try again later"})
		retryAfter(r, wait)
	} else {
		audit.Name = telemetry.Exchanged
		r = respond(http.StatusOK, noStore, answer)
	}
	r.Headers["pragma"] = "no-cache" // RFC 6749 5.1
	return r, err
}

// exchange checks everything before it signs (L3), and uses the code after that: if KMS fails, the code stays usable.
//
// Errors: *tokenError; others are failures.
func (h handler) exchange(ctx context.Context, event request, audit *telemetry.Event) (tokens, error) {
	form, repeated, ok := parameters(event, true)
	switch {
	case !isForm(event):
		return tokens{}, badToken("invalid_request", "send content-type: application/x-www-form-urlencoded")
	case !ok:
		return tokens{}, badToken("invalid_request", strings.TrimSpace("the form cannot be read, or a parameter is repeated "+repeated))
	case form.Get("grant_type") == "":
		return tokens{}, badToken("invalid_request", "grant_type is missing")
	case form.Get("grant_type") != "authorization_code":
		return tokens{}, badToken("unsupported_grant_type", "grant_type must be authorization_code")
	}
	client, err := h.authenticate(ctx, event, form)
	if err != nil {
		return tokens{}, err
	}
	audit.Client = client.ID
	t, err := h.granted(ctx, client, form, audit)
	if err != nil {
		return tokens{}, err
	}
	answer, err := h.sign(ctx, client, t)
	if err != nil {
		return tokens{}, err
	}
	err = h.codes.Exchange(ctx, t, otp.HashSecret(answer.Access), event.RequestContext.RequestID, h.now())
	if errors.Is(err, otp.ErrCodeUsed) {
		return tokens{}, h.revoke(ctx, t, audit)
	}
	if errors.Is(err, otp.ErrCodeExpired) {
		err = errGrant
	}
	return answer, err
}

// authenticate returns the client that makes a request: by HTTP Basic or by its form, or a public one by its id alone.
func (h handler) authenticate(ctx context.Context, event request, form url.Values) (client otp.Client, err error) {
	id, secret, credentials := form.Get("client_id"), form.Get("client_secret"), event.Headers["authorization"]
	refused := &tokenError{http.StatusUnauthorized, "invalid_client", "the client's id or secret is wrong or missing", credentials != ""}
	if credentials != "" {
		named, own := clients.Basic(credentials)
		if secret != "" || id != "" && id != named {
			return client, badToken("invalid_request", "send the client's id and secret once: by HTTP Basic or in the form")
		}
		id, secret = named, own
	}
	if secret == "" {
		client, err = h.clients.Get(ctx, id)
	} else if event.Headers["origin"] != "" {
		return client, badToken("invalid_request", "a page cannot keep a secret: make the call from a server, or register a public client")
	} else {
		client, err = h.clients.Authenticate(ctx, id, secret, event.RequestContext.HTTP.SourceIP, event.RequestContext.RequestID)
	}
	switch {
	case errors.Is(err, store.ErrNoClient), errors.Is(err, otp.ErrInvalidClient), err == nil && secret == "" && client.Type != otp.PublicClient:
		return client, refused
	case err == nil && !client.Hosted():
		return client, badToken("unauthorized_client", "the client has no redirect URI: it gets proofs, and no tokens")
	}
	return client, err
}

// granted returns the transaction whose code a client may exchange. A code that was used before shows that somebody has stolen it, so its
// tokens end (RFC 6749 4.1.2) – but only for who has everything else that an exchange needs.
func (h handler) granted(ctx context.Context, client otp.Client, form url.Values, audit *telemetry.Event) (t otp.Transaction, err error) {
	code := form.Get("code")
	if code == "" {
		return t, badToken("invalid_request", "code is missing")
	}
	id := otp.TransactionOf(code)
	if id == "" {
		return t, errGrant
	}
	audit.Session = id
	t, err = h.codes.Transaction(ctx, id)
	switch {
	case errors.Is(err, otp.ErrNoTransaction):
		return t, errGrant
	case err != nil:
		return t, err
	case t.ClientID != client.ID || !t.HasCode(code) || t.RedirectURI != form.Get("redirect_uri") || !verifies(t.Challenge, form.Get("code_verifier")):
		return t, errGrant
	case !t.UsedAt.IsZero():
		return t, h.revoke(ctx, t, audit)
	case !h.now().Before(t.ExpiresAt) || !t.RevokedAt.IsZero():
		return t, errGrant
	}
	return t, nil
}

// verifies reports whether a verifier belongs to a challenge (RFC 7636 4.6). Without a challenge there must be none: an attacker who
// removed the challenge from the request would otherwise not be noticed (RFC 9700 2.1.1).
func verifies(challenge, verifier string) bool {
	if challenge == "" || verifier == "" {
		return challenge == verifier
	}
	hash := sha256.Sum256([]byte(verifier))
	return len(verifier) >= 43 && len(verifier) <= 128 &&
		subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(hash[:])), []byte(challenge)) == 1
}

// revoke ends the tokens of a code that was used again (L4).
func (h handler) revoke(ctx context.Context, t otp.Transaction, audit *telemetry.Event) error {
	if err := h.codes.Revoke(ctx, t.ID, h.now()); err != nil {
		return err
	}
	audit.Name = telemetry.Revoked
	return errGrant
}

// person are the claims that scopes ask for (OpenID Connect Core 5.4).
type person struct {
	Email         string `json:"email,omitempty"`
	EmailVerified *bool  `json:"email_verified,omitempty"`
	Phone         string `json:"phone_number,omitempty"`
	PhoneVerified *bool  `json:"phone_number_verified,omitempty"`
	Name          string `json:"name,omitempty"`
}

func personOf(t otp.Transaction, c otp.TransactionContents) (p person) {
	if slices.Contains(t.Scopes, "email") && c.Email != "" {
		p.Email, p.EmailVerified = c.Email, &c.EmailVerified
	}
	if slices.Contains(t.Scopes, "phone") && c.Phone != "" {
		p.Phone, p.PhoneVerified = c.Phone, &c.PhoneVerified
	}
	if slices.Contains(t.Scopes, "profile") {
		p.Name = c.Name
	}
	return p
}

// idToken is an ID token's claims (OpenID Connect Core 2).
type idToken struct {
	Issuer   string   `json:"iss"`
	Audience string   `json:"aud"` // id of the client
	Subject  string   `json:"sub"`
	IssuedAt int64    `json:"iat"`
	Expires  int64    `json:"exp"`
	ID       string   `json:"jti"`
	Nonce    string   `json:"nonce,omitempty"`
	AuthTime int64    `json:"auth_time"`
	Level    string   `json:"acr"`
	Methods  []string `json:"amr"`
	person
	Test bool `json:"test,omitempty"`
}

// accessToken is the claims of an access token for an API (RFC 9068).
type accessToken struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"` // the API
	Subject  string `json:"sub"`
	Client   string `json:"client_id"`
	Scope    string `json:"scope"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
	ID       string `json:"jti"` // the transaction
	Level    string `json:"acr"`
	AuthTime int64  `json:"auth_time"`
}

// sign makes the tokens of a transaction.
func (h handler) sign(ctx context.Context, client otp.Client, t otp.Transaction) (out tokens, err error) {
	issuer, err := h.site.URL(ctx)
	if err != nil {
		return out, err
	}
	contents, err := h.open(ctx, t)
	if err != nil {
		return out, err
	}
	now := h.now()
	out = tokens{Type: "Bearer", Expires: int(otp.AccessTokenLife / time.Second), Scope: strings.Join(t.Scopes, " ")}
	out.ID, err = h.signer.SignJWT(ctx, proof.TypeJWT, idToken{
		Issuer: issuer, Audience: client.ID, Subject: t.Subject, IssuedAt: now.Unix(), Expires: now.Add(otp.IDTokenLife).Unix(), ID: uuid.NewString(),
		Nonce: contents.Nonce, AuthTime: t.AuthTime.Unix(), Level: t.Level, Methods: t.Methods, person: personOf(t, contents), Test: contents.Test,
	})
	if err != nil {
		return out, err
	}
	if client.APIAudience == "" || client.APIAudience == issuer { // a token for the issuer could pass as a proof
		secret, err := otp.NewToken(h.random)
		out.Access = t.Join(secret)
		return out, err
	}
	out.Access, err = h.signer.SignJWT(ctx, proof.TypeAccessToken, accessToken{
		Issuer: issuer, Audience: client.APIAudience, Subject: t.Subject, Client: client.ID, Scope: out.Scope, IssuedAt: now.Unix(),
		Expires: now.Add(otp.AccessTokenLife).Unix(), ID: t.ID, Level: t.Level, AuthTime: t.AuthTime.Unix(),
	})
	return out, err
}
