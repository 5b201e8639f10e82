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
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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
	kid, _ := s.PublicKey()
	for _, proof := range []e2e.Token{login, verify} {
		encoded, _, _ := strings.Cut(proof.Text, ".")
		header, err := base64.RawURLEncoding.DecodeString(encoded)
		must(t, err)
		want := fmt.Sprintf(`{"alg":"RS256","kid":%q,"typ":"JWT"}`, kid)
		if string(header) != want || len(proof.Text) >= 1500 {
			t.Errorf("a proof has %d bytes and the header %s, want less than 1500 and %s", len(proof.Text), header, want)
		}
	}

	samples := []sample{
		{"the login proof", login.Text, "login", true},
		{"the verify proof", verify.Text, "verify", true},
		{"the login proof, signed again", login.With(nil, nil, s.Sign), "login", true}, // as some forgeries are
	}
	forged := forge(t, s, login, verify)
	for _, name := range slices.Sorted(maps.Keys(forged)) {
		samples = append(samples, sample{name, forged[name], "login", false})
	}
	samples = append(samples, sample{"the login proof, at the end", login.Text, "login", true}) // the forgeries must not spoil a library's cache
	in, err := json.Marshal(fields{"issuer": s.URL, "audience": client, "nonce": nonce, "tokens": samples})
	must(t, err)

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
func newProof(t *testing.T, s *e2e.Stack, email string, ask fields) e2e.Token {
	t.Helper()
	maps.Copy(ask, fields{"email": email, "clientId": client, "nonce": nonce})
	status, _, session := s.Post("/api/generate", ask)
	if status != http.StatusOK {
		t.Fatalf("generate: %d %v", status, session)
	}
	code := s.Code(s.WaitMessage(email, nil))
	status, _, answer := s.Post("/api/verify", fields{"sessionId": session["sessionId"], "code": code})
	proof, _ := answer["proof"].(string)
	if status != http.StatusOK || proof == "" {
		t.Fatalf("verify: %d %v", status, answer)
	}
	return e2e.ParseToken(t, proof)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
