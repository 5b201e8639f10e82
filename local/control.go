package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// maxControl is above DynamoDB's largest item, 400 KB, as JSON.
const maxControl = 1 << 20

// control serves the test interface and the mailbox page, for this machine only.
func (s *stack) control() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /_local/healthz", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, map[string]string{"aws": s.awsURL}) })
	m.HandleFunc("GET /_local/messages", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.mailbox.list()) })
	m.HandleFunc("GET /_local/sent", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.mailbox.all()) })
	m.HandleFunc("DELETE /_local/messages", func(w http.ResponseWriter, _ *http.Request) { s.mailbox.clear(); done(w) })
	m.HandleFunc("GET /_local/events", s.mailbox.events)
	m.HandleFunc("GET /_local/deadletters", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.deadLetters()) })
	m.HandleFunc("GET /_local/logs", s.getLogs)
	m.HandleFunc("GET /_local/calls", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, json.RawMessage(s.aws.Calls())) })
	m.HandleFunc("DELETE /_local/calls", func(w http.ResponseWriter, _ *http.Request) { s.aws.ClearCalls(); done(w) })
	m.HandleFunc("GET /_local/items", s.getItems)
	m.HandleFunc("PUT /_local/items", s.putItems)
	m.HandleFunc("POST /_local/faults", s.postFaults)
	m.HandleFunc("DELETE /_local/faults", func(w http.ResponseWriter, _ *http.Request) { s.aws.ClearFaults(); done(w) })
	m.HandleFunc("POST /_local/kill", s.postKill)
	s.captchaRoutes(m)
	m.Handle("GET /_local/", mailboxPage())
	return guard(m)
}

// guard rejects requests of foreign web pages. A page cannot fake a Host that is a loopback name unless it was loaded
// from such a name, so guard rejects a name that was rebound to 127.0.0.1. What a page can post without a preflight
// request carries its Origin.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		switch site := r.Header.Get("Sec-Fetch-Site"); {
		case !isLoopback(hostname(r.Host)):
			http.Error(w, "the development stack answers to a loopback host name only, not to "+r.Host, http.StatusForbidden)
		case origin != "" && origin != "http://"+r.Host, site == "cross-site":
			http.Error(w, "the development stack does not answer pages from elsewhere", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func hostname(host string) string {
	u, err := url.Parse("http://" + host)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

func (s *stack) getLogs(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(s.log.functionLines())
}

func (s *stack) getItems(w http.ResponseWriter, r *http.Request) {
	t, ok := s.table(r.URL.Query().Get("table"))
	if !ok {
		wrong(w, fmt.Errorf("table must be the logical id of a table of the template, as ?table=CodesTable"))
		return
	}
	items, err := s.items(r.Context(), t.Name)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	writeJSON(w, items)
}

func (s *stack) putItems(w http.ResponseWriter, r *http.Request) {
	t, ok := s.table(r.URL.Query().Get("table"))
	if !ok {
		wrong(w, fmt.Errorf("table must be the logical id of a table of the template, as ?table=CodesTable"))
		return
	}
	body, ok := read(w, r)
	if !ok {
		return
	}
	if !json.Valid(body) {
		wrong(w, fmt.Errorf("the body must be an item in DynamoDB JSON"))
		return
	}
	if err := s.putItem(r.Context(), t.Name, body); err != nil {
		wrong(w, err)
		return
	}
	done(w)
}

func (s *stack) postFaults(w http.ResponseWriter, r *http.Request) {
	body, ok := read(w, r)
	if !ok {
		return
	}
	if err := s.aws.AddFault(body); err != nil {
		wrong(w, err)
		return
	}
	done(w)
}

func (s *stack) postKill(w http.ResponseWriter, r *http.Request) {
	body, ok := read(w, r)
	if !ok {
		return
	}
	var in struct {
		Function string `json:"function"`
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		wrong(w, err)
		return
	}
	n, ok := s.host.Kill(in.Function)
	if !ok {
		wrong(w, fmt.Errorf("function must be the logical id of a function of the template, not %q", in.Function))
		return
	}
	writeJSON(w, map[string]int{"killed": n})
}

func read(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxControl))
	if err != nil {
		wrong(w, err)
		return nil, false
	}
	return body, true
}

// wrong reports a wrong use of the interface to the test.
func wrong(w http.ResponseWriter, err error) { http.Error(w, err.Error(), http.StatusBadRequest) }

func done(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) }

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v)
}
