package attack

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"streamotp/local/e2e"
)

// ---- Authorization codes -------------------------------------------------------------------------------------------

// injectCode uses a victim's code in another login, and the attacker's own code in a victim's login (login CSRF): the one who exchanges it
// is another client, has another redirect URI, or remembers another verifier. The last login never had a challenge.
func injectCode(t *testing.T, s *e2e.Stack) result {
	register(s)
	a, other := shop.begun(), shop.begun()
	code := grant(t, s, a, "injected@example.com")
	thief := rival.begun()
	thief.redirect, thief.verifier = a.redirect, a.verifier
	public := app.begun()
	public.redirect, public.verifier = a.redirect, a.verifier
	var tries []bool
	exchanged := func(by application, code string, changes ...string) {
		status, _ := by.exchange(s, code, changes...)
		tries = append(tries, status == http.StatusOK)
	}
	exchanged(thief, code)
	exchanged(public, code)
	exchanged(a, code, "client_secret", "")
	exchanged(a, code, "client_secret", "a guess")
	exchanged(a, code, "redirect_uri", rival.redirect)
	exchanged(a, code, "redirect_uri", a.redirect+"/")
	exchanged(a, code, "redirect_uri", "")
	exchanged(other, code)
	exchanged(a, code, "code_verifier", "")
	bare := app.begun()
	b := &browser{Stack: s}
	if id := b.begin(bare.query("code_challenge", "", "code_challenge_method", "")); id != "" {
		code = b.complete(id, prove(t, s, id, "bare@example.com")).Get("code")
	}
	exchanged(bare, code, "code_verifier", "")
	return counted("exchanged", tries...)
}

// exchangeTwice has everything that the exchange of an intercepted code needs, and comes second.
func exchangeTwice(t *testing.T, s *e2e.Stack) result {
	register(s)
	a := app.begun()
	code := grant(t, s, a, "intercepted@example.com")
	_, first := a.exchange(s, code)
	if !userinfo(s, first["access_token"]) {
		t.Fatal(first)
	}
	_, second := a.exchange(s, code)
	return counted("tokens", userinfo(s, first["access_token"]), userinfo(s, second["access_token"]))
}

// raceExchanges exchanges a code 50 times at once, again and again, while answers of the table are lost. Each round begins with the item as
// it was before the first one. A code must give tokens once at most, and none that work as soon as another exchange is rejected.
func raceExchanges(t *testing.T, s *e2e.Stack) result {
	const rounds, parallel = 100, 50
	register(s)
	a := shop.begun()
	code := grant(t, s, a, "raced@example.com")
	age(t, s, "CodesTable", "expiredAt", transactionOf(code), -time.Hour)
	items := s.Items("CodesTable")
	unused := items[slices.IndexFunc(items, transactionOf(code))]
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	seen, got := counts{}, 0
	for round := 0; round < rounds && got == 0; round++ {
		s.PutItem("CodesTable", unused)
		loses := random.Perm(parallel)[:random.IntN(parallel/4)] // these exchanges begin with a fault, which other ones may run into
		tokens := make([]any, parallel)
		answers := atOnce(parallel, func(i int) (int, fields) {
			if slices.Contains(loses, i) {
				s.Fault(fields{"service": "dynamodb", "action": "UpdateItem", "table": "CodesTable", "dropResponse": true, "count": 1})
			}
			status, answer := a.exchange(s, code)
			tokens[i] = answer["access_token"]
			return status, fields{"code": answer["error"]}
		})
		s.ClearFaults()
		for answer, n := range answers {
			seen[answer] += n
		}
		got += max(0, answers["200"]-1)
		for _, token := range tokens {
			if token != nil && answers["400 invalid_grant"] > 0 && userinfo(s, token) {
				got++
			}
		}
	}
	fmt.Printf("          seed %d: %v\n", seed, seen)
	if got == 0 && seen["200"] == rounds {
		t.Error("no answer was lost: without that, each round has one success")
	}
	return result{rounds * parallel, got, "tokens too many", got > 0}
}

