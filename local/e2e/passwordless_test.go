package e2e

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const withSignUp = "SignUp=on"

// byCode is the request for a code alone, for the pages' client.
func byCode(email string) fields {
	return fields{"email": email, "purpose": "passwordless", "clientId": "demo", "nonce": "n-7f3a"}
}

// admitted enters the code of a session, and returns what its proof says.
func admitted(t *testing.T, s *Stack, id, code string) fields {
	t.Helper()
	said, err := claims(expect(t, s, "/api/verify", try(id, code), 200, ""))
	if err != nil {
		t.Fatal(err)
	}
	return said
}

// user returns an account, or nil.
func user(s *Stack, email string) Item {
	for _, item := range s.Items("UsersTable") {
		if item["email"]["S"] == email {
			return item
		}
	}
	return nil
}

func TestPasswordless(t *testing.T) {
	s := Start(t, unlimited...)
	t.Run("an account's owner gets a proof that says how", func(t *testing.T) {
		id, code := session(t, s, byCode("ada@example.com"), "ada@example.com")
		said := admitted(t, s, id, code)
		for claim, want := range map[string]any{"purpose": "passwordless", "scope": "otp:passwordless", "acr": "urn:streamotp:1", "amr": []any{"otp"}, "aud": "demo",
			"nonce": "n-7f3a", "email": "ada@example.com", "email_verified": true, "channel": "email"} {
			if fmt.Sprint(said[claim]) != fmt.Sprint(want) {
				t.Errorf("%s is %v", claim, said[claim])
			}
		}
		expect(t, s, "/api/verify", try(id, code), 410, "code_used")
	})
	t.Run("an account without an id has the same one by code as by password, whichever is first", func(t *testing.T) {
		for i, first := range []string{"code", "password"} {
			email := copied(s, fmt.Sprintf("old%d@example.com", i))
			subjects := map[string]any{}
			for _, way := range []string{first, "code", "password"} {
				ask := byCode(email)
				if way == "password" {
					ask = login(email, demoPassword)
					ask["clientId"], ask["nonce"] = "demo", "n"
				}
				id, code := session(t, s, ask, email)
				subjects[fmt.Sprint(admitted(t, s, id, code)["sub"])] = way
			}
			if len(subjects) != 1 {
				t.Errorf("it is known by %v", subjects)
			}
		}
	})
	t.Run("who has no account, or one whose codes go by SMS, gets nothing and sees no difference", func(t *testing.T) {
		before := len(s.Messages())
		known := expect(t, s, "/api/generate", byCode("ada@example.com"), 200, "")
		until(t, Patience, "ada's code", func() bool { return len(s.Messages()) > before })
		for _, email := range []string{"nobody@example.com", "grace@example.com"} {
			decoy := expect(t, s, "/api/generate", byCode(email), 200, "")
			if len(decoy) != len(known) {
				t.Errorf("%s gets %v", email, decoy)
			}
			for path, body := range map[string]fields{"/api/status": {"sessionId": decoy["sessionId"]}} {
				if state := expect(t, s, path, body, 200, "")["state"]; state != "sent" {
					t.Errorf("%s: %v", email, state)
				}
			}
			for left := 4; left >= 0; left-- {
				if got := expect(t, s, "/api/verify", try(fmt.Sprint(decoy["sessionId"]), fmt.Sprintf("%06d", left)), 401, "wrong_code")["attemptsRemaining"]; got != float64(left) {
					t.Errorf("%s: %v remain", email, got)
				}
			}
			expect(t, s, "/api/verify", try(fmt.Sprint(decoy["sessionId"]), "000000"), 403, "locked")
		}
		if n := count(s, "nobody@example.com") + count(s, "grace@example.com") + count(s, "+4915112345678"); n > 0 || user(s, "nobody@example.com") != nil {
			t.Errorf("%d were sent, and the account is %v", n, user(s, "nobody@example.com"))
		}
	})
	t.Run("wrong codes do not lock the login with a password", func(t *testing.T) {
		email := copied(s, "locked@example.com")
		id, code := session(t, s, byCode(email), email)
		for _, guess := range wrongMany(code, 5) {
			expect(t, s, "/api/verify", try(id, guess), 401, "wrong_code")
		}
		expect(t, s, "/api/generate", byCode(email), 403, "locked")
		id, code = session(t, s, login(email, demoPassword), email)
		expect(t, s, "/api/verify", try(id, code), 200, "")
	})
	t.Run("it is only for a client that may ask for it, and without a password", func(t *testing.T) {
		s.PutItem("ClientsTable", Item{"id": {"S": "logins"}, "name": {"S": "Logins"}, "type": {"S": "public"}, "createdAt": {"N": "1"}, "purposes": texts("login")})
		for name, change := range map[string]func(fields){
			"no client":                  func(b fields) { delete(b, "clientId"); delete(b, "nonce") },
			"a client for another":       func(b fields) { b["clientId"] = "logins" },
			"a password":                 func(b fields) { b["password"] = demoPassword },
			"a number":                   func(b fields) { b["phone"] = "+4915112345678"; delete(b, "email") },
			"no nonce of a page's":       func(b fields) { delete(b, "nonce") },
			"a transaction beside those": func(b fields) { b["transaction"] = "abcdefghijklmnopqrstuv" },
		} {
			body := byCode("ada@example.com")
			change(body)
			if status, _, answer := s.Post("/api/generate", body); status != 400 || answer["code"] != "invalid_request" {
				t.Errorf("%s: %d %v", name, status, answer)
			}
		}
	})
	t.Run("its code sets no password", func(t *testing.T) {
		id, code := session(t, s, byCode("ada@example.com"), "ada@example.com")
		expect(t, s, "/api/reset", fields{"sessionId": id, "code": code, "password": "violet meadow 7 kites"}, 404, "session_not_found")
		expect(t, s, "/api/verify", try(id, code), 200, "")
	})
	t.Run("a server may ask for it", func(t *testing.T) {
		server := asServer(t, s)
		id, code := session(t, server, fields{"email": "ada@example.com", "purpose": "passwordless"}, "ada@example.com")
		expect(t, s, "/api/verify", try(id, code), 404, "session_not_found")
		if said := admitted(t, server, id, code); said["aud"] != "demo-server" {
			t.Errorf("the proof says %v", said)
		}
	})
	t.Run("a reset ends it, and a stranger cannot see that", func(t *testing.T) {
		email := copied(s, "reset@example.com")
		id, code := session(t, s, byCode(email), email)
		resetID, resetCode := session(t, s, fields{"email": email, "purpose": "reset"}, email)
		expect(t, s, "/api/reset", fields{"sessionId": resetID, "code": resetCode, "password": "violet meadow 7 kites"}, 200, "")
		if state := expect(t, s, "/api/status", fields{"sessionId": id}, 200, "")["state"]; state != "sent" {
			t.Errorf("the state is %v", state)
		}
		expect(t, s, "/api/verify", try(id, wrong(code)), 401, "wrong_code")
		expect(t, s, "/api/verify", try(id, code), 410, "code_expired")
		id, code = session(t, s, byCode(email), email)
		expect(t, s, "/api/verify", try(id, code), 200, "")
	})
}

