package keys

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Origin holds the secret that identifies our own CloudFront distribution. The first request that claims to come from there
// reads it. It is safe for concurrent use.
type Origin struct {
	secret *Text
}

// NewOrigin returns an origin that has not read anything yet.
func NewOrigin(cfg aws.Config, secretID string, now func() time.Time) *Origin {
	return &Origin{secret: NewText(cfg, secretID, now)}
}

// Gate returns a function that accepts only requests from our own CloudFront distribution, or nil, which accepts all, if no secret
// is named.
func Gate(cfg aws.Config, secretID string, now func() time.Time) func(context.Context, map[string]string) (bool, error) {
	if secretID == "" {
		return nil
	}
	origin := NewOrigin(cfg, secretID, now)
	return func(ctx context.Context, header map[string]string) (bool, error) {
		if header["x-origin-secret"] == "" { // a request that does not even claim it costs no call to Secrets Manager
			return false, nil
		}
		return origin.Sent(ctx, header["x-origin-secret"])
	}
}

// Sent reports whether a request with this secret came from our CloudFront. It compares in constant time.
func (o *Origin) Sent(ctx context.Context, secret string) (bool, error) {
	own, err := o.secret.Value(ctx)
	if err != nil {
		return false, err
	}
	want, got := sha256.Sum256([]byte(own)), sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1, nil
}
