package attack

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"streamotp/local/e2e"
)

const maxAttempts = 5 // the default

// guessed returns the result of guessing codes.
func guessed(tries int, seen counts, most int) result {
	return result{tries, seen.judged(), "judged", seen.judged() > most}
}

func guessAtOnce(t *testing.T, s *e2e.Stack) result {
	var ids, codes [4]string
	for i := range ids {
		ids[i], codes[i] = begin(t, s, fields{"email": "guess@example.com"}, "guess@example.com")
	}
	seen := atOnce(300, func(i int) (int, fields) { return post(s, "verify", try(ids[i%4], guess(codes[i%4], i))) })
	return guessed(300, seen, maxAttempts)
}

// guessWithNewCodes stops before each lock and requests a new code.
func guessWithNewCodes(t *testing.T, s *e2e.Stack) result {
	const to = "again@example.com"
	seen, tries := counts{}, 0
	for range 4 {
		before := s.Messages()
		status, answer := post(elsewhere(s), "generate", fields{"email": to})
		if status != 200 {
			break
		}
		id, code := answer["sessionId"].(string), ""
		wait(t, "a code", func() bool { code = s.CodeSince(before, to); return code != "" })
		for i := range maxAttempts - 1 {
			status, answer := post(s, "verify", try(id, guess(code, i)))
			seen[fmt.Sprint(status, " ", answer["code"])]++
			tries++
		}
	}
	return guessed(tries, seen, maxAttempts)
}

// guessBesideDeadCode knows the code of a session that the owner's reset has ended, and guesses at a newer session. Before each lock it
// enters the code that it knows, so that a right code clears the attempts.
func guessBesideDeadCode(t *testing.T, s *e2e.Stack) result {
	const owner = "regained@example.com"
	account(t, s, owner)
	attacker := elsewhere(s)
	dead, known := begin(t, attacker, byCode(owner), owner)
	id, code := begin(t, elsewhere(s), reset(owner), owner)
	if status, answer := post(elsewhere(s), "reset", set(id, code, fresh)); status != 200 {
		t.Fatalf("the owner's reset: %d %v", status, answer)
	}
	id, code = begin(t, attacker, byCode(owner), owner)
	seen, tries := counts{}, 0
	for range 4 {
		for range maxAttempts - 1 {
			status, answer := post(attacker, "verify", try(id, guess(code, tries)))
			seen[fmt.Sprint(status, " ", answer["code"])]++
			tries++
		}
		post(attacker, "verify", try(dead, known))
	}
	return guessed(tries, seen, maxAttempts)
}

// guessAsOneRequest hopes that its guesses count as repetitions of the first one.
func guessAsOneRequest(t *testing.T, s *e2e.Stack) result {
	id, code := begin(t, s, fields{"email": "repeat@example.com"}, "repeat@example.com")
	var headers []string
	for _, name := range []string{"X-Request-Id", "Apigw-Requestid", "X-Amzn-Requestid", "X-Amz-Apigw-Id", "Lambda-Runtime-Aws-Request-Id"} {
		headers = append(headers, name, "JKJaXmPLvHcESHA=")
	}
	forger := elsewhere(s, headers...)
	seen := atOnce(50, func(i int) (int, fields) { return post(forger, "verify", try(id, guess(code, i))) })
	return guessed(50, seen, maxAttempts)
}

// guessForADay lets an hour pass after each lock. No lock before the 24-hour lock is longer.
func guessForADay(t *testing.T, s *e2e.Stack) result {
	id, code := begin(t, s, fields{"email": "patient@example.com"}, "patient@example.com")
	seen, tries := counts{}, 0
	for range 24 {
		for range maxAttempts {
			status, answer := post(s, "verify", try(id, guess(code, tries)))
			seen[fmt.Sprint(status, " ", answer["code"])]++
			tries++
		}
		age(t, s, "LimitsTable", "lastTry", func(e2e.Item) bool { return true }, time.Hour)
	}
	return guessed(tries, seen, 100)
}

