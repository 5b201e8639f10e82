package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// atOnce sends one request for each body, all at once, and counts the responses by status and code.
func atOnce(s *Stack, path string, bodies []fields) map[string]int {
	var mu sync.Mutex
	var wait sync.WaitGroup
	seen := map[string]int{}
	for _, body := range bodies {
		wait.Go(func() {
			status, _, answer := s.Post(path, body)
			mu.Lock()
			defer mu.Unlock()
			seen[strings.TrimSuffix(fmt.Sprint(status, " ", answer["code"]), " <nil>")]++
		})
	}
	wait.Wait()
	return seen
}

func TestRaces(t *testing.T) {
	s := Start(t, free("PasswordTriesPerHour=0")...) // 40 passwords are checked below
	t.Run("I3: of 100 right answers at once one wins", func(t *testing.T) {
		id, code := session(t, s, fields{"email": "race@example.com"}, "race@example.com")
		bodies := make([]fields, 100)
		for i := range bodies {
			bodies[i] = try(id, code)
		}
		seen := atOnce(s, "/api/verify", bodies)
		if seen["200"] != 1 || seen["200"]+seen["410 code_used"]+seen["403 locked"] != 100 {
			t.Errorf("answers %v", seen)
		}
	})
	t.Run("I4: of 300 guesses at once over several sessions of a subject at most 5 are judged", func(t *testing.T) {
		var ids, codes []string
		for range 4 {
			id, code := session(t, s, login("ada@example.com", demoPassword), "ada@example.com")
			ids, codes = append(ids, id), append(codes, code)
		}
		bodies := make([]fields, 300)
		for i := range bodies {
			bodies[i] = try(ids[i%len(ids)], wrongMany(codes[i%len(ids)], i+1)[i])
		}
		seen := atOnce(s, "/api/verify", bodies)
		if seen["401 wrong_code"] != 5 || seen["403 locked"] != 295 {
			t.Errorf("answers %v", seen)
		}
	})
	t.Run("of 40 resets at once one wins, and the owner is notified once", func(t *testing.T) {
		const to = "grace@example.com"
		id, code := session(t, s, fields{"email": to, "purpose": "reset"}, to)
		bodies := make([]fields, 40)
		for i := range bodies {
			bodies[i] = fields{"sessionId": id, "code": code, "password": fmt.Sprintf("violet meadow %d kites", i)}
		}
		seen := atOnce(s, "/api/reset", bodies)
		if seen["200"] != 1 || seen["200"]+seen["410 code_used"]+seen["403 locked"]+seen["410 code_expired"] != 40 {
			t.Errorf("answers %v", seen)
		}
		s.WaitMessage(to, func(m Message) bool { return Code(m) == "" })
		works := 0
		for i := range bodies {
			if status, _, _ := s.Post("/api/generate", login(to, fmt.Sprintf("violet meadow %d kites", i))); status == 200 {
				works++
			}
		}
		if works != 1 {
			t.Errorf("%d of the passwords work", works)
		}
		if n := count(s, to); n != 2 {
			t.Errorf("%d messages, want the code and one notice", n)
		}
	})
	t.Run("of 20 resends at once one is sent", func(t *testing.T) {
		slow := Start(t, append(unlimited, "-parameter", "ResendCooldownSeconds=1")...)
		id, _ := session(t, slow, fields{"email": "again@example.com"}, "again@example.com")
		bodies := make([]fields, 20)
		for i := range bodies {
			bodies[i] = fields{"sessionId": id}
		}
		var seen map[string]int
		until(t, Patience, "the cooldown is over", func() bool { seen = atOnce(slow, "/api/resend", bodies); return seen["200"] > 0 })
		if seen["200"] != 1 {
			t.Errorf("answers %v", seen)
		}
		until(t, Patience, "it is sent", func() bool { return count(slow, "again@example.com") == 2 })
	})
}
