package evidence

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"streamotp/local/e2e"
)

// resultOf returns a response as the models know it.
func resultOf(status int, answer fields) string {
	code := answer["code"]
	if code == nil {
		code = answer["error"]
	}
	switch {
	case status == 0 || status >= 500:
		return unknown
	case code != nil:
		return fmt.Sprint(status, " ", code)
	}
	return fmt.Sprint(status)
}

// post calls the API and returns the result with its times.
func (c *client) post(path string, body fields) (result string, answer fields, call, end int64) {
	for _, name := range []string{"email", "password", "code"} {
		if secret, ok := body[name].(string); ok {
			c.Remember(secret)
		}
	}
	text, _ := json.Marshal(body)
	call = clock()
	status, _, answer := c.send(http.MethodPost, "/api/"+path, string(text), http.Header{"Content-Type": {"application/json"}})
	return resultOf(status, answer), answer, call, c.ended(status)
}

// ended returns when a request has ended that has this response now. If the response was lost, or a call may have been slow or a function
// killed, a failed request may have its effect later. Without faults no request may fail.
func (c *client) ended(status int) int64 {
	failed := status == 0 || status >= 500
	if failed && !c.faulty {
		c.t.Errorf("a request failed without a fault, with status %d", status)
	}
	if status == 0 || failed && c.faults.late {
		return never
	}
	return clock()
}

// guessAt returns a code that is not the right one.
func (c *client) guessAt(code string) string {
	return fmt.Sprintf("%05d%d", c.IntN(100_000), (int(code[5]-'0')+1+c.IntN(9))%10)
}

// useSession acts on a session.
func useSession(c *client, s *subject) {
	made := s.sessions[0]
	body := fields{"sessionId": made.id}
	do, path := "verify", "verify"
	switch p := c.IntN(100); {
	case p < 10:
		do, body["code"] = "guess", c.guessAt(made.code)
	case p < 30:
		do, path = "resend", "resend"
	case p < 55 || c.early && p < 95:
		do, path = "status", "status"
	default:
		body["code"] = made.code
	}
	result, answer, call, end := c.post(path, body)
	switch {
	case do == "status" && result == success && answer["state"] == "used":
		result = "used"
	case do == "status" && result == success:
		result = "unused"
	case do == "resend" && (result == success || result == unknown):
		c.sent.again(s.to)
	case do == "verify" && result == success && (answer["proof"] == nil || c.sent.twice(answer["proof"].(string))):
		c.t.Errorf("%s: no proof of its own: %v", s.name, answer)
	}
	s.add(do, 0, result, call, end)
}

// guess tries codes of a subject, most of them wrong.
func guess(c *client, s *subject) {
	made := s.sessions[c.IntN(len(s.sessions))]
	right := c.IntN(100) < 12
	code := made.code
	if !right {
		code = c.guessAt(code)
	}
	result, answer, call, end := c.post("verify", fields{"sessionId": made.id, "code": code})
	if !right && result == "410 code_used" {
		return // no attempt
	}
	left, _ := answer["attemptsRemaining"].(float64)
	if right && result == "401 wrong_code" || !right && result == success {
		result = "taken for the other" // no model allows it
	}
	s.add("reserve", int(left), result, call, end)
	if right && (result == success || result == unknown || result == "410 code_used") {
		s.add("clear", 0, result, call, end)
	}
}

// ask requests codes for one mailbox.
func ask(c *client, s *subject) {
	result, answer, call, end := c.post("generate", fields{"email": s.to})
	s.mu.Lock()
	if result == success {
		made := &session{id: answer["sessionId"].(string), to: s.to, call: call}
		s.sessions = append(s.sessions, made)
		c.sent.asked(s.to, made.id)
	}
	s.mu.Unlock()
	if result == unknown {
		c.sent.maybe(s.to)
	}
	s.add("generate", 0, result, call, end)
}

