package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// These tests check that nothing reveals whether an account exists. They take each step of a flow for an account and for
// an unknown address of the same length (the stranger), and compare everything that could differ: status, headers, the
// body's names, values and length, Retry-After, and the calls that the function made for the response (service, action,
// table, units and bytes), in their order, with the runs of Argon2 among them. Time is not measured: these calls and runs
// are what takes time.
//
// The read of the client is left out: a function makes it once a minute, whatever the address is.
//
// The calls of the send function and of the feedback function are left out. A decoy session causes none, but they come
// after the response, in other functions, and nothing of them goes back to the caller.

// party is one of the two: the account or the stranger.
type party struct {
	email  string
	caller *Stack // has its own IP address, so that limits by IP address count both parties alike
	id     string // of its session
}

// step is one step of a flow.
type step struct {
	path   string
	body   func(p *party) fields
	want   string // status, and the code if there is one; without limits the outcome may differ
	before func()
}

// impression is what a caller sees of a response, and what the response cost.
type impression struct {
	answer     string
	retryAfter int
	work       []string
}

// look posts a body and records everything that can be observed. Ids and times are not compared, as they always differ.
func look(t *testing.T, s *Stack, p *party, path string, body fields) (v impression, outcome string) {
	t.Helper()
	s.ClearCalls()
	logged := len(s.Logs())
	status, header, data := p.caller.Do(http.MethodPost, path, body)
	var answer fields
	if err := json.Unmarshal(data, &answer); err != nil {
		t.Fatalf("%s: %d %s", path, status, data)
	}
	if id, ok := answer["sessionId"].(string); ok {
		p.id = id
	}
	delete(answer, "sessionId")
	delete(answer, "requestId")
	if answer["destination"] != nil { // each typed its own
		if want := p.email[:1] + "•••" + p.email[strings.IndexByte(p.email, '@'):]; answer["destination"] != want {
			t.Errorf("%s is shown as %v", p.email, answer["destination"])
		}
		answer["destination"], answer["expiresAt"] = "some", "some"
		if answer["resendAt"] != nil {
			answer["resendAt"] = "some"
		}
	}
	v.retryAfter, _ = strconv.Atoi(header.Get("Retry-After"))
	request := header.Get("Apigw-Requestid")
	for _, name := range []string{"Date", "Apigw-Requestid", "Retry-After"} {
		if header.Get(name) != "" {
			header.Set(name, "some")
		}
	}
	v.answer = fmt.Sprintf("%d, %d bytes: %v %v", status, len(data), answer, header)
	for _, c := range s.Calls() {
		if c.Function != "SendFunction" && c.Function != "FeedbackFunction" && c.Table != "ClientsTable" {
			v.work = append(v.work, fmt.Sprintf("%s: %s %s %s, consistent %v, %v units, %d bytes", c.Function, c.Service, c.Action, c.Table,
				c.Consistent, c.Units, c.Bytes))
		}
	}
	v.work = append(v.work, argon2Runs(t, s, logged, request)...)
	return v, strings.TrimSuffix(fmt.Sprint(status, " ", answer["code"]), " <nil>")
}

// argon2Runs returns the runs of Argon2 for a request with their parameters, if the functions were built to log them. A
// function logs its response last.
func argon2Runs(t *testing.T, s *Stack, from int, request string) (runs []string) {
	t.Helper()
	var log []string
	until(t, Patience, "the answer is logged", func() bool {
		log = s.Logs()[from:]
		return slices.ContainsFunc(log, func(line string) bool { return strings.Contains(line, request) })
	})
	for _, line := range log {
		if _, run, found := strings.Cut(line, `"msg":"argon2",`); found {
			runs = append(runs, "argon2 "+run)
		}
	}
	return runs
}

// differences takes each step for both parties and returns how they differ.
func differences(t *testing.T, s *Stack, steps []step, account, stranger *party) (found []string, ran []string, work int) {
	t.Helper()
	begun := time.Now()
	for i, step := range steps {
		if step.before != nil {
			step.before()
		}
		a, ran1 := look(t, s, account, step.path, step.body(account))
		b, _ := look(t, s, stranger, step.path, step.body(stranger))
		ran = append(ran, ran1)
		work += len(a.work)
		differ := func(what string, a, b any) {
			found = append(found, fmt.Sprintf("step %d, %s, %s:\n  account  %v\n  stranger %v", i, step.path, what, a, b))
		}
		if a.answer != b.answer {
			differ("answer", a.answer, b.answer)
		}
		// It counts from an earlier step, which the parties took at different times.
		if d := a.retryAfter - b.retryAfter; max(d, -d) > 1+int(time.Since(begun).Seconds()) {
			differ("Retry-After", a.retryAfter, b.retryAfter)
		}
		if !slices.Equal(a.work, b.work) {
			differ("calls", strings.Join(a.work, "\n           "), strings.Join(b.work, "\n           "))
		}
	}
	return found, ran, work
}

