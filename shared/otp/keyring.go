package otp

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Contents are padded to the longest possible, in bytes, so that the size of an item reveals nothing about them (I6) but what the
// caller chose: whether there is a client, and how long its nonce is.
const (
	sealedSize = 384
	clientSize = 128 // what a client adds, without its nonce
	hostedSize = maxNameJSON + 16
	newSize    = 16 // the longer name of Passwordless, and New

	transactionSize = 352                     // of a transaction, without its state and nonce: an address of 254 bytes and the rest
	completedSize   = 384 + maxNameJSON + 100 // of one that was completed
)

// ErrUnknownKey says that an item was made with a key that this keyring does not have (yet).
var ErrUnknownKey = errors.New("unknown key id")

// Keyring holds every key, each derived for one use from the root secret.
type Keyring struct {
	index []byte // never rotates, or every lock and count would be forgotten
	keys  []key  // current first, then previous
}

type key struct {
	id           string
	digest, seal []byte
}

// rootKey is one generation of the rotating root.
type rootKey struct {
	ID     string `json:"kid"`
	Secret string `json:"secret"`
}

// rootDocument is the root secret.
type rootDocument struct {
	Index    string   `json:"index"`
	Current  *rootKey `json:"current"`
	Previous *rootKey `json:"previous"`
}

// roots returns the rotating roots that are accepted, the one for new sessions first.
func (d rootDocument) roots() []rootKey {
	roots := make([]rootKey, 0, 2)
	for _, root := range []*rootKey{d.Current, d.Previous, {ID: "0", Secret: d.Index}} {
		if root != nil && len(roots) < 2 {
			roots = append(roots, *root)
		}
	}
	return roots
}

// ParseKeyring reads the root secret:
//
//	{"index":"…","current":{"kid":"…","secret":"…"},"previous":{"kid":"…","secret":"…"}}
//
// A new deployment has only "index"; its rotating keys derive from it under the key id "0". The first rotation makes "0" the
// previous key.
func ParseKeyring(secret []byte) (*Keyring, error) {
	var doc rootDocument
	if json.Unmarshal(secret, &doc) != nil || len(doc.Index) < 32 {
		return nil, errors.New(`the root secret must be JSON with "index" of at least 32 characters`)
	}
	ring := &Keyring{index: derive(doc.Index, "index")}
	for _, root := range doc.roots() {
		if root.ID == "" || len(root.Secret) < 32 {
			return nil, errors.New(`the root secret's keys must have "kid", and "secret" of at least 32 characters`)
		}
		ring.keys = append(ring.keys, key{root.ID, derive(root.Secret, "digest"), derive(root.Secret, "seal")})
	}
	return ring, nil
}

// derive returns the 32-byte key for one use (HKDF, RFC 5869). The root is text of high entropy, not bytes.
func derive(root, use string) []byte {
	k, err := hkdf.Key(sha256.New, []byte(root), nil, "streamotp "+use, 32)
	if err != nil {
		panic(err) // only for a length over 255 hashes
	}
	return k
}

// CurrentID names the key that new sessions are made with.
func (k *Keyring) CurrentID() string { return k.keys[0].id }

// Has reports whether the keyring has the key id.
func (k *Keyring) Has(id string) bool {
	_, err := k.find(id)
	return err == nil
}

func (k *Keyring) find(id string) (key, error) {
	for _, key := range k.keys {
		if key.id == id {
			return key, nil
		}
	}
	return key{}, ErrUnknownKey
}

// Subject returns the hash that attempts and messages are counted under: 43 characters, base64url. It does not reveal the
// destination. Attempts count for the exact address: if ada+x@ is another person's, that person's success must not clear the
// attempts at ada@. Messages count for the Mailbox.
func (k *Keyring) Subject(p Purpose, destination string) string {
	return mac(k.index, string(p), destination)
}

// ClientIP returns the hash that a client IP address is counted under; it does not reveal the address. IPv6 addresses count by
// /64, which is what one customer has.
func (k *Keyring) ClientIP(address string) string { return mac(k.index, "client", network(address)) }

// SecretGuesses returns the hash that wrong secrets of clients from a client IP address are counted under, as ClientIP does.
func (k *Keyring) SecretGuesses(address string) string {
	return mac(k.index, "secret", network(address))
}

// Authorizations returns the hash that transactions from a client IP address are counted under, as ClientIP does. Each hour has its
// own.
func (k *Keyring) Authorizations(address string, hour time.Time) string {
	return mac(k.index, "authorize", network(address), hour.UTC().Format("2006010215"))
}

// Pairwise returns the hash by which a client knows a destination that was confirmed for it: 43 characters, base64url. Another
// client knows the same destination by another hash (OpenID Connect Core 8.1).
func (k *Keyring) Pairwise(clientID, destination string) string {
	return mac(k.index, "pairwise", clientID, destination)
}

// AccountID returns the id of an account that was stored without one, by an older version or another program: a UUID (RFC 9562 5.8)
// that is the same each time, so that a code can be requested for the account without a write, which would reveal the account.
func (k *Keyring) AccountID(email string) string {
	return uuid.NewHash(hmac.New(sha256.New, k.index), uuid.Nil, []byte("account\x00"+email), 8).String()
}

