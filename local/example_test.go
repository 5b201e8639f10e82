package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestExample: the demo client's home leads to the example application while it runs, and else says how to start it.
func TestExample(t *testing.T) {
	application := httptest.NewServer(http.NotFoundHandler())
	e := example{strings.TrimPrefix(application.URL, "http://")}
	visit := func() (status int, header http.Header, text string) {
		w := httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequest(http.MethodGet, examplePath, nil))
		return w.Code, w.Header(), w.Body.String()
	}
	if status, header, _ := visit(); status != http.StatusFound || header.Get("Location") != application.URL+"/" || header.Get("Cache-Control") != "no-store" {
		t.Errorf("while it runs: %d %v", status, header)
	}
	application.Close()
	status, header, text := visit()
	if status != http.StatusOK || header.Get("Location") != "" || header.Get("Cache-Control") != "no-store" {
		t.Errorf("while it does not: %d %v", status, header)
	}
	for _, says := range []string{"is not running", "make example-node", "make example-python", "make example-go"} {
		if !strings.Contains(text, says) {
			t.Errorf("the page does not say %q", says)
		}
	}
	policy := header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none';") || strings.Contains(policy, "script-src") || strings.Contains(policy, "unsafe") || strings.Contains(text, "<script") {
		t.Errorf("the policy is %s", policy)
	}
}
