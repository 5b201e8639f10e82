package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"streamotp/local/captcha"
	"streamotp/local/template"
)

// pages serves the site's files in frontend/ from disk, and config.json with this stack's parameters.
type pages struct {
	dir        string
	parameters map[string]string
	captcha    *captcha.Provider
	headers    map[string]string // what the template's distribution sends with each page
	public     map[string]string // and with what pages of other origins may read: modules and config.json
}

func newPages(dir string, spec *template.Stack, stub *captcha.Provider) pages {
	return pages{dir, spec.Parameters, stub, plain(spec.PageHeaders), plain(spec.PublicHeaders)}
}

// plain returns headers without those that must not come over plain HTTP (RFC 6797 7.2).
func plain(headers map[string]string) map[string]string {
	headers = maps.Clone(headers)
	delete(headers, "Strict-Transport-Security")
	return headers
}

func (p pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	headers := p.headers
	if strings.HasSuffix(r.URL.Path, ".js") || r.URL.Path == "/config.json" {
		headers = p.public
	}
	set(w.Header(), headers)
	w.Header().Set("Cache-Control", "no-cache") // an edited page shows at the next reload
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	if strings.HasSuffix(r.URL.Path, "/") {
		name = path.Join(name, "index.html")
	}
	if name == "config.json" {
		p.settings(w, r)
		return
	}
	if !servable(name) || !p.serve(w, r, name) {
		http.Error(w, "Not Found", http.StatusNotFound)
	}
}

// serve returns false if there is no such file. It does not follow a link out of the folder.
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

// settings serves config.json as a deployment with these parameters would.
func (p pages) settings(w http.ResponseWriter, r *http.Request) {
	data, err := os.ReadFile(filepath.Join(p.dir, "config.json"))
	settings := map[string]any{}
	if err != nil || json.Unmarshal(data, &settings) != nil {
		http.Error(w, "frontend/config.json is missing or no JSON", http.StatusInternalServerError)
		return
	}
	for setting, name := range map[string]string{"appName": "AppName", "codeLength": "CodeLength", "codeTtlSeconds": "CodeTtlSeconds",
		"resendCooldownSeconds": "ResendCooldownSeconds"} {
		value, ok := p.parameters[name]
		if n, err := strconv.Atoi(value); err == nil && name != "AppName" {
			settings[setting] = n
		} else if ok {
			settings[setting] = value
		}
	}
	if countries, ok := p.parameters["AllowedCountries"]; ok && countries == "" {
		settings["channels"] = []string{"email"}
	}
	settings["mailbox"] = "/_local/" // only here: a deployment sends codes to their owners alone
	settings["captcha"] = p.captcha.Settings(settings["captcha"])
	writeJSON(w, settings)
}

// servable reports whether a file belongs to the site, that is, to its pages and what they load. Tests and Go files do
// not.
func servable(name string) bool {
	return !strings.Contains(name, "/") && !strings.HasPrefix(name, ".") &&
		slices.Contains([]string{".html", ".css", ".svg", ".js"}, path.Ext(name))
}
