package gateway

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// allows returns Access-Control-Allow-Origin for an origin, or "" if the origin is not allowed.
func (c *CORS) allows(origin string) string {
	switch {
	case c == nil || origin == "":
		return ""
	case slices.Contains(c.Origins, "*"):
		return "*"
	case slices.Contains(c.Origins, origin):
		return origin
	}
	return ""
}

// decorate adds the headers that every response to an allowed origin has.
func (c *CORS) decorate(h http.Header, origin string) {
	allowed := c.allows(origin)
	if allowed == "" {
		return
	}
	h.Set("Access-Control-Allow-Origin", allowed)
	if allowed != "*" {
		h.Set("Vary", "Origin")
	}
	if c.Credentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if len(c.Expose) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(c.Expose, ","))
	}
}

// preflight answers a preflight request itself, with or without an OPTIONS route, and for every origin. The response to
// an origin that is not allowed has no CORS headers.
func (c *CORS) preflight(w http.ResponseWriter, r *http.Request) bool {
	if c == nil || r.Method != http.MethodOptions || r.Header.Get("Origin") == "" || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h := w.Header()
	if c.allows(r.Header.Get("Origin")) != "" {
		h.Set("Access-Control-Allow-Methods", strings.Join(c.Methods, ","))
		h.Set("Access-Control-Allow-Headers", strings.Join(c.Headers, ","))
		h.Set("Access-Control-Max-Age", strconv.Itoa(c.MaxAge))
	}
	w.WriteHeader(http.StatusNoContent)
	return true
}

func isCORS(header string) bool {
	return strings.HasPrefix(strings.ToLower(header), "access-control-")
}
