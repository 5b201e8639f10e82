package e2e

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"
)

// rootOf reads the root secret.
func rootOf(t *testing.T, s *Stack) (root struct {
	Index             string
	Current, Previous struct{ Kid, Secret string }
}) {
	t.Helper()
	text := aws(t, s, "secretsmanager.GetSecretValue", fields{"SecretId": stackOutput(t, s, "KeySecretArn")})["SecretString"].(string)
	if err := json.Unmarshal([]byte(text), &root); err != nil {
		t.Fatal(err)
	}
	return root
}

// keyOf returns the id of the key that a session was made with.
func keyOf(t *testing.T, s *Stack, id string) any {
	t.Helper()
	for _, item := range s.Items("CodesTable") {
		if item["sessionId"]["S"] == id {
			return item["kid"]["S"]
		}
	}
	t.Fatal("there is no such session")
	return nil
}

// TestRotation: rotating the root secret ends no live code and no lock.
func TestRotation(t *testing.T) {
	s := Start(t, unlimited...)
	before := rootOf(t, s)
	live, liveCode := session(t, s, fields{"email": "live@example.com"}, "live@example.com")
	resent, resentCode := session(t, s, fields{"email": "resent@example.com"}, "resent@example.com")
	locked, lockedCode := session(t, s, fields{"email": "locked@example.com"}, "locked@example.com")
	for range 5 {
		expect(t, s, "/api/verify", try(locked, wrong(lockedCode)), 401, "wrong_code")
	}
	said := otpctl(t, s, "", "rotate-secret", "--yes")
	after := rootOf(t, s)
	if after.Index != before.Index || after.Previous.Kid != "0" || after.Previous.Secret != before.Index || len(after.Current.Secret) != 64 {
		t.Error("the secret is another one than it should be")
	}
	if !strings.Contains(said, "No live code breaks") || strings.Contains(said, after.Current.Secret) || strings.Contains(said, after.Index) {
		t.Errorf("otpctl said:\n%s", said)
	}
	s.Kill("GenerateFunction") // so it makes sessions with the new key, while send and verify still hold the old keyring

	id, code := session(t, s, fields{"email": "new@example.com"}, "new@example.com")
	if kid := keyOf(t, s, id); kid != after.Current.Kid {
		t.Errorf("made with key %v", kid)
	}
	expect(t, s, "/api/verify", try(id, code), 200, "")
	expect(t, s, "/api/verify", try(live, liveCode), 200, "")
	age(t, s, resent, time.Minute)
	expect(t, s, "/api/resend", fields{"sessionId": resent}, 200, "")
	until(t, Patience, "the resent message", func() bool { return count(s, "resent@example.com") == 2 })
	expect(t, s, "/api/verify", try(resent, resentCode), 200, "")
	expect(t, s, "/api/verify", try(locked, lockedCode), 403, "locked")
	expect(t, s, "/api/generate", fields{"email": "locked@example.com"}, 403, "locked")

	t.Run("a second one would end codes and is refused", func(t *testing.T) {
		said, err := tryOtpctl(t, s, "", "rotate-secret", "--yes")
		if now := rootOf(t, s); err == nil || !strings.Contains(said, "would end the codes") || now != after {
			t.Errorf("%v\n%s", err, said)
		}
	})
	t.Run("by force it ends the codes of the oldest key and no others", func(t *testing.T) {
		old, oldCode := session(t, s, fields{"email": "old@example.com"}, "old@example.com")
		said := otpctl(t, s, "", "rotate-secret", "--yes", "--force")
		if now := rootOf(t, s); now.Previous != after.Current || !strings.Contains(said, "The key 0 is forgotten") {
			t.Errorf("otpctl said:\n%s", said)
		}
		for _, function := range []string{"GenerateFunction", "VerifyFunction", "SendFunction"} {
			s.Kill(function)
		}
		expect(t, s, "/api/verify", try(old, oldCode), 200, "")
		expect(t, s, "/api/generate", fields{"email": "locked@example.com"}, 403, "locked")
	})
}

// TestRotationsAtOnce: of several rotations at once only one is made, as two would end live codes.
func TestRotationsAtOnce(t *testing.T) {
	s := Start(t, unlimited...)
	id, code := session(t, s, fields{"email": "live@example.com"}, "live@example.com")
	var (
		wait sync.WaitGroup
		mu   sync.Mutex
		done int
	)
	if _, err := buildOtpctl(); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		wait.Go(func() {
			said, err := tryOtpctl(t, s, "", "rotate-secret", "--yes")
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				done++
			} else if !strings.Contains(said, "changed at the same time") && !strings.Contains(said, "would end the codes") {
				t.Errorf("%v\n%s", err, said)
			}
		})
	}
	wait.Wait()
	if root := rootOf(t, s); done != 1 || root.Previous.Kid != "0" {
		t.Errorf("%d were made, the previous key is %q", done, root.Previous.Kid)
	}
	for _, function := range []string{"GenerateFunction", "VerifyFunction", "SendFunction"} {
		s.Kill(function)
	}
	expect(t, s, "/api/verify", try(id, code), 200, "")
}
