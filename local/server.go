package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strings"

	"streamotp/local/gateway"
	"streamotp/local/lambda"
	"streamotp/local/template"
)

// listen takes the port before anything else is done, so that a port in use is reported at once. A client that connects
// before the stack is ready waits.
func (s *stack) listen(context.Context) error {
	l, err := net.Listen("tcp", s.Addr)
	if err != nil {
		return err
	}
	s.onClose(func() { _ = l.Close() })
	s.listener, s.url = l, "http://"+l.Addr().String()
	return nil
}

// serve serves on the port: the API under its stage, the test interface under /_local/, and the pages everywhere else.
func (s *stack) serve(context.Context) error {
	api, control, pages := s.api(), s.control(), newPages(filepath.Join(s.dir, "frontend"), s.spec)
	stage := "/" + s.spec.API.Stage
	s.serveOn(s.listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case path == stage || strings.HasPrefix(path, stage+"/"):
			api.ServeHTTP(w, r)
		case path == "/_local" || strings.HasPrefix(path, "/_local/"):
			control.ServeHTTP(w, r)
		default:
			pages.ServeHTTP(w, r)
		}
	}))
	return nil
}

func (s *stack) api() *gateway.API {
	spec := s.spec.API
	api := &gateway.API{ID: template.APIID, Account: template.Account, Domain: template.APIHost, Stage: spec.Stage,
		Routes: map[string]string{}, Done: s.log.exchange}
	if c := spec.CORS; c != nil {
		api.CORS = &gateway.CORS{Origins: c.Origins, Methods: c.Methods, Headers: c.Headers, Expose: c.Expose,
			MaxAge: c.MaxAge, Credentials: c.Credentials}
	}
	if spec.Rate > 0 || spec.Burst > 0 {
		api.Limiter = &gateway.Limiter{Rate: spec.Rate, Burst: spec.Burst}
	}
	for _, f := range s.spec.Functions {
		for _, r := range f.Routes {
			api.Routes[r.Method+" "+r.Path] = f.ID
		}
	}
	api.Invoke = func(ctx context.Context, function string, event []byte, trace string) gateway.Outcome {
		r := s.host.Invoke(ctx, function, event, trace)
		s.log.invoked(function, r)
		late := errors.Is(r.Err, lambda.ErrTimeout) || errors.Is(r.Err, lambda.ErrThrottled)
		return gateway.Outcome{RequestID: r.RequestID, Payload: r.Payload, Failed: r.Err != nil, Late: late}
	}
	return api
}
