package main

import (
	"context"
	"errors"
	"slices"

	"streamotp/shared/httpapi"
	"streamotp/shared/otp"
	"streamotp/shared/store"
)

// clientTable has the applications that a proof may be for.
type clientTable interface {
	httpapi.Servers
	Get(ctx context.Context, id string) (otp.Client, error)
}

// client returns the client that a request is for: a server makes it with its credentials, or a page names it. Without a client it
// returns zero.
//
// Errors: *httpapi.InvalidError; otp.ErrInvalidClient for a confidential client without its credentials.
func (h handler) client(ctx context.Context, request httpapi.Request, body generateRequest) (c otp.Client, err error) {
	switch server := request.Server; {
	case body.transaction != "":
		return h.hosted(ctx, request, body)
	case server != nil && body.client != "" && body.client != server.ID:
		return c, httpapi.Invalid("clientId", "is not the client whose credentials were sent")
	case server != nil:
		c = *server
	case body.client == "":
		return c, nil
	default:
		c, err = h.clients.Get(ctx, body.client)
		if errors.Is(err, store.ErrNoClient) {
			return c, httpapi.Invalid("clientId", "is not known")
		}
		if err != nil {
			return c, err
		}
		request.Event.Client = c.ID // only now: what a caller wrote is not logged
		if c.Type == otp.ConfidentialClient {
			return c, otp.ErrInvalidClient
		}
	}
	switch {
	case !c.AllowsOrigin(request.Header["origin"]):
		return c, httpapi.Invalid("clientId", "is not for pages of this origin")
	case body.purpose != otp.Reset && !c.MayAsk(body.purpose):
		return c, errPurpose
	case c.Type == otp.PublicClient && body.nonce == "":
		return c, httpapi.Invalid("nonce", httpapi.Missing+": a page's client sends one, and compares it with the proof's")
	}
	return c, nil
}

var errPurpose = httpapi.Invalid("purpose", "is not one that this client may ask for")

// hosted returns the client of a transaction of hosted login, if it may log people in with the purpose. It does not see the cookie: a
// code for a transaction that began in another browser gives a proof that completes nothing.
//
// Errors: otp.ErrNoTransaction, httpapi.ErrForeign; *httpapi.InvalidError for another purpose.
func (h handler) hosted(ctx context.Context, request httpapi.Request, body generateRequest) (c otp.Client, err error) {
	if origin := request.Header["origin"]; origin != "" {
		own, err := h.site.URL(ctx)
		if err != nil {
			return c, err
		}
		if origin != own {
			return c, httpapi.ErrForeign
		}
	}
	clientID, wanted, err := h.codes.ClientOf(ctx, body.transaction, h.now())
	if err != nil {
		return c, err
	}
	c, err = h.clients.Get(ctx, clientID)
	if errors.Is(err, store.ErrNoClient) || err == nil && !c.Hosted() {
		return c, otp.ErrNoTransaction
	}
	request.Event.Client = c.ID
	if err == nil && !slices.Contains(c.LogsInBy(wanted), body.purpose) {
		err = errPurpose
	}
	return c, err
}
