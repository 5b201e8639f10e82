package keys

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"strings"
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

// sender reports whether our CloudFront sent a secret; an Origin does.
type sender interface {
	Sent(ctx context.Context, secret string) (bool, error)
}

// Viewer returns the address that a request came from: what CloudFront saw if the request carries the secret that only our CloudFront
// knows, otherwise source, which API Gateway saw. No other header is trusted.
func Viewer(ctx context.Context, origin sender, header map[string]string, source string) (string, error) {
	secret, viewer := header["x-origin-secret"], header["cloudfront-viewer-address"]
	if secret == "" || viewer == "" {
		return source, nil
	}
	ours, err := origin.Sent(ctx, secret)
	if err != nil || !ours {
		return source, err
	}
	// address:port; an IPv6 address has colons of its own, so only the last one separates them.
	if colon := strings.LastIndexByte(viewer, ':'); colon > 0 {
		return strings.Trim(viewer[:colon], "[]"), nil
	}
	return source, nil
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
