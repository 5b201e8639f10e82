// Package keys reads secrets from Secrets Manager on first use and refreshes them every minute. If an item names an unknown key,
// the root secret is read again, so that a running function learns of a rotation. A call whose value is known does not wait for Secrets
// Manager.
package keys

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"streamotp/shared/cached"
	"streamotp/shared/otp"
)

// Source holds the keyring of one function instance. It is safe for concurrent use.
type Source struct {
	now  func() time.Time
	ring cached.Value[*otp.Keyring]
}

// New returns a source that has not read anything yet: a failed init would give AWS's own 500 instead of our 503.
func New(cfg aws.Config, secretID string, now func() time.Time) *Source {
	return &Source{now: now, ring: newSecret(cfg, secretID, parseKeyring)}
}

// Current returns the keyring to create new sessions with. After a rotation, an instance that was idle creates one more session with
// its old key; that key is still accepted, unless a second rotation has dropped it since.
func (s *Source) Current(ctx context.Context) (*otp.Keyring, error) { return s.For(ctx, "") }

// For returns a keyring for an item that was made with the key id. If the key is unknown, For waits for the secret to be read
// again, at most every 5 seconds. The keyring may still lack the key: then its methods return otp.ErrUnknownKey.
func (s *Source) For(ctx context.Context, keyID string) (*otp.Keyring, error) {
	now := s.now()
	ring, err := s.ring.Current(ctx, now)
	if err != nil || keyID == "" || ring.Has(keyID) {
		return ring, err
	}
	return s.ring.Again(ctx, now)
}

func parseKeyring(text string) (*otp.Keyring, error) {
	ring, err := otp.ParseKeyring([]byte(text))
	if err != nil {
		return nil, &otp.UnavailableError{Reason: err.Error()}
	}
	return ring, nil
}
