package proof

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/go-jose/go-jose/v4"

	"streamotp/shared/cached"
	"streamotp/shared/otp"
)

// attemptTime is how long one call to KMS may take: a person is waiting, and there is one retry.
const attemptTime = time.Second

// Key is the public part of a signing key.
type Key struct {
	ARN string
	JWK jose.JSONWebKey // with kid, its thumbprint (RFC 7638)
}

// Keys reads public keys from KMS.
type Keys struct{ kms *kms.Client }

// NewKeys returns keys that nothing was read of yet.
func NewKeys(cfg aws.Config) Keys {
	return Keys{kms.NewFromConfig(cfg, func(o *kms.Options) { o.Retryer = aws.NopRetryer{} })}
}

// twice calls KMS at most twice, a second each time.
func twice[T any](ctx context.Context, call func(context.Context) (T, error)) (out T, err error) {
	for range 2 {
		attempt, cancel := context.WithTimeout(ctx, attemptTime)
		out, err = call(attempt)
		cancel()
		var none *types.NotFoundException
		if err == nil || errors.As(err, &none) || ctx.Err() != nil {
			return out, err
		}
	}
	return out, err
}

// read returns the public key that an alias names now, as JSON of its ARN and its DER form.
func (k Keys) read(ctx context.Context, alias string) (string, error) {
	out, err := twice(ctx, func(ctx context.Context) (*kms.GetPublicKeyOutput, error) {
		return k.kms.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: &alias})
	})
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(stored{aws.ToString(out.KeyId), out.PublicKey})
	return string(text), err
}

type stored struct {
	ARN string
	DER []byte // X.509 SubjectPublicKeyInfo
}

func parseKey(text string) (Key, error) {
	var s stored
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return Key{}, err
	}
	public, err := x509.ParsePKIXPublicKey(s.DER)
	if err != nil {
		return Key{}, &otp.UnavailableError{Reason: "the signing key cannot be read"}
	}
	rsaKey, ok := public.(*rsa.PublicKey)
	if !ok {
		return Key{}, &otp.UnavailableError{Reason: "the signing key is no RSA key"}
	}
	jwk := jose.JSONWebKey{Key: rsaKey, Algorithm: string(jose.RS256), Use: "sig"}
	thumbprint, err := jwk.Thumbprint(crypto.SHA256)
	jwk.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	return Key{s.ARN, jwk}, err
}

// All returns the public keys that the aliases name. An alias without a key is left out.
func (k Keys) All(ctx context.Context, aliases ...string) (keys []Key, err error) {
	for _, alias := range aliases {
		text, err := k.read(ctx, alias)
		var none *types.NotFoundException
		if errors.As(err, &none) {
			continue
		}
		if err != nil {
			return nil, err
		}
		key, err := parseKey(text)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// Signer signs claims with the key that an alias names. It is safe for concurrent use.
type Signer struct {
	keys  Keys
	alias string
	site  site
	now   func() time.Time
	key   cached.Value[Key]
}

type site interface {
	URL(ctx context.Context) (string, error)
}

// NewSigner returns a signer that has not read its key yet.
func NewSigner(cfg aws.Config, alias string, issuer site, now func() time.Time) *Signer {
	keys := NewKeys(cfg)
	return &Signer{keys: keys, alias: alias, site: issuer, now: now, key: cached.New(cached.Source{
		Kind: "signing key", ID: alias, Read: func(ctx context.Context, _ bool) (string, error) { return keys.read(ctx, alias) },
	}, parseKey)}
}

// errOtherKey says that KMS signed with another key than the header names, since the alias was moved.
var errOtherKey = &otp.UnavailableError{Reason: "the signing key was changed"}

// Sign returns claims as a signed token in the compact form (RFC 7515 7.1).
//
// Errors: *otp.UnavailableError; others are those of the calls to KMS and SSM.
func (s *Signer) Sign(ctx context.Context, c Claims) (token string, err error) {
	if c.Issuer, err = s.site.URL(ctx); err != nil {
		return "", err
	}
	c.Audience = cmp.Or(c.Audience, c.Issuer)
	return s.SignJWT(ctx, TypeJWT, c)
}

// Types of tokens, in the header typ.
const (
	TypeJWT         = "JWT"    // a proof or an ID token
	TypeAccessToken = "at+jwt" // RFC 9068 2.1: no library takes it for an ID token
)

// SignJWT signs what is marshalled from claims as a token of a type. The errors are those of Sign.
func (s *Signer) SignJWT(ctx context.Context, typ string, claims any) (token string, err error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	key, err := s.key.Current(ctx, s.now())
	if err != nil {
		return "", err
	}
	token, err = s.sign(ctx, key, typ, payload)
	if errors.Is(err, errOtherKey) {
		if key, err = s.key.Again(ctx, s.now()); err == nil {
			token, err = s.sign(ctx, key, typ, payload)
		}
	}
	return token, err
}

func (s *Signer) sign(ctx context.Context, key Key, typ string, payload []byte) (string, error) {
	remote := jose.JSONWebKey{Key: opaque{ctx, s, key}, KeyID: key.JWK.KeyID}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: remote}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// opaque lets go-jose sign with a key that KMS keeps.
type opaque struct {
	ctx    context.Context //nolint:containedctx // the library's interface has none
	signer *Signer
	key    Key
}

func (o opaque) Public() *jose.JSONWebKey { return &o.key.JWK }

func (o opaque) Algs() []jose.SignatureAlgorithm { return []jose.SignatureAlgorithm{jose.RS256} }

func (o opaque) SignPayload(payload []byte, _ jose.SignatureAlgorithm) ([]byte, error) {
	digest := sha256.Sum256(payload)
	out, err := twice(o.ctx, func(ctx context.Context) (*kms.SignOutput, error) {
		return o.signer.keys.kms.Sign(ctx, &kms.SignInput{
			KeyId: &o.signer.alias, Message: digest[:], MessageType: types.MessageTypeDigest,
			SigningAlgorithm: types.SigningAlgorithmSpecRsassaPkcs1V15Sha256,
		})
	})
	if err != nil {
		return nil, fmt.Errorf("sign a proof: %w", err)
	}
	if aws.ToString(out.KeyId) != o.key.ARN {
		return nil, errOtherKey
	}
	return out.Signature, nil
}
