// Package keys fetches the root secret from Secrets Manager, on first use and again when an item names a key that is
// not known yet: that is how a running function learns of a rotation.
package keys

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"streamotp/shared/otp"
)

const rereadEvery = 5 * time.Second // at most, so that forged key ids cannot run up calls

// Source holds the keyring of one function instance. It is safe for concurrent use.
type Source struct {
	client   *secretsmanager.Client
	secretID string
	now      func() time.Time

	mu     sync.Mutex
	ring   *otp.Keyring
	reread time.Time // the last read because of an unknown key id
}

// New returns a source that has not read anything yet: a failed init would be AWS's own 500, not our 503.
func New(cfg aws.Config, secretID string, now func() time.Time) *Source {
	return &Source{client: secretsmanager.NewFromConfig(cfg), secretID: secretID, now: now}
}

// Current returns the keyring to make new sessions with.
func (s *Source) Current(ctx context.Context) (*otp.Keyring, error) { return s.For(ctx, "") }

// For returns a keyring for an item made with the key id, re-reading the secret when the id is unknown. The keyring may
// still not have it: then its methods return otp.ErrUnknownKey.
func (s *Source) For(ctx context.Context, keyID string) (*otp.Keyring, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ring != nil && (keyID == "" || s.ring.Has(keyID) || s.now().Sub(s.reread) < rereadEvery) {
		return s.ring, nil
	}
	if s.ring != nil {
		s.reread = s.now()
	}
	out, err := s.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &s.secretID})
	if err != nil {
		return nil, fmt.Errorf("read the root secret: %w", err)
	}
	ring, err := otp.ParseKeyring([]byte(aws.ToString(out.SecretString)))
	if err != nil {
		return nil, &otp.UnavailableError{Reason: err.Error()}
	}
	s.ring = ring
	return ring, nil
}
