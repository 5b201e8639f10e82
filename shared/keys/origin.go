package keys

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Origin knows the secret by which our own CloudFront is told from others. It is read by the first call that claims to
// come from there. It is safe for concurrent use.
type Origin struct {
	secret *Text
}

// NewOrigin returns an origin that has not read anything yet.
func NewOrigin(cfg aws.Config, secretID string, now func() time.Time) *Origin {
	return &Origin{secret: NewText(cfg, secretID, now)}
}

// Gate lets calls through that came from our own CloudFront and no others, or, where no secret is named, every call (nil).
func Gate(cfg aws.Config, secretID string, now func() time.Time) func(context.Context, map[string]string) (bool, error) {
	if secretID == "" {
		return nil
	}
	origin := NewOrigin(cfg, secretID, now)
	return func(ctx context.Context, header map[string]string) (bool, error) {
		if header["x-origin-secret"] == "" { // no call to Secrets Manager for who does not even claim it
			return false, nil
		}
		return origin.Sent(ctx, header["x-origin-secret"])
	}
}

// Sent says whether a call that carries secret came from our CloudFront, compared in constant time.
func (o *Origin) Sent(ctx context.Context, secret string) (bool, error) {
	own, err := o.secret.Value(ctx)
	if err != nil {
		return false, err
	}
	want, got := sha256.Sum256([]byte(own)), sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1, nil
}
