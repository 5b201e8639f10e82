package keys

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// Origin knows the secret by which our own CloudFront is told from others. It is read by the first call that claims to
// come from there. It is safe for concurrent use.
type Origin struct {
	client   *secretsmanager.Client
	secretID string

	mu  sync.Mutex
	sum []byte // of the secret; nil before it was read
}

// NewOrigin returns an origin that has not read anything yet.
func NewOrigin(cfg aws.Config, secretID string) *Origin {
	return &Origin{client: secretsmanager.NewFromConfig(cfg), secretID: secretID}
}

// Sent says whether a call that carries secret came from our CloudFront, compared in constant time.
func (o *Origin) Sent(ctx context.Context, secret string) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.sum == nil {
		own, err := readSecret(ctx, o.client, o.secretID)
		if err != nil {
			return false, err
		}
		sum := sha256.Sum256([]byte(own))
		o.sum = sum[:]
	}
	sum := sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(sum[:], o.sum) == 1, nil
}
