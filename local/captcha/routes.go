package captcha

import (
	"net/http"
	"time"

	"streamotp/local/template"
)

// path is the path of the stub, below the server's URL.
const path = "/_local/captcha"

// Replace puts the stub in place of the provider that the template's parameters name, and returns it: the functions get
// another URL to call, and accept the other host name of the server at url besides the site's host. It returns nil if
// there is no CAPTCHA.
func Replace(t *template.Stack, url string, now func() time.Time) *Provider {
	provider := t.Parameters["CaptchaProvider"]
	if provider == "" || provider == "none" {
		return nil
	}
	for _, f := range t.Functions {
		if variables := f.Environment.Variables; variables["CAPTCHA_URL"] != "" {
			variables["CAPTCHA_URL"] = url + path + "/siteverify?function=" + f.ID
			variables["CAPTCHA_HOSTS"] += ",localhost"
		}
	}
	return &Provider{Name: provider, SiteKey: t.Parameters["CaptchaSiteKey"], Now: now}
}

// Serve adds the stub's paths. outside serves a function's call, given the function's logical id.
func (p *Provider) Serve(m *http.ServeMux, outside func(function string, do http.Handler) http.Handler) {
	m.HandleFunc("GET "+path+"/api.js", serveScript)
	m.HandleFunc("POST "+path+"/tokens", p.solve)
	m.HandleFunc("POST "+path+"/siteverify", func(w http.ResponseWriter, r *http.Request) {
		outside(r.URL.Query().Get("function"), http.HandlerFunc(p.siteverify)).ServeHTTP(w, r)
	})
}

// Settings returns the settings in config.json, in place of those in the file. The script is the stub's. The version,
// which no parameter sets, stays as in the file.
func (p *Provider) Settings(file any) any {
	if p == nil {
		return nil
	}
	settings, ok := file.(map[string]any)
	if !ok || settings["provider"] != p.Name {
		settings = map[string]any{"provider": p.Name}
	}
	settings["siteKey"] = p.SiteKey
	settings["script"] = path + "/api.js?provider=" + p.Name
	return settings
}
