package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// logArgon2 makes the functions log each run of Argon2 with its parameters.
var logArgon2 = []Edit{
	{"shared/password/password.go", "ok, err := argon2id.ComparePasswordAndHash(", "ok, err := compareLogged("},
	{"shared/password/password.go", "return argon2id.CreateHash(", "return createLogged("},
	{"shared/password/logged.go", "", `package password

import (
	"log/slog"

	"github.com/alexedwards/argon2id"
)

func compareLogged(password, hash string) (bool, error) {
	p, salt, key, err := argon2id.DecodeHash(hash)
	slog.Info("argon2", "run", p, "salt", len(salt), "key", len(key), "password", len(password), "error", err)
	return argon2id.ComparePasswordAndHash(password, hash)
}

func createLogged(password string, p *argon2id.Params) (string, error) {
	slog.Info("argon2", "run", p, "password", len(password))
	return argon2id.CreateHash(password, p)
}
`},
}

// conditions are what is true of a stack that the gate looks at.
type conditions struct {
	atDefaults bool // every step must have the outcome that it names
	signUp     bool // strangers who ask for a code alone get one
	planted    bool // something is wrong, and the first difference is enough
}

// gate runs the flows and returns all differences.
func gate(t *testing.T, s *Stack, of conditions) (found []string) {
	t.Helper()
	compare := func(flow string, steps []step, a, b *party) {
		if of.planted && len(found) > 0 {
			return
		}
		differ, ran, work := differences(t, s, steps, a, b)
		for _, difference := range differ {
			found = append(found, flow+", "+difference)
		}
		for i, outcome := range ran {
			if want := steps[i].want; of.atDefaults && want != "" && outcome != want {
				t.Errorf("%s, step %d, %s: %s, want %s", flow, i, steps[i].path, outcome, want)
			}
		}
		if work < len(steps) {
			t.Errorf("%s: %d calls in %d steps: nothing was compared", flow, work, len(steps))
		}
	}
	compareItems := func(flow string, a, b *party) {
		if account, stranger := shapes(s, a.id), shapes(s, b.id); !slices.Equal(account, stranger) {
			found = append(found, fmt.Sprintf("%s, items:\n  account  %v\n  stranger %v", flow, account, stranger))
		}
	}
	a, b := parties(t, s, "ada@example.com", "eve@example.com")
	compare("reset", resetting.steps(t, s, a, b), a, b)
	compareItems("reset", a, b)
	a, b = parties(t, s, "bounce@simulator.amazonses.com", "nobody@simulator.amazonses.com")
	account(t, s, a.email)
	steps := resetting.steps(t, s, a, b)
	steps[1].before = func() { // the status is requested only after SES has reported the delivery
		until(t, Patience, "the bounce is known", func() bool { return strings.Contains(strings.Join(s.Logs(), "\n"), `"reason":"Permanent/General"`) })
	}
	compare("reset of an account whose mail bounces", steps, a, b)
	a, b = parties(t, s, "ann@example.com", "bob@example.com")
	account(t, s, a.email)
	compare("reset, while the account's owner is at work", resetting.watch(t, s, a), a, b)
	a, b = parties(t, s, "ida@example.com", "zoe@example.com")
	account(t, s, a.email)
	compare("a code alone", codeAlone.steps(t, s, a, b), a, b)
	compareItems("a code alone", a, b)
	a, b = parties(t, s, "grace@example.com", "hedda@example.com")
	compare("a code alone, of an account whose codes go by SMS", codeAlone.steps(t, s, a, b), a, b)
	a, b = parties(t, s, "nan@example.com", "pat@example.com")
	account(t, s, a.email)
	compare("a code alone, while the account's owner is at work", codeAlone.watch(t, s, a), a, b)
	a, b = parties(t, s, "ada@example.com", "eve@example.com")
	compare("login", loginSteps(t, s), a, b)
	a, b = parties(t, s, "grace@example.com", "hedda@example.com")
	compare("login by SMS", loginSteps(t, s)[:3], a, b)
	strangers := []string{"eve@example.com"}
	if !of.signUp { // otherwise those who asked for a code alone get one
		strangers = append(strangers, "hedda@example.com", "zoe@example.com", "pat@example.com")
	}
	for _, stranger := range strangers {
		if n := count(s, stranger); n > 0 {
			t.Errorf("%d messages went to %s, who has no account", n, stranger)
		}
	}
	return found
}

// account adds an account for an address.
func account(t *testing.T, s *Stack, email string) {
	t.Helper()
	for _, user := range s.Items("UsersTable") {
		if user["email"]["S"] == "ada@example.com" {
			user["email"]["S"] = email
			s.PutItem("UsersTable", user)
		}
	}
}

