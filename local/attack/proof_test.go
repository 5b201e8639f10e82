package attack

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"testing"

	"streamotp/local/e2e"
)

const secret = "a secret that this test knows"

// client adds a client, a server's if it has no origin, that may ask proofs for these purposes. Functions keep a client for a
// minute, so each attack has its own.
func client(s *e2e.Stack, id, origin string, purposes ...string) {
	item := e2e.Item{"id": {"S": id}, "name": {"S": "Client"}, "type": {"S": "public"}, "createdAt": {"N": "1"}, "purposes": texts(purposes...), "origins": texts(origin)}
	if origin == "" {
		item["type"]["S"], item["secretHash"] = "confidential", secretHash()
		delete(item, "origins")
	}
	s.PutItem("ClientsTable", item)
}

func texts(values ...string) fields {
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = fields{"S": v}
	}
	return fields{"L": list}
}

// secretHash is the attribute of a client with the secret.
func secretHash() fields {
	hash := sha256.Sum256([]byte(secret))
	return texts(base64.RawURLEncoding.EncodeToString(hash[:]))
}

// as returns the stack for a server with credentials.
func as(s *e2e.Stack, id, secret string) *e2e.Stack {
	return elsewhere(s, "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(id+":"+secret)))
}

// proven requests a code and enters it. It returns the proof, or "" without one.
func proven(t *testing.T, s *e2e.Stack, ask fields) (proof string) {
	t.Helper()
	before := s.Messages()
	status, answer := post(s, "generate", ask)
	if status != 200 {
		return ""
	}
	code, to := "", fmt.Sprint(ask["email"])
	wait(t, "a code to "+to, func() bool { code = s.CodeSince(before, to); return code != "" })
	_, verified := post(s, "verify", try(fmt.Sprint(answer["sessionId"]), code))
	proof, _ = verified["proof"].(string)
	return proof
}

// stolen is the result of asking for proofs that nobody should get.
func stolen(tries, got int) result { return result{tries, got, "proofs", got > 0} }

func proofs(t *testing.T, s *e2e.Stack, asks ...fields) result {
	got := 0
	for i, ask := range asks {
		ask["email"] = fmt.Sprintf("eve%d@example.com", i)
		if proven(t, elsewhere(s), ask) != "" {
			got++
		}
	}
	return stolen(len(asks), got)
}

func proveForServer(t *testing.T, s *e2e.Stack) result {
	client(s, "server-named", "", "verify")
	return proofs(t, s, fields{"clientId": "server-named", "nonce": "n"})
}

// proveElsewhere requests a code for the client's proof, which anybody with the code gets.
func proveElsewhere(t *testing.T, s *e2e.Stack) result {
	client(s, "page-of-origin", "https://page.example", "verify")
	page := elsewhere(s, "Origin", "https://evil.example")
	status, _ := post(page, "generate", fields{"clientId": "page-of-origin", "nonce": "n", "email": "eve@example.com"})
	return result{1, map[bool]int{true: 1}[status == 200], "codes", status == 200}
}

func proveWithoutNonce(t *testing.T, s *e2e.Stack) result {
	client(s, "page-with-nonce", "https://page.example", "verify")
	return proofs(t, s, fields{"clientId": "page-with-nonce"}, fields{"clientId": "page-with-nonce", "nonce": ""})
}

func proveOtherPurpose(t *testing.T, s *e2e.Stack) result {
	client(s, "page-for-login", "https://page.example", "login")
	return proofs(t, s, fields{"clientId": "page-for-login", "nonce": "n"}, fields{"clientId": "page-for-login", "nonce": "n", "purpose": "verify"})
}

// useOthersSession takes a session that a server made, with its code, to the calls of everybody else.
func useOthersSession(t *testing.T, s *e2e.Stack) result {
	client(s, "server-owner", "", "verify")
	client(s, "server-other", "", "verify")
	owner := as(s, "server-owner", secret)
	id, code := begin(t, owner, fields{"email": "owned@example.com"}, "owned@example.com")
	got := 0
	callers := []*e2e.Stack{elsewhere(s), as(s, "server-other", secret)}
	for _, caller := range callers {
		for call, body := range map[string]fields{"status": {"sessionId": id}, "resend": {"sessionId": id}, "verify": try(id, code)} {
			if status, _ := post(caller, call, body); status != 404 {
				got++
			}
		}
	}
	return result{3 * len(callers), got, "answers", got > 0}
}

// claimAddress floods mailboxes from one address, and names another one in each call.
func claimAddress(t *testing.T, s *e2e.Stack) result {
	sent, from := 0, elsewhere(s)
	for i := range 60 {
		caller := from.With("X-Client-Ip", fmt.Sprintf("192.0.2.%d", i+1))
		if status, _ := post(caller, "generate", fields{"email": fmt.Sprintf("claim%d@example.com", i)}); status == 200 {
			sent++
		}
	}
	return result{60, sent, "messages", sent > 30}
}

func guessSecret(t *testing.T, s *e2e.Stack) result {
	client(s, "server-guessed", "", "verify")
	from := elsewhere(s)
	seen := atOnce(80, func(i int) (int, fields) {
		guess := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "server-guessed:guess %d", i))
		return post(from.With("Authorization", "Basic "+guess), "status", fields{"sessionId": "6f2a9d0c-3b1e-4a77-9d3e-0c1b2a3d4e5f"})
	})
	return result{80, seen["401 invalid_client"], "compared", seen["401 invalid_client"] > 50}
}

// loseProof has KMS fail while the right code is entered. The goal is a code that is used without a proof.
func loseProof(t *testing.T, s *e2e.Stack) result {
	client(s, "page-lost", "https://page.example", "verify")
	lost := 0
	for i, action := range []string{"Sign", "GetPublicKey"} {
		to := fmt.Sprintf("lost%d@example.com", i)
		id, code := begin(t, elsewhere(s), fields{"email": to, "clientId": "page-lost", "nonce": "n"}, to)
		s.Fault(fields{"service": "kms", "action": action, "error": "KMSInternalException"})
		s.Kill("VerifyFunction") // it may know the public key
		_, first := post(s, "verify", try(id, code))
		s.ClearFaults()
		if _, second := post(s, "verify", try(id, code)); first["proof"] == nil && second["proof"] == nil {
			lost++
		}
	}
	return result{2, lost, "lost", lost > 0}
}

// keepCode has the write that uses the code fail. The goal is a proof whose code is still usable.
func keepCode(t *testing.T, s *e2e.Stack) result {
	client(s, "page-kept", "https://page.example", "verify")
	id, code := begin(t, elsewhere(s), fields{"email": "kept@example.com", "clientId": "page-kept", "nonce": "n"}, "kept@example.com")
	s.Fault(fields{"service": "dynamodb", "action": "UpdateItem", "table": "CodesTable", "function": "VerifyFunction", "error": "InternalServerError"})
	_, answer := post(s, "verify", try(id, code))
	s.ClearFaults()
	if answer["proof"] != nil {
		return stolen(1, 1)
	}
	return stolen(1, 0)
}
