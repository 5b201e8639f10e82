package attack

import (
	"fmt"
	"testing"

	"streamotp/local/e2e"
)

// byCode requests a code alone, for the client of the development stack's pages.
func byCode(email string) fields {
	return fields{"email": email, "purpose": "passwordless", "clientId": "demo", "nonce": "n"}
}

func tellByCodeAlone(t *testing.T, s *e2e.Stack) result {
	return tellBy(t, s, "alone", byCode, "verify", func(id string) fields { return try(id, "000000") })
}

// person returns the account of an address, or nil.
func person(s *e2e.Stack, email string) e2e.Item {
	for _, item := range s.Items("UsersTable") {
		if item["email"]["S"] == email {
			return item
		}
	}
	return nil
}

// takeOver requests a code for an address that gets its account only after that, and enters the code. The goal is an account that is
// another one.
func takeOver(t *testing.T, s *e2e.Stack) result {
	changed := 0
	for i := range 3 {
		email := fmt.Sprintf("added%d@example.com", i)
		caller := elsewhere(s)
		id, code := begin(t, caller, byCode(email), email)
		account(t, s, email, "id", "11111111-2222-4333-8444-555555555555")
		before := fmt.Sprint(person(s, email))
		_, answer := post(caller, "verify", try(id, code))
		if fmt.Sprint(person(s, email)) != before || answer["proof"] != nil {
			changed++
		}
	}
	return result{3, changed, "accounts", changed > 0}
}

// raceToSignUp enters the right codes of several sessions of one address at once. The goal is more than one proof, each of another person.
func raceToSignUp(t *testing.T, s *e2e.Stack) result {
	const n, email = 8, "raced@example.com"
	var tries [n]fields
	for i := range n {
		id, code := begin(t, elsewhere(s), byCode(email), email)
		tries[i] = try(id, code)
	}
	seen := atOnce(n, func(i int) (int, fields) { return post(s, "verify", tries[i]) })
	return result{n, seen["200"], "accepted", seen["200"] > 1}
}

// lockLoginByCodes enters wrong codes of a code alone. The goal is an owner who cannot log in with the password.
func lockLoginByCodes(t *testing.T, s *e2e.Stack) result {
	const owner = "shutout@example.com"
	account(t, s, owner)
	stranger := elsewhere(s)
	_, answer := post(stranger, "generate", byCode(owner))
	for i := range 2 * maxAttempts {
		post(stranger, "verify", try(fmt.Sprint(answer["sessionId"]), fmt.Sprintf("00000%d", i)))
	}
	status, _ := post(elsewhere(s), "generate", login(owner, password))
	return result{2 * maxAttempts, map[bool]int{true: 1}[status != 200], "owners locked out", status != 200}
}

// sends reports whether a session's code is sent.
func sends(s *e2e.Stack, id any) bool {
	for _, item := range s.Items("CodesTable") {
		if item["sessionId"]["S"] == id && item["send"] != nil {
			return true
		}
	}
	return false
}

// plantPassword requests a reset for an address before its owner has an account. The owner passes every code on to the attacker. The goal
// is the attacker's password on the owner's account.
func plantPassword(t *testing.T, s *e2e.Stack) result {
	const owner = "planted@example.com"
	attacker, before := elsewhere(s), s.Messages()
	_, asked := post(attacker, "generate", reset(owner))
	passedOn := "000000"
	if sends(s, asked["sessionId"]) {
		wait(t, "the reset's code", func() bool { passedOn = s.CodeSince(before, owner); return passedOn != "" })
	}
	id, code := begin(t, elsewhere(s), byCode(owner), owner)
	if status, answer := post(elsewhere(s), "verify", try(id, code)); status != 200 {
		t.Fatalf("the owner's sign-up: %d %v", status, answer)
	}
	post(attacker, "reset", set(fmt.Sprint(asked["sessionId"]), passedOn, fresh))
	return counted("passwords", person(s, owner)["passwordHash"] != nil)
}

// signUpBlocked requests codes at a domain that the operator has blocked, and below it.
func signUpBlocked(t *testing.T, s *e2e.Stack) result {
	s.PutItem("LimitsTable", e2e.Item{"key": {"S": "blocked#mailinator.com"}})
	sent := 0
	for _, email := range []string{"a@mailinator.com", "b@x.mailinator.com", "C@MAILINATOR.com"} {
		status, answer := post(elsewhere(s), "generate", byCode(email))
		if status != 200 {
			t.Fatalf("generate: %d %v", status, answer)
		}
		if sends(s, answer["sessionId"]) {
			sent++
		}
	}
	return result{3, sent, "codes", sent > 0}
}
