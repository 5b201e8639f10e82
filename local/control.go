package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"streamotp/local/app"
	"streamotp/local/aws"
	"streamotp/local/dynamo"
	"streamotp/local/lambda"
	"streamotp/local/mailbox"
	"streamotp/local/streams"
	"streamotp/local/template"
)

// maxControl is above DynamoDB's largest item, 400 KB, as JSON.
const maxControl = 1 << 20

// controlRoutes serves the test interface and the mailbox page, for this machine only.
func controlRoutes(s *stack) http.Handler {
	m := http.NewServeMux()
	get := func(path string, f func() any) {
		m.HandleFunc("GET /_local/"+path, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, f()) })
	}
	remove := func(path string, f func()) {
		m.HandleFunc("DELETE /_local/"+path, func(w http.ResponseWriter, _ *http.Request) { f(); done(w) })
	}
	get("healthz", func() any { return map[string]string{"aws": s.awsURL} })
	get("messages", func() any { return s.mailbox.List() })
	remove("messages", s.mailbox.Clear)
	get("sent", func() any { return s.mailbox.All() })
	get("deadletters", func() any { return s.deadLetters() })
	get("calls", func() any { return s.aws.Calls() })
	remove("calls", s.aws.ClearCalls)
	remove("faults", s.aws.ClearFaults)
	m.HandleFunc("POST /_local/faults", withBody(func(_ *http.Request, body []byte) (any, error) { return nil, s.aws.AddFault(body) }))
	m.HandleFunc("POST /_local/kill", withBody(func(_ *http.Request, body []byte) (any, error) { return kill(s.host, body) }))
	m.HandleFunc("GET /_local/items", withBody(func(r *http.Request, _ []byte) (any, error) {
		t, err := tableOf(s.spec, r)
		if err != nil {
			return nil, err
		}
		return s.engine.Items(r.Context(), t.Name)
	}))
	m.HandleFunc("PUT /_local/items", withBody(func(r *http.Request, item []byte) (any, error) {
		t, err := tableOf(s.spec, r)
		if err == nil && !json.Valid(item) {
			err = fmt.Errorf("the body must be an item in DynamoDB JSON")
		}
		if err != nil {
			return nil, err
		}
		err = s.engine.Call(r.Context(), dynamo.Tables+"PutItem", map[string]any{"TableName": t.Name, "Item": json.RawMessage(item)}, nil)
		streams.Poke(s.sources, t.Name)
		return nil, err
	}))
	m.HandleFunc("GET /_local/logs", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		for _, line := range s.log.functionLines() {
			_, _ = io.WriteString(w, line+"\n")
		}
	})
	m.HandleFunc("GET /_local/events", s.mailbox.Events)
	m.HandleFunc("GET /_local/api", func(w http.ResponseWriter, r *http.Request) { apiPage(w, r, s.dir) })
	m.Handle("GET /_local/", mailbox.Page())
	(&app.App{Issuer: s.url, Path: appPath, ClientID: demoApp, Secret: s.demoSecret}).Register(m)
	if s.captcha != nil {
		s.captcha.Serve(m, func(function string, do http.Handler) http.Handler {
			return s.aws.Outside("captcha", "siteverify", function, do)
		})
	}
	all := http.NewServeMux()
	all.Handle("/", guard(m))
	// Any page may lead here, as the pages do under another name of this machine: it shows nothing that a stranger may not know.
	all.Handle("GET "+examplePath, example{strings.TrimPrefix(template.ExampleOrigin, "http://")})
	return all
}

// apiPage serves the description of the API, which `make` has built. The page contains all that it needs, and may load nothing.
func apiPage(w http.ResponseWriter, r *http.Request, dir string) {
	page := filepath.Join(dir, ".tools", "api.html")
	if _, err := os.Stat(page); err != nil {
		http.Error(w, "make .tools/api.html builds this page", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "+
		"img-src data:; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeFile(w, r, page)
}

// withBody serves a call that reads the request's body. The result is the response, as JSON; without a result there is no
// content. An error is a wrong use of the interface by the test.
func withBody(do func(r *http.Request, body []byte) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxControl))
		var result any
		if err == nil {
			result, err = do(r, body)
		}
		switch {
		case err != nil:
			http.Error(w, err.Error(), http.StatusBadRequest)
		case result == nil:
			done(w)
		default:
			writeJSON(w, result)
		}
	}
}

func tableOf(spec *template.Stack, r *http.Request) (*template.Table, error) {
	t := spec.Table(r.URL.Query().Get("table"))
	if t == nil {
		return nil, fmt.Errorf("table must be the logical id of a table of the template, as ?table=CodesTable")
	}
	return t, nil
}

func kill(host *lambda.Host, body []byte) (any, error) {
	var in struct {
		Function string `json:"function"`
	}
	if err := aws.Strict(body, &in); err != nil {
		return nil, err
	}
	n, ok := host.Kill(in.Function)
	if !ok {
		return nil, fmt.Errorf("function must be the logical id of a function of the template, not %q", in.Function)
	}
	return map[string]int{"killed": n}, nil
}

// guard rejects requests of foreign web pages. A page cannot fake a Host that is a loopback name unless it was loaded
// from such a name, so guard rejects a name that was rebound to 127.0.0.1. What a page can post without a preflight
// request carries its Origin.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		switch site := r.Header.Get("Sec-Fetch-Site"); {
		case !isLoopback((&url.URL{Host: r.Host}).Hostname()):
			http.Error(w, "the development stack answers to a loopback host name only, not to "+r.Host, http.StatusForbidden)
		case origin != "" && origin != "http://"+r.Host, site == "cross-site":
			http.Error(w, "the development stack does not answer pages from elsewhere", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func done(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) }

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v)
}