// TestSignUp: a right code makes an account of an address that has none, once, and nothing else does.
func TestSignUp(t *testing.T) {
	s := Start(t, append(unlimited, "-parameter", withSignUp)...)
	t.Run("a right code makes the account of its proof", func(t *testing.T) {
		before := s.Messages()
		id, code := session(t, s, byCode("New@Example.com"), "new@example.com")
		if m := s.Messages(); len(m) != len(before)+1 || !strings.Contains(m[0].Text, "create your account at Demo") {
			t.Errorf("the message is %v", m[0].Text)
		}
		expect(t, s, "/api/verify", try(id, wrong(code)), 401, "wrong_code")
		if u := user(s, "new@example.com"); u != nil {
			t.Errorf("there is an account before the right code: %v", u)
		}
		said, made := admitted(t, s, id, code), user(s, "new@example.com")
		if len(made) != 3 || made["id"]["S"] != said["sub"] || made["createdAt"] == nil || said["purpose"] != "passwordless" || said["acr"] != "urn:streamotp:1" {
			t.Errorf("the account is %v, and the proof says %v", made, said)
		}
		if n := logged(s, `"event":"SignedUp"`); n != 1 {
			t.Errorf("%d sign-ups are logged", n)
		}
		id, code = session(t, s, byCode("new@example.com"), "new@example.com")
		if again := admitted(t, s, id, code); again["sub"] != said["sub"] {
			t.Errorf("then the proof is for %v, not for %v", again["sub"], said["sub"])
		}
		if text := s.Messages()[0].Text; !strings.Contains(text, "log in to Demo") {
			t.Errorf("the next message is %s", text)
		}
		if n := logged(s, `"event":"SignedUp"`); n != 1 {
			t.Errorf("%d sign-ups are logged", n)
		}
	})
	t.Run("a reset gives it a password", func(t *testing.T) {
		expect(t, s, "/api/generate", login("new@example.com", "violet meadow 7 kites"), 401, "invalid_credentials")
		id, code := session(t, s, fields{"email": "new@example.com", "purpose": "reset"}, "new@example.com")
		expect(t, s, "/api/reset", fields{"sessionId": id, "code": code, "password": "violet meadow 7 kites"}, 200, "")
		id, code = session(t, s, login("new@example.com", "violet meadow 7 kites"), "new@example.com")
		expect(t, s, "/api/verify", try(id, code), 200, "")
	})
	t.Run("no other purpose makes an account", func(t *testing.T) {
		id, code := session(t, s, fields{"email": "other@example.com", "clientId": "demo", "nonce": "n"}, "other@example.com")
		expect(t, s, "/api/verify", try(id, code), 200, "")
		expect(t, s, "/api/generate", fields{"email": "other@example.com", "purpose": "reset"}, 200, "")
		expect(t, s, "/api/generate", login("other@example.com", demoPassword), 401, "invalid_credentials")
		if u := user(s, "other@example.com"); u != nil {
			t.Errorf("the account is %v", u)
		}
	})
	t.Run("an account whose codes go by SMS stays as it is", func(t *testing.T) {
		before := fmt.Sprint(user(s, "grace@example.com"))
		expect(t, s, "/api/generate", byCode("grace@example.com"), 200, "")
		if n := count(s, "grace@example.com"); n != 0 || fmt.Sprint(user(s, "grace@example.com")) != before {
			t.Errorf("%d were sent", n)
		}
	})
	t.Run("of many right codes at once for one address, one makes the account", func(t *testing.T) {
		const n = 20
		var won, over atomic.Int32
		ids, codes := make([]string, n), make([]string, n)
		for i := range n {
			ids[i], codes[i] = session(t, s, byCode("race@example.com"), "race@example.com")
		}
		var wait sync.WaitGroup
		subjects := make(chan any, n)
		for i := range n {
			wait.Go(func() {
				switch status, _, answer := s.Post("/api/verify", try(ids[i], codes[i])); {
				case status == 200:
					said, _ := claims(answer)
					subjects <- said["sub"]
					won.Add(1)
				case answer["code"] == "code_expired":
					over.Add(1)
					if answer["proof"] != nil {
						t.Error("a loser gets a proof")
					}
				case status != 503 && answer["code"] != "locked": // too many at one item, or attempts that are reserved at once
					t.Errorf("%d %v", status, answer)
				}
			})
		}
		wait.Wait()
		if won.Load() != 1 || over.Load() == 0 {
			t.Fatalf("%d won, and %d are too late", won.Load(), over.Load())
		}
		if made := user(s, "race@example.com"); made["id"]["S"] != <-subjects {
			t.Errorf("the account is %v", made)
		}
	})
	t.Run("an account that was added meanwhile is not changed", func(t *testing.T) {
		id, code := session(t, s, byCode("meanwhile@example.com"), "meanwhile@example.com")
		copied(s, "meanwhile@example.com")
		before := fmt.Sprint(user(s, "meanwhile@example.com"))
		expect(t, s, "/api/verify", try(id, code), 410, "code_expired")
		if after := fmt.Sprint(user(s, "meanwhile@example.com")); after != before {
			t.Errorf("it is %s", after)
		}
	})
	t.Run("a blocked domain makes none, and sees no difference", func(t *testing.T) {
		s.PutItem("LimitsTable", Item{"key": {"S": "blocked#mailinator.com"}})
		copied(s, "old@mailinator.com")
		for _, email := range []string{"eve@mailinator.com", "eve@x.mailinator.com"} {
			id := expect(t, s, "/api/generate", byCode(email), 200, "")["sessionId"]
			if state := expect(t, s, "/api/status", fields{"sessionId": id}, 200, "")["state"]; state != "sent" {
				t.Errorf("the state is %v", state)
			}
		}
		id, code := session(t, s, byCode("old@mailinator.com"), "old@mailinator.com") // it has its account
		expect(t, s, "/api/verify", try(id, code), 200, "")
		if n := count(s, "eve@mailinator.com") + count(s, "eve@x.mailinator.com"); n != 0 {
			t.Errorf("%d were sent", n)
		}
	})
	t.Run("if the account cannot be written, the code is not used", func(t *testing.T) {
		id, code := session(t, s, byCode("later@example.com"), "later@example.com")
		s.Fault(fields{"service": "dynamodb", "action": "TransactWriteItems", "function": "VerifyFunction", "error": "InternalServerError"})
		expect(t, s, "/api/verify", try(id, code), 503, "unavailable")
		s.ClearFaults()
		age(t, s, id, time.Second)
		said := admitted(t, s, id, code)
		if made := user(s, "later@example.com"); made["id"]["S"] != said["sub"] {
			t.Errorf("the account is %v", made)
		}
	})
	t.Run("a lost answer is no reason to be refused", func(t *testing.T) {
		id, code := session(t, s, byCode("lost@example.com"), "lost@example.com")
		s.Fault(fields{"service": "dynamodb", "action": "TransactWriteItems", "function": "VerifyFunction", "dropResponse": true, "count": 1})
		defer s.ClearFaults()
		admitted(t, s, id, code)
	})
}

