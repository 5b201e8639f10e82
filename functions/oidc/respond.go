package main

import (
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"streamotp/shared/httpapi"
)

type (
	request  = events.APIGatewayV2HTTPRequest
	response = events.APIGatewayV2HTTPResponse
)

const noStore = "no-store"

// respond writes a JSON document.
func respond(status int, caching string, document any) response {
	text, err := json.Marshal(document)
	if err != nil {
		panic(err) // only for types without a JSON form, and ours have one
	}
	return response{StatusCode: status, Body: string(text), Headers: map[string]string{
		"content-type": "application/json", "cache-control": caching, "x-content-type-options": "nosniff",
	}}
}

// redirect leads a browser to a URL of ours or of a client, with parameters. The status makes it a GET.
func redirect(to string, parameters url.Values) response {
	if len(parameters) > 0 {
		separator := "?"
		if strings.Contains(to, "?") {
			separator = "&"
		}
		to += separator + parameters.Encode()
	}
	return response{StatusCode: http.StatusSeeOther, Headers: map[string]string{
		"location": to, "cache-control": noStore, "referrer-policy": "no-referrer", "x-content-type-options": "nosniff",
	}}
}

// withState adds the application's own state, if it sent one, to what it gets back.
func withState(back url.Values, state string) url.Values {
	if state != "" {
		back.Set("state", state)
	}
	return back
}

// page is a page for a person, with a sentence for the application's developer. Nothing of a request is in it.
type page struct {
	status    int
	heading   string
	text      string
	developer string        // empty for none
	wait      time.Duration // after which a retry may succeed; 0 for none
}

// The policy is stricter than that of the site, which CloudFront sends in its place.
const policy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func (p page) response() response {
	body := `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>` + p.heading + `</title>
  <link rel="stylesheet" href="/stream-otp.css">
  <link rel="stylesheet" href="/style.css">
</head>
<body>
  <main class="card otp">
    <h1>` + p.heading + `</h1>
    <p class="otp-lead">` + p.text + `</p>`
	if p.developer != "" {
		body += `
    <p class="otp-hint">For the application's developer: ` + p.developer + `</p>`
	}
	r := response{StatusCode: p.status, Body: body + "\n  </main>\n</body>\n</html>\n", Headers: map[string]string{
		"content-type": "text/html; charset=utf-8", "cache-control": noStore, "content-security-policy": policy, "referrer-policy": "no-referrer",
		"x-content-type-options": "nosniff", "x-frame-options": "DENY",
	}}
	retryAfter(r, p.wait)
	return r
}

// retryAfter sets the header to the wait in whole seconds, rounded up. For 0 it sets nothing.
func retryAfter(r response, wait time.Duration) {
	if wait > 0 {
		r.Headers["retry-after"] = strconv.Itoa(int(math.Ceil(wait.Seconds())))
	}
}

// parameters reads the parameters of a request: of its form, or else of its query. ok is false if they cannot be read, or one is
// repeated (RFC 6749 3.1 and 3.2); name is then the repeated one, if it is one of ours.
func parameters(event request, form bool) (values url.Values, name string, ok bool) {
	text := event.RawQueryString
	if form {
		body, err := httpapi.Body(event)
		if err != nil {
			return nil, "", false
		}
		text = string(body)
	}
	values, err := url.ParseQuery(text)
	ok = err == nil
	for parameter, several := range values {
		if len(several) > 1 {
			ok = false
			if known[parameter] {
				name = parameter
			}
		}
	}
	return values, name, ok
}

// known are the names that an error may repeat.
var known = map[string]bool{"client_id": true, "redirect_uri": true, "response_type": true, "response_mode": true, "scope": true, "state": true, "nonce": true, "prompt": true,
	"max_age": true, "login_hint": true, "ui_locales": true, "acr_values": true, "code_challenge": true, "code_challenge_method": true,
	"id_token_hint": true, "post_logout_redirect_uri": true, "grant_type": true, "code": true, "code_verifier": true, "client_secret": true}

// isForm reports whether a request has a form as its body.
func isForm(event request) bool {
	mediaType, _, _ := strings.Cut(event.Headers["content-type"], ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), "application/x-www-form-urlencoded")
}