// useLateGrant uses a transaction and an authorization code after their time.
func useLateGrant(t *testing.T, s *e2e.Stack) result {
	register(s)
	expire := func(text string) { age(t, s, "CodesTable", "expiredAt", transactionOf(text), otherwiseOver) }
	b, a := &browser{Stack: s}, shop.begun()
	id := b.begin(shop.begun().query())
	proof := prove(t, s, id, "overdue@example.com")
	code := grant(t, s, a, "later@example.com")
	expire(id)
	expire(code)
	status, _ := b.call("transaction", fields{"transaction": id})
	exchanged, _ := a.exchange(s, code)
	return counted("answers", status == http.StatusOK, b.complete(id, proof).Has("code"), exchanged == http.StatusOK)
}

// otherwiseOver is longer than a transaction and an authorization code live.
const otherwiseOver = 20 * time.Minute

// spendSignatures makes exchanges that lack something, each of which would cost a signature of KMS.
func spendSignatures(t *testing.T, s *e2e.Stack) result {
	register(s)
	a := shop.begun()
	code := grant(t, s, a, "spent@example.com")
	s.ClearCalls()
	tries := [][]string{{"client_secret", "a guess"}, {"client_secret", ""}, {"client_id", rival.id}, {"redirect_uri", rival.redirect},
		{"code_verifier", shop.begun().verifier}, {"code_verifier", ""}, {"code", code + "x"}, {"code", code[:len(code)-4] + "AAAA"}}
	for range 5 {
		for _, changes := range tries {
			if status, _ := a.exchange(s, code, changes...); status == http.StatusOK {
				t.Errorf("tokens for %v", changes)
			}
		}
	}
	signed := 0
	for _, call := range s.Calls() {
		if call.Action == "Sign" {
			signed++
		}
	}
	return result{5 * len(tries), signed, "signatures", signed > 0}
}

// useCopy has a copy of the table with transactions, and uses what it reads as a cookie, as an authorization code and as an access token.
func useCopy(t *testing.T, s *e2e.Stack) result {
	register(s)
	read := func(text, attribute string) string {
		for _, item := range s.Items("CodesTable") {
			if transactionOf(text)(item) {
				return fmt.Sprint(item[attribute]["S"])
			}
		}
		t.Fatal("no item")
		return ""
	}
	id := (&browser{Stack: s}).begin(shop.begun().query())
	status, _ := (&browser{s, read(id, "browser")}).call("transaction", fields{"transaction": id})
	a := app.begun()
	code := grant(t, s, a, "copied@example.com")
	as := func(attribute string) string { // both have the transaction's id in front
		id, _, _ := strings.Cut(code, ".")
		return id + "." + strings.TrimPrefix(read(code, attribute), id+".")
	}
	exchanged, _ := a.exchange(s, as("codeHash"))
	if exchanged != http.StatusOK {
		if status, answer := a.exchange(s, code); status != http.StatusOK {
			t.Fatal(answer)
		}
	}
	return counted("accepted", status == http.StatusOK, exchanged == http.StatusOK, userinfo(s, as("tokenHash")))
}

// ---- Forged tokens -------------------------------------------------------------------------------------------------

// A login at which an attacker tries tokens: it began in the attacker's own browser, and everything but the proof is right.
type attempt struct {
	b     *browser
	proof e2e.Token // of a victim, for another login
}

func attempts(t *testing.T, s *e2e.Stack, email string) attempt {
	register(s)
	b := &browser{Stack: s}
	return attempt{b, e2e.ParseToken(t, prove(t, s, b.begin(shop.begun().query()), email))}
}

// with reports whether a token completes a new login. The proof that token gets says that it is for this login, by a code of this moment.
func (x attempt) with(token func(e2e.Token) string) bool {
	id := x.b.begin(shop.begun().query())
	k := x.proof
	k.Claims = maps.Clone(k.Claims)
	k.Claims["nonce"], k.Claims["auth_time"] = id, time.Now().Unix()
	return x.b.complete(id, token(k)).Has("code")
}

// forgeProof completes logins with proofs that need no key of the stack.
func forgeProof(t *testing.T, s *e2e.Stack) result {
	x := attempts(t, s, "forger@example.com")
	var tries []bool
	for _, name := range slices.Sorted(maps.Keys(s.Forge(x.proof))) {
		tries = append(tries, x.with(func(k e2e.Token) string { return s.Forge(k)[name] }))
	}
	return counted("codes", tries...)
}

