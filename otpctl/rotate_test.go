package main

import (
	"strings"
	"sync"
	"testing"
	"time"

	"streamotp/shared/otp"
)

const (
	oneRoot = `{"kid":"one","secret":"11111111111111111111111111111111"}`
	twoRoot = `{"kid":"two","secret":"22222222222222222222222222222222"}`
	life    = 7 * time.Minute // of a replaced key: the fixture's CodeTtlSeconds and settling
)

var index = strings.Repeat("k", 64)

func (s *stack) rootRing(t *testing.T) *otp.Keyring {
	t.Helper()
	ring, err := otp.ParseKeyring([]byte(s.root.text()))
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// wantUntouched fails the test if the secret has changed or a key was shown.
func (s *stack) wantUntouched(t *testing.T, r result, document string) {
	t.Helper()
	s.silent(t, r, "1111", "2222", index)
	if s.root.text() != document {
		t.Error("C7: something was written")
	}
}

func TestRotateSecret(t *testing.T) {
	t.Run("makes_a_new_key_and_keeps_the_old_one_known", func(t *testing.T) {
		s := newStack(t)
		before := s.rootRing(t)
		box, err := before.Seal("s", otp.Contents{Code: fixedCode, Channel: otp.Email})
		if err != nil {
			t.Fatal(err)
		}
		r := s.run("", "rotate-secret", "--yes")
		after := s.rootRing(t)
		r.want(t, exitOK, "Rotated: new codes get the key "+after.CurrentID(), "The key 0 stays known", "No live code breaks",
			"The key 0 may be forgotten from ")
		_, told, _ := strings.Cut(r.stdout, "may be forgotten from ")
		told, _, _ = strings.Cut(told, " ")
		safe, err := time.Parse(time.RFC3339, told)
		if wait := time.Until(safe); err != nil || wait < life-time.Minute || wait > life+5*time.Second || safe.Before(s.root.written.Add(life)) {
			t.Errorf("may be forgotten in %s, want %s: %v", wait, life, err)
		}
		s.silent(t, r, index, strings.Split(s.root.text(), `"secret":"`)[1][:64])
		if got, err := after.Open("0", "s", box); err != nil || got.Code != fixedCode || after.CurrentID() == "0" {
			t.Errorf("C7: a code of before is broken: %v", err)
		}
		if before.Subject(otp.Login, adasEmail) != after.Subject(otp.Login, adasEmail) {
			t.Error("C7: locks are forgotten")
		}
	})
	t.Run("a_second_time_soon_is_refused_until_no_code_would_end", func(t *testing.T) {
		s := newStack(t)
		s.run("", "rotate-secret", "--yes").want(t, exitOK)
		document, first := s.root.text(), s.rootRing(t).CurrentID()
		r := s.run("", "rotate-secret", "--yes")
		r.want(t, exitFailed, "would end the codes that were made with the key 0", "Wait until then", "--force", "Nothing was changed")
		s.wantUntouched(t, r, document)
		s.root.age(life - 10*time.Second)
		r = s.run("", "rotate-secret", "--yes")
		r.want(t, exitFailed, "would end")
		s.wantUntouched(t, r, document)
		s.root.age(12 * time.Second)
		s.run("", "rotate-secret", "--yes").want(t, exitOK, "The key 0 is forgotten, and its codes had expired", "The key "+first+" stays known")
		if ring := s.rootRing(t); ring.Has("0") || !ring.Has(first) || ring.CurrentID() == first {
			t.Error("the wrong key is forgotten")
		}
	})
	t.Run("after_a_change_by_hand_is_refused_as_well", func(t *testing.T) {
		s := newStack(t)
		document := `{"index":"` + index + `","current":` + twoRoot + `,"previous":` + oneRoot + `}`
		s.root.put("by hand", document)
		r := s.run("", "rotate-secret", "--yes")
		r.want(t, exitFailed, "would end the codes that were made with the key one")
		s.wantUntouched(t, r, document)
	})
	t.Run("by_force_says_whose_codes_are_ended", func(t *testing.T) {
		s := newStack(t)
		s.root.put("by hand", `{"index":"`+index+`","current":`+twoRoot+`,"previous":`+oneRoot+`,"note":7}`)
		r := s.run("", "rotate-secret", "--yes", "--force")
		r.want(t, exitOK, "The key one is forgotten, and its codes are ended", "The key two stays known")
		s.silent(t, r, "No live code breaks", "1111", "2222", index)
		if ring := s.rootRing(t); ring.Has("one") || !ring.Has("two") || !strings.Contains(s.root.text(), `"note":7`) {
			t.Error("the wrong key is forgotten, or what is not otpctl's")
		}
	})
	t.Run("does_not_trust_the_clock_of_this_machine", func(t *testing.T) {
		s := newStack(t)
		s.run("", "rotate-secret", "--yes").want(t, exitOK)
		fast := func() time.Time { return time.Now().Add(time.Hour) } // C7: the rotation would end codes
		runAt(ctx, fast, nil, "--endpoint", s.url, "rotate-secret", "--yes").want(t, exitFailed, "would end")
	})
}

func TestRotateSecretAsks(t *testing.T) {
	s := newStack(t)
	document := s.root.text()
	r := s.run("yes\n", "rotate-secret")
	r.want(t, exitUsage, "without a terminal to ask at, say --yes")
	s.wantUntouched(t, r, document)
	r = s.at(ctx, t, newPTY(t), false, []string{"no\n"}, "rotate-secret")
	r.want(t, exitFailed, `Rotate the root key of the stack "streamotp"?`, "nothing was rotated")
	s.wantUntouched(t, r, document)
	s.at(ctx, t, newPTY(t), false, []string{"yes\n"}, "rotate-secret").want(t, exitOK, "Rotated")
	document = s.root.text()
	r = s.at(ctx, t, newPTY(t), false, []string{"no\n"}, "rotate-secret", "--force")
	r.want(t, exitFailed, "and end the codes made with the key 0?")
	s.wantUntouched(t, r, document)
}

func TestRotateSecretOfTwoOperators(t *testing.T) {
	for _, flags := range [][]string{{"--yes"}, {"--yes", "--force"}} {
		t.Run("is_done_once_with_"+strings.Join(flags, "_"), func(t *testing.T) {
			s := newStack(t)
			var (
				together sync.WaitGroup
				mu       sync.Mutex
				done     int
			)
			together.Add(4)
			s.on(func(call string) string {
				if call == "PutSecretValue" { // once all have read the same version
					together.Done()
					together.Wait()
				}
				return ""
			})
			var wait sync.WaitGroup
			for range 4 {
				wait.Go(func() {
					r := s.run("", append([]string{"rotate-secret"}, flags...)...)
					mu.Lock()
					defer mu.Unlock()
					if r.code == exitOK {
						done++
						return
					}
					r.want(t, exitFailed, "changed at the same time", "this one wrote nothing", "without --force")
				})
			}
			wait.Wait()
			if ring := s.rootRing(t); done != 1 || !ring.Has("0") || len(s.root.versions) != 2 {
				t.Errorf("C7: %d rotations were made", done)
			}
		})
	}
}

func TestRotateSecretFails(t *testing.T) {
	for name, document := range map[string]string{
		"no JSON":            `{"index":"` + index,
		"no index":           `{"current":` + oneRoot + `}`,
		"a key too short":    `{"index":"` + index + `","current":{"kid":"x","secret":"1111"}}`,
		"index in two cases": `{"index":"` + index + `","INDEX":"` + strings.Repeat("2", 32) + `"}`,
	} {
		t.Run("on_"+name+"_and_writes_nothing", func(t *testing.T) {
			s := newStack(t)
			s.root.put("bad", document)
			r := s.run("", "rotate-secret", "--yes", "--force")
			r.want(t, exitFailed, "fix the secret arn:secret")
			s.wantUntouched(t, r, document)
		})
	}
	s := newStack(t)
	document := s.root.text()
	s.deny("PutSecretValue")
	r := s.run("", "rotate-secret", "--yes")
	r.want(t, exitFailed, "may not call Secrets Manager PutSecretValue")
	s.wantUntouched(t, r, document)
}
