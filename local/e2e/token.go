package e2e

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

type fields = map[string]any

// Token is a JSON Web Token in the compact form, with its parts decoded.
type Token struct {
	Text           string
	Header, Claims fields
	Signature      []byte
}

// ParseToken reads a token. It does not check the signature.
func ParseToken(t testing.TB, text string) (k Token) {
	t.Helper()
	k.Text = text
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no token", text)
	}
	for i, into := range []any{&k.Header, &k.Claims} {
		must(t, json.Unmarshal(decode(t, parts[i]), into))
	}
	k.Signature = decode(t, parts[2])
	return k
}

// Signer returns the signature of an encoded header and payload.
type Signer func(input []byte) []byte

// With returns the token with these members of its header and its claims, signed again. A member that is nil is left out.
func (k Token) With(header, claims fields, sign Signer) string {
	input := encode(toJSON(replaced(k.Header, header))) + "." + encode(toJSON(replaced(k.Claims, claims)))
	return input + "." + encode(sign([]byte(input)))
}

// replaced returns a copy that has these members and is without those that are nil.
func replaced(part, changes fields) fields {
	part = maps.Clone(part)
	maps.Copy(part, changes)
	maps.DeleteFunc(part, func(_ string, value any) bool { return value == nil })
	return part
}

// Sign signs with the stack's own key, as no attacker can. A token that it signed is right in all that the test did not change, so
// exactly the check of the change must reject the token.
func (s *Stack) Sign(input []byte) []byte {
	s.t.Helper()
	status, text := awsAs(s.t, s, "operator", "kms", "TrentService.Sign", fields{"KeyId": "alias/streamotp-streamotp-current",
		"Message": hash(input), "MessageType": "DIGEST", "SigningAlgorithm": "RSASSA_PKCS1_V1_5_SHA_256"})
	var answer struct{ Signature []byte }
	if err := json.Unmarshal(text, &answer); err != nil || answer.Signature == nil {
		s.t.Fatalf("sign: %d %s", status, text)
	}
	return answer.Signature
}

// PublicKey returns the only key that the stack publishes, and its id.
func (s *Stack) PublicKey() (kid string, key *rsa.PublicKey) {
	s.t.Helper()
	var set struct{ Keys []struct{ Kid, N, E string } }
	s.get("/.well-known/jwks.json", &set)
	if len(set.Keys) != 1 || set.Keys[0].E != "AQAB" {
		s.t.Fatalf("keys %v", set)
	}
	return set.Keys[0].Kid, &rsa.PublicKey{N: new(big.Int).SetBytes(decode(s.t, set.Keys[0].N)), E: 65537}
}

func rs256(t testing.TB, key *rsa.PrivateKey) Signer {
	return func(input []byte) []byte {
		signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, hash(input))
		must(t, err)
		return signature
	}
}

func ps256(t testing.TB, key *rsa.PrivateKey) Signer {
	return func(input []byte) []byte {
		signature, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, hash(input), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		must(t, err)
		return signature
	}
}

// forgersKey makes the RSA key of all forgers once, as that takes a while.
var forgersKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// Forge returns forgeries of a token that need no key of the stack, each under a name that says what is wrong with it. Their signature, if
// it is called old, is the token's, which is wrong for changed claims and for a changed header.
func (s *Stack) Forge(k Token) map[string]string {
	s.t.Helper()
	_, published := s.PublicKey()
	der, err := x509.MarshalPKIXPublicKey(published)
	must(s.t, err)
	ownKey, err := forgersKey()
	must(s.t, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(s.t, err)

	own := rs256(s.t, ownKey)
	es256 := func(input []byte) []byte {
		r, s1, err := ecdsa.Sign(rand.Reader, ecKey, hash(input))
		must(s.t, err)
		return append(r.FillBytes(make([]byte, 32)), s1.FillBytes(make([]byte, 32))...)
	}
	hs256 := func(secret []byte) Signer {
		return func(input []byte) []byte {
			mac := hmac.New(sha256.New, secret)
			mac.Write(input)
			return mac.Sum(nil)
		}
	}
	none := func([]byte) []byte { return nil }
	old := func([]byte) []byte { return k.Signature }

	header := func(sign Signer, changes fields) string { return k.With(changes, nil, sign) }
	ownJWK := fields{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "own", "n": encode(ownKey.N.Bytes()), "e": "AQAB"}
	ownURL := serve(s.t, fields{"keys": []any{ownJWK}})
	plain := encode(toJSON(k.Header)) + "." + encode(toJSON(k.Claims))
	twice := encode(toJSON(k.Header)) + "." + encode([]byte(strings.TrimSuffix(string(toJSON(k.Claims)), "}")+`,"sub":"mallory"}`))

	return map[string]string{
		"alg none":                                 header(none, fields{"alg": "none"}),
		"alg None":                                 header(none, fields{"alg": "None"}),
		"alg nOnE":                                 header(none, fields{"alg": "nOnE"}),
		"alg none with a signature":                header(old, fields{"alg": "none"}),
		"HS256 with the key as PEM":                header(hs256(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), fields{"alg": "HS256"}),
		"HS256 with the key as DER":                header(hs256(der), fields{"alg": "HS256"}),
		"HS256 with the key's n":                   header(hs256([]byte(encode(published.N.Bytes()))), fields{"alg": "HS256"}),
		"PS256 by another key":                     header(ps256(s.t, ownKey), fields{"alg": "PS256"}),
		"ES256 by another key":                     header(es256, fields{"alg": "ES256"}),
		"another key under the kid":                header(own, nil),
		"another key and kid":                      header(own, fields{"kid": "own"}),
		"a path as kid":                            header(own, fields{"kid": "../../dev/null"}),
		"HS256 with the empty file that kid names": header(hs256(nil), fields{"alg": "HS256", "kid": "../../dev/null"}),
		"no kid and another key":                   header(own, fields{"kid": nil}),
		"another key in jwk":                       header(own, fields{"kid": "own", "jwk": ownJWK}),
		"another key at jku":                       header(own, fields{"kid": "own", "jku": ownURL}),
		"another key at x5u":                       header(own, fields{"kid": "own", "x5u": ownURL}),
		"crit and b64, another key":                header(own, fields{"crit": []string{"b64"}, "b64": false}),
		"crit and b64, old signature":              header(old, fields{"crit": []string{"b64"}, "b64": false}),
		"an empty signature":                       header(none, nil),
		"no signature":                             plain,
		"another sub, old signature":               k.With(nil, fields{"sub": "mallory"}, old),
		"a second sub, old signature":              twice + "." + encode(k.Signature),
	}
}

// serve publishes a forger's keys. A request for them fails the test.
func serve(t testing.TB, keys fields) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("%s fetches the keys that a forged header names", r.UserAgent())
		_, _ = w.Write(toJSON(keys))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func decode(t testing.TB, text string) []byte {
	t.Helper()
	data, err := base64.RawURLEncoding.DecodeString(text)
	must(t, err)
	return data
}

func toJSON(value any) []byte {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // only for types without a JSON form
	}
	return data
}

func hash(data []byte) []byte {
	sum := sha256.Sum256(data)
	return sum[:]
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