// changeProof completes logins with tokens that the stack's own key has signed, and that are for something else.
func changeProof(t *testing.T, s *e2e.Stack) result {
	x := attempts(t, s, "changed@example.com")
	resigned := func(header, claims fields) bool {
		return x.with(func(k e2e.Token) string { return k.With(header, claims, s.Sign) })
	}
	if !resigned(nil, nil) {
		t.Fatal("a right proof completes nothing")
	}
	minutes := func(n int64) int64 { return time.Now().Unix() + 60*n }
	return counted("codes",
		resigned(nil, fields{"aud": "shop"}), resigned(nil, fields{"aud": nil}), // a proof for a client, an ID token
		resigned(nil, fields{"iss": "https://evil.example"}), resigned(nil, fields{"iss": nil}),
		resigned(nil, fields{"purpose": "verify"}), resigned(nil, fields{"purpose": nil}), // a proof of an address, an ID token
		resigned(nil, fields{"nonce": x.proof.Claims["nonce"]}), resigned(nil, fields{"nonce": nil}),
		resigned(nil, fields{"exp": minutes(-1)}), resigned(nil, fields{"exp": nil}),
		resigned(nil, fields{"auth_time": minutes(-20)}), resigned(nil, fields{"sub": nil}),
		resigned(fields{"typ": "at+jwt"}, nil), resigned(fields{"typ": nil}, nil)) // an access token
}

// victim logs in to an application and returns its tokens.
func victim(t *testing.T, s *e2e.Stack, a application, email string) fields {
	t.Helper()
	register(s)
	a = a.begun()
	_, answer := a.exchange(s, grant(t, s, a, email))
	if !userinfo(s, answer["access_token"]) {
		t.Fatal(answer)
	}
	return answer
}

// forgeAccessToken knows the id of a victim's login, and reads about the victim with access tokens that need no key of the stack.
func forgeAccessToken(t *testing.T, s *e2e.Stack) result {
	known := e2e.ParseToken(t, fmt.Sprint(victim(t, s, api, "read@example.com")["access_token"]))
	var tries []bool
	for _, token := range s.Forge(known) {
		tries = append(tries, userinfo(s, token))
	}
	return counted("answers", tries...)
}

// guessAccessToken knows the id of a victim's login, and reads about the victim with a guess, and with tokens that the stack has signed for
// something else.
func guessAccessToken(t *testing.T, s *e2e.Stack) result {
	tokens := victim(t, s, api, "reader@example.com")
	access := e2e.ParseToken(t, fmt.Sprint(tokens["access_token"]))
	id := fmt.Sprint(access.Claims["jti"])
	return counted("answers", userinfo(s, id+"."+strings.Repeat("A", 43)), userinfo(s, access.With(nil, fields{"sub": "mallory"}, s.Sign)),
		userinfo(s, access.With(nil, fields{"iss": "https://evil.example"}, s.Sign)), userinfo(s, tokens["id_token"]))
}

// useOtherToken uses tokens of another kind as access tokens: an ID token and a proof, and both with the id of the victim's login in jti.
func useOtherToken(t *testing.T, s *e2e.Stack) result {
	tokens := victim(t, s, api, "other@example.com")
	access, id := e2e.ParseToken(t, fmt.Sprint(tokens["access_token"])), e2e.ParseToken(t, fmt.Sprint(tokens["id_token"]))
	proof := attempts(t, s, "another@example.com").proof
	jti := fields{"jti": access.Claims["jti"]}
	return counted("answers", userinfo(s, id.Text), userinfo(s, proof.Text), userinfo(s, id.With(nil, jti, s.Sign)), userinfo(s, proof.With(nil, jti, s.Sign)))
}

// useOldAccessToken uses access tokens, opaque ones and JWTs, after their time, and after their code was used again.
func useOldAccessToken(t *testing.T, s *e2e.Stack) result {
	register(s)
	var tries []bool
	for _, a := range []application{app, api} {
		a = a.begun()
		code := grant(t, s, a, a.id+"-expired@example.com")
		_, expired := a.exchange(s, code)
		age(t, s, "CodesTable", "expiredAt", transactionOf(code), otherwiseOver)
		a = a.begun()
		code = grant(t, s, a, a.id+"-ended@example.com")
		_, ended := a.exchange(s, code)
		a.exchange(s, code)
		tries = append(tries, userinfo(s, expired["access_token"]), userinfo(s, ended["access_token"]))
	}
	return counted("answers", tries...)
}
