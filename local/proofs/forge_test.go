package proofs

import (
	"maps"
	"testing"
	"time"

	"streamotp/local/e2e"
)

// forge returns forged login proofs, each under a name that says what is wrong with it. It signs no changed header with the stack's own
// key, since under a genuine signature aws-jwt-verify, golang-jwt, jsonwebtoken and jwx ignore crit, and jwx ignores alg.
func forge(t *testing.T, s *e2e.Stack, login, verify e2e.Token) map[string]string {
	t.Helper()
	verified := func([]byte) []byte { return verify.Signature }
	claims := func(changes fields) string { return login.With(nil, changes, s.Sign) }
	issuer, now := login.Claims["iss"].(string), time.Now().Unix()
	const hour = 60 * 60 // more than any library tolerates: go-oidc accepts an nbf of the next five minutes

	forged := s.Forge(login)
	maps.Copy(forged, map[string]string{
		"another proof's signature":       login.With(nil, nil, verified),
		"a verify proof changed to login": verify.With(nil, fields{"purpose": "login"}, verified),
		"a verify proof":                  verify.Text,
		"another client's aud":            claims(fields{"aud": "demo-server"}),
		"no aud":                          claims(fields{"aud": nil}),
		"iss with a slash at its end":     claims(fields{"iss": issuer + "/"}),
		"another host's iss":              claims(fields{"iss": "https://login.example.com"}),
		"no iss":                          claims(fields{"iss": nil}),
		"an expired proof":                claims(fields{"iat": now - 2*hour, "exp": now - hour}),
		"a proof that is not valid yet":   claims(fields{"nbf": now + hour, "exp": now + 2*hour}),
		"another nonce":                   claims(fields{"nonce": "n-0000"}),
		"no nonce":                        claims(fields{"nonce": nil}),
		"another purpose":                 claims(fields{"purpose": "verify"}),
		"no purpose":                      claims(fields{"purpose": nil}),
	})
	return forged
}