var callers atomic.Int32

// nobody returns the stack for a caller at an IP address that has not called yet.
func nobody(s *Stack) *Stack {
	n := callers.Add(1)
	return s.From(fmt.Sprintf("127.8.%d.%d", n/250, n%250+1), nil)
}

// parties returns an account and a stranger. It first makes the processes do everything that they do only once.
func parties(t *testing.T, s *Stack, account, stranger string) (a, b *party) {
	t.Helper()
	if len(account) != len(stranger) {
		t.Fatalf("%s and %s differ in length", account, stranger)
	}
	warm := &party{email: "warm@example.com", caller: nobody(s)}
	look(t, s, warm, "/api/generate", fields{"email": warm.email, "purpose": "reset"})
	look(t, s, warm, "/api/reset", fields{"sessionId": warm.id, "code": "000000", "password": "violet meadow 7 kites"})
	look(t, s, warm, "/api/verify", try(warm.id, "000000"))
	look(t, s, warm, "/api/status", fields{"sessionId": warm.id})
	return &party{email: account, caller: nobody(s)}, &party{email: stranger, caller: nobody(s)}
}

// loginSteps never use the right password, as the response to a right password reveals that it is right.
func loginSteps(t *testing.T, s *Stack) (steps []step) {
	wrongPassword := func(word string) func(*party) fields {
		return func(p *party) fields { return login(p.email, word) }
	}
	owner := nobody(s)
	steps = []step{
		{"/api/generate", wrongPassword("not the password"), "401 invalid_credentials", nil},
		{"/api/generate", wrongPassword("x"), "401 invalid_credentials", nil},
		{"/api/generate", wrongPassword(strings.Repeat("long", 60)), "401 invalid_credentials", nil},
		{"/api/generate", wrongPassword("not the password"), "401 invalid_credentials", func() { // its codes are locked
			id, code := session(t, owner, login("ada@example.com", demoPassword), "ada@example.com")
			for range 5 {
				expect(t, owner, "/api/verify", try(id, wrong(code)), 401, "wrong_code")
			}
			expect(t, owner, "/api/generate", login("ada@example.com", demoPassword), 403, "locked")
		}},
	}
	for range 10 { // more wrong passwords than an account or an IP address may have in an hour
		steps = append(steps, step{"/api/generate", wrongPassword("not the password"), "", nil})
	}
	return steps
}

// blind is a purpose for which anybody may request a code of an account.
type blind struct {
	ask         func(p *party) fields
	path, other string // of the call that takes its codes, and of one that does not
	password    bool   // whether a new password goes with the code
}

var (
	resetting = blind{func(p *party) fields { return fields{"email": p.email, "purpose": "reset"} }, "/api/reset", "/api/verify", true}
	codeAlone = blind{func(p *party) fields { return byCode(p.email) }, "/api/verify", "/api/reset", false}
)

// guess returns the body of a call with a code, that of another call if it is for one.
func (f blind) guess(code string, other bool) func(*party) fields {
	return func(p *party) fields {
		body := try(p.id, code)
		if f.password != other {
			body["password"] = "violet meadow 7 kites"
		}
		return body
	}
}

