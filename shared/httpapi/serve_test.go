package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"

	"streamotp/shared/otp"
	"streamotp/shared/password"
)

// call serves one event with an endpoint that returns body and err, and returns the response and the log.
func call(t *testing.T, serve func(ctx context.Context, r Request) (any, error)) (status int, header map[string]string, body map[string]any, log string) {
	t.Helper()
	var lines bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&lines, nil)))
	defer slog.SetDefault(before)
	e := event(`{"a":"hunter2"}`)
	e.RequestContext.RequestID = "request-1"
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	response, err := Handler(map[string]Endpoint{"POST /x": {Fields: []string{"a"}, Serve: serve}}, nil, nil)(ctx, e)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(response.Body), &body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Headers, body, lines.String()
}

func TestErrorTable(t *testing.T) {
	aws := &smithy.OperationError{ServiceID: "DynamoDB", OperationName: "PutItem",
		Err: &smithy.GenericAPIError{Code: "ThrottlingException", Message: "ada@example.com hunter2"}}
	for _, test := range []struct {
		err    error
		status int
		code   string
		extra  string // a member that must be there
		retry  string
	}{
		{Invalid("a", "is bad"), 400, "invalid_request", "errors", ""},
		{&otp.UnsupportedError{Reason: "no", Countries: []string{"DE"}}, 400, "unsupported_destination", "supportedCountries", ""},
		{ErrInvalidCredentials, 401, "invalid_credentials", "", ""},
		{&otp.WrongCodeError{AttemptsRemaining: 1}, 401, "wrong_code", "attemptsRemaining", ""},
		{&otp.WrongCodeError{RetryAfter: 15 * time.Minute}, 401, "wrong_code", "attemptsRemaining", "900"},
		{&otp.LockedError{RetryAfter: 1500 * time.Millisecond}, 403, "locked", "", "2"},
		{otp.ErrSessionNotFound, 404, "session_not_found", "", ""},
		{otp.ErrCodeExpired, 410, "code_expired", "", ""},
		{otp.ErrCodeUsed, 410, "code_used", "", ""},
		{errTooLarge, 413, "too_large", "", ""},
		{errNotJSON, 415, "not_json", "", ""},
		{&password.WeakError{Reasons: []string{"common"}}, 422, "weak_password", "reasons", ""},
		{&otp.TooManyRequestsError{RetryAfter: time.Second}, 429, "too_many_requests", "", "1"},
		{errors.New("hunter2"), 500, "internal", "", ""},
		{aws, 503, "unavailable", "", "5"},
		{context.DeadlineExceeded, 503, "unavailable", "", "5"},
		{otp.ErrUnknownKey, 503, "unavailable", "", "5"},
		{&otp.UnavailableError{Reason: "no secret"}, 503, "unavailable", "", "5"},
	} {
		t.Run(test.code, func(t *testing.T) {
			status, header, body, log := call(t, func(context.Context, Request) (any, error) {
				return nil, fmt.Errorf("hunter2: %w", test.err)
			})
			if status != test.status || body["code"] != test.code || header["content-type"] != "application/problem+json" ||
				body["requestId"] != "request-1" || body["status"] != float64(status) || body["title"] == "" {
				t.Errorf("%d %v %v", status, header, body)
			}
			if _, ok := body[test.extra]; test.extra != "" && !ok {
				t.Errorf("%v lacks %s", body, test.extra)
			}
			if header["x-content-type-options"] != "nosniff" || header["cache-control"] != "no-store" {
				t.Errorf("headers %v", header)
			}
			if header["retry-after"] != test.retry {
				t.Errorf("retry-after %q", header["retry-after"])
			}
			if text := fmt.Sprint(body, header, log); strings.Contains(text, "hunter2") || strings.Contains(text, "ada@") {
				t.Errorf("H2: a cause or a value got out: %s", text)
			}
			if counted := strings.Contains(log, `"ProviderError":1`) || strings.Contains(log, `"ServerError":1`); counted != (status >= 500) {
				t.Errorf("as a failure is counted: %s", log)
			}
			if strings.Count(log, "\n") != 1 || (status >= 500) != strings.Contains(log, `"ERROR"`) {
				t.Errorf("log: %s", log)
			}
		})
	}
}

