package gateway

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"streamotp/local/template"
)

// allows returns Access-Control-Allow-Origin for an origin, or "" if the origin is not allowed.
func allows(c *template.CORS, origin string) string {
	switch {
	case c == nil || origin == "":
		return ""
	case slices.Contains(c.AllowOrigins, "*"):
		return "*"
	case slices.Contains(c.AllowOrigins, origin):
		return origin
	}
	return ""
}

// decorate adds the headers that every response to an allowed origin has.
func decorate(c *template.CORS, h http.Header, origin string) {
	allowed := allows(c, origin)
	if allowed == "" {
		return
	}
	h.Set("Access-Control-Allow-Origin", allowed)
	if allowed != "*" {
		h.Set("Vary", "Origin")
	}
	if c.AllowCredentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if len(c.ExposeHeaders) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(c.ExposeHeaders, ","))
	}
}

// preflight answers a preflight request itself, with or without an OPTIONS route, and for every origin. The response to
// an origin that is not allowed has no CORS headers.
func preflight(c *template.CORS, w http.ResponseWriter, r *http.Request) bool {
	if c == nil || r.Method != http.MethodOptions || r.Header.Get("Origin") == "" || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h := w.Header()
	if allows(c, r.Header.Get("Origin")) != "" {
		h.Set("Access-Control-Allow-Methods", strings.Join(c.AllowMethods, ","))
		h.Set("Access-Control-Allow-Headers", strings.Join(c.AllowHeaders, ","))
		h.Set("Access-Control-Max-Age", strconv.Itoa(c.MaxAge))
	}
	w.WriteHeader(http.StatusNoContent)
	return true
}