func TestNoOracle(t *testing.T) {
	for name, s := range map[string]func(t *testing.T) *Stack{
		"at the default limits": func(t *testing.T) *Stack { return Start(t) },
		"with sign-up":          func(t *testing.T) *Stack { return Start(t, "-parameter", withSignUp) },
		"without limits": func(t *testing.T) *Stack {
			return Start(t, free("PasswordTriesPerHour=0", "PasswordTriesPerIpPerHour=0")...)
		},
		"runs of Argon2": func(t *testing.T) *Stack { return StartChanged(t, logArgon2) },
	} {
		t.Run("nothing reveals an account: "+name, func(t *testing.T) {
			s := s(t)
			for _, difference := range gate(t, s, conditions{atDefaults: name != "without limits", signUp: name == "with sign-up"}) {
				t.Error(difference)
			}
			if runs := strings.Count(strings.Join(s.Logs(), "\n"), `"msg":"argon2"`); name == "runs of Argon2" && runs < 20 {
				t.Errorf("%d runs of Argon2 were compared", runs)
			}
		})
	}
	for name, edits := range oracles() {
		t.Run("the gate notices "+name, func(t *testing.T) {
			s := StartChanged(t, edits, "-parameter", withSignUp)
			if len(gate(t, s, conditions{signUp: true, planted: true})) == 0 {
				t.Error("nothing was noticed")
			}
		})
	}
}

// TestOraclesAreThere checks that each edit of oracles still matches its file. It needs no stack.
func TestOraclesAreThere(t *testing.T) {
	for name, edits := range oracles() {
		if err := CheckEdits(edits); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// oracles are changes of the code that reveal whether an account exists.
func oracles() map[string][]Edit {
	handler := "functions/generate/handler.go"
	return map[string][]Edit{
		"a decoy that is not written":         {{handler, "\t\terr = h.codes.Put(ctx, s, c.ID)", "\t\tif s.Silent {\n\t\t\treturn nil\n\t\t}\n\t\terr = h.codes.Put(ctx, s, c.ID)"}},
		"a decoy whose resends know no limit": {{"functions/generate/resend.go", "\td, err := h.admit.Admit(", "\tif s.Silent {\n\t\treturn answer{id}, h.codes.PutResend(ctx, s, c.ID, c.now, h.cooldown)\n\t}\n\td, err := h.admit.Admit("}},
		"a stranger without Argon2":           append([]Edit{{"shared/password/password.go", "hash = dummyHash", "return false, nil"}}, logArgon2...),
		"a stranger's Argon2 with other parameters": append([]Edit{{"shared/password/password.go", `"$argon2id$v=19$m=19456,t=2,p=1$" +`,
			`"$argon2id$v=19$m=9728,t=2,p=1$" +`}}, logArgon2...),
		"a reset's bounce that is reported": {{"functions/send/attempt.go", "case !m.Purpose.HidesAccounts():", "default:"},
			{"shared/otp/state.go", "known := !s.Purpose.HidesAccounts()", "known := true"}},
		"attempts of a reset that are everybody's":      {{"functions/status/handler.go", "if !s.Purpose.HidesAccounts() {", `if s.Purpose != "" {`}},
		"an unknown address that gets no session":       {{handler, "\t\tto.AccountID, to.New,", "\t\treturn httpapi.ErrInvalidCredentials\n\t\tto.AccountID, to.New,"}},
		"the blocked domains, read for strangers alone": {{handler, "if h.signUps != nil {", "if h.signUps != nil && user.Email == \"\" {"}},
		"a code alone that reports its end by a reset":  {{"functions/verify/handler.go", "c, err := h.judge.Open(", "if s, err := h.codes.Session(ctx, id); err == nil {\n\t\tring, _ := h.judge.Keys.For(ctx, s.KeyID)\n\t\tif contents, err := ring.Open(s.KeyID, s.ID, s.Sealed); err == nil && contents.Purpose == otp.Passwordless {\n\t\t\tif before, _ := h.limits.EndedBefore(ctx, ring.Subject(otp.Login, contents.Email)); s.CreatedAt.Before(before) {\n\t\t\t\treturn nil, otp.ErrCodeExpired\n\t\t\t}\n\t\t}\n\t}\n\tc, err := h.judge.Open("}, {"functions/verify/handler.go", "\tConsume(ctx", "\tSession(ctx context.Context, id string) (otp.Session, error)\n\tConsume(ctx"}},
		"one more read for an account": {{handler, "\tok, err := password.Matches(",
			"\tif user.Email != \"\" {\n\t\t_, _ = h.users.Get(ctx, body.email)\n\t}\n\tok, err := password.Matches("}},
	}
}
