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
	stage, public := "/"+s.spec.API.StageName, plain(s.spec.PublicHeaders)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case path == stage || strings.HasPrefix(path, stage+"/"):
			api.ServeHTTP(w, r)
		case strings.HasPrefix(path, "/.well-known/"): // the distribution has a path for it, whose origin is the stage
			for name, value := range public {
				w.Header().Set(name, value)
			}
			api.ServeHTTP(w, under(stage, r))
		case path == "/_local" || strings.HasPrefix(path, "/_local/"):
			control.ServeHTTP(w, r)
		default:
			pages.ServeHTTP(w, r)
		}
	})
}
