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

// Open checks the signature of a token of ours (RS256, by a published key) and its type, and reads its claims. It checks no claim.
//
// Errors: otp.ErrInvalidProof; others are those of the calls to KMS.
func (p *Published) Open(ctx context.Context, typ, token string, claims any) error {
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return otp.ErrInvalidProof
	}
	header := signed.Signatures[0].Protected
	if header.ExtraHeaders[jose.HeaderType] != typ || header.KeyID == "" {
		return otp.ErrInvalidProof
	}
	set, err := p.Set(ctx)
	if err == nil && len(set.Key(header.KeyID)) == 0 { // perhaps it is newer than what this instance knows
		set, err = p.set.Again(ctx, p.now())
	}
	if err != nil {
		return err
	}
	keys := set.Key(header.KeyID)
	if len(keys) == 0 {
		return otp.ErrInvalidProof
	}
	payload, err := signed.Verify(keys[0])
	if err != nil || json.Unmarshal(payload, claims) != nil {
		return otp.ErrInvalidProof
	}
	return nil
}

// Set returns the keys (RFC 7517 5).
func (p *Published) Set(ctx context.Context) (jose.JSONWebKeySet, error) {
	return p.set.Current(ctx, p.now())
}
