package attack

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"streamotp/local/e2e"
)

type fields = map[string]any

const (
	password = "tulip harbor lantern 42" // the demo users'
	fresh    = "violet meadow 7 kites"
)

var callers atomic.Int32

// elsewhere returns the stack for a caller at an IP address that has not called yet, with these headers.
func elsewhere(s *e2e.Stack, header ...string) *e2e.Stack {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	n := callers.Add(1)
	return s.From(fmt.Sprintf("127.9.%d.%d", n/250, n%250+1), h)
}

// post calls the API. It repeats calls that the API throttles, as an attacker has time.
func post(s *e2e.Stack, path string, body fields) (status int, answer fields) {
	for deadline := time.Now().Add(e2e.Patience); ; time.Sleep(10 * time.Millisecond) {
		status, _, answer = s.Post("/api/"+path, body)
		if status != http.StatusTooManyRequests || answer["message"] == nil || time.Now().After(deadline) {
			return status, answer
		}
	}
}

// counts are responses by status and code, such as "401 wrong_code".
type counts map[string]int

// judged returns how many guesses were compared with a code.
func (c counts) judged() int { return c["200"] + c["401 wrong_code"] }

// atOnce makes n calls in parallel.
func atOnce(n int, call func(i int) (status int, answer fields)) counts {
	var mu sync.Mutex
	var wait sync.WaitGroup
	seen := counts{}
	for i := range n {
		wait.Go(func() {
			status, answer := call(i)
			mu.Lock()
			defer mu.Unlock()
			seen[strings.TrimSuffix(fmt.Sprint(status, " ", answer["code"]), " <nil>")]++
		})
	}
	wait.Wait()
	return seen
}

// begin requests a code and returns the session and the code that arrived.
func begin(t *testing.T, s *e2e.Stack, ask fields, to string) (id, code string) {
	t.Helper()
	before := s.Messages()
	status, answer := post(s, "generate", ask)
	if status != http.StatusOK {
		t.Fatalf("generate: %d %v", status, answer)
	}
	wait(t, "a code to "+to, func() bool { code = s.CodeSince(before, to); return code != "" })
	return answer["sessionId"].(string), code
}

func wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(e2e.Patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// account adds an account with the demo users' password, as an operator would.
func account(t *testing.T, s *e2e.Stack, email string, more ...string) {
	t.Helper()
	for _, user := range s.Items("UsersTable") {
		if user["email"]["S"] != "ada@example.com" {
			continue
		}
		user["email"]["S"] = email
		for i := 0; i < len(more); i += 2 {
			user[more[i]] = map[string]any{"S": more[i+1]}
		}
		s.PutItem("UsersTable", user)
		return
	}
	t.Fatal("no demo user")
}

func login(email, password string) fields {
	return fields{"email": email, "password": password, "purpose": "login"}
}

func reset(email string) fields { return fields{"email": email, "purpose": "reset"} }

func try(id, code string) fields { return fields{"sessionId": id, "code": code} }

func set(id, code, password string) fields {
	return fields{"sessionId": id, "code": code, "password": password}
}

// guess returns the i-th wrong guess at a code.
func guess(code string, i int) string {
	last := int(code[len(code)-1] - '0')
	return fmt.Sprintf("%05d%d", i, (last+1)%10)
}
