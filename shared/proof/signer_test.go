package proof_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"streamotp/shared/otp"
	"streamotp/shared/proof"
)

const current = "alias/streamotp-test-current"

// fakeKMS has keys by their ARNs, and aliases. It fails the first calls of each action that fail names, and waits in them if slow.
type fakeKMS struct {
	mu      sync.Mutex
	keys    map[string]*rsa.PrivateKey
	aliases map[string]string
	fail    map[string]int
	slow    time.Duration
	calls   map[string]int
}

var newKey = sync.OnceValue(func() [2]*rsa.PrivateKey {
	var keys [2]*rsa.PrivateKey
	for i := range keys {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[i] = key
	}
	return keys
})

func newKMS(t *testing.T) (*fakeKMS, aws.Config) {
	f := &fakeKMS{keys: map[string]*rsa.PrivateKey{"arn:1": newKey()[0], "arn:2": newKey()[1]}, aliases: map[string]string{current: "arn:1"},
		fail: map[string]int{}, calls: map[string]int{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return f, aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}
}

func (f *fakeKMS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	action := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "TrentService.")
	var in struct {
		KeyId, MessageType, SigningAlgorithm string //nolint:revive,staticcheck // KMS's own names
		Message                              []byte
	}
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &in)
	f.mu.Lock()
	f.calls[action]++
	failing := f.fail[action] > 0
	f.fail[action]--
	arn := f.aliases[in.KeyId]
	key := f.keys[arn]
	f.mu.Unlock()
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	switch {
	case failing && f.slow > 0:
		select {
		case <-r.Context().Done():
		case <-time.After(f.slow):
		}
		fallthrough
	case failing:
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `{"__type":"KMSInternalException"}`)
	case key == nil:
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"NotFoundException"}`)
	case action == "GetPublicKey":
		der, _ := x509.MarshalPKIXPublicKey(&key.PublicKey)
		_ = json.NewEncoder(w).Encode(map[string]any{"KeyId": arn, "PublicKey": der})
	case action == "Sign" && in.MessageType == "DIGEST" && in.SigningAlgorithm == "RSASSA_PKCS1_V1_5_SHA_256":
		signature, _ := rsa.SignPKCS1v15(nil, key, crypto.SHA256, in.Message)
		_ = json.NewEncoder(w).Encode(map[string]any{"KeyId": arn, "Signature": signature})
	default:
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"ValidationException"}`)
	}
}

type fixedSite string

func (s fixedSite) URL(context.Context) (string, error) { return string(s), nil }

func newSigner(cfg aws.Config) *proof.Signer {
	return proof.NewSigner(cfg, current, fixedSite("https://login.example.com"), func() time.Time { return now })
}

var claims = proof.Claims{Audience: "shop", Subject: "account", IssuedAt: now.Unix(), Expires: now.Add(time.Minute).Unix()}

