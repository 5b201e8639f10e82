package main

import (
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// pageHeaders are what a host of the pages should send with each of them.
var pageHeaders = map[string]string{
	"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	"X-Content-Type-Options": "nosniff",
	"Referrer-Policy":        "no-referrer",
	"Cache-Control":          "no-cache", // an edited page shows at the next reload
}

// pages serves the files of frontend/ from disk.
type pages struct{ dir string }

func newPages(project string) pages { return pages{filepath.Join(project, "frontend")} }

func (p pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, value := range pageHeaders {
		w.Header().Set(name, value)
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	if strings.HasSuffix(r.URL.Path, "/") {
		name = path.Join(name, "index.html")
	}
	if !servable(name) || !p.serve(w, r, name) {
		http.Error(w, "Not Found", http.StatusNotFound)
	}
}

// serve is false if there is no such file. A link out of the folder is not followed.
func (p pages) serve(w http.ResponseWriter, r *http.Request, name string) bool {
	root, err := os.OpenRoot(p.dir)
	if err != nil {
		return false
	}
	defer func() { _ = root.Close() }()
	f, err := root.Open(name)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		return false
	}
	http.ServeContent(w, r, name, info.ModTime(), f)
	return true
}

// servable keeps back what lies in the folder but is no part of the pages: Go's files and hidden ones.
func servable(name string) bool {
	for _, part := range strings.Split(name, "/") {
		if strings.HasPrefix(part, ".") || part == "node_modules" {
			return false
		}
	}
	return !strings.HasSuffix(name, ".go") && path.Base(name) != "go.mod" && path.Base(name) != "go.sum"
}