// proveByCode proves an address by a code alone for a transaction, and returns the proof.
func (v *visitor) proveByCode(t testing.TB, transaction, email string) (proof string, err error) {
	t.Helper()
	return v.proveBy(t, transaction, fields{"email": email, "purpose": "passwordless"}, email)
}

// TestHostedPasswordless: an application's people log in only in the ways that its client allows and that it asks for.
func TestHostedPasswordless(t *testing.T) {
	s := Start(t, append(unlimited, "-parameter", withSignUp)...)
	register(s)
	ask := func(client, level string) (*visitor, application, string) {
		t.Helper()
		v, a := &visitor{s: s}, newApplication(client, appCallback)
		a.level = level
		id, err := v.begin(a)
		if err != nil {
			t.Fatal(err)
		}
		return v, a, id
	}
	const two = "urn:streamotp:2"
	for _, c := range []struct {
		client, level, want string
		signUp              bool
	}{
		{appClient, "", "[login]", false}, {bothClient, "", "[login passwordless]", true}, {bothClient, "urn:streamotp:1 " + two, "[login passwordless]", true},
		{codeClient, "", "[passwordless]", true}, {bothClient, two, "[login]", false},
	} {
		v, _, id := ask(c.client, c.level)
		if got := v.post("/api/oauth2/transaction", fields{"transaction": id}).json; fmt.Sprint(got["purposes"]) != c.want || got["signUp"] != c.signUp {
			t.Errorf("%s, %q: %v", c.client, c.level, got)
		}
		status, _, answer := s.Post("/api/generate", fields{"email": "ada@example.com", "purpose": "passwordless", "transaction": id})
		if allowed := strings.Contains(c.want, "passwordless"); (status == 200) != allowed || !allowed && (status != 400 || answer["code"] != "invalid_request") {
			t.Errorf("%s, %q: generate answers %d %v", c.client, c.level, status, answer)
		}
	}
	t.Run("a client that allows no way that is strong enough says so to the application", func(t *testing.T) {
		a := newApplication(codeClient, appCallback)
		a.level = two
		r := (&visitor{s: s}).send("GET", "/api/oauth2/authorize?"+a.query().Encode(), nil, "")
		if q := r.to.Query(); r.status != 303 || q.Get("error") != "unmet_authentication_requirements" || q.Get("state") != a.state || q.Get("iss") != s.URL {
			t.Errorf("%d %v", r.status, r.to)
		}
	})
	t.Run("the tokens say how the person logged in, and are for the same person", func(t *testing.T) {
		subjects := map[any]bool{}
		for range 2 { // a new person, then a known one
			v, a, id := ask(bothClient, "")
			proof, err := v.proveByCode(t, id, "newcomer@example.com")
			if err != nil {
				t.Fatal(err)
			}
			way, err := v.complete(id, proof)
			if err != nil {
				t.Fatal(err)
			}
			_, token := payload(a.exchange(s, way.Query().Get("code"), nil).json["id_token"])
			if fmt.Sprint(token["amr"]) != "[otp]" || token["acr"] != "urn:streamotp:1" || token["email"] != "newcomer@example.com" || token["email_verified"] != true {
				t.Errorf("the ID token says %v", token)
			}
			subjects[token["sub"]] = true
		}
		if len(subjects) != 1 || !subjects[user(s, "newcomer@example.com")["id"]["S"]] {
			t.Errorf("the subjects are %v", subjects)
		}
	})
	t.Run("a proof by code alone completes no login that needs a password", func(t *testing.T) {
		v, _, id := ask(bothClient, "")
		proof, err := v.proveByCode(t, id, "ada@example.com")
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range s.Items("CodesTable") {
			if item["sessionId"]["S"] == "authz#"+id { // as if the application had asked for more
				item["wanted"] = map[string]any{"S": two}
				s.PutItem("CodesTable", item)
			}
		}
		if r := v.post("/api/oauth2/complete", fields{"transaction": id, "proof": proof}); r.status != 401 {
			t.Errorf("complete answers %d %v", r.status, r.json)
		}
	})
}
