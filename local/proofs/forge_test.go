package proofs

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
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// signer returns the signature of an encoded header and payload.
type signer func(input []byte) []byte

// forge returns forged login proofs, each under a name that says what is wrong with it. genuine signs with the stack's own key, as
// no attacker can: such a token is right in all else, so exactly the check of that claim must reject it. It signs no changed
// header, since under a genuine signature aws-jwt-verify, golang-jwt, jsonwebtoken and jwx ignore crit, and jwx ignores alg.
func forge(t *testing.T, login, verify token, published *rsa.PublicKey, genuine signer) map[string]string {
	t.Helper()
	ownKey, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der, err := x509.MarshalPKIXPublicKey(published)
	must(t, err)

	own := func(input []byte) []byte {
		signature, err := rsa.SignPKCS1v15(nil, ownKey, crypto.SHA256, hash(input))
		must(t, err)
		return signature
	}
	ps256 := func(input []byte) []byte {
		signature, err := rsa.SignPSS(rand.Reader, ownKey, crypto.SHA256, hash(input), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		must(t, err)
		return signature
	}
	es256 := func(input []byte) []byte {
		r, s, err := ecdsa.Sign(rand.Reader, ecKey, hash(input))
		must(t, err)
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
	hs256 := func(secret []byte) signer {
		return func(input []byte) []byte {
			mac := hmac.New(sha256.New, secret)
			mac.Write(input)
			return mac.Sum(nil)
		}
	}
	none := func([]byte) []byte { return nil }
	signatureOf := func(proof token) signer { return func([]byte) []byte { return decode(t, proof.parts[2]) } }
	old := signatureOf(login)

	header := func(s signer, changes fields) string { return sign(with(login.header, changes), login.payload, s) }
	claims := func(s signer, changes fields) string { return sign(login.header, with(login.payload, changes), s) }
	ownJWK := fields{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "own", "n": encode(ownKey.N.Bytes()), "e": "AQAB"}
	ownURL := serve(t, fields{"keys": []fields{ownJWK}})
	issuer, now := login.payload["iss"].(string), time.Now().Unix()
	const hour = 60 * 60 // more than any library tolerates: go-oidc accepts an nbf of the next five minutes
	twice := encode([]byte(strings.TrimSuffix(string(decode(t, login.parts[1])), "}") + `,"sub":"mallory"}`))

	return map[string]string{
		"alg none":                                 header(none, fields{"alg": "none"}),
		"alg None":                                 header(none, fields{"alg": "None"}),
		"alg nOnE":                                 header(none, fields{"alg": "nOnE"}),
		"alg none with a signature":                header(old, fields{"alg": "none"}),
		"HS256 with the key as PEM":                header(hs256(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), fields{"alg": "HS256"}),
		"HS256 with the key as DER":                header(hs256(der), fields{"alg": "HS256"}),
		"HS256 with the key's n":                   header(hs256([]byte(encode(published.N.Bytes()))), fields{"alg": "HS256"}),
		"PS256 by another key":                     header(ps256, fields{"alg": "PS256"}),
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
		"no signature":                             login.parts[0] + "." + login.parts[1],
		"another proof's signature":                header(signatureOf(verify), nil),
		"another sub, old signature":               claims(old, fields{"sub": "mallory"}),
		"a second sub, old signature":              login.parts[0] + "." + twice + "." + login.parts[2],
		"a verify proof changed to login":          sign(verify.header, with(verify.payload, fields{"purpose": "login"}), signatureOf(verify)),
		"a verify proof":                           verify.text,
		"another client's aud":                     claims(genuine, fields{"aud": "demo-server"}),
		"no aud":                                   claims(genuine, fields{"aud": nil}),
		"iss with a slash at its end":              claims(genuine, fields{"iss": issuer + "/"}),
		"another host's iss":                       claims(genuine, fields{"iss": "https://login.example.com"}),
		"no iss":                                   claims(genuine, fields{"iss": nil}),
		"an expired proof":                         claims(genuine, fields{"iat": now - 2*hour, "exp": now - hour}),
		"a proof that is not valid yet":            claims(genuine, fields{"nbf": now + hour, "exp": now + 2*hour}),
		"another nonce":                            claims(genuine, fields{"nonce": "n-0000"}),
		"no nonce":                                 claims(genuine, fields{"nonce": nil}),
		"another purpose":                          claims(genuine, fields{"purpose": "verify"}),
		"no purpose":                               claims(genuine, fields{"purpose": nil}),
	}
}

// token is a signed token in the compact form, its three encoded parts, and two of them decoded.
type token struct {
	text            string
	parts           []string
	header, payload fields
}

func parse(t *testing.T, text string) token {
	t.Helper()
	parsed := token{text: text, parts: strings.Split(text, ".")}
	if len(parsed.parts) != 3 {
		t.Fatalf("%q is no token", text)
	}
	must(t, json.Unmarshal(decode(t, parsed.parts[0]), &parsed.header))
	must(t, json.Unmarshal(decode(t, parsed.parts[1]), &parsed.payload))
	return parsed
}

func sign(header, payload fields, s signer) string {
	input := encode(toJSON(header)) + "." + encode(toJSON(payload))
	return input + "." + encode(s([]byte(input)))
}

// with returns a copy that has these members and is without those that are nil.
func with(part, changes fields) fields {
	part = maps.Clone(part)
	maps.Copy(part, changes)
	maps.DeleteFunc(part, func(_ string, value any) bool { return value == nil })
	return part
}

// serve publishes a forger's keys. A request for them fails the test.
func serve(t *testing.T, keys fields) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("%s fetches the keys that a forged header names", r.UserAgent())
		_, _ = w.Write(toJSON(keys))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func decode(t *testing.T, text string) []byte {
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

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
