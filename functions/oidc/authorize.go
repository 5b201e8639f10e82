package main

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"streamotp/shared/httpapi"
	"streamotp/shared/keys"
	"streamotp/shared/otp"
	"streamotp/shared/store"
	"streamotp/shared/telemetry"
)

const (
	cookieName = "__Host-streamotp" // the prefix has browsers accept it only from this very host (RFC 6265bis 4.1.3.2)

	// mostPerHour is the most logins that one client IP address may begin in an hour. It is a counter of its own: images on a foreign
	// page must not use up the messages of a whole office.
	mostPerHour = 300

	mostState = 4096 // characters; a whole request has at most 10 KB
	mostNonce = 512
	mostHint  = 254 // octets, the longest e-mail address
)

var (
	scopes  = []string{"openid", "email", "phone", "profile"}
	prompts = []string{"none", "login", "consent", "select_account"}
)

// badLink is the page for a login or a logout that the application began wrongly.
func badLink(developer string) response {
	return page{status: http.StatusBadRequest, heading: "This link does not work", text: "Go back to the application and try again.", developer: developer}.response()
}

// failed is the page for an error of the table of shared/httpapi, at a login or a logout.
func failed(err error, audit *telemetry.Event) (response, error) {
	status, wait := httpapi.Status(err, audit)
	p := page{status: status, heading: "The service cannot answer right now", text: "Something is wrong on our side. Try again later.", wait: wait}
	switch status {
	case http.StatusTooManyRequests:
		p.text = "Too many logins began on your network. Try again in an hour."
	case http.StatusServiceUnavailable:
		p.text = "Try again in a moment."
	}
	return p.response(), err
}

// authorizeByForm sends a browser that posts its request to the GET: with a form from another site it sends no Lax cookie.
func (h handler) authorizeByForm(ctx context.Context, event request, audit *telemetry.Event) (response, error) {
	issuer, err := h.site.URL(ctx)
	if err != nil {
		return failed(err, audit)
	}
	values, _, _ := parameters(event, true) // the GET reports what is wrong with them
	return redirect(issuer+"/api/oauth2/authorize", values), nil
}

// authorize begins a login (OpenID Connect Core 3.1.2.1): it checks the application's request, stores it as a transaction of this browser,
// and leads to the login page. As long as the client and its URL are not known to be right, errors are shown on a page of ours (L1).
func (h handler) authorize(ctx context.Context, event request, audit *telemetry.Event) (response, error) {
	issuer, err := h.site.URL(ctx)
	if err != nil {
		return failed(err, audit)
	}
	values, repeated, ok := parameters(event, false)
	if !ok {
		return badLink(cmp.Or(repeated, "a parameter") + " is repeated or is not percent-encoded."), nil
	}
	client, err := h.clients.Get(ctx, values.Get("client_id"))
	if err != nil && !errors.Is(err, store.ErrNoClient) {
		return failed(err, audit)
	}
	switch {
	case !client.Hosted():
		return badLink("client_id names no client with a redirect URI. See otpctl client list."), nil
	case !client.RedirectsTo(values.Get("redirect_uri")):
		return badLink("redirect_uri is not registered for this client. It must match to the byte. See otpctl client set --redirect-uri."), nil
	}
	audit.Client = client.ID
	t, contents, refused := readAuthorization(values, client)
	if refused != nil {
		return refused.response(values, issuer), nil
	}
	if !isNavigation(event.Headers) {
		return badLink("the login must open as a page: not in a frame, and not by a script."), nil
	}
	begun, err := h.begin(ctx, event, t, contents)
	if err != nil {
		return failed(err, audit)
	}
	audit.Session = begun.id
	r := redirect(issuer+"/#"+begun.id, nil)
	if begun.cookie != "" {
		r.Cookies = []string{cookieName + "=" + begun.cookie + "; Path=/; Secure; HttpOnly; SameSite=Lax"}
	}
	return r, nil
}

// isNavigation reports whether a browser opens a page of its own. One that does not say (Fetch Metadata) is believed.
func isNavigation(header map[string]string) bool {
	mode, destination := header["sec-fetch-mode"], header["sec-fetch-dest"]
	return (mode == "" || mode == "navigate") && (destination == "" || destination == "document")
}

// refusal is an error that the application gets by a redirect (RFC 6749 4.1.2.1).
type refusal struct{ code, description string }

func (r refusal) response(values url.Values, issuer string) response {
	return redirect(values.Get("redirect_uri"), withState(url.Values{"error": {r.code}, "error_description": {r.description}, "iss": {issuer}}, values.Get("state")))
}

