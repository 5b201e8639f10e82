package proof

import (
	"context"
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/go-jose/go-jose/v4"

	"streamotp/shared/cached"
	"streamotp/shared/otp"
)

// Published is the set of public keys that back ends check proofs with. It is safe for concurrent use.
type Published struct {
	now func() time.Time
	set cached.Value[jose.JSONWebKeySet]
}

// NewPublished returns a set that was not read yet. It has the keys that the aliases name. The first one signs, and must exist; the
// others exist only while a key is rotated.
func NewPublished(cfg aws.Config, aliases []string, now func() time.Time) *Published {
	keys := NewKeys(cfg)
	read := func(ctx context.Context, _ bool) (string, error) {
		found, err := keys.All(ctx, aliases...)
		if err != nil {
			return "", err
		}
		set := jose.JSONWebKeySet{}
		for _, key := range found {
			set.Keys = append(set.Keys, key.JWK)
		}
		text, err := json.Marshal(set)
		return string(text), err
	}
	return &Published{now, cached.New(cached.Source{Kind: "set of signing keys", Read: read}, parseSet)}
}

func parseSet(text string) (set jose.JSONWebKeySet, err error) {
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		return set, err
	}
	if len(set.Keys) == 0 {
		return set, &otp.UnavailableError{Reason: "there is no signing key"}
	}
	return set, nil
}

// Set returns the keys (RFC 7517 5).
func (p *Published) Set(ctx context.Context) (jose.JSONWebKeySet, error) {
	return p.set.Current(ctx, p.now())
}
