package main

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"

	"streamotp/shared/otp"
	"streamotp/shared/proof"
	"streamotp/shared/store"
	"streamotp/shared/telemetry"
)

// logout leads back to the application (OpenID Connect RP-Initiated Logout 1.0). There is no session of ours to end, and it touches no
// cookie, since pages of other sites can call it.
func (h handler) logout(ctx context.Context, event request, audit *telemetry.Event) (response, error) {
	values, repeated, ok := parameters(event, event.RequestContext.HTTP.Method == http.MethodPost)
	if !ok {
		return badLink(cmp.Or(repeated, "a parameter") + " is repeated or is not percent-encoded."), nil
	}
	id := values.Get("client_id")
	if hint := values.Get("id_token_hint"); hint != "" {
		audience, err := h.audienceOf(ctx, hint)
		switch {
		case errors.Is(err, otp.ErrInvalidProof):
			return badLink("id_token_hint is no ID token of this issuer."), nil
		case err != nil:
			return failed(err, audit)
		case id != "" && id != audience:
			return badLink("client_id is not the client of id_token_hint."), nil
		}
		id = audience
	}
	to := values.Get("post_logout_redirect_uri")
	if to == "" {
		return page{status: http.StatusOK, heading: "You have logged out", text: "You can close this page."}.response(), nil
	}
	client, err := h.clients.Get(ctx, id)
	switch {
	case err != nil && !errors.Is(err, store.ErrNoClient):
		return failed(err, audit)
	case !client.Hosted() || !client.LogsOutTo(to):
		return badLink("post_logout_redirect_uri is not registered for this client, or client_id and id_token_hint are both missing. It must match to the byte. See otpctl client set --post-logout-uri."), nil
	}
	audit.Client = client.ID
	return redirect(to, withState(url.Values{}, values.Get("state"))), nil
}

// audienceOf returns the client of an ID token, which may have expired.
//
// Errors: otp.ErrInvalidProof.
func (h handler) audienceOf(ctx context.Context, token string) (string, error) {
	var claims idToken
	issuer, err := h.site.URL(ctx)
	if err == nil {
		err = h.keys.Open(ctx, proof.TypeJWT, token, &claims)
	}
	if err == nil && claims.Issuer != issuer {
		err = otp.ErrInvalidProof
	}
	return claims.Audience, err
}