// readAuthorization checks a request of a known client. Parameters that it does not know are ignored.
func readAuthorization(values url.Values, client otp.Client) (t otp.Transaction, contents otp.TransactionContents, refused *refusal) {
	granted := grant(values.Get("scope"))
	t = otp.Transaction{ClientID: client.ID, RedirectURI: values.Get("redirect_uri"), Challenge: values.Get("code_challenge"), Scopes: granted,
		WantedLevel: otp.WantedLevel(strings.Fields(values.Get("acr_values")))}
	contents = otp.TransactionContents{State: values.Get("state"), Nonce: values.Get("nonce")}
	contents.Locale, _ = otp.Language(strings.Join(strings.Fields(values.Get("ui_locales")), ","))
	contents.Hint = hintOf(values.Get("login_hint"))
	prompt := strings.Fields(values.Get("prompt"))
	for _, rule := range []struct {
		broken            bool
		code, description string
	}{
		{values.Has("request"), "request_not_supported", "request is not supported"},
		{values.Has("request_uri"), "request_uri_not_supported", "request_uri is not supported"},
		{values.Get("response_type") == "", "invalid_request", "response_type is missing"},
		{values.Get("response_type") != "code", "unsupported_response_type", "response_type must be code"},
		{!slices.Contains([]string{"", "query"}, values.Get("response_mode")), "invalid_request", "response_mode must be query"},
		{!slices.Contains(granted, "openid"), "invalid_scope", "scope must contain openid"},
		{len(contents.State) > mostState || !isPrintable(contents.State), "invalid_request", "state must be at most 4096 printable ASCII characters"},
		{len(contents.Nonce) > mostNonce || !isPrintable(contents.Nonce), "invalid_request", "nonce must be at most 512 printable ASCII characters"},
		{t.Challenge == "" && client.NeedsPKCE(), "invalid_request", "code_challenge is missing: this client needs PKCE"},
		{t.Challenge == "" && values.Has("code_challenge_method"), "invalid_request", "code_challenge_method needs code_challenge"},
		{t.Challenge != "" && values.Get("code_challenge_method") != "S256", "invalid_request", "code_challenge_method must be S256"},
		{t.Challenge != "" && !otp.IsToken(t.Challenge), "invalid_request", "code_challenge must be a SHA-256 in base64url, 43 characters"},
		{!isAge(values.Get("max_age")), "invalid_request", "max_age must be a number of seconds"},
		{slices.ContainsFunc(prompt, func(p string) bool { return !slices.Contains(prompts, p) }), "invalid_request", "prompt must be none or login"},
		{slices.Contains(prompt, "none") && len(prompt) > 1, "invalid_request", "prompt must not have none beside another value"},
		{len(client.LogsInBy(t.WantedLevel)) == 0, "unmet_authentication_requirements", "no way to log in to this client reaches the level of acr_values"},
		{slices.Contains(prompt, "none"), "login_required", "the person has to log in"}, // there is no session of ours
	} {
		if rule.broken {
			return t, contents, &refusal{rule.code, rule.description}
		}
	}
	return t, contents, nil
}

// grant returns the scopes that are granted: those that exist.
func grant(asked string) (granted []string) {
	for _, scope := range scopes {
		if slices.Contains(strings.Fields(asked), scope) {
			granted = append(granted, scope)
		}
	}
	return granted
}

// hintOf returns what the login page shows in its field for an e-mail address, or "" if a hint is no address. The person's own request for
// a code normalises the address; the tables for that would make this function's upload 40 KB larger.
func hintOf(text string) string {
	text = otp.FoldAddress(text)
	if len(text) > mostHint || !strings.Contains(text, "@") {
		return ""
	}
	return text
}

func isPrintable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

// isAge reports whether a max_age can be read. Each login of a transaction comes after its request, so that it meets any.
func isAge(text string) bool {
	_, err := strconv.ParseUint(text, 10, 32)
	return text == "" || err == nil
}

// begun is a transaction that was written.
type begun struct {
	id     string
	cookie string // for a browser that has none yet; else empty
}

// begin counts and writes a transaction of the browser that sent an event.
func (h handler) begin(ctx context.Context, event request, t otp.Transaction, contents otp.TransactionContents) (b begun, err error) {
	now := h.now()
	ring, err := h.rings.Current(ctx)
	if err != nil {
		return b, err
	}
	address, err := keys.Viewer(ctx, h.origin, event.Headers, event.RequestContext.HTTP.SourceIP)
	if err != nil {
		return b, err
	}
	hour := now.Truncate(time.Hour)
	if err := h.limits.Count(ctx, ring.Authorizations(address, hour), mostPerHour, now, hour.Add(time.Hour)); err != nil {
		return b, err
	}
	cookie := cookieOf(event.Cookies)
	if cookie == "" {
		if b.cookie, err = otp.NewToken(h.random); err != nil {
			return b, err
		}
		cookie = b.cookie
	}
	if b.id, err = otp.NewTransactionID(h.random); err != nil {
		return b, err
	}
	t.ID, t.Browser, t.KeyID, t.CreatedAt, t.ExpiresAt = b.id, otp.HashSecret(cookie), ring.CurrentID(), now, now.Add(otp.TransactionLife)
	if t.Sealed, err = ring.SealTransaction(t.ID, contents); err != nil {
		return b, err
	}
	return b, h.codes.PutTransaction(ctx, t, event.RequestContext.RequestID)
}

// cookieOf returns the browser's cookie, which all of its tabs share, or "" if it has none.
func cookieOf(cookies []string) string {
	for _, cookie := range cookies {
		if value, ok := strings.CutPrefix(cookie, cookieName+"="); ok && otp.IsToken(value) {
			return value
		}
	}
	return ""
}
