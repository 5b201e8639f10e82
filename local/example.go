package main

import (
	_ "embed"
	"net"
	"net/http"
	"time"
)

// examplePath is the demo client's home URL on this server.
const examplePath = "/_local/example"

// exampleDialTime is the most that finding out may take. On loopback the answer comes at once.
const exampleDialTime = 500 * time.Millisecond

// example leads to the example application, which somebody starts beside the stack, or says how to start it.
type example struct{ address string }

//go:embed example.html
var examplePage []byte

func (e example) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	connection, err := (&net.Dialer{Timeout: exampleDialTime}).DialContext(r.Context(), "tcp", e.address)
	if err == nil {
		_ = connection.Close()
		http.Redirect(w, r, "http://"+e.address+"/", http.StatusFound)
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(examplePage)
}
