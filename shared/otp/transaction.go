package otp

import (
	"crypto/subtle"
	"errors"
	"io"
	"strings"
	"time"
)

// The lives of what an application gets.
const (
	TransactionLife = 15 * time.Minute // from the application's request to the right code
	GrantLife       = time.Minute      // of an authorization code, which one redirect carries (RFC 6749 4.1.2: ten minutes at most)
	IDTokenLife     = 10 * time.Minute
	AccessTokenLife = 15 * time.Minute
)

// Why a transaction cannot go on; httpapi has the status of each.
var (
	ErrNoTransaction   = errors.New("unknown or expired transaction, or one of another browser")
	ErrTransactionOver = errors.New("the transaction has expired, or was completed before")
)

// Transaction is one login to an application on StreamOTP's own pages, from the application's request to its tokens. Whoever knows ID
// alone can do nothing with it: completing it takes the cookie of the browser in which it began, and a proof for it.
type Transaction struct {
	ID          string // 128 random bits, base64url; the fragment of the login page's URL
	Browser     string // hash of the browser's cookie, by HashSecret, as all hashes here
	ClientID    string
	RedirectURI string
	Challenge   string   // of PKCE, S256; empty for none
	Scopes      []string // that were granted
	WantedLevel string   // acr that the application asked for; empty for any
	KeyID       string   // the key that made Sealed and, once there is one, the authorization code
	Sealed      []byte   // TransactionContents, by Keyring.SealTransaction
	CreatedAt   time.Time
	ExpiresAt   time.Time // of the transaction, then of the authorization code, then of the access token

	// Since the person logged in.
	CodeHash  string // of the authorization code; empty before
	ProofHash string // of the proof that completed it
	Subject   string // id of the account
	Methods   []string
	Level     string
	AuthTime  time.Time

	// Since the application exchanged the code.
	UsedAt    time.Time // zero before
	UsedBy    string    // the request that exchanged it
	TokenHash string    // of the access token
	RevokedAt time.Time // when the code was used again; zero while the access token is valid
}

// TransactionContents are the part of a transaction that is about the person, or that the application alone understands.
type TransactionContents struct {
	State  string `json:"s,omitempty"`
	Nonce  string `json:"o,omitempty"`
	Hint   string `json:"h,omitempty"` // address that the application expects; not normalised
	Locale string `json:"l,omitempty"`

	// Since the person logged in.
	Email         string `json:"e,omitempty"`
	EmailVerified bool   `json:"v,omitempty"` // by this login, and not by a test destination
	Phone         string `json:"p,omitempty"`
	PhoneVerified bool   `json:"w,omitempty"`
	Name          string `json:"n,omitempty"`
	Test          bool   `json:"t,omitempty"`
}

// IsOpen reports whether the person may still log in.
func (t Transaction) IsOpen(now time.Time) bool { return t.CodeHash == "" && now.Before(t.ExpiresAt) }

// CompletedBy reports whether a proof has completed the transaction, and the authorization code can still be exchanged.
func (t Transaction) CompletedBy(proofHash string, now time.Time) bool {
	return t.CodeHash != "" && t.ProofHash == proofHash && t.UsedAt.IsZero() && now.Before(t.ExpiresAt)
}

// HasCode reports whether a text is the transaction's authorization code, used or not. It compares in constant time.
func (t Transaction) HasCode(code string) bool { return sameHash(t.CodeHash, code) }

// IsLive reports whether the access token of the transaction is valid.
func (t Transaction) IsLive(now time.Time) bool {
	return !t.UsedAt.IsZero() && t.RevokedAt.IsZero() && now.Before(t.ExpiresAt)
}

// HasToken reports whether a text is the transaction's access token, valid or not. It compares in constant time.
func (t Transaction) HasToken(token string) bool { return sameHash(t.TokenHash, token) }

// IsBegunBy reports whether the transaction began in the browser with this cookie. It compares in constant time.
func (t Transaction) IsBegunBy(cookie string) bool { return sameHash(t.Browser, cookie) }

func sameHash(hash, secret string) bool {
	return hash != "" && subtle.ConstantTimeCompare([]byte(hash), []byte(HashSecret(secret))) == 1
}

const (
	transactionIDLength = 22 // 128 bits, base64url
	tokenLength         = 43 // 256 bits, base64url
)

// NewTransactionID returns 128 random bits, base64url.
func NewTransactionID(random io.Reader) (string, error) { return randomBytes(random, 16) }

// IsTransactionID reports whether a text could be a transaction's id.
func IsTransactionID(text string) bool {
	return len(text) == transactionIDLength && strings.Trim(text, base64url) == ""
}

// NewToken returns 256 random bits, base64url.
func NewToken(random io.Reader) (string, error) { return randomBytes(random, 32) }

// IsToken reports whether a text could be what NewToken returns.
func IsToken(text string) bool {
	return len(text) == tokenLength && strings.Trim(text, base64url) == ""
}

// TransactionOf returns the id of the transaction that an authorization code or an access token belongs to, or "" if the text is
// neither: both are the id, a dot and 256 bits.
func TransactionOf(text string) string {
	id, secret, _ := strings.Cut(text, ".")
	if !IsTransactionID(id) || !IsToken(secret) {
		return ""
	}
	return id
}

// Join returns a transaction's authorization code or access token.
func (t Transaction) Join(secret string) string { return t.ID + "." + secret }
