package otp

import (
	"net"
	"net/url"
	"slices"
	"strings"
)

// maxURL is the most characters of a URL or an audience of a client: a transaction repeats the URL, and an item should stay small.
const maxURL = 1000

// Hosted reports whether people log in to the client on StreamOTP's own pages. Such a client gets tokens. It gets no proofs, since many
// libraries accept a proof as an ID token: both name the client as their audience.
func (c Client) Hosted() bool { return len(c.RedirectURIs) > 0 && len(c.Purposes) == 0 }

// NeedsPKCE reports whether the client must send a code challenge (RFC 7636).
func (c Client) NeedsPKCE() bool { return c.Type != ConfidentialClient || !c.NoPKCE }

// RedirectsTo reports whether people may be sent to a URL with an authorization code. It must be registered, to the byte. For a public
// client on 127.0.0.1 or [::1] the port may differ, since an app gets a free port from its system (RFC 8252 7.3).
func (c Client) RedirectsTo(uri string) bool {
	return slices.Contains(c.RedirectURIs, uri) || c.Type == PublicClient && slices.ContainsFunc(c.RedirectURIs, func(own string) bool {
		rest := withoutPort(uri)
		return rest != "" && rest == withoutPort(own)
	})
}

// LogsOutTo reports whether people may be sent to a URL after a logout. It must be registered, to the byte.
func (c Client) LogsOutTo(uri string) bool { return slices.Contains(c.PostLogoutURIs, uri) }

// withoutPort returns the URL of a loopback address without its port, or "" for any other URL. The name localhost is not among
// them, since it may lead elsewhere (RFC 8252 8.3).
func withoutPort(uri string) string {
	for _, host := range []string{"http://127.0.0.1", "http://[::1]"} {
		rest, ok := strings.CutPrefix(uri, host)
		if port, has := strings.CutPrefix(rest, ":"); has {
			rest = strings.TrimLeft(port, "0123456789")
			ok = ok && len(rest) < len(port)
		}
		if ok && (rest == "" || rest[0] == '/' || rest[0] == '?') {
			return host + rest
		}
	}
	return ""
}

// IsPageURL reports whether a text is a URL that people may be led to: https, or http on this machine, without a user name or a
// fragment. A text that the parser would write in another way is rejected, because a browser might read it in another way too.
func IsPageURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Hostname() != "" && u.User == nil && text == u.String() && IsSecure(u) && isURIText(text)
}

// IsSecure reports whether a page's URL has https. Plain HTTP is for this machine alone.
func IsSecure(u *url.URL) bool {
	local := u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && local
}

// IsAPIAudience reports whether a text may be the audience of access tokens for an API: an absolute URI (RFC 8707 2). No client's
// id has its colon.
func IsAPIAudience(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.IsAbs() && (u.Host != "" || u.Opaque != "") && isURIText(text)
}

// isURIText reports whether a text has only characters of a URI (RFC 3986 2), and no fragment.
func isURIText(text string) bool {
	return len(text) <= maxURL && !strings.ContainsFunc(text, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune("#\"<>\\^`{|}", r)
	})
}
