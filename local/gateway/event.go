package gateway

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"streamotp/local/template"
)

type object = map[string]any

// event returns a payload of format 2.0 ("Create AWS Lambda proxy integrations for HTTP APIs in API Gateway").
func (a *API) event(r *http.Request, headers map[string]string, routeKey string, body []byte, id string) object {
	now := time.Now().UTC()
	e := object{
		"version": "2.0", "routeKey": routeKey, "rawPath": r.URL.Path, "rawQueryString": r.URL.RawQuery, "headers": headers, "isBase64Encoded": false,
		"requestContext": object{
			"accountId": template.Account, "apiId": template.APIID, "domainName": template.APIHost, "domainPrefix": template.APIID,
			"http":      object{"method": r.Method, "path": r.URL.Path, "protocol": r.Proto, "sourceIp": sourceIP(r), "userAgent": r.UserAgent()},
			"requestId": id, "routeKey": routeKey, "stage": a.StageName,
			"time": now.Format("02/Jan/2006:15:04:05 -0700"), "timeEpoch": now.UnixMilli(),
		},
	}
	if cookies := cookies(r.Header); len(cookies) > 0 {
		e["cookies"] = cookies
	}
	if query := query(r.URL.RawQuery); len(query) > 0 {
		e["queryStringParameters"] = query
	}
	switch {
	case len(body) == 0:
	case isText(r.Header.Get("Content-Type")):
		e["body"] = string(body)
	default:
		e["body"], e["isBase64Encoded"] = base64.StdEncoding.EncodeToString(body), true
	}
	return e
}

func sourceIP(r *http.Request) string {
	source, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return source
}

// headers returns a request's headers with lower-case names, and those that API Gateway adds. The values of a repeated
// header are joined by commas. Cookies have a field of their own.
func headers(r *http.Request) map[string]string {
	out, source := map[string]string{}, sourceIP(r)
	for name, values := range r.Header {
		out[strings.ToLower(name)] = strings.Join(values, ",")
	}
	delete(out, "cookie")
	for _, hop := range []string{"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "proxy-connection"} {
		delete(out, hop)
	}
	if before := out["x-forwarded-for"]; before != "" {
		source = before + ", " + source
	}
	_, port, _ := net.SplitHostPort(r.Host)
	out["host"], out["x-forwarded-for"], out["x-forwarded-port"], out["x-forwarded-proto"] = r.Host, source, port, "http"
	if r.ContentLength >= 0 && (r.ContentLength > 0 || r.Method == http.MethodPost) {
		out["content-length"] = fmt.Sprint(r.ContentLength)
	}
	if out["x-amzn-trace-id"] == "" {
		out["x-amzn-trace-id"] = traceID()
	}
	return out
}

func cookies(h http.Header) []string {
	var out []string
	for _, line := range h.Values("Cookie") {
		for _, c := range strings.Split(line, ";") {
			if c = strings.TrimSpace(c); c != "" {
				out = append(out, c)
			}
		}
	}
	return out
}

// query joins the values of a repeated name by commas.
func query(raw string) map[string]string {
	values, _ := url.ParseQuery(raw) // API Gateway also leaves out what cannot be parsed
	out := map[string]string{}
	for name, v := range values {
		out[name] = strings.Join(v, ",")
	}
	return out
}

// isText reports whether API Gateway passes on a body of this content type unchanged. It encodes other bodies in base64.
func isText(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind, _, _ = strings.Cut(strings.ToLower(contentType), ";")
	}
	switch kind = strings.TrimSpace(kind); kind {
	case "application/json", "application/javascript", "application/xml":
		return true
	}
	return strings.HasPrefix(kind, "text/")
}

func traceID() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return fmt.Sprintf("Root=1-%08x-%x", time.Now().Unix(), b)
}
