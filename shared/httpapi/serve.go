package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"streamotp/shared/otp"
	"streamotp/shared/telemetry"
)

// Endpoint is one call of the API.
type Endpoint struct {
	Fields []string                                                // the names that its body may have
	Serve  func(ctx context.Context, request Request) (any, error) // returns a success as JSON (and perhaps a delayed), or an error of the table
	Counts string                                                  // the event that a success counts as, unless the handler sets another

	Ungated bool // it does not pass the gate
	Open    Open // serves the call instead of Serve, if its requests or responses are not JSON
}

// Open serves a call of another form than this API's. It always returns a response; the error is the cause of a failure, which is only
// logged.
type Open func(ctx context.Context, event events.APIGatewayV2HTTPRequest, audit *telemetry.Event) (events.APIGatewayV2HTTPResponse, error)

// delayed is a success with a Retry-After header, unless that is 0.
type delayed interface{ RetryAfter() time.Duration }

var (
	errNoRequestID = errors.New("the event has no request id")
	errForbidden   = errors.New("the gate is closed to this call")
)

// margin is the part of a function's time that is kept for responding with 503 (H3).
const margin = time.Second

// Servers finds out which client's server makes a call, by the credentials in its header authorization, if it has them. source is
// the address that API Gateway saw.
type Servers interface {
	Server(ctx context.Context, header map[string]string, source, requestID string) (*otp.Client, error)
}

// Gate reports, by its headers, whether a request may be served at all. A nil Gate accepts every request.
type Gate func(ctx context.Context, header map[string]string) (bool, error)

// Handler serves requests by route key: with a named stage, the raw path contains the stage and the route key does not.
//
// A server's call with right credentials needs not pass the gate. If servers is nil, no call counts as a server's.
func Handler(routes map[string]Endpoint, gate Gate, servers Servers) func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	return func(ctx context.Context, event events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		endpoint, ok := routes[event.RouteKey]
		if !ok {
			return write(http.StatusNotFound, "application/json", map[string]string{"message": "Not Found"}), nil
		}
		if deadline, ok := ctx.Deadline(); ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, deadline.Add(-margin))
			defer cancel()
		}
		begun := time.Now()
		o := answer(ctx, event, endpoint, gate, servers)
		attrs := append([]slog.Attr{
			slog.String("requestId", event.RequestContext.RequestID), slog.String("route", event.RouteKey),
			slog.Int("status", o.response.StatusCode), slog.String("code", o.code),
			slog.Int64("ms", time.Since(begun).Milliseconds()),
		}, o.event.Attrs(begun)...)
		level := slog.LevelInfo
		if o.response.StatusCode >= http.StatusInternalServerError {
			level = slog.LevelError
			attrs = append(attrs, telemetry.Cause(o.cause))
		}
		slog.LogAttrs(ctx, level, "request", attrs...)
		return o.response, nil
	}
}

// outcome is a response and what the log reports about it.
type outcome struct {
	response events.APIGatewayV2HTTPResponse
	code     string
	cause    error // nil unless the call failed
	event    telemetry.Event
}

// answer serves one request.
func answer(ctx context.Context, event events.APIGatewayV2HTTPRequest, endpoint Endpoint, gate Gate, servers Servers) (o outcome) {
	id := event.RequestContext.RequestID
	defer func() {
		if p := recover(); p != nil {
			slog.Error("panic", "stack", string(debug.Stack()))
			o = failure(fmt.Errorf("panic of type %T", p), id, telemetry.Event{})
		}
	}()
	if id == "" { // a repeated write is recognised by it
		return failure(errNoRequestID, id, telemetry.Event{})
	}
	var server *otp.Client
	var err error
	if servers != nil {
		server, err = servers.Server(ctx, event.Headers, event.RequestContext.HTTP.SourceIP, id)
	}
	if err == nil && server == nil && !endpoint.Ungated {
		err = gate.pass(ctx, event.Headers)
	}
	if err != nil {
		return failure(err, id, telemetry.Event{})
	}
	if endpoint.Open != nil {
		o.response, o.cause = endpoint.Open(ctx, event, &o.event)
		o.code = strings.ToLower(http.StatusText(o.response.StatusCode))
		return o
	}
	request, err := read(event, endpoint.Fields)
	if err != nil {
		return failure(err, id, telemetry.Event{})
	}
	if request.Server = server; server != nil {
		request.Event.Client = server.ID
	}
	body, err := endpoint.Serve(ctx, request)
	if err != nil {
		return failure(err, id, *request.Event)
	}
	o = outcome{response: write(http.StatusOK, "application/json", body), code: "ok", event: *request.Event}
	if d, ok := body.(delayed); ok {
		setRetryAfter(o.response, d.RetryAfter())
	}
	o.event.Name = cmp.Or(o.event.Name, endpoint.Counts)
	return o
}

// pass returns nil if a request may be served.
func (g Gate) pass(ctx context.Context, header map[string]string) error {
	if g == nil {
		return nil
	}
	if ok, err := g(ctx, header); err != nil || ok {
		return err
	}
	return errForbidden
}

// failure returns the response to an error. It counts as the table says, with the handler's reason if there is one.
func failure(err error, id string, event telemetry.Event) outcome {
	if errors.Is(err, errForbidden) { // in API Gateway's words: the caller went around CloudFront, so it is not at our API
		event.Name, event.Reason = telemetry.Blocked, "origin"
		return outcome{response: write(http.StatusForbidden, "application/json", map[string]string{"message": "Forbidden"}), code: "forbidden", event: event}
	}
	p := problemOf(err)
	if p.event != "" {
		event.Name, event.Reason = p.event, cmp.Or(event.Reason, p.Code)
	}
	return outcome{response: p.response(id), code: p.Code, cause: err, event: event}
}
