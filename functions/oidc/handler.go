package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/go-jose/go-jose/v4"

	"streamotp/shared/telemetry"
)

type handler struct {
	site issuer
	keys keySet
	home homePage
	now  func() time.Time
}

type issuer interface {
	URL(ctx context.Context) (string, error)
}

type keySet interface {
	Set(ctx context.Context) (jose.JSONWebKeySet, error)
}

type homePage interface {
	Document(ctx context.Context) (homeDocument, error)
}

// discovery says where the keys are (OpenID Connect Discovery 1.0, 3). It has what is true of a proof; there is no authorization
// endpoint yet.
type discovery struct {
	Issuer     string   `json:"issuer"`
	JWKS       string   `json:"jwks_uri"`
	Algorithms []string `json:"id_token_signing_alg_values_supported"`
	Subjects   []string `json:"subject_types_supported"`
	Scopes     []string `json:"scopes_supported"`
	Levels     []string `json:"acr_values_supported"`
	Claims     []string `json:"claims_supported"`
}

func (h handler) handle(ctx context.Context, event events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	var document any
	var err error
	caching := "public, max-age=3600"
	switch event.RouteKey {
	case "GET /.well-known/openid-configuration":
		document, err = h.discovery(ctx)
	case "GET /.well-known/jwks.json":
		document, err = h.keys.Set(ctx)
	case "GET /.well-known/streamotp.json":
		caching = "public, max-age=60"
		document, err = h.home.Document(ctx)
	default:
		return respond(http.StatusNotFound, "no-store", map[string]string{"message": "Not Found"}), nil
	}
	if err != nil {
		slog.Error("request", "requestId", event.RequestContext.RequestID, "route", event.RouteKey, "status", http.StatusServiceUnavailable,
			telemetry.Cause(err))
		telemetry.Event{Name: telemetry.ProviderError, Reason: "discovery"}.Write(event.RequestContext.RequestID, h.now())
		return respond(http.StatusServiceUnavailable, "no-store", map[string]string{"message": "Service Unavailable"}), nil
	}
	return respond(http.StatusOK, caching, document), nil
}

func (h handler) discovery(ctx context.Context) (discovery, error) {
	issuer, err := h.site.URL(ctx)
	return discovery{
		Issuer: issuer, JWKS: issuer + "/.well-known/jwks.json", Algorithms: []string{string(jose.RS256)},
		Subjects: []string{"public", "pairwise"}, Scopes: []string{"otp:login", "otp:verify"},
		Levels: []string{"urn:streamotp:1", "urn:streamotp:2"},
		Claims: []string{"iss", "aud", "sub", "iat", "exp", "jti", "nonce", "auth_time", "purpose", "channel", "scope", "amr", "acr", "email",
			"email_verified", "phone_number", "phone_number_verified", "test"},
	}, err
}

// respond writes a document. Every page may read it: CloudFront's own headers say so.
func respond(status int, caching string, document any) events.APIGatewayV2HTTPResponse {
	text, err := json.Marshal(document)
	if err != nil {
		panic(err) // only for types without a JSON form, and ours have one
	}
	return events.APIGatewayV2HTTPResponse{StatusCode: status, Body: string(text), Headers: map[string]string{
		"content-type": "application/json", "cache-control": caching, "x-content-type-options": "nosniff",
	}}
}
