package store_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"streamotp/shared/otp"
	"streamotp/shared/store"
)

func TestConsume(t *testing.T) {
	f := newFixture(t)
	t.Run("an unknown session is not consumed and nothing is written", func(t *testing.T) {
		wantErr(t, f.codes.Consume(ctx, session("other"), "r", t0), otp.ErrSessionNotFound)
		if item := f.Item(t, f.Codes, map[string]types.AttributeValue{"sessionId": text("other"), "code": text("digest")}); item != nil {
			t.Errorf("a row appeared: %v", item)
		}
	})
	t.Run("an expired code is refused though the table still has it", func(t *testing.T) {
		wantErr(t, f.codes.Consume(ctx, session("s"), "r", t0.Add(5*time.Minute)), otp.ErrCodeExpired)
	})
	t.Run("I3: of 100 at once exactly one wins", func(t *testing.T) {
		var won, used atomic.Int32
		var wait sync.WaitGroup
		for i := range 100 {
			wait.Go(func() {
				switch err := f.codes.Consume(ctx, session("s"), fmt.Sprint("request", i), t0); {
				case err == nil:
					won.Add(1)
				case errors.Is(err, otp.ErrCodeUsed):
					used.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if won.Load() != 1 || used.Load() != 99 {
			t.Errorf("%d won and %d got the error that the code is used", won.Load(), used.Load())
		}
	})
	t.Run("the winner's repeated call succeeds", func(t *testing.T) {
		s, err := f.codes.Session(ctx, "s")
		must(t, err)
		must(t, f.codes.Consume(ctx, s, s.UsedBy, t0))
	})
}

func TestSession(t *testing.T) {
	f := newFixture(t)
	t.Run("rows beside the code are not taken for it", func(t *testing.T) {
		must(t, f.codes.PutResend(ctx, session("s"), "r1", t0.Add(time.Minute), time.Minute))
		f.put(t, f.Codes, map[string]any{"sessionId": "n", "code": "notice"})
		s, err := f.codes.Session(ctx, "s")
		must(t, err)
		if s.Digest != "digest" || len(s.Resends) != 1 || !s.CreatedAt.Equal(t0) {
			t.Errorf("read %+v", s)
		}
		_, err = f.codes.Session(ctx, "n")
		wantErr(t, err, otp.ErrSessionNotFound)
	})
	t.Run("of 20 resends at once one writes the row, its repetition is no second one, and the others may say so", func(t *testing.T) {
		f := newFixture(t)
		for round := range 2 {
			s, err := f.codes.Session(ctx, "s")
			must(t, err)
			written := atOnce[*store.NotWrittenError](t, 20, func(i int) error {
				requestID := fmt.Sprint(round, "-", i)
				err := f.codes.PutResend(ctx, s, requestID, t0, time.Minute)
				if err == nil {
					err = f.codes.PutResend(ctx, s, requestID, t0, time.Minute)
				} else if limitedFor(t, err) != time.Minute {
					t.Error(err)
				}
				return err
			})
			if written != 1 {
				t.Errorf("%d wrote the row", written)
			}
		}
		if s, err := f.codes.Session(ctx, "s"); err != nil || len(s.Resends) != 2 {
			t.Errorf("%d resends, %v", len(s.Resends), err)
		}
	})
	t.Run("I6: a decoy has a real session's attributes and size, and no send", func(t *testing.T) {
		decoy := session("d")
		decoy.Silent = true
		must(t, f.codes.Put(ctx, decoy, "request"))
		read := func(id string) map[string]types.AttributeValue {
			return f.Item(t, f.Codes, map[string]types.AttributeValue{"sessionId": text(id), "code": text("digest")})
		}
		real, fake := read("s"), read("d")
		if _, ok := fake["send"]; ok || len(real) != len(fake) {
			t.Errorf("real %v, decoy %v", real, fake)
		}
	})
}

func reset(f fixture, requestID string) store.Reset {
	return store.Reset{Session: session("s"), Notification: notification("s", otp.NotifyPasswordChanged), Users: f.users, Email: "ada@example.com",
		PasswordHash: "new " + requestID, RequestID: requestID, Now: t0.Add(time.Minute)}
}

func TestReset(t *testing.T) {
	f := newFixture(t)
	unchanged := func(t *testing.T) {
		t.Helper()
		user, err := f.users.Get(ctx, "ada@example.com")
		must(t, err)
		s, err := f.codes.Session(ctx, "s")
		must(t, err)
		if user.PasswordHash != "old" || !s.UsedAt.IsZero() {
			t.Errorf("something was written: %+v %+v", user, s)
		}
	}
	t.Run("a missing account changes nothing and makes none", func(t *testing.T) {
		r := reset(f, "r")
		r.Email = "nobody@example.com"
		wantErr(t, f.codes.Reset(ctx, r), otp.ErrCodeExpired)
		unchanged(t)
	})
	t.Run("an account without a password gets one", func(t *testing.T) {
		g := newFixture(t)
		must(t, g.users.Remove(ctx, store.User{Email: "ada@example.com", PasswordHash: "old"}))
		must(t, g.users.Add(ctx, store.User{Email: "ada@example.com", Channel: otp.Email}))
		if item := g.Item(t, g.Users, map[string]types.AttributeValue{"email": text("ada@example.com")}); item["passwordHash"] != nil {
			t.Errorf("it has %v", item["passwordHash"])
		}
		must(t, g.codes.Reset(ctx, reset(g, "r")))
		user, err := g.users.Get(ctx, "ada@example.com")
		must(t, err)
		if user.PasswordHash != "new r" {
			t.Errorf("it is %+v", user)
		}
	})
	t.Run("a password newer than the session stays", func(t *testing.T) {
		f.put(t, f.Users, store.User{Email: "ada@example.com", PasswordHash: "old", PasswordChangedAt: t0.UnixMilli() + 1})
		wantErr(t, f.codes.Reset(ctx, reset(f, "r")), otp.ErrCodeExpired)
		unchanged(t)
		f.put(t, f.Users, store.User{Email: "ada@example.com", PasswordHash: "old", PasswordChangedAt: t0.UnixMilli()})
	})
	t.Run("an account newer than the session stays", func(t *testing.T) {
		f.put(t, f.Users, store.User{Email: "ada@example.com", PasswordHash: "old", CreatedAt: t0.UnixMilli() + 1})
		wantErr(t, f.codes.Reset(ctx, reset(f, "r")), otp.ErrCodeExpired)
		unchanged(t)
		f.put(t, f.Users, store.User{Email: "ada@example.com", PasswordHash: "old", CreatedAt: t0.UnixMilli()})
	})
	t.Run("an expired code changes nothing", func(t *testing.T) {
		r := reset(f, "r")
		r.Now = t0.Add(time.Hour)
		wantErr(t, f.codes.Reset(ctx, r), otp.ErrCodeExpired)
		unchanged(t)
	})
	t.Run("of 40 at once one wins, and one notification is left", func(t *testing.T) {
		var won atomic.Int32
		var wait sync.WaitGroup
		for i := range 40 {
			wait.Go(func() {
				err := f.codes.Reset(ctx, reset(f, fmt.Sprint(i)))
				if err == nil {
					won.Add(1)
				} else if !errors.Is(err, otp.ErrCodeUsed) && !strings.Contains(err.Error(), "Conflict") {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if won.Load() != 1 {
			t.Errorf("%d won", won.Load())
		}
		m, err := f.codes.Message(ctx, "s", "notice")
		must(t, err)
		if m.Kind != string(otp.NotifyPasswordChanged) || m.ExpiresAt.Sub(m.CreatedAt) != 24*time.Hour {
			t.Errorf("notice %+v", m)
		}
	})
	t.Run("the winner's repeated call succeeds", func(t *testing.T) {
		s, err := f.codes.Session(ctx, "s")
		must(t, err)
		must(t, f.codes.Reset(ctx, reset(f, s.UsedBy)))
	})
}

func TestSignUp(t *testing.T) {
	f := newFixture(t)
	signUp := func(session, email, id, requestID string, now time.Time) error {
		s, err := f.codes.Session(ctx, session)
		must(t, err)
		return f.codes.SignUp(ctx, s, f.users, store.User{Email: email, ID: id}, requestID, now)
	}
	t.Run("an account that exists stays as it is, and the code is not used", func(t *testing.T) {
		before := f.Item(t, f.Users, map[string]types.AttributeValue{"email": text("ada@example.com")})
		wantErr(t, signUp("s", "ada@example.com", "other", "r", t0), otp.ErrCodeExpired)
		if after := f.Item(t, f.Users, map[string]types.AttributeValue{"email": text("ada@example.com")}); !reflect.DeepEqual(before, after) {
			t.Errorf("it is %v", after)
		}
		if s, err := f.codes.Session(ctx, "s"); err != nil || !s.UsedAt.IsZero() {
			t.Errorf("%+v, %v", s, err)
		}
	})
	t.Run("an expired code makes none", func(t *testing.T) {
		wantErr(t, signUp("s", "eve@example.com", "id", "r", t0.Add(time.Hour)), otp.ErrCodeExpired)
		if user, err := f.users.Get(ctx, "eve@example.com"); err != nil || user.Email != "" {
			t.Errorf("%+v, %v", user, err)
		}
	})
	t.Run("of 40 sessions of one address at once, one makes the account", func(t *testing.T) {
		var won sync.Map
		var wait sync.WaitGroup
		for i := range 40 {
			name := fmt.Sprint("session", i)
			must(t, f.codes.Put(ctx, session(name), name))
			wait.Go(func() {
				switch err := signUp(name, "eve@example.com", "id of "+name, name, t0); {
				case err == nil:
					won.Store(name, true)
				case !errors.Is(err, otp.ErrCodeExpired) && !strings.Contains(err.Error(), "Conflict"):
					t.Error(err)
				}
			})
		}
		wait.Wait()
		var winners []string
		won.Range(func(name, _ any) bool { winners = append(winners, name.(string)); return true })
		user, err := f.users.Get(ctx, "eve@example.com")
		if err != nil || len(winners) != 1 || user != (store.User{Email: "eve@example.com", ID: "id of " + winners[0], CreatedAt: t0.UnixMilli()}) {
			t.Fatalf("%v won, and the account is %+v, %v", winners, user, err)
		}
		t.Run("whose repeated call succeeds", func(t *testing.T) {
			must(t, signUp(winners[0], "eve@example.com", user.ID, winners[0], t0))
		})
	})
}

func TestCountAttempt(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		requestID string
		want      int
	}{{"1", 1}, {"1", 1}, {"2", 2}} { // a repeated write counts once
		if got, err := f.codes.CountAttempt(ctx, session("s"), c.requestID, t0); err != nil || got != c.want {
			t.Errorf("%s: %d, %v", c.requestID, got, err)
		}
	}
	s, err := f.codes.Session(ctx, "s")
	if err != nil || s.Attempts != 2 || !s.AttemptedAt.Equal(t0) {
		t.Errorf("%+v, %v", s, err)
	}
	_, err = f.codes.CountAttempt(ctx, session("purged"), "1", t0)
	wantErr(t, err, otp.ErrSessionNotFound)
}

func TestOtherRowsAreNoSessions(t *testing.T) {
	kinds := map[string]map[string]any{
		"a resend":                          {"code": "resend#1", "purpose": "login", "send": "code"},
		"a notification":                    {"code": "notice#guessed", "purpose": "login", "send": "guessed"},
		"the news of a changed password":    {"code": "notice", "purpose": "reset", "send": "changed"},
		"a notification of a newer version": {"code": "notice#other", "purpose": "login", "send": "other"},
		"an empty row":                      {"code": "digest"},
		"an empty resend":                   {"code": "resend#2"},
	}
	for name, row := range kinds {
		t.Run(name+" is not read, counted against or consumed as one", func(t *testing.T) {
			f := newFixture(t)
			row["sessionId"], row["createdAt"], row["expiredAt"] = "r", t0.UnixMilli(), t0.Add(5*time.Minute).Unix()
			f.put(t, f.Codes, row)
			_, err := f.codes.Session(ctx, "r")
			wantErr(t, err, otp.ErrSessionNotFound)
			s := session("r")
			s.Digest = row["code"].(string)
			_, err = f.codes.CountAttempt(ctx, s, "request", t0)
			wantErr(t, err, otp.ErrSessionNotFound)
			wantErr(t, f.codes.Consume(ctx, s, "request", t0.Add(time.Hour)), otp.ErrSessionNotFound)
		})
	}
	t.Run("a session beside all of them is read as itself", func(t *testing.T) {
		f := newFixture(t)
		for _, row := range kinds {
			if row["code"] == "digest" {
				continue
			}
			row["sessionId"], row["createdAt"], row["expiredAt"], row["usedAt"] = "s", t0.UnixMilli(), t0.Add(5*time.Minute).Unix(), t0.UnixMilli()
			f.put(t, f.Codes, row)
		}
		s, err := f.codes.Session(ctx, "s")
		if err != nil || s.Digest != "digest" || s.Purpose != otp.Reset || !s.UsedAt.IsZero() || len(s.Resends) != 1 || s.NextResend != 3 {
			t.Errorf("%+v, %v", s, err)
		}
		if m, err := f.codes.Message(ctx, "s", "digest"); err != nil || m.Used {
			t.Errorf("%+v, %v", m, err)
		}
	})
}

// TestNotificationRow checks the attributes that the stream's filter and rows of earlier versions have.
func TestNotificationRow(t *testing.T) {
	for kind, want := range map[otp.NotificationKind][2]string{
		otp.NotifyPasswordChanged: {"notice", "changed"}, otp.NotifyWrongCodes: {"notice#guessed", "guessed"}, otp.NotifyLocked: {"notice#closed", "closed"},
	} {
		for _, attribute := range []string{"send", "skip"} {
			f := newFixture(t)
			n := notification("s", kind)
			n.Silent = attribute == "skip"
			must(t, f.codes.PutNotification(ctx, n, "request", t0))
			must(t, f.codes.PutNotification(ctx, n, "another request", t0)) // it is the same notification
			var row map[string]any
			must(t, attributevalue.UnmarshalMap(f.Item(t, f.Codes, map[string]types.AttributeValue{"sessionId": text("s"), "code": text(want[0])}), &row))
			expected := map[string]any{"sessionId": "s", "code": want[0], attribute: want[1], "sealed": []byte("box"), "subject": "subject", "purpose": "reset", "kid": "0",
				"createdAt": float64(t0.UnixMilli()), "expiredAt": float64(t0.Add(24 * time.Hour).Unix()), "askedBy": "request"}
			if fmt.Sprint(row) != fmt.Sprint(expected) {
				t.Errorf("%s: %v, want %v", kind, row, expected)
			}
		}
	}
}
