// Package keys fetches the root secret from Secrets Manager: on first use, every minute, and when an item names a key
// that is not known yet. That is how a running function learns of a rotation.
package keys

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"streamotp/shared/otp"
	"streamotp/shared/telemetry"
)

const (
	rereadEvery = 5 * time.Second // at most for unknown key ids, so that forged ones cannot run up calls
	freshFor    = time.Minute     // then it is read again in any case: new sessions must not be made with a retired key
)

// Source holds the keyring of one function instance. It is safe for concurrent use.
type Source struct {
	client   *secretsmanager.Client
	secretID string
	now      func() time.Time

	mu     sync.Mutex
	ring   *otp.Keyring
	read   time.Time // the last read that succeeded
	reread time.Time // the last read because of an unknown key id
}

// New returns a source that has not read anything yet: a failed init would be AWS's own 500, not our 503.
func New(cfg aws.Config, secretID string, now func() time.Time) *Source {
	return &Source{client: secretsmanager.NewFromConfig(cfg), secretID: secretID, now: now}
}

// Current returns the keyring to make new sessions with.
func (s *Source) Current(ctx context.Context) (*otp.Keyring, error) { return s.For(ctx, "") }

// For returns a keyring for an item made with the key id, re-reading the secret when the id is unknown or a minute is
// over. The keyring may still not have it: then its methods return otp.ErrUnknownKey.
func (s *Source) For(ctx context.Context, keyID string) (*otp.Keyring, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.ring != nil && (keyID == "" || s.ring.Has(keyID))
	stale := s.ring != nil && s.now().Sub(s.read) >= freshFor
	if s.ring != nil && !stale && (known || s.now().Sub(s.reread) < rereadEvery) {
		return s.ring, nil
	}
	if s.ring != nil && !known {
		s.reread = s.now()
	}
	ring, err := s.fetch(ctx)
	if err != nil && known {
		slog.Error("the root secret was not read again", telemetry.Cause(err))
		s.read = s.now() // what is known still serves; the next minute tries again
		return s.ring, nil
	}
	if err != nil {
		return nil, err
	}
	s.ring, s.read = ring, s.now()
	return ring, nil
}

func (s *Source) fetch(ctx context.Context) (*otp.Keyring, error) {
	secret, err := readSecret(ctx, s.client, s.secretID)
	if err != nil {
		return nil, err
	}
	ring, err := otp.ParseKeyring([]byte(secret))
	if err != nil {
		return nil, &otp.UnavailableError{Reason: err.Error()}
	}
	return ring, nil
}

func readSecret(ctx context.Context, client *secretsmanager.Client, id string) (string, error) {
	out, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id})
	if err != nil {
		return "", fmt.Errorf("read a secret: %w", err)
	}
	return aws.ToString(out.SecretString), nil
}
