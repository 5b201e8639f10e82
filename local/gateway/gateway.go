// Package gateway imitates the one stage of an API Gateway HTTP API with Lambda integrations, payload format 2.0.
//
// It promises: (G1) the responses that API Gateway makes by itself have API Gateway's status and body; (G2) a function
// sees only what API Gateway would pass on; (G3) no slow client or large request blocks a function.
package gateway

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"streamotp/local/lambda"
	"streamotp/local/template"
)

// Limits of an HTTP API ("Quotas for configuring and running an HTTP API").
const (
	maxBody    = 10 << 20
	maxHeaders = 10240 // request line and headers together
	patience   = 30 * time.Second
)

// API is an HTTP API. Its fields must not change once it serves.
type API struct {
	template.API
	Routes map[string]string // "POST /generate" to the function's logical id
	Invoke lambda.Invoke
	Done   func(Exchange) // called for every request that was answered

	limiter limiter
}

// Exchange is a request and its response, for the log.
type Exchange struct {
	Method, Path string
	Function     string // empty if no route matched
	Invocation   string // the request id of the invocation
	Status       int
	Took         time.Duration
}

// ServeHTTP answers requests under /<stage>/.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begin := time.Now()
	x := Exchange{Method: r.Method, Path: r.URL.EscapedPath()} // undecoded: a decoded path could write to a terminal
	id := requestID()
	w.Header().Set("Apigw-Requestid", id)
	decorate(a.CorsConfiguration, w.Header(), r.Header.Get("Origin"))
	x.Status = a.serve(w, r, id, &x)
	x.Took = time.Since(begin)
	a.Done(x)
}

func (a *API) serve(w http.ResponseWriter, r *http.Request, id string, x *Exchange) int {
	if headerBytes(r) > maxHeaders {
		return message(w, http.StatusRequestHeaderFieldsTooLarge, "Request Header Fields Too Large")
	}
	if preflight(a.CorsConfiguration, w, r) {
		return http.StatusNoContent
	}
	if s := a.DefaultRouteSettings; !a.limiter.allow(s.ThrottlingRateLimit, s.ThrottlingBurstLimit, time.Now()) {
		return message(w, http.StatusTooManyRequests, "Too Many Requests")
	}
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/"+a.StageName)
	x.Function = a.Routes[r.Method+" "+path]
	if x.Function == "" {
		return message(w, http.StatusNotFound, "Not Found")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
		return message(w, http.StatusRequestEntityTooLarge, "Request Too Long")
	}
	if err != nil {
		return message(w, http.StatusBadRequest, "Bad Request")
	}
	headers := headers(r)
	return a.integrate(w, a.event(r, headers, r.Method+" "+path, body, id), headers["x-amzn-trace-id"], x)
}

// integrate invokes the function and passes its response on. The function goes on even when API Gateway stops waiting.
func (a *API) integrate(w http.ResponseWriter, event object, trace string, x *Exchange) int {
	done := make(chan lambda.Result, 1)
	go func() { done <- a.Invoke(context.Background(), x.Function, event, trace) }()
	select {
	case out := <-done:
		x.Invocation = out.RequestID
		return answer(w, out, a.CorsConfiguration != nil)
	case <-time.After(patience):
		return message(w, http.StatusServiceUnavailable, "Service Unavailable")
	}
}

func answer(w http.ResponseWriter, out lambda.Result, cors bool) int {
	switch {
	case errors.Is(out.Err, lambda.ErrTimeout), errors.Is(out.Err, lambda.ErrThrottled):
		return message(w, http.StatusServiceUnavailable, "Service Unavailable")
	case out.Err != nil:
		return message(w, http.StatusInternalServerError, "Internal Server Error")
	}
	res, err := parseResponse(out.Payload)
	if err != nil {
		return message(w, http.StatusInternalServerError, "Internal Server Error")
	}
	return res.write(w, cors)
}

// message writes a response of API Gateway's own.
func message(w http.ResponseWriter, status int, text string) int {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(fmt.Appendf(nil, `{"message":%q}`, text))
	return status
}

func headerBytes(r *http.Request) int {
	n := len(r.Method) + len(r.RequestURI)
	for name, values := range r.Header {
		for _, v := range values {
			n += len(name) + len(v) + 4 // ": " and the line's end
		}
	}
	return n
}

// requestID returns an id in the form of API Gateway's extended request ids, such as JKJaXmPLvHcESHA=.
func requestID() string {
	var b [10]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base32.StdEncoding.EncodeToString(b[:])[:15] + "="
}
