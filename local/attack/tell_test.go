package attack

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"streamotp/local/e2e"
)

// pairs returns pairs of addresses of equal length, one with an account and one without.
func pairs(t *testing.T, s *e2e.Stack, word string, n int) [][2]string {
	t.Helper()
	list := make([][2]string, n)
	for i := range list {
		list[i] = [2]string{fmt.Sprintf("%s-in%02d@example.com", word, i), fmt.Sprintf("%s-no%02d@example.com", word, i)}
		account(t, s, list[i][0])
	}
	return list
}

// told returns the result of an attempt to distinguish accounts from unknown addresses: the number of pairs that differ.
func told(tries int, differ int) result { return result{tries, differ, "told apart", differ > 0} }

// impression returns everything that a caller sees of a response, and the calls behind it.
func impression(s *e2e.Stack, path string, body fields) (seen string, id any) {
	s.ClearCalls()
	status, header, answer := s.Post("/api/"+path, body)
	id = answer["sessionId"]
	delete(answer, "sessionId")
	delete(answer, "requestId")
	for _, own := range []string{"Date", "Apigw-Requestid"} {
		header.Del(own)
	}
	calls := ""
	for _, c := range s.Calls() {
		// The send function makes its calls after the response. A process reads its secret only once, and a client once a minute.
		if c.Function != "SendFunction" && c.Table != "" && c.Table != "ClientsTable" {
			calls += fmt.Sprint(c.Function, c.Action, c.Table, c.Units, c.Bytes, "; ")
		}
	}
	return fmt.Sprint(path, status, answer, header, calls), id
}

func tellByLogin(t *testing.T, s *e2e.Stack) result {
	differ := 0
	for _, pair := range pairs(t, s, "login", 5) {
		var seen [2]string
		for i, email := range pair {
			seen[i], _ = impression(elsewhere(s), "generate", login(email, "not the password"))
		}
		if seen[0] != seen[1] {
			differ++
		}
	}
	return told(10, differ)
}

func tellByReset(t *testing.T, s *e2e.Stack) result {
	return tellBy(t, s, "reset", reset, "reset", func(id string) fields { return set(id, "000000", fresh) })
}

// tellBy requests codes, and sends wrong ones to the call that takes them.
func tellBy(t *testing.T, s *e2e.Stack, word string, ask func(email string) fields, path string, try func(id string) fields) result {
	differ := 0
	for _, pair := range pairs(t, s, word, 4) {
		var seen [2]string
		for i, email := range pair {
			caller := elsewhere(s)
			first, id := impression(caller, "generate", ask(email))
			again, _ := impression(caller, "resend", fields{"sessionId": id})
			tried, _ := impression(caller, path, try(fmt.Sprint(id)))
			seen[i] = first + again[:strings.Index(again, "Retry-After")+len("Retry-After")] + tried
		}
		if seen[0] != seen[1] {
			differ++
		}
	}
	return told(24, differ)
}

// readDump reads everything that is stored and logged after each kind of code was sent and checked.
func readDump(t *testing.T, s *e2e.Stack) result {
	const owner = "dumped@example.com"
	account(t, s, owner)
	caller := elsewhere(s)
	for _, ask := range []fields{{"email": owner}, login(owner, password), reset(owner)} {
		id, code := begin(t, caller, ask, owner)
		post(caller, "verify", try(id, guess(code, 1)))
		post(caller, "verify", try(id, code))
		post(caller, "reset", set(id, code, fresh))
	}
	begin(t, caller, fields{"phone": "+4915112345672"}, "+4915112345672")
	found := s.LeakedSecrets()
	return result{len(s.Messages()), len(found), "found", len(found) > 0}
}

// guessOffline has a copy of the codes table and tries every code in all ways that need no key.
func guessOffline(t *testing.T, s *e2e.Stack) result {
	const to = "stolen@example.com"
	id, code := begin(t, s, fields{"email": to}, to)
	digest := ""
	for _, item := range s.Items("CodesTable") {
		if item["sessionId"]["S"] == id {
			digest = fmt.Sprint(item["code"]["S"])
		}
	}
	stolen, err := base64.RawURLEncoding.DecodeString(digest)
	if err != nil {
		t.Fatal(err)
	}
	var found atomic.Int32
	var wait sync.WaitGroup
	const all, lanes = 1_000_000, 2
	for lane := range lanes {
		wait.Go(func() {
			for n := lane; n < all; n += lanes {
				if guess := fmt.Sprintf("%06d", n); matches(stolen, id, guess) && guess == code {
					found.Add(1)
				}
			}
		})
	}
	wait.Wait()
	return result{all, int(found.Load()), "found", found.Load() > 0}
}

func matches(digest []byte, id, code string) bool {
	h := hmac.New(sha256.New, nil)
	h.Write([]byte(id + "\x00" + code))
	bare, salted := sha256.Sum256([]byte(code)), sha256.Sum256([]byte(id+code))
	return hmac.Equal(h.Sum(nil), digest) || hmac.Equal(bare[:], digest) || hmac.Equal(salted[:], digest)
}

// watchOwner has a reset session for an account and one for an unknown address. It polls both while the account's owner
// logs in, sets a new password and enters wrong codes.
func watchOwner(t *testing.T, s *e2e.Stack) result {
	pair := pairs(t, s, "watch", 1)[0]
	stranger, owner := elsewhere(s), elsewhere(s)
	var ids [2]string
	for i, email := range pair {
		_, answer := post(stranger, "generate", reset(email))
		ids[i] = fmt.Sprint(answer["sessionId"])
	}
	tries, differ := 0, 0
	look := func(path string, body func(id string) fields) {
		var seen [2]string
		for i, id := range ids {
			status, answer := post(stranger, path, body(id))
			for _, own := range []string{"requestId", "destination", "expiresAt", "resendAt"} {
				delete(answer, own)
			}
			seen[i] = fmt.Sprint(status, answer)
		}
		tries += 2
		if seen[0] != seen[1] {
			differ++
		}
	}
	status := func(id string) fields { return fields{"sessionId": id} }
	wrong := func(id string) fields { return set(id, "000000", fresh) }
	look("reset", wrong)
	id, code := begin(t, owner, login(pair[0], password), pair[0])
	post(owner, "verify", try(id, code))
	look("status", status)
	id, code = begin(t, owner, reset(pair[0]), pair[0])
	if got, answer := post(owner, "reset", set(id, code, fresh)); got != 200 {
		t.Fatalf("the owner's reset: %d %v", got, answer)
	}
	look("status", status)
	look("reset", wrong)
	id, code = begin(t, owner, reset(pair[0]), pair[0])
	for i := range maxAttempts {
		post(owner, "reset", set(id, guess(code, i), fresh))
	}
	look("status", status)
	return told(tries, differ)
}
