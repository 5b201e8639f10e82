package main

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"streamotp/shared/otp"
)

// setClock sets the clock of the stack's servers ahead of this machine's, or behind it if ahead is negative.
func (s *stack) setClock(ahead time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead = ahead
}

// date makes a response carry the stack's time as DynamoDB's does: in whole seconds, cut off.
func (s *stack) date(w http.ResponseWriter) http.ResponseWriter { return dated{w, s} }

type dated struct {
	http.ResponseWriter
	s *stack
}

func (d dated) WriteHeader(status int) {
	d.s.mu.Lock()
	d.Header().Set("Date", time.Now().Add(d.s.ahead).UTC().Format(http.TimeFormat))
	d.s.mu.Unlock()
	d.ResponseWriter.WriteHeader(status)
}

func (d dated) Write(body []byte) (int, error) {
	if d.Header().Get("Date") == "" {
		d.WriteHeader(http.StatusOK)
	}
	return d.ResponseWriter.Write(body)
}

// open reports whether a login session that was opened at this time is still open.
func (s *stack) open(t *testing.T, email string, opened time.Time) bool {
	t.Helper()
	session := otp.Session{Subject: s.ring(t).Subject(otp.Login, email), CreatedAt: opened}
	_, err := s.limits.Reserve(ctx, session, fmt.Sprint("test", time.Now().UnixNano()), opened)
	if err != nil && !errors.Is(err, otp.ErrCodeExpired) {
		t.Fatal(err)
	}
	return err == nil
}

// TestTimesOfTheServer: if an operator's clock is wrong, a command still ends all sessions that it must end, and none
// that were opened afterwards.
func TestTimesOfTheServer(t *testing.T) {
	commands := map[string]struct {
		stdin string
		args  []string
	}{
		"set-phone":      {"", []string{"user", "set-phone", adasEmail, mobile}},
		"add --replace":  {better, []string{"user", "add", adasEmail, "--replace", "--password-stdin"}},
		"import":         {"email,password\n" + adasEmail + "," + better + "\n", []string{"user", "import", "-", "--replace"}},
		"remove and add": {"", []string{"user", "remove", adasEmail, "--yes"}},
	}
	for name, c := range commands {
		for _, ahead := range []time.Duration{time.Minute, -10 * time.Minute} {
			t.Run(fmt.Sprintf("%s with the server %v ahead", name, ahead), func(t *testing.T) {
				s := newStack(t)
				s.setClock(ahead)
				s.add(t, adasEmail)
				server := func() time.Time { return time.Now().Add(ahead) }
				var before time.Time // the last session that the old account could open
				s.on(func(call string) string {
					if call == "UpdateItem" || call == "DeleteItem" {
						before = server()
					}
					return ""
				})
				s.run(c.stdin, c.args...).want(t, exitOK)
				s.on(nil)
				if name == "remove and add" {
					s.add(t, adasEmail)
				}
				if s.open(t, adasEmail, before.Add(-time.Millisecond)) {
					t.Error("C3: a session that was opened before goes on")
				}
				if !s.open(t, adasEmail, server()) {
					t.Error("a session that was opened afterwards is over")
				}
				if changed := time.UnixMilli(s.user(t, adasEmail).PasswordChangedAt); changed.After(server()) {
					t.Errorf("a reset is refused for %v", changed.Sub(server()))
				}
			})
		}
	}
}

// TestLoginsDuringAWrite: a login session does not survive if its login read the account during the write.
func TestLoginsDuringAWrite(t *testing.T) {
	for name, c := range map[string]struct {
		write, stdin string
		args         []string
	}{
		"set-phone":     {"UpdateItem", "", []string{"user", "set-phone", adasEmail, mobile}},
		"add --replace": {"UpdateItem", better, []string{"user", "add", adasEmail, "--replace", "--password-stdin"}},
		"remove":        {"DeleteItem", "", []string{"user", "remove", adasEmail, "--yes"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStack(t)
			s.add(t, adasEmail)
			var during time.Time
			s.slow(c.write, s.Users, func() {
				time.Sleep(1500 * time.Millisecond) // longer than the second that Date cuts off
				during = time.Now()
			})
			s.run(c.stdin, c.args...).want(t, exitOK)
			if during.IsZero() || s.open(t, adasEmail, during) {
				t.Errorf("C3: a session that was opened at %v, during the write, goes on", during)
			}
		})
	}
	t.Run("sessions that cannot be ended are reported", func(t *testing.T) {
		s := newStack(t)
		s.add(t, adasEmail)
		written := false
		s.slow("UpdateItem", s.Users, func() { written = true })
		s.on(func(call string) string {
			if call == "UpdateItem" && written {
				return "AccessDeniedException"
			}
			return ""
		})
		s.run("", "user", "set-phone", adasEmail, mobile).want(t, exitFailed, "was changed", "could not be ended", "may not call DynamoDB UpdateItem")
	})
}

// TestUnlockForgetsTheFuture: after an unlock, times that a fast clock has written block neither logins nor resets.
func TestUnlockForgetsTheFuture(t *testing.T) {
	s := newStack(t)
	s.add(t, adasEmail)
	future := time.Now().Add(10 * time.Minute)
	if err := s.limits.EndSessions(ctx, s.ring(t).Subject(otp.Login, adasEmail), false, future); err != nil {
		t.Fatal(err)
	}
	millis := &types.AttributeValueMemberN{Value: fmt.Sprint(future.UnixMilli())}
	s.put(t, map[string]types.AttributeValue{"email": text(adasEmail), "channel": text("email"), "passwordChangedAt": millis})
	s.setClock(2 * time.Minute) // only the server's time counts
	now := func() time.Time { return time.Now().Add(2 * time.Minute) }
	if s.open(t, adasEmail, now()) {
		t.Fatal("a session works")
	}
	s.run("", "unlock", adasEmail).want(t, exitOK, "sessions over until "+future.UTC().Format(time.RFC3339), "A time in the future was forgotten")
	if !s.open(t, adasEmail, now()) {
		t.Error("a new session is over")
	}
	if s.open(t, adasEmail, now().Add(-time.Minute)) {
		t.Error("C5: a session that was over goes on")
	}
	if changed := time.UnixMilli(s.user(t, adasEmail).PasswordChangedAt); changed.After(now()) {
		t.Errorf("a reset is refused until %v", changed)
	}
	s.run("", "unlock", adasEmail, "--json").want(t, exitOK, `"futurePasswordChange": null`)
}
