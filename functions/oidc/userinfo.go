package main

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"streamotp/shared/httpapi"
	"streamotp/shared/otp"
	"streamotp/shared/proof"
	"streamotp/shared/telemetry"
)

// userinfo says who has logged in, for an access token (OpenID Connect Core 5.3).
func (h handler) userinfo(ctx context.Context, event request, audit *telemetry.Event) (response, error) {
	token, form := bearer(event)
	switch {
	case token == "" && !form:
		return unauthorized(http.StatusUnauthorized, ""), nil
	case token == "":
		return unauthorized(http.StatusBadRequest, "invalid_request"), nil
	}
	t, err := h.holder(ctx, token)
	audit.Client, audit.Session = t.ClientID, t.ID
	if errors.Is(err, otp.ErrInvalidProof) || errors.Is(err, otp.ErrNoTransaction) {
		return unauthorized(http.StatusUnauthorized, "invalid_token"), nil
	}
	var contents otp.TransactionContents
	if err == nil {
		contents, err = h.open(ctx, t)
	}
	if err != nil {
		status, wait := httpapi.Status(err, audit)
		r := respond(status, noStore, map[string]string{"error": "temporarily_unavailable"})
		retryAfter(r, wait)
		return r, err
	}
	return respond(http.StatusOK, noStore, struct {
		Subject string `json:"sub"`
		person
	}{t.Subject, personOf(t, contents)}), nil
}

// bearer returns the access token of a request, from its header or from its form (RFC 6750 2). If it has several, the token is "" and form
// is true.
func bearer(event request) (token string, form bool) {
	scheme, token, _ := strings.Cut(event.Headers["authorization"], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		token = ""
	}
	if event.RequestContext.HTTP.Method != http.MethodPost || !isForm(event) {
		return strings.TrimSpace(token), false
	}
	values, _, ok := parameters(event, true)
	switch inForm := values.Get("access_token"); {
	case !ok, inForm != "" && token != "":
		return "", true
	case inForm != "":
		return inForm, true
	}
	return strings.TrimSpace(token), false
}

// holder returns the transaction whose access token a text is.
//
// Errors: otp.ErrInvalidProof, otp.ErrNoTransaction.
func (h handler) holder(ctx context.Context, token string) (t otp.Transaction, err error) {
	id := otp.TransactionOf(token)
	if id == "" { // then it is a JWT, or none of ours
		var claims accessToken
		if err := h.keys.Open(ctx, proof.TypeAccessToken, token, &claims); err != nil {
			return t, err
		}
		id = claims.ID
	}
	t, err = h.codes.Transaction(ctx, id)
	if err != nil {
		return t, err
	}
	if !t.HasToken(token) || !t.IsLive(h.now()) {
		return t, otp.ErrInvalidProof
	}
	_, err = h.client(ctx, t)
	return t, err
}

// unauthorized is an error of RFC 6750 3. Without a code the request has no token.
func unauthorized(status int, code string) response {
	r, challenge := respond(status, noStore, map[string]string{"error": "invalid_token"}), `Bearer realm="streamotp"`
	if code != "" {
		r = respond(status, noStore, map[string]string{"error": code})
		challenge += `, error="` + code + `"`
	}
	r.Headers["www-authenticate"] = challenge
	return r
}