func TestHandler(t *testing.T) {
	t.Run("a panic is an internal error and its value is not logged", func(t *testing.T) {
		status, _, body, log := call(t, func(context.Context, Request) (any, error) { panic("hunter2") })
		if status != 500 || body["code"] != "internal" || strings.Contains(log, "hunter2") || !strings.Contains(log, "serve_test.go") ||
			!strings.Contains(log, `"ServerError":1`) {
			t.Errorf("%d %v\n%s", status, body, log)
		}
	})
	t.Run("H3: a call ends a second before the function would", func(t *testing.T) {
		status, _, _, _ := call(t, func(ctx context.Context, _ Request) (any, error) {
			if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > 9*time.Second {
				t.Errorf("deadline %v", deadline)
			}
			return map[string]bool{"ok": true}, nil
		})
		if status != 200 {
			t.Error(status)
		}
	})
	t.Run("an unknown route answers as API Gateway does", func(t *testing.T) {
		e := event("{}")
		e.RouteKey = "POST /y"
		response, err := Handler(nil, nil, nil)(context.Background(), e)
		if err != nil || response.StatusCode != 404 || response.Body != `{"message":"Not Found"}` {
			t.Errorf("%+v, %v", response, err)
		}
	})
}

func TestGate(t *testing.T) {
	served := 0
	routes := map[string]Endpoint{"POST /x": {Serve: func(context.Context, Request) (any, error) { served++; return "served", nil }}}
	for name, test := range map[string]struct {
		open   bool
		err    error
		body   string
		status int
		want   string
	}{
		"an open one serves":                                  {true, nil, "{}", 200, `"served"`},
		"a closed one rejects as API Gateway does":            {false, nil, "{}", 403, `{"message":"Forbidden"}`},
		"a closed one does not say what is wrong with a body": {false, nil, "x", 403, `{"message":"Forbidden"}`},
		"one that cannot decide fails closed":                 {false, &otp.UnavailableError{Reason: "no secret"}, "{}", 503, `"unavailable"`},
	} {
		t.Run(name, func(t *testing.T) {
			served = 0
			e := event(test.body)
			e.RequestContext.RequestID = "request-1"
			e.Headers["x-claim"] = "mine"
			gate := func(_ context.Context, header map[string]string) (bool, error) {
				if header["x-claim"] != "mine" {
					t.Errorf("the gate sees %v", header)
				}
				return test.open, test.err
			}
			response, err := Handler(routes, gate, nil)(context.Background(), e)
			if err != nil || response.StatusCode != test.status || !strings.Contains(response.Body, test.want) || (served == 1) != test.open {
				t.Errorf("%+v, %v, served %d", response, err, served)
			}
		})
	}
}

// servers finds the client of every call, or fails.
type servers struct {
	client *otp.Client
	err    error
}

func (s servers) Server(context.Context, map[string]string, string, string) (*otp.Client, error) {
	return s.client, s.err
}

// TestServers: a server's call with right credentials passes a closed gate. With wrong ones nothing is served, whatever the gate says.
func TestServers(t *testing.T) {
	var seen Request
	routes := map[string]Endpoint{"POST /x": {Serve: func(_ context.Context, r Request) (any, error) { seen = r; return "served", nil }}}
	for name, test := range map[string]struct {
		servers servers
		open    bool
		status  int
		want    string
	}{
		"right credentials, a closed gate":  {servers{client: &otp.Client{ID: "shop"}}, false, 200, `"served"`},
		"no credentials, a closed gate":     {servers{}, false, 403, `{"message":"Forbidden"}`},
		"no credentials, an open gate":      {servers{}, true, 200, `"served"`},
		"wrong credentials, an open gate":   {servers{err: otp.ErrInvalidClient}, true, 401, `"invalid_client"`},
		"credentials that cannot be judged": {servers{err: &otp.UnavailableError{Reason: "no table"}}, true, 503, `"unavailable"`},
	} {
		t.Run(name, func(t *testing.T) {
			seen = Request{}
			e := event("{}")
			e.RequestContext.RequestID = "request-1"
			gate := func(context.Context, map[string]string) (bool, error) { return test.open, nil }
			response, err := Handler(routes, gate, test.servers)(context.Background(), e)
			if err != nil || response.StatusCode != test.status || !strings.Contains(response.Body, test.want) {
				t.Errorf("%+v, %v", response, err)
			}
			if seen.ID != "" && seen.Server != test.servers.client {
				t.Errorf("the handler sees %+v", seen.Server)
			}
		})
	}
}
