// Package keys fetches secrets from Secrets Manager on first use. The root secret and the test destinations are read
// again every minute, the root secret also when an item names a key that is not known yet: that is how a running
// function learns of a rotation.
package keys

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"streamotp/shared/otp"
	"streamotp/shared/telemetry"
)

const rereadEvery = 5 * time.Second // at most for unknown key ids, so that forged ones cannot run up calls

// Source holds the keyring of one function instance. It is safe for concurrent use.
type Source struct {
	now func() time.Time

	mu     sync.Mutex
	ring   secret[*otp.Keyring]
	reread time.Time // the last read because of an unknown key id
}

// New returns a source that has not read anything yet: a failed init would be AWS's own 500, not our 503.
func New(cfg aws.Config, secretID string, now func() time.Time) *Source {
	return &Source{now: now, ring: secret[*otp.Keyring]{client: secretsmanager.NewFromConfig(cfg), id: secretID, parse: parseKeyring}}
}

// Current returns the keyring to make new sessions with.
func (s *Source) Current(ctx context.Context) (*otp.Keyring, error) { return s.For(ctx, "") }

// For returns a keyring for an item made with the key id, re-reading the secret when the id is unknown or a minute is
// over: new sessions must not be made with a retired key. The keyring may still not have it: then its methods return
// otp.ErrUnknownKey.
func (s *Source) For(ctx context.Context, keyID string) (*otp.Keyring, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	known := s.ring.known && (keyID == "" || s.ring.value.Has(keyID))
	if !s.ring.due(now) && (known || now.Sub(s.reread) < rereadEvery) {
		return s.ring.value, nil
	}
	if s.ring.known && !known {
		s.reread = now
	}
	err := s.ring.fetch(ctx, now)
	if err != nil && known { // what is known still serves; the next minute tries again
		slog.Error("the root secret was not read again", telemetry.Cause(err))
		return s.ring.value, nil
	}
	if err != nil {
		return nil, err
	}
	return s.ring.value, nil
}

func parseKeyring(text string) (*otp.Keyring, error) {
	ring, err := otp.ParseKeyring([]byte(text))
	if err != nil {
		return nil, &otp.UnavailableError{Reason: err.Error()}
	}
	return ring, nil
}