// age moves an attribute of some items, which is a time, into the past.
func age(t *testing.T, s *e2e.Stack, table, name string, which func(e2e.Item) bool, by time.Duration) {
	t.Helper()
	back := by.Milliseconds()
	if name == "expiredAt" { // this one is in seconds
		back /= 1000
	}
	for _, item := range s.Items(table) {
		if item[name] == nil || !which(item) {
			continue
		}
		at, err := strconv.ParseInt(fmt.Sprint(item[name]["N"]), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		item[name]["N"] = fmt.Sprint(at - back)
		s.PutItem(table, item)
	}
}

func of(id string) func(e2e.Item) bool {
	return func(i e2e.Item) bool { return i["sessionId"]["S"] == id }
}

// used returns the result of using codes. free is how many uses may succeed.
func used(seen counts, free int) result {
	tries := 0
	for _, n := range seen {
		tries += n
	}
	return result{tries, seen["200"], "accepted", seen["200"] > free}
}

func useAgain(t *testing.T, s *e2e.Stack) result {
	id, code := begin(t, s, fields{"email": "used@example.com"}, "used@example.com")
	if status, answer := post(s, "verify", try(id, code)); status != 200 {
		t.Fatal(status, answer)
	}
	seen := counts{}
	for range 20 {
		status, _ := post(s, "verify", try(id, code))
		seen[fmt.Sprint(status)]++
	}
	return used(seen, 0)
}

// useAtOnce makes the store slow, so that the gap between reading a session and using its code is wider.
func useAtOnce(t *testing.T, s *e2e.Stack) result {
	id, code := begin(t, s, fields{"email": "race@example.com"}, "race@example.com")
	s.Fault(fields{"service": "dynamodb", "action": "UpdateItem", "table": "CodesTable", "function": "VerifyFunction", "latencyMs": 500})
	defer s.ClearFaults()
	seen := atOnce(100, func(int) (int, fields) { return post(s, "verify", try(id, code)) })
	if seen["200"] == 0 {
		t.Errorf("nobody was right: %v", seen)
	}
	return used(seen, 1)
}

func useLate(t *testing.T, s *e2e.Stack) result {
	id, code := begin(t, s, fields{"email": "late@example.com"}, "late@example.com")
	age(t, s, "CodesTable", "expiredAt", of(id), 301*time.Second)
	status, _ := post(s, "verify", try(id, code))
	return used(counts{fmt.Sprint(status): 1}, 0)
}

// useElsewhere has got its victims to reveal the code of a harmless confirmation and uses it for a login, and the other
// way round.
func useElsewhere(t *testing.T, s *e2e.Stack) result {
	seen := counts{}
	for i, test := range []struct {
		ask  func(victim string) fields
		call string
	}{
		{func(victim string) fields { return fields{"email": victim} }, "reset"},
		{func(victim string) fields { return login(victim, password) }, "reset"},
		{reset, "verify"},
	} {
		victim := fmt.Sprintf("talkative%d@example.com", i)
		account(t, s, victim)
		id, code := begin(t, elsewhere(s), test.ask(victim), victim)
		body := try(id, code)
		if test.call == "reset" {
			body = set(id, code, fresh)
		}
		status, _ := post(s, test.call, body)
		seen[fmt.Sprint(status)]++
	}
	return used(seen, 0)
}

// finishOldLogin has the stolen password, and begins a login with it before the owner sets a new password.
func finishOldLogin(t *testing.T, s *e2e.Stack) result {
	const owner = "robbed@example.com"
	account(t, s, owner)
	id, code := begin(t, elsewhere(s), login(owner, password), owner)
	resetID, resetCode := begin(t, s, reset(owner), owner)
	if status, answer := post(s, "reset", set(resetID, resetCode, fresh)); status != 200 {
		t.Fatal(status, answer)
	}
	status, _ := post(s, "verify", try(id, code))
	return used(counts{fmt.Sprint(status): 1}, 0)
}

func resetTwice(t *testing.T, s *e2e.Stack) result {
	const owner = "twice@example.com"
	account(t, s, owner)
	id, code := begin(t, elsewhere(s), reset(owner), owner)
	ownID, ownCode := begin(t, s, reset(owner), owner)
	if status, answer := post(s, "reset", set(ownID, ownCode, fresh)); status != 200 {
		t.Fatal(status, answer)
	}
	status, _ := post(s, "reset", set(id, code, "meadow violet 8 kites"))
	return used(counts{fmt.Sprint(status): 1}, 0)
}
