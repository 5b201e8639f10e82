package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"streamotp/shared/telemetry"
)

// Endpoint is one call of the API.
type Endpoint struct {
	Fields []string                                                // that its body may have
	Serve  func(ctx context.Context, request Request) (any, error) // the JSON of a success, or an error of the table
}

var errNoRequestID = errors.New("the event has no request id")

// margin is what stays of a function's time to answer 503 in (H3).
const margin = time.Second

// Handler serves calls by route key: with a named stage the raw path carries the stage, the route key does not.
func Handler(routes map[string]Endpoint) func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
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
		response, code, cause := answer(ctx, event, endpoint)
		attrs := []slog.Attr{
			slog.String("requestId", event.RequestContext.RequestID), slog.String("route", event.RouteKey),
			slog.Int("status", response.StatusCode), slog.String("code", code),
			slog.Int64("ms", time.Since(begun).Milliseconds()),
		}
		level := slog.LevelInfo
		if response.StatusCode >= http.StatusInternalServerError {
			level = slog.LevelError
			attrs = append(attrs, telemetry.Cause(cause))
		}
		slog.LogAttrs(ctx, level, "request", attrs...)
		return response, nil
	}
}

// answer runs a call. Code is what the log says of it; cause is nil unless the call failed.
func answer(ctx context.Context, event events.APIGatewayV2HTTPRequest, endpoint Endpoint) (
	response events.APIGatewayV2HTTPResponse, code string, cause error) {
	defer func() {
		if p := recover(); p != nil {
			slog.Error("panic", "stack", string(debug.Stack()))
			cause = fmt.Errorf("panic of type %T", p)
			response, code = problemOf(cause).response(event.RequestContext.RequestID), "internal"
		}
	}()
	if event.RequestContext.RequestID == "" { // by which a repeated write knows itself
		return problemOf(errNoRequestID).response(""), "internal", errNoRequestID
	}
	request, err := read(event, endpoint.Fields)
	if err == nil {
		var body any
		if body, err = endpoint.Serve(ctx, request); err == nil {
			return write(http.StatusOK, "application/json", body), "ok", nil
		}
	}
	p := problemOf(err)
	return p.response(request.ID), p.Code, err
}
