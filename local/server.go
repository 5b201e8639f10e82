package main

import (
	"net/http"
	"path/filepath"
	"strings"

	"streamotp/local/gateway"
)

// under returns a request for the same path under another one.
func under(parent string, r *http.Request) *http.Request {
	r = r.Clone(r.Context())
	r.URL.Path, r.URL.RawPath = parent+r.URL.Path, ""
	return r
}

// routes serves the API under its stage, the test interface under /_local/, and the pages everywhere else.
func (s *stack) routes() http.Handler {
	control, pages := controlRoutes(s), newPages(filepath.Join(s.dir, "frontend"), s.spec, s.captcha)
	api := &gateway.API{API: s.spec.API, Routes: map[string]string{}, Invoke: s.host.Invoke, Done: s.log.exchange}
	for _, f := range s.spec.Functions {
		for _, r := range f.Routes {
			api.Routes[r.Method+" "+r.Path] = f.ID
		}
	}
	stage, public, oauth := "/"+s.spec.API.StageName, plain(s.spec.PublicHeaders), plain(s.spec.OauthHeaders)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case strings.HasPrefix(path, stage+"/oauth2/") && path != stage+"/oauth2/token" && path != stage+"/oauth2/userinfo": // as the distribution's paths
			set(w.Header(), oauth)
			api.ServeHTTP(without{w, s.spec.OauthRemoved}, r)
		case path == stage || strings.HasPrefix(path, stage+"/"):
			api.ServeHTTP(w, r)
		case strings.HasPrefix(path, "/.well-known/"): // the distribution has a path for it, whose origin is the stage
			set(w.Header(), public)
			api.ServeHTTP(w, under(stage, r))
		case path == "/_local" || strings.HasPrefix(path, "/_local/"):
			control.ServeHTTP(w, r)
		default:
			pages.ServeHTTP(w, r)
		}
	})
}

func set(h http.Header, values map[string]string) {
	for name, value := range values {
		h.Set(name, value)
	}
}

// without takes headers away from a response.
type without struct {
	http.ResponseWriter
	names []string
}

func (w without) WriteHeader(status int) {
	for _, name := range w.names {
		w.Header().Del(name)
	}
	w.ResponseWriter.WriteHeader(status)
}