// check checks a token with the keys that are published.
func check(t *testing.T, set jose.JSONWebKeySet, token string) jwt.Claims {
	t.Helper()
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	header := parsed.Headers[0]
	if header.ExtraHeaders["typ"] != "JWT" || header.KeyID == "" {
		t.Errorf("header %+v", header)
	}
	var out jwt.Claims
	if err := parsed.Claims(set, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func published(t *testing.T, cfg aws.Config) jose.JSONWebKeySet {
	t.Helper()
	set, err := proof.NewPublished(cfg, []string{current, "alias/streamotp-test-next", "alias/streamotp-test-previous"}, time.Now).Set(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestSign(t *testing.T) {
	_, cfg := newKMS(t)
	token, err := newSigner(cfg).Sign(t.Context(), claims)
	if err != nil {
		t.Fatal(err)
	}
	if got := check(t, published(t, cfg), token); got.Issuer != "https://login.example.com" || got.Subject != "account" || !got.Audience.Contains("shop") {
		t.Errorf("%+v", got)
	}
	if len(token) > 1500 {
		t.Errorf("%d bytes", len(token))
	}
}

// TestMovedAlias: T2. The signer knows the old key while the alias names the new one already.
func TestMovedAlias(t *testing.T) {
	f, cfg := newKMS(t)
	signer := newSigner(cfg)
	if _, err := signer.Sign(t.Context(), claims); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	f.aliases[current], f.aliases["alias/streamotp-test-previous"] = "arn:2", "arn:1"
	f.mu.Unlock()
	token, err := signer.Sign(t.Context(), claims)
	if err != nil {
		t.Fatal(err)
	}
	set := published(t, cfg)
	if len(set.Keys) != 2 {
		t.Errorf("%d keys are published", len(set.Keys))
	}
	check(t, set, token)
}

func TestKMSFails(t *testing.T) {
	for name, c := range map[string]struct {
		action   string
		failures int
		works    bool
	}{
		"one failure to sign is repeated":      {"Sign", 1, true},
		"two failures to sign are an error":    {"Sign", 2, false},
		"one failure to read is repeated":      {"GetPublicKey", 1, true},
		"two failures to read are an error":    {"GetPublicKey", 2, false},
		"a key that does not exist is no wait": {"", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			f, cfg := newKMS(t)
			f.fail[c.action] = c.failures
			if c.action == "" {
				delete(f.aliases, current)
			}
			token, err := newSigner(cfg).Sign(t.Context(), claims)
			if (err == nil) != c.works || (token != "") != c.works {
				t.Errorf("%q, %v", token, err)
			}
			if f.calls["Sign"] > 2 || f.calls["GetPublicKey"] > 2 {
				t.Errorf("calls %v", f.calls)
			}
		})
	}
	t.Run("a call that takes too long is given up and repeated", func(t *testing.T) {
		f, cfg := newKMS(t)
		f.fail["Sign"], f.slow = 1, time.Minute
		if token, err := newSigner(cfg).Sign(t.Context(), claims); err != nil || token == "" || f.calls["Sign"] != 2 {
			t.Errorf("%q, %v after %v", token, err, f.calls)
		}
	})
}

// TestPublished: without the key that signs there is no set; the others may be missing.
func TestPublished(t *testing.T) {
	f, cfg := newKMS(t)
	if set := published(t, cfg); len(set.Keys) != 1 || !set.Keys[0].IsPublic() || set.Keys[0].KeyID == "" || set.Keys[0].Use != "sig" {
		t.Errorf("%+v", set)
	}
	f.fail["GetPublicKey"] = 2
	if _, err := proof.NewPublished(cfg, []string{current}, time.Now).Set(t.Context()); err == nil {
		t.Error("a set without keys")
	}
}

// TestOpen: a token is read only if one of the published keys signed it, with RS256, as a token of the type that is asked for.
func TestOpen(t *testing.T) {
	f, cfg := newKMS(t)
	signer, at := newSigner(cfg), now
	keys := proof.NewPublished(cfg, []string{current, "alias/streamotp-test-previous"}, func() time.Time { return at })
	sign := func(typ string) string {
		token, err := signer.SignJWT(t.Context(), typ, claims)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	open := func(typ, token string) error {
		var out proof.Claims
		err := keys.Open(t.Context(), typ, token, &out)
		if err == nil && out.Subject != "account" {
			t.Errorf("%+v", out)
		}
		return err
	}
	token := sign(proof.TypeJWT)
	if err := open(proof.TypeJWT, token); err != nil {
		t.Error(err)
	}
	parts := strings.Split(token, ".")
	forged := func(header string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + parts[1] + "." + parts[2]
	}
	kid := published(t, cfg).Keys[0].KeyID
	for name, text := range map[string]string{
		"nothing": "", "no token": "a.b.c", "another type": sign(proof.TypeAccessToken), "another payload": parts[0] + "." + parts[0] + "." + parts[2],
		"no signature": parts[0] + "." + parts[1] + ".", "alg none": forged(`{"alg":"none","typ":"JWT"}`), "HS256": forged(`{"alg":"HS256","typ":"JWT","kid":"` + kid + `"}`),
		"no kid": forged(`{"alg":"RS256","typ":"JWT"}`), "an unknown kid": forged(`{"alg":"RS256","typ":"JWT","kid":"other"}`),
		"a header that was not signed": forged(`{"alg":"RS256","typ":"JWT","kid":"` + kid + `","x":1}`), "JSON form": `{"payload":"` + parts[1] + `"}`,
	} {
		if err := open(proof.TypeJWT, text); !errors.Is(err, otp.ErrInvalidProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f.mu.Lock()
	f.aliases[current], f.aliases["alias/streamotp-test-previous"] = "arn:2", "arn:1"
	f.mu.Unlock()
	at = at.Add(10 * time.Second) // the set is not a minute old, and lacks the new key
	fresh := newSigner(cfg)
	signed, err := fresh.SignJWT(t.Context(), proof.TypeJWT, claims)
	if err != nil {
		t.Fatal(err)
	}
	if err := open(proof.TypeJWT, signed); err != nil {
		t.Errorf("a token of a new key: %v", err)
	}
}
