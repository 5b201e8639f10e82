package e2e

import (
	"encoding/json"
	"testing"
)

// Rotating the root secret breaks no live code and forgets no lock.
func TestRotation(t *testing.T) {
	s := Start(t, unlimited...)
	arn := stackOutput(t, s, "KeySecretArn")
	rotate := func(current, previous any) {
		t.Helper()
		var secret map[string]any
		old := aws(t, s, "secretsmanager.GetSecretValue", fields{"SecretId": arn})["SecretString"].(string)
		if err := json.Unmarshal([]byte(old), &secret); err != nil {
			t.Fatal(err)
		}
		secret["current"], secret["previous"] = current, previous
		text, err := json.Marshal(secret)
		if err != nil {
			t.Fatal(err)
		}
		aws(t, s, "secretsmanager.PutSecretValue", fields{"SecretId": arn, "SecretString": string(text), "ClientRequestToken": "6f2a9d0c-3b1e-4a77-9d3e-0c1b2a3d4e5f"})
	}
	one := fields{"kid": "1", "secret": "one-one-one-one-one-one-one-one-one"}
	live, liveCode := session(t, s, fields{"email": "live@example.com"}, "live@example.com")
	locked, lockedCode := session(t, s, fields{"email": "locked@example.com"}, "locked@example.com")
	for range 5 {
		expect(t, s, "/api/verify", try(locked, wrong(lockedCode)), 401, "wrong_code")
	}
	rotate(one, nil)
	s.Kill("GenerateFunction") // it makes sessions with the new key; send and verify still hold the old keyring

	id, code := session(t, s, fields{"email": "new@example.com"}, "new@example.com")
	for _, item := range s.Items("CodesTable") {
		if item["sessionId"]["S"] == id && item["kid"]["S"] != "1" {
			t.Errorf("made with key %v", item["kid"])
		}
	}
	expect(t, s, "/api/verify", try(id, code), 200, "")
	expect(t, s, "/api/verify", try(live, liveCode), 200, "")
	expect(t, s, "/api/verify", try(locked, lockedCode), 403, "locked")
	expect(t, s, "/api/generate", fields{"email": "locked@example.com"}, 403, "locked")
}
