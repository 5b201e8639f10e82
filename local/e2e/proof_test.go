package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// asServer returns the stack for the demo client of a server, with its credentials.
func asServer(t *testing.T, s *Stack) *Stack {
	t.Helper()
	return withCredentials(s, "demo-server", serverSecret(t, s))
}

// serverSecret returns the secret of demo-server, which the stack prints.
func serverSecret(t *testing.T, s *Stack) string {
	t.Helper()
	secret := regexp.MustCompile(`Secret +(\S+)`).FindStringSubmatch(s.Log())
	if secret == nil {
		t.Fatalf("the log has no secret of demo-server:\n%s", s.Log())
	}
	return secret[1]
}

func withCredentials(s *Stack, id, secret string) *Stack {
	return s.With("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(id+":"+secret)))
}

// claims returns what the proof in an answer says.
func claims(answer fields) (out fields, err error) {
	proof, _ := answer["proof"].(string)
	parts := strings.Split(proof, ".")
	if len(parts) != 3 || answer["proofExpiresAt"] == nil {
		return nil, fmt.Errorf("no proof in %v", answer)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(payload, &out)
	}
	return out, err
}

// proven logs a person in for the pages' client, and looks the keys up.
func proven(t *testing.T, s *Stack) error {
	body := login("ada@example.com", demoPassword)
	body["clientId"], body["nonce"] = "demo", "n-7f3a"
	id, code, err := coded(t, s, "login", body, "ada@example.com")
	if err != nil {
		return err
	}
	status, _, answer := s.Post("/api/verify", try(id, code))
	if status != 200 {
		return fmt.Errorf("verify answers %d %v", status, answer["code"])
	}
	said, err := claims(answer)
	if err != nil {
		return err
	}
	if said["aud"] != "demo" || said["nonce"] != "n-7f3a" || said["iss"] != s.URL || said["scope"] != "otp:login" || said["sub"] == "" {
		return fmt.Errorf("the proof says %v", said)
	}
	return published(s)
}

// published reads the documents by which a back end finds the keys.
func published(s *Stack) error {
	for path, wants := range map[string]string{"/.well-known/openid-configuration": `"jwks_uri":"` + s.URL + `/.well-known/jwks.json"`,
		"/.well-known/jwks.json": `"alg":"RS256"`} {
		status, header, text := s.Do(http.MethodGet, path, nil)
		if status != 200 || !strings.Contains(string(text), wants) || header.Get("Access-Control-Allow-Origin") != "*" {
			return fmt.Errorf("%s answers %d %s", path, status, text)
		}
	}
	return nil
}

// led reads the document by which a page finds the application that people go on to.
func led(_ *testing.T, s *Stack) error {
	status, header, text := s.Do(http.MethodGet, home, nil)
	if want := `{"application":{"name":"Demo","homeUrl":"` + s.URL + `/_local/example"}}`; status != 200 || string(text) != want ||
		header.Get("Access-Control-Allow-Origin") != "*" || header.Get("Cache-Control") != "public, max-age=60" {
		return fmt.Errorf("%s answers %d %s", home, status, text)
	}
	return nil
}

const home = "/.well-known/streamotp.json"

// TestHome: after a login people are led to the only client that has a home URL, and nothing else of the clients is public.
func TestHome(t *testing.T) {
	s := Start(t)
	if err := led(t, s); err != nil {
		t.Error(err)
	}
	for what, want := range map[string]string{"a second home": "{}", "no table": `{"message":"Service Unavailable"}`} {
		fresh(s, "OidcFunction")
		if what == "a second home" {
			s.PutItem("ClientsTable", Item{"id": {"S": "shop"}, "name": {"S": "Shop"}, "homeUrl": {"S": "https://shop.example/"}})
		} else {
			s.Fault(fields{"service": "dynamodb", "action": "Scan", "table": "ClientsTable", "function": "OidcFunction", "error": "InternalServerError"})
		}
		if _, _, text := s.Do(http.MethodGet, home, nil); string(text) != want {
			t.Errorf("%s: %s", what, text)
		}
		s.ClearFaults()
	}
}

// TestDemoOrigins: codes for the demo client may be asked for by pages of the stack and of an example application, and by no others.
func TestDemoOrigins(t *testing.T) {
	s := Start(t, unlimited...)
	for origin, want := range map[string]int{s.URL: 200, "http://127.0.0.1:8080": 200, "http://127.0.0.1:8081": 400, "https://evil.example": 400} {
		status, _, answer := s.With("Origin", origin).Post("/api/generate", fields{"email": "eve@example.com", "clientId": "demo", "nonce": "n"})
		if status != want {
			t.Errorf("from %s: %d %v", origin, status, answer)
		}
	}
}

// served makes each call as a server does.
func served(t *testing.T, s *Stack) error {
	server := asServer(t, s)
	id, code, err := coded(t, server, "verify", fields{"email": "tess@example.com"}, "tess@example.com")
	if err != nil {
		return err
	}
	age(t, s, id, time.Minute)
	for call, body := range map[string]fields{"/api/status": {"sessionId": id}, "/api/resend": {"sessionId": id}} {
		if err := accepted(server, call, body); err != nil {
			return err
		}
		if status, _, answer := s.Post(call, body); status != 404 {
			return fmt.Errorf("without credentials %s answers %d %v", call, status, answer["code"])
		}
	}
	status, _, answer := server.Post("/api/verify", try(id, code))
	if status != 200 {
		return fmt.Errorf("verify answers %d %v", status, answer["code"])
	}
	if said, err := claims(answer); err != nil || said["aud"] != "demo-server" {
		return fmt.Errorf("the proof says %v, %v", said, err)
	}
	id, code, err = coded(t, server, "reset", fields{"email": "ada@example.com", "purpose": "reset"}, "ada@example.com")
	if err != nil {
		return err
	}
	return accepted(server, "/api/reset", fields{"sessionId": id, "code": code, "password": demoPassword})
}

// wrongSecret has a wrong secret counted by the function that may count nothing else.
func wrongSecret(_ *testing.T, s *Stack) error {
	status, _, answer := withCredentials(s, "demo-server", "wrong").Post("/api/status", fields{"sessionId": "6f2a9d0c-3b1e-4a77-9d3e-0c1b2a3d4e5f"})
	if status != 401 || answer["code"] != "invalid_client" {
		return fmt.Errorf("status answers %d %v", status, answer["code"])
	}
	return nil
}

// TestProofNames: the message and the log name the client, and the log has none of its secrets.
func TestProofNames(t *testing.T) {
	s := Start(t, withCaptcha("turnstile")...)
	server := asServer(t, s)
	if err := served(t, s); err != nil {
		t.Fatal(err)
	}
	m := s.WaitMessage("tess@example.com", nil)
	if !strings.Contains(m.Subject, "Demo server") || !strings.Contains(m.From, "Demo server") || strings.Contains(m.Text, "StreamOTP") {
		t.Errorf("from %s: %s\n%s", m.From, m.Subject, m.Text)
	}
	secret := strings.TrimPrefix(server.header.Get("Authorization"), "Basic ")
	for _, line := range s.Logs() {
		if strings.Contains(line, secret) {
			t.Errorf("the log has the credentials: %s", line)
		}
	}
	if n := logged(s, `"event":"Proven"`); n != 1 || logged(s, `"client":"demo-server"`) < 4 {
		t.Errorf("%d proofs are logged", n)
	}
}
