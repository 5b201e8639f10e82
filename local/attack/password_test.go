package attack

import (
	"fmt"
	"strings"
	"testing"

	"streamotp/local/e2e"
)

const (
	passwordTries   = 10 // the default, in an hour for one account
	passwordTriesIP = 50 // from one client IP address
)

// wrongAt sends a wrong password for each of the accounts and counts the responses that report it as wrong.
func wrongAt(n, most int, caller func(i int) *e2e.Stack, account func(i int) string) result {
	seen := atOnce(n, func(i int) (int, fields) {
		return post(caller(i), "generate", login(account(i), fmt.Sprint("not the password ", i)))
	})
	told := seen["401 invalid_credentials"]
	return result{n, told, "judged", told > most}
}

func guessPasswords(t *testing.T, s *e2e.Stack) result {
	const owner = "guessed@example.com"
	account(t, s, owner)
	return wrongAt(60, passwordTries, func(int) *e2e.Stack { return elsewhere(s) }, func(int) string { return owner })
}

func sprayPassword(_ *testing.T, s *e2e.Stack) result {
	caller := elsewhere(s)
	return wrongAt(80, passwordTriesIP, func(int) *e2e.Stack { return caller }, func(i int) string { return fmt.Sprintf("sprayed%d@example.com", i) })
}

// exhaust uses up an account's wrong passwords.
func exhaust(t *testing.T, s *e2e.Stack, owner string) {
	t.Helper()
	account(t, s, owner)
	for i := range passwordTries {
		post(elsewhere(s), "generate", login(owner, fmt.Sprint("not the password ", i)))
	}
}

func passwordBeyondLimit(t *testing.T, s *e2e.Stack) result {
	const owner = "closed@example.com"
	exhaust(t, s, owner)
	seen := counts{}
	for _, guess := range []string{"not the password", password} {
		status, answer := post(elsewhere(s), "generate", login(owner, guess))
		seen[fmt.Sprint(status, " ", answer["code"])]++
	}
	told := 2 - seen["429 too_many_requests"]
	return result{passwordTries + 2, told, "told", told > 0}
}

// passwordBySlots checks how a guess beyond the account's limit affects the limit of its own IP address: it takes one
// wrong password, unless the guess was right.
func passwordBySlots(t *testing.T, s *e2e.Stack) result {
	const owner = "betrayed@example.com"
	exhaust(t, s, owner)
	tries := passwordTries
	left := map[string]string{}
	for _, guess := range []string{"not the password", password} {
		caller := elsewhere(s)
		for i := range passwordTriesIP - 1 {
			post(caller, "generate", login(fmt.Sprintf("own%d@example.com", i), "not the password"))
		}
		post(caller, "generate", login(owner, guess))
		status, _ := post(caller, "generate", login("own@example.com", "not the password"))
		left[guess] = fmt.Sprint(status)
		tries += passwordTriesIP + 1
	}
	if left[password] != left["not the password"] {
		return result{tries, 1, "told", true}
	}
	return result{tries, 0, "told", false}
}

// guessSilently has a stolen password and hopes that its guesses at the second step notify nobody.
func guessSilently(t *testing.T, s *e2e.Stack) result {
	const owner = "warned@example.com"
	account(t, s, owner)
	id, code := begin(t, elsewhere(s), login(owner, password), owner)
	for i := range maxAttempts {
		post(s, "verify", try(id, guess(code, i)))
	}
	for _, item := range s.Items("CodesTable") {
		if item["sessionId"]["S"] == id && strings.HasPrefix(fmt.Sprint(item["code"]["S"]), "notice#") { // the row is written before the response
			s.WaitMessage(owner, func(m e2e.Message) bool { return e2e.Code(m) == "" })
			return result{maxAttempts, 0, "unnoticed", false}
		}
	}
	return result{maxAttempts, 1, "unnoticed", true}
}

// lockOffice shares a client IP address with people who have done nothing wrong.
func lockOffice(t *testing.T, s *e2e.Stack) result {
	const colleague = "colleague@example.com"
	account(t, s, colleague)
	office := elsewhere(s)
	for i := range passwordTries {
		post(office, "generate", login(fmt.Sprintf("typo%d@example.com", i), "not the password"))
	}
	return keptOut(passwordTries, office, login(colleague, password))
}