// steps go through everything that can happen to a session whose code is unknown.
func (f blind) steps(t *testing.T, s *Stack, a, b *party) []step {
	again := func(p *party) fields { return fields{"sessionId": p.id} }
	guess := func(code string) func(*party) fields { return f.guess(code, false) }
	weak := func(password func(*party) string) func(*party) fields {
		return func(p *party) fields { return fields{"sessionId": p.id, "code": "000000", "password": password(p)} }
	}
	both := func(change func(id string)) func() { return func() { change(a.id); change(b.id) } }
	older := both(func(id string) { age(t, s, id, time.Minute) })
	steps := []step{
		{"/api/generate", f.ask, "200", nil},
		{"/api/status", again, "200", nil},
		{"/api/resend", again, "429 too_many_requests", nil},
		{"/api/resend", again, "200", older},
		{"/api/status", again, "200", nil},
		{"/api/resend", again, "200", older},
		{"/api/resend", again, "429 too_many_requests", older},
		{f.path, guess("0000000"), "400 invalid_request", nil},
		{f.path, guess("00000x"), "400 invalid_request", nil},
		{f.other, f.guess("000000", true), "404 session_not_found", nil},
	}
	if f.password {
		steps = append(steps,
			step{f.path, weak(func(*party) string { return "password1" }), "422 weak_password", nil},
			step{f.path, weak(func(p *party) string { return p.email }), "422 weak_password", nil})
	}
	for i := range 5 {
		steps = append(steps, step{f.path, guess(fmt.Sprintf("00000%d", i)), "401 wrong_code", nil})
	}
	return append(steps,
		step{"/api/status", again, "200", nil},
		step{f.path, guess("000005"), "403 locked", nil},
		step{"/api/resend", again, "429 too_many_requests", older},
		step{"/api/generate", f.ask, "403 locked", nil},
		step{f.path, guess("000006"), "401 wrong_code", func() { unlock(t, s) }},
		step{f.path, guess("000007"), "410 code_expired", both(func(id string) { expire(t, s, id) })},
		step{"/api/resend", again, "410 code_expired", nil},
		step{"/api/status", again, "200", nil},
		step{"/api/generate", f.ask, "200", nil},
		step{"/api/generate", f.ask, "200", nil},
		step{"/api/generate", f.ask, "429 too_many_requests", nil},
		step{"/api/resend", again, "429 too_many_requests", older},
		step{f.path, guess("000008"), "401 wrong_code", nil},
	)
}

// watch has the steps of a stranger who has a session for each party and must see nothing of what the account's owner does meanwhile
// (R15).
func (f blind) watch(t *testing.T, s *Stack, account *party) []step {
	owner, to := nobody(s), account.email
	again := func(p *party) fields { return fields{"sessionId": p.id} }
	guess := f.guess("000000", false)
	logsIn := func() {
		until(t, Patience, "the code of the stranger's session", func() bool { return count(owner, to) > 0 }) // otherwise it would be taken for the code of the login
		id, code := session(t, owner, login(to, demoPassword), to)
		expect(t, owner, "/api/verify", try(id, code), 200, "")
	}
	enters := func(f blind, change func(code string) string, status int, code string, times int) func() {
		return func() {
			id, right := session(t, owner, f.ask(&party{email: to}), to)
			for range times {
				expect(t, owner, f.path, f.guess(change(right), false)(&party{id: id}), status, code)
			}
		}
	}
	same := func(code string) string { return code }
	return []step{
		{"/api/generate", f.ask, "200", nil},
		{f.path, guess, "401 wrong_code", nil},
		{"/api/status", again, "200", logsIn},
		{"/api/status", again, "200", enters(f, same, 200, "", 1)},
		{f.path, guess, "401 wrong_code", enters(resetting, same, 200, "", 1)},
		{"/api/status", again, "200", enters(f, wrong, 401, "wrong_code", 4)}, // with the stranger's own wrong codes, the last one before a lock
		{"/api/status", again, "200", nil},
	}
}

// unlock moves the last wrong attempt of every subject so far into the past that its lock has ended.
func unlock(t *testing.T, s *Stack) {
	t.Helper()
	for _, item := range s.Items("LimitsTable") {
		if item["lastTry"] != nil {
			item["lastTry"]["N"] = fmt.Sprint(time.Now().Add(-2 * time.Hour).UnixMilli())
			s.PutItem("LimitsTable", item)
		}
	}
}

// expire moves a session's expiry into the past.
func expire(t *testing.T, s *Stack, id string) {
	t.Helper()
	for _, item := range s.Items("CodesTable") {
		if item["sessionId"]["S"] == id {
			item["expiredAt"]["N"] = fmt.Sprint(time.Now().Unix() - 1)
			s.PutItem("CodesTable", item)
		}
	}
}

// shapes returns the items of a session, each as its attributes and their sizes. "send" and "skip" have the same length;
// sentAt is written by the send function.
func shapes(s *Stack, id string) (all []string) {
	for _, item := range s.Items("CodesTable") {
		if item["sessionId"]["S"] != id {
			continue
		}
		delete(item, "sentAt")
		shape := ""
		for _, name := range slices.Sorted(maps.Keys(item)) {
			for kind, value := range item[name] {
				shape += fmt.Sprintf("%d%s%d ", len(name), kind, len(fmt.Sprint(value)))
			}
		}
		parts := strings.Fields(shape)
		slices.Sort(parts)
		all = append(all, strings.Join(parts, " "))
	}
	slices.Sort(all)
	return all
}
