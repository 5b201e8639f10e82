package gateway

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// response is a function's response in format 2.0.
type response struct {
	StatusCode      *int           `json:"statusCode"`
	Headers         map[string]any `json:"headers"` // text, number or boolean each
	Cookies         []string       `json:"cookies"`
	Body            string         `json:"body"`
	IsBase64Encoded bool           `json:"isBase64Encoded"`
}

// parseResponse reads a function's response. A response without a statusCode is itself the body, as JSON, with status
// 200.
func parseResponse(payload []byte) (response, error) {
	if !json.Valid(payload) {
		return response{}, errors.New("the answer is not JSON")
	}
	var probe map[string]json.RawMessage
	if json.Unmarshal(payload, &probe) != nil || probe["statusCode"] == nil {
		ok := http.StatusOK
		return response{StatusCode: &ok, Headers: map[string]any{"content-type": "application/json"}, Body: string(payload)}, nil
	}
	var r response
	if err := json.Unmarshal(payload, &r); err != nil {
		return r, err
	}
	if r.StatusCode == nil || *r.StatusCode < 100 || *r.StatusCode > 599 {
		return r, errors.New("statusCode is not an HTTP status")
	}
	if r.IsBase64Encoded {
		body, err := base64.StdEncoding.DecodeString(r.Body)
		if err != nil {
			return r, err
		}
		r.Body = string(body)
	}
	return r, nil
}

func (r response) write(w http.ResponseWriter, cors bool) int {
	h := w.Header()
	for name, v := range r.Headers {
		if !cors || !strings.HasPrefix(strings.ToLower(name), "access-control-") { // "API Gateway ignores CORS headers returned from your backend"
			h.Set(name, fmt.Sprint(v))
		}
	}
	for _, c := range r.Cookies {
		h.Add("Set-Cookie", c)
	}
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "text/plain; charset=utf-8") // API Gateway's default
	}
	w.WriteHeader(*r.StatusCode)
	_, _ = io.WriteString(w, r.Body)
	return *r.StatusCode
}
