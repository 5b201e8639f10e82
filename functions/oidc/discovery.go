package main

import (
	"context"
	"net/http"

	"github.com/aws/aws-lambda-go/events"
	"github.com/go-jose/go-jose/v4"

	"streamotp/shared/httpapi"
	"streamotp/shared/otp"
	"streamotp/shared/telemetry"
)

// How long caches may keep a document.
const (
	anHour  = "public, max-age=3600"
	aMinute = "public, max-age=60"
)

// document serves a document that everybody may read. CloudFront's own headers let pages of other origins read it.
func document[T any](caching string, read func(context.Context) (T, error)) httpapi.Endpoint {
	return httpapi.Endpoint{Ungated: true, Open: func(ctx context.Context, _ events.APIGatewayV2HTTPRequest, audit *telemetry.Event) (events.APIGatewayV2HTTPResponse, error) {
		document, err := read(ctx)
		if err != nil {
			audit.Name, audit.Reason = telemetry.ProviderError, "discovery"
			return respond(http.StatusServiceUnavailable, noStore, map[string]string{"message": "Service Unavailable"}), err
		}
		return respond(http.StatusOK, caching, document), nil
	}}
}

// discovery is the provider's metadata (OpenID Connect Discovery 1.0, 3; RFC 8414; RFC 9207). It also has what is true of a proof.
type discovery struct {
	Issuer        string   `json:"issuer"`
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	UserInfo      string   `json:"userinfo_endpoint"`
	EndSession    string   `json:"end_session_endpoint"`
	JWKS          string   `json:"jwks_uri"`
	Responses     []string `json:"response_types_supported"`
	Modes         []string `json:"response_modes_supported"`
	Grants        []string `json:"grant_types_supported"`
	Challenges    []string `json:"code_challenge_methods_supported"`
	TokenAuth     []string `json:"token_endpoint_auth_methods_supported"`
	Algorithms    []string `json:"id_token_signing_alg_values_supported"`
	Subjects      []string `json:"subject_types_supported"`
	Scopes        []string `json:"scopes_supported"`
	Levels        []string `json:"acr_values_supported"`
	Prompts       []string `json:"prompt_values_supported"`
	Claims        []string `json:"claims_supported"`
	ResponseIss   bool     `json:"authorization_response_iss_parameter_supported"`

	ClaimsParameter bool `json:"claims_parameter_supported"`
	Request         bool `json:"request_parameter_supported"`
	RequestURI      bool `json:"request_uri_parameter_supported"` // true if it is absent
}

func (h handler) discovery(ctx context.Context) (discovery, error) {
	issuer, err := h.site.URL(ctx)
	oauth := issuer + "/api/oauth2/"
	return discovery{
		Issuer: issuer, Authorization: oauth + "authorize", Token: oauth + "token", UserInfo: oauth + "userinfo", EndSession: oauth + "logout",
		JWKS: issuer + "/.well-known/jwks.json", Responses: []string{"code"}, Modes: []string{"query"}, Grants: []string{"authorization_code"},
		Challenges: []string{"S256"}, TokenAuth: []string{"client_secret_basic", "client_secret_post", "none"},
		Algorithms: []string{string(jose.RS256)}, Subjects: []string{"public", "pairwise"}, Scopes: scopes, Levels: otp.Levels, Prompts: prompts,
		Claims: []string{"iss", "aud", "sub", "iat", "exp", "jti", "nonce", "auth_time", "purpose", "channel", "scope", "amr", "acr", "email",
			"email_verified", "phone_number", "phone_number_verified", "name", "test"},
		ResponseIss: true,
	}, err
}
