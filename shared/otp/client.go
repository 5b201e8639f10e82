package otp

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"io"
	"slices"
	"strings"
	"time"
)

// ClientType says whether a client can keep a secret (RFC 6749 2.1).
type ClientType string

const (
	PublicClient       ClientType = "public"       // runs in browsers or apps, where everybody can read what it knows
	ConfidentialClient ClientType = "confidential" // a server, which proves itself with a secret
)

// ErrInvalidClient says that credentials are not those of a client. It is the same for a client that does not exist.
var ErrInvalidClient = errors.New("the client's credentials are wrong")

// ErrInvalidProof says that a token is not one of ours, or is for something else.
var ErrInvalidProof = errors.New("the token is not one of ours, or is for something else")

// Client is an application that relies on what StreamOTP proves.
type Client struct {
	ID           string // base64url, 22 characters
	Name         string // what messages call it: AppName's pattern
	Type         ClientType
	SecretHashes []string  // of a confidential client, by HashSecret; two while a secret is rotated, the newer one first
	Purposes     []Purpose // that it may ask a proof for
	Origins      []string  // that its pages may have, as https://www.example.com; empty for any
	HomeURL      string    // where people go on after a login that no application asked for; empty for none
	CreatedAt    time.Time

	// Only a client of hosted login has these. It has RedirectURIs and no Purposes.
	RedirectURIs   []string  // where people may be sent with an authorization code
	PostLogoutURIs []string  // where they may be sent after a logout
	Logins         []Purpose // of the codes by which people may log in to it; empty for Login alone
	NoPKCE         bool      // a confidential client that sends no code challenge
	APIAudience    string    // of its access tokens, which are JWTs then; empty for opaque ones
}

// MayAsk reports whether the client may ask a proof for a purpose.
func (c Client) MayAsk(p Purpose) bool {
	return len(c.RedirectURIs) == 0 && slices.Contains(c.Purposes, p)
}

// LogsInBy returns the purposes of codes that log people in to the client on our own pages, and give at least the wanted level.
func (c Client) LogsInBy(wanted string) (purposes []Purpose) {
	for _, p := range []Purpose{Login, Passwordless} {
		allowed := slices.Contains(c.Logins, p) || len(c.Logins) == 0 && p == Login
		if allowed && Meets(p.Level(), wanted) {
			purposes = append(purposes, p)
		}
	}
	return purposes
}

// AllowsOrigin reports whether the client's pages may have this origin. A call from no page has none.
func (c Client) AllowsOrigin(origin string) bool {
	return origin == "" || len(c.Origins) == 0 || slices.Contains(c.Origins, origin)
}

// HasSecret reports whether a secret is one of the client's. It compares in constant time.
func (c Client) HasSecret(secret string) bool {
	hash, has := []byte(HashSecret(secret)), 0
	for _, own := range c.SecretHashes {
		has |= subtle.ConstantTimeCompare(hash, []byte(own))
	}
	return has == 1 && c.Type == ConfidentialClient
}

// HashSecret returns what is kept of a client's secret: its SHA-256, base64url. A secret has 256 random bits, so that a hash made
// for passwords would protect it no better.
func HashSecret(secret string) string {
	hash := sha256.Sum256([]byte(secret))
	return base64.RawURLEncoding.EncodeToString(hash[:])
}

// NewClientID returns 128 random bits, base64url. The text does not begin with a hyphen, since a command line would take it for a
// flag.
func NewClientID(random io.Reader) (string, error) {
	for {
		id, err := randomBytes(random, 16)
		if err != nil || id[0] != '-' {
			return id, err
		}
	}
}

// IsClientID reports whether a text could be a client's id: base64url, at most 64 characters.
func IsClientID(text string) bool {
	return text != "" && len(text) <= 64 && strings.Trim(text, base64url) == ""
}

const base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// NewClientSecret returns 256 random bits, base64url.
func NewClientSecret(random io.Reader) (string, error) { return randomBytes(random, 32) }

// randomBytes returns random bytes as base64url.
func randomBytes(random io.Reader, bytes int) (string, error) {
	b := make([]byte, bytes)
	_, err := io.ReadFull(random, b)
	return base64.RawURLEncoding.EncodeToString(b), err
}

// MaxNonce is the most characters that a nonce may have.
const MaxNonce = 128

// IsNonce reports whether a text may be a nonce: 1 to MaxNonce printable ASCII characters.
func IsNonce(text string) bool {
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return text != "" && len(text) <= MaxNonce
}
