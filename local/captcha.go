package main

import (
	"net/http"

	"streamotp/local/captcha"
)

// captchaStub is the path of the provider's stub, below the server's URL.
const captchaStub = "/_local/captcha"

// useCaptchaStub puts the stub in place of the provider: the functions get another URL to call, and accept this server's
// other host name besides the site's host. Without a CAPTCHA it does nothing.
func (s *stack) useCaptchaStub() {
	p := s.spec.Parameters
	if p["CaptchaProvider"] == "" || p["CaptchaProvider"] == "none" {
		return
	}
	s.captcha = &captcha.Provider{Name: p["CaptchaProvider"], SiteKey: p["CaptchaSiteKey"], Now: s.Now}
	for _, f := range s.spec.Functions {
		if f.Environment["CAPTCHA_URL"] == "" {
			continue
		}
		f.Environment["CAPTCHA_URL"] = s.url + captchaStub + "/siteverify?function=" + f.ID
		f.Environment["CAPTCHA_HOSTS"] += ",localhost"
	}
}

// captchaRoutes serves the stub, if there is one.
func (s *stack) captchaRoutes(m *http.ServeMux) {
	if s.captcha == nil {
		return
	}
	m.HandleFunc("GET "+captchaStub+"/api.js", captcha.Script)
	m.HandleFunc("POST "+captchaStub+"/tokens", s.captcha.Solve)
	m.HandleFunc("POST "+captchaStub+"/siteverify", func(w http.ResponseWriter, r *http.Request) {
		s.aws.Outside("captcha", "siteverify", r.URL.Query().Get("function"), http.HandlerFunc(s.captcha.Siteverify)).ServeHTTP(w, r)
	})
}

// captchaSettings returns the settings in config.json for the provider that the parameters name. The script is the
// stub's. The version, which no parameter sets, stays as in the file.
func captchaSettings(parameters map[string]string, file any) any {
	provider := parameters["CaptchaProvider"]
	if provider == "" || provider == "none" {
		return nil
	}
	settings, ok := file.(map[string]any)
	if !ok || settings["provider"] != provider {
		settings = map[string]any{"provider": provider}
	}
	settings["siteKey"] = parameters["CaptchaSiteKey"]
	settings["script"] = captchaStub + "/api.js?provider=" + provider
	return settings
}