// setPassword resets an account's password or logs in with one.
func setPassword(c *client, s *subject) {
	fresh := func(n int) string {
		if n == 0 {
			return password
		}
		return fmt.Sprintf("violet meadow %d kites", n)
	}
	if c.IntN(100) < 40 {
		n := c.IntN(len(s.sessions) + 1)
		result, answer, call, end := c.post("generate", fields{"email": s.to, "purpose": "login", "password": fresh(n)})
		switch {
		case result == success:
			c.sent.asked(s.to, answer["sessionId"].(string))
		case result == unknown:
			c.sent.maybe(s.to)
		}
		if !strings.HasPrefix(result, "429") { // the mailbox has had its messages
			s.add("login", n, result, call, end)
		}
		return
	}
	n := 1 + c.IntN(len(s.sessions))
	made := s.sessions[n-1]
	result, _, call, end := c.post("reset", fields{"sessionId": made.id, "code": made.code, "password": fresh(n)})
	s.add("reset", n, result, call, end)
}

// exchange exchanges an authorization code, with its verifier or as a thief with another one, or uses a token.
func exchange(c *client, s *subject) {
	s.mu.Lock()
	tokens := s.tokens
	s.mu.Unlock()
	p, call := c.IntN(100), clock()
	if len(tokens) > 0 && (p < 50 || c.early && p < 95) {
		status, _, _ := c.send(http.MethodGet, "/api/oauth2/userinfo", "", http.Header{"Authorization": {"Bearer " + tokens[c.IntN(len(tokens))]}})
		s.add("userinfo", 0, resultOf(status, nil), call, c.ended(status))
		return
	}
	do, verifier := "token", s.verifier
	if p < 60 || c.early && p < 90 {
		do, verifier = "theft", rand.Text()+rand.Text()
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {s.code}, "redirect_uri": {callback}, "client_id": {app}, "code_verifier": {verifier}}
	status, _, answer := c.send(http.MethodPost, "/api/oauth2/token", form.Encode(), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
	result, end := resultOf(status, answer), c.ended(status)
	if token, ok := answer["access_token"].(string); ok && result == success {
		c.Remember(token, answer["id_token"].(string))
		s.mu.Lock()
		s.tokens = append(s.tokens, token)
		s.mu.Unlock()
	}
	if c.faulty && do == "token" && result == "400 invalid_grant" {
		s.add("use", 0, result, call, end)
	}
	s.add(do, 0, result, call, end)
}

// authorize logs a person in by hosted login, up to the authorization code.
func (x *stage) authorize(s *subject) {
	s.verifier = rand.Text() + rand.Text()
	hash := sha256.Sum256([]byte(s.verifier))
	query := url.Values{"client_id": {app}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid email"}, "state": {"state"}, "nonce": {"nonce"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(hash[:])}, "code_challenge_method": {"S256"}}
	_, header, _ := x.send(http.MethodGet, "/api/oauth2/authorize?"+query.Encode(), "", nil)
	_, transaction, _ := strings.Cut(header.Get("Location"), "#")
	cookie, _, _ := strings.Cut(header.Get("Set-Cookie"), ";")

	made := x.begin(s, fields{"email": s.to, "purpose": "login", "password": password, "transaction": transaction})
	_, _, verified := x.Post("/api/verify", fields{"sessionId": made.id, "code": made.code})
	body, _ := json.Marshal(fields{"transaction": transaction, "proof": verified["proof"]})
	status, _, answer := x.send(http.MethodPost, "/api/oauth2/complete", string(body),
		http.Header{"Content-Type": {"application/json"}, "Origin": {x.URL}, "Cookie": {cookie}})
	redirect, _ := answer["redirect"].(string)
	to, err := url.Parse(redirect)
	if err != nil || to.Query().Get("code") == "" {
		x.t.Errorf("%s: complete: %d %v, %v", s.name, status, answer, err)
		return
	}
	s.code = to.Query().Get("code")
	x.Remember(s.code, s.verifier)
}

var direct = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients, IdleConnTimeout: e2e.IdleTime},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// send sends a request. The status is 0 if there is no response, which a busy machine may lose.
func (x *stage) send(method, path, body string, header http.Header) (status int, answered http.Header, answer fields) {
	request, err := http.NewRequest(method, x.URL+path, strings.NewReader(body))
	if err != nil {
		x.t.Error(err)
		return 0, nil, nil
	}
	request.Header = header
	response, err := direct.Do(request)
	if err != nil {
		return 0, nil, nil
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, nil
	}
	_ = json.Unmarshal(text, &answer) // of a redirect there is no JSON
	return response.StatusCode, response.Header, answer
}
