package main

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"time"

	"streamotp/shared/httpapi"
	"streamotp/shared/otp"
	"streamotp/shared/proof"
	"streamotp/shared/store"
)

// offer is what the login page shows before a person logs in.
type offer struct {
	Name     string        `json:"name"`     // of the application
	Purposes []otp.Purpose `json:"purposes"` // of codes by which people may log in to it
	SignUp   bool          `json:"signUp"`   // whether a code of Passwordless creates an account
	Hint     string        `json:"loginHint,omitempty"`
	Locale   string        `json:"locale,omitempty"`
}

// transaction returns what the login page shows, to the browser in which the login began.
//
// Errors: otp.ErrNoTransaction.
func (h handler) transaction(ctx context.Context, request httpapi.Request) (any, error) {
	t, err := h.read(ctx, request)
	if err != nil {
		return nil, err
	}
	if !t.IsBegunBy(cookieOf(request.Cookie)) || !t.IsOpen(h.now()) {
		return nil, otp.ErrNoTransaction
	}
	client, err := h.client(ctx, t)
	if err != nil {
		return nil, err
	}
	contents, err := h.open(ctx, t)
	purposes := client.LogsInBy(t.WantedLevel)
	return offer{client.Name, purposes, h.signUp && slices.Contains(purposes, otp.Passwordless), contents.Hint, contents.Locale}, err
}

// read reads the transaction that a call of the login page names.
//
// Errors: *httpapi.InvalidError, otp.ErrNoTransaction.
func (h handler) read(ctx context.Context, request httpapi.Request) (otp.Transaction, error) {
	id := request.Get("transaction")
	if !otp.IsTransactionID(id) {
		return otp.Transaction{}, httpapi.Invalid("transaction", "must be the text after # in the login page's address")
	}
	request.Event.Session = id
	t, err := h.codes.Transaction(ctx, id)
	request.Event.Client = t.ClientID
	return t, err
}

// client returns the client of a transaction, as it is registered now.
//
// Errors: otp.ErrNoTransaction if the client was removed or changed since.
func (h handler) client(ctx context.Context, t otp.Transaction) (otp.Client, error) {
	client, err := h.clients.Get(ctx, t.ClientID)
	if errors.Is(err, store.ErrNoClient) || err == nil && (!client.Hosted() || !client.RedirectsTo(t.RedirectURI)) {
		return client, otp.ErrNoTransaction
	}
	return client, err
}

func (h handler) open(ctx context.Context, t otp.Transaction) (c otp.TransactionContents, err error) {
	ring, err := h.rings.For(ctx, t.KeyID)
	if err != nil {
		return c, err
	}
	return ring.OpenTransaction(t)
}

// way is where the browser goes after the login.
type way struct {
	Redirect string `json:"redirect"`
}

// complete ends a login (L2): the browser in which it began brings a proof for it, and gets the way back to the application with an
// authorization code. Asked again with the same proof, because the response was lost, it answers the same.
//
// Errors: *httpapi.InvalidError, httpapi.ErrForeign, otp.ErrTransactionOver, otp.ErrInvalidProof.
func (h handler) complete(ctx context.Context, request httpapi.Request) (any, error) {
	issuer, err := h.site.URL(ctx)
	if err != nil {
		return nil, err
	}
	if request.Header["origin"] != issuer {
		return nil, httpapi.ErrForeign
	}
	if request.Get("proof") == "" {
		return nil, httpapi.Invalid("proof", httpapi.Missing)
	}
	t, err := h.read(ctx, request)
	if err == nil && !t.IsBegunBy(cookieOf(request.Cookie)) {
		return nil, httpapi.ErrForeign
	}
	var client otp.Client
	if err == nil {
		client, err = h.client(ctx, t)
	}
	if errors.Is(err, otp.ErrNoTransaction) {
		return nil, otp.ErrTransactionOver
	}
	if err != nil {
		return nil, err
	}
	now, token := h.now(), request.Get("proof")
	hash := otp.HashSecret(token)
	if !t.IsOpen(now) && !t.CompletedBy(hash, now) {
		return nil, otp.ErrTransactionOver
	}
	var claims proof.Claims
	if err := h.keys.Open(ctx, proof.TypeJWT, token, &claims); err != nil {
		return nil, err
	}
	if !proves(claims, issuer, client, t, now) {
		return nil, otp.ErrInvalidProof
	}
	contents, err := h.open(ctx, t)
	if err != nil {
		return nil, err
	}
	if t.IsOpen(now) {
		if t, err = h.finish(ctx, t, contents, claims, hash); err != nil {
			return nil, err
		}
	}
	code, err := h.code(ctx, t)
	return way{redirect(t.RedirectURI, withState(url.Values{"code": {code}, "iss": {issuer}}, contents.State)).Headers["location"]}, err
}

// proves reports whether a proof, whose signature is right, is for a transaction and meets what the client allows and the application asked
// for. The person has entered the code after the application's request, which meets every max_age. The clock of verify, which dates the
// proof, may differ from this function's.
func proves(c proof.Claims, issuer string, client otp.Client, t otp.Transaction, now time.Time) bool {
	return c.Issuer == issuer && c.Audience == issuer && c.Nonce == t.ID && c.Subject != "" && now.Unix() < c.Expires &&
		c.AuthTime >= t.CreatedAt.Add(-store.ClockSlack).Unix() && slices.Contains(client.LogsInBy(t.WantedLevel), c.Purpose) && otp.Meets(c.Level, t.WantedLevel)
}

// finish stores what a proof says in its transaction, and returns the transaction as it is then.
//
// Errors: otp.ErrTransactionOver.
func (h handler) finish(ctx context.Context, t otp.Transaction, c otp.TransactionContents, claims proof.Claims, hash string) (otp.Transaction, error) {
	ring, err := h.rings.Current(ctx)
	if err != nil {
		return t, err
	}
	c.Hint, c.Email, c.Phone, c.Name, c.Test = "", claims.Email, claims.Phone, claims.Name, claims.Test
	c.EmailVerified = claims.EmailVerified != nil && *claims.EmailVerified && !claims.Test
	c.PhoneVerified = claims.PhoneVerified != nil && *claims.PhoneVerified && !claims.Test
	t.KeyID, t.ProofHash, t.ExpiresAt = ring.CurrentID(), hash, h.now().Add(otp.GrantLife)
	t.Subject, t.Methods, t.Level, t.AuthTime = claims.Subject, claims.Methods, claims.Level, time.Unix(claims.AuthTime, 0)
	if t.Sealed, err = ring.SealTransaction(t.ID, c); err != nil {
		return t, err
	}
	code, err := h.code(ctx, t)
	if err != nil {
		return t, err
	}
	t.CodeHash = otp.HashSecret(code)
	return h.codes.Complete(ctx, t, h.now())
}

// code returns the authorization code of a transaction that was completed.
func (h handler) code(ctx context.Context, t otp.Transaction) (string, error) {
	ring, err := h.rings.For(ctx, t.KeyID)
	if err != nil {
		return "", err
	}
	secret, err := ring.AuthorizationCode(t.KeyID, t.ID, t.ProofHash)
	return t.Join(secret), err
}