// network returns the part of an IP address that one customer has.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err == nil && ip.Unmap().Is6() {
		if prefix, err := ip.WithZone("").Prefix(64); err == nil {
			address = prefix.String()
		}
	} else if err == nil {
		address = ip.Unmap().String()
	}
	return address
}

// Phone returns the hash of a number over all purposes: the subject of verifying it.
func (k *Keyring) Phone(e164 string) string { return k.Subject(Verify, e164) }

// Destination returns the hash of an address over all purposes. It reveals no more about the address than Subject does.
func (k *Keyring) Destination(address string) string { return mac(k.index, "destination", address) }

// Digest returns the keyed digest of a code, which is all that a table may reveal of it: 43 characters, base64url.
//
// Errors: ErrUnknownKey.
func (k *Keyring) Digest(keyID, sessionID, code string) (string, error) {
	key, err := k.find(keyID)
	if err != nil {
		return "", err
	}
	return mac(key.digest, sessionID, code), nil
}

// DecoyDigest returns random bytes in the form of a digest, which no code matches.
func DecoyDigest(random io.Reader) (string, error) { return randomBytes(random, sha256.Size) }

// mac is HMAC-SHA-256 over parts with a NUL between them, which none of them contains.
func mac(key []byte, parts ...string) string {
	h := hmac.New(sha256.New, key)
	for i, part := range parts {
		if i > 0 {
			h.Write([]byte{0})
		}
		h.Write([]byte(part))
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// Seal encrypts contents under the current key (AES-256-GCM, random nonce) and binds them to the session.
func (k *Keyring) Seal(sessionID string, c Contents) ([]byte, error) {
	size := sealedSize
	if c.Client != "" {
		size += clientSize + escaped(c.Nonce)
	}
	if c.Hosted {
		size += hostedSize
	}
	if c.Purpose == Passwordless {
		size += newSize
	}
	return k.seal(sessionID, c, size)
}

// SealTransaction encrypts the contents of a transaction as Seal does, and binds them to it.
func (k *Keyring) SealTransaction(id string, c TransactionContents) ([]byte, error) {
	size := transactionSize
	if c.Email != "" {
		size = completedSize
	}
	return k.seal(transactionData(id), c, size+escaped(c.State)+escaped(c.Nonce))
}

func transactionData(id string) string { return "authz#" + id }

// escaped returns the size of printable ASCII in JSON, which escapes two characters.
func escaped(text string) int { return len(text) + strings.Count(text, `"`) + strings.Count(text, `\`) }

// seal encrypts a value, padded to a size in bytes, with associated data.
func (k *Keyring) seal(data string, value any, size int) ([]byte, error) {
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false) // an & in an address stays one byte
	if err := enc.Encode(value); err != nil {
		return nil, err
	}
	if plain.Len() > size {
		return nil, fmt.Errorf("contents of %d bytes are over %d", plain.Len(), size)
	}
	for plain.Len() < size {
		plain.WriteByte(' ') // JSON ignores spaces at its end
	}
	return gcm(k.keys[0]).Seal(nil, nil, plain.Bytes(), []byte(data)), nil
}

// Open decrypts what Seal made for the same session.
//
// Errors: ErrUnknownKey; *UnknownChannelError; any other means that the item was tampered with. With an error, the contents are zero.
func (k *Keyring) Open(keyID, sessionID string, sealed []byte) (c Contents, err error) {
	if err := k.open(keyID, sessionID, sealed, &c); err != nil {
		return Contents{}, err
	}
	if _, err := c.Channel.Facts(); err != nil {
		return Contents{}, err
	}
	return c, nil
}

// OpenTransaction decrypts what SealTransaction made for the same transaction.
//
// Errors: ErrUnknownKey; any other means that the item was tampered with.
func (k *Keyring) OpenTransaction(t Transaction) (c TransactionContents, err error) {
	err = k.open(t.KeyID, transactionData(t.ID), t.Sealed, &c)
	return c, err
}

func (k *Keyring) open(keyID, data string, sealed []byte, into any) error {
	key, err := k.find(keyID)
	if err != nil {
		return err
	}
	plain, err := gcm(key).Open(nil, nil, sealed, []byte(data))
	if err != nil {
		return err
	}
	return json.Unmarshal(plain, into)
}

// AuthorizationCode returns the secret part of the authorization code that a proof gives for a transaction. It is the same each time, so
// that a page whose response was lost asks again, and nothing but the code's hash is stored.
//
// Errors: ErrUnknownKey.
func (k *Keyring) AuthorizationCode(keyID, transactionID, proof string) (string, error) {
	key, err := k.find(keyID)
	if err != nil {
		return "", err
	}
	return mac(key.digest, "authz", transactionID, proof), nil
}

func gcm(k key) cipher.AEAD {
	block, err := aes.NewCipher(k.seal)
	if err != nil {
		panic(err) // only for a wrong key length
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // only for a cipher that is not AES
	}
	return aead
}
