// Package proofs checks that widely used JWT libraries accept the proofs of the development stack and reject forged ones.
//
// There is a checker for each language, in a folder of its own. It reads {issuer, audience, nonce, tokens: [{name, token,
// purpose}]} from stdin and prints {library: {name: result}}. A result is "accepted" or the reason for the rejection. Each
// library is used as its documentation recommends and checks the signature, iss, aud, exp and nbf. The checkers themselves
// compare the purpose and the nonce; with Nimbus, the library compares the nonce. No sample depends on iat, because half of the
// libraries do not check it. Every sample has exp, because half of the libraries do not require it.
package proofs

import (
	"bytes"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"streamotp/local/e2e"
)

const client, nonce = "demo", "n-7f3a"

type fields = map[string]any

// sample is a token, the purpose that a back end asks for, and whether the back end has to accept the token.
type sample struct {
	Name    string `json:"name"`
	Token   string `json:"token"`
	Purpose string `json:"purpose"`
	valid   bool
}

func TestLibraries(t *testing.T) {
	s := e2e.Start(t, "-parameter", "ProofTtlSeconds=600") // a busy machine may need more than the default of two minutes
	login := newProof(t, s, "ada@example.com", fields{"password": "tulip harbor lantern 42", "purpose": "login"})
	verify := newProof(t, s, "eve@example.com", fields{})
	_, _, jwks := s.Do(http.MethodGet, "/.well-known/jwks.json", nil)
	kid, key := publicKey(t, jwks)
	for _, proof := range []token{login, verify} {
		header, want := decode(t, proof.parts[0]), fmt.Sprintf(`{"alg":"RS256","kid":%q,"typ":"JWT"}`, kid)
		if string(header) != want || len(proof.text) >= 1500 {
			t.Errorf("a proof has %d bytes and the header %s, want less than 1500 and %s", len(proof.text), header, want)
		}
	}

	genuine := func(input []byte) []byte { return signByKMS(t, s, input) }
	samples := []sample{
		{"the login proof", login.text, "login", true},
		{"the verify proof", verify.text, "verify", true},
		{"the login proof, signed again", sign(login.header, login.payload, genuine), "login", true}, // as some forgeries are
	}
	forged := forge(t, login, verify, key, genuine)
	for _, name := range slices.Sorted(maps.Keys(forged)) {
		samples = append(samples, sample{name, forged[name], "login", false})
	}
	samples = append(samples, sample{"the login proof, at the end", login.text, "login", true}) // the forgeries must not spoil a library's cache
	in := toJSON(fields{"issuer": s.URL, "audience": client, "nonce": nonce, "tokens": samples})

	root, err := e2e.Root()
	must(t, err)
	tools := filepath.Join(root, ".tools", "proofs")
	for _, checker := range []struct {
		libraries string
		command   []string
	}{
		{"aws-jwt-verify jose jsonwebtoken", []string{"node", "node/check.mjs"}},
		{"Authlib PyJWT joserfc", []string{tools + "/python/bin/python", "python/check.py"}},
		{"go-jose go-oidc golang-jwt jwx", []string{tools + "/go/checker"}},
		{"nimbus-jose-jwt", []string{"java", "-cp", tools + "/java:" + tools + "/java/*", "Check"}},
	} {
		t.Run(checker.libraries, func(t *testing.T) {
			t.Parallel()
			check(t, checker.command, in, strings.Fields(checker.libraries), samples)
		})
	}
}

// check compares what the libraries of a checker say about the samples with what they have to say.
func check(t *testing.T, command []string, in []byte, libraries []string, samples []sample) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v (make proofs installs the checkers)\n%s", err, &stderr)
	}
	var results map[string]map[string]string
	must(t, json.Unmarshal(stdout.Bytes(), &results))
	if got := slices.Sorted(maps.Keys(results)); !slices.Equal(got, libraries) {
		t.Errorf("the checker has the libraries %v, want %v", got, libraries)
	}
	for library, results := range results {
		for _, sample := range samples {
			result := results[sample.Name]
			switch {
			case result == "":
				t.Errorf("%s does not check %s", library, sample.Name)
			case result == "accepted" && !sample.valid:
				t.Errorf("%s accepts %s", library, sample.Name)
			case result != "accepted" && sample.valid:
				t.Errorf("%s rejects %s: %s", library, sample.Name, result)
			}
		}
	}
}

// newProof requests a code for the client, enters it and returns the proof.
func newProof(t *testing.T, s *e2e.Stack, email string, ask fields) token {
	t.Helper()
	status, _, session := s.Post("/api/generate", with(ask, fields{"email": email, "clientId": client, "nonce": nonce}))
	if status != http.StatusOK {
		t.Fatalf("generate: %d %v", status, session)
	}
	code := s.Code(s.WaitMessage(email, nil))
	status, _, answer := s.Post("/api/verify", fields{"sessionId": session["sessionId"], "code": code})
	proof, _ := answer["proof"].(string)
	if status != http.StatusOK || proof == "" {
		t.Fatalf("verify: %d %v", status, answer)
	}
	return parse(t, proof)
}

// publicKey returns the only key of a published set.
func publicKey(t *testing.T, jwks []byte) (kid string, key *rsa.PublicKey) {
	t.Helper()
	var set struct{ Keys []struct{ Kid, N, E string } }
	must(t, json.Unmarshal(jwks, &set))
	if len(set.Keys) != 1 || set.Keys[0].E != "AQAB" {
		t.Fatalf("keys %s", jwks)
	}
	return set.Keys[0].Kid, &rsa.PublicKey{N: new(big.Int).SetBytes(decode(t, set.Keys[0].N)), E: 65537}
}

// signByKMS has the stack's imitation of KMS sign, as an operator could.
func signByKMS(t *testing.T, s *e2e.Stack, input []byte) []byte {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, s.AWSURL, bytes.NewReader(toJSON(fields{"KeyId": "alias/streamotp-streamotp-current",
		"Message": hash(input), "MessageType": "DIGEST", "SigningAlgorithm": "RSASSA_PKCS1_V1_5_SHA_256"})))
	must(t, err)
	now := time.Now().UTC()
	request.Header.Set("X-Amz-Target", "TrentService.Sign")
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Date", now.Format("20060102T150405Z"))
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=operator/"+now.Format("20060102")+
		"/us-east-1/kms/aws4_request, SignedHeaders=host;x-amz-date;x-amz-target, Signature="+strings.Repeat("0", 64))
	response, err := http.DefaultClient.Do(request)
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	must(t, err)
	var signed struct{ Signature []byte }
	if err := json.Unmarshal(text, &signed); err != nil || signed.Signature == nil {
		t.Fatalf("sign: %d %s", response.StatusCode, text)
	}
	return signed.Signature
}
