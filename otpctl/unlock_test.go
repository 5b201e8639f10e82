package main

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"streamotp/shared/keys"
	"streamotp/shared/otp"
	"streamotp/shared/store"
)

func (s *stack) ring(t *testing.T) *otp.Keyring {
	t.Helper()
	cfg := s.Config.Copy()
	cfg.BaseEndpoint = &s.url
	ring, err := keys.New(cfg, "arn:secret", time.Now).Current(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// guess enters n wrong codes for a subject, or stops at the first that the limit does not allow.
func (s *stack) guess(t *testing.T, purpose otp.Purpose, destination string, n int) (locked bool) {
	t.Helper()
	session := otp.Session{Subject: s.ring(t).Subject(purpose, destination), CreatedAt: time.Now()}
	for i := range n {
		_, err := s.limits.Reserve(ctx, session, fmt.Sprint(time.Now(), i), time.Now())
		if lock := (*otp.LockedError)(nil); errors.As(err, &lock) {
			return true
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return false
}

// send takes n messages of a key's limit. It fails the test if fewer are available.
func (s *stack) send(t *testing.T, key string, n int) {
	t.Helper()
	for i := range n {
		if _, err := s.limits.TakeMessage(ctx, store.Quota{Key: key, MessagesPerHour: n}, fmt.Sprint(time.Now(), i), time.Now()); err != nil {
			t.Fatalf("message %d of %d: %v", i, n, err)
		}
	}
}

// limitItems returns all items of the limits table.
func (s *stack) limitItems(t *testing.T) map[string]map[string]types.AttributeValue {
	t.Helper()
	out, err := s.DB.Scan(ctx, &dynamodb.ScanInput{TableName: &s.Limits})
	if err != nil {
		t.Fatal(err)
	}
	items := map[string]map[string]types.AttributeValue{}
	for _, item := range out.Items {
		items[item["key"].(*types.AttributeValueMemberS).Value] = item
	}
	return items
}

func TestUnlock(t *testing.T) {
	t.Run("opens_what_is_locked_and_says_what_there_was", func(t *testing.T) {
		s := newStack(t)
		if !s.guess(t, otp.Login, adasEmail, 6) || s.guess(t, otp.Reset, adasEmail, 1) {
			t.Fatal("not locked")
		}
		s.send(t, s.ring(t).Subject(otp.Reset, adasEmail), 3)
		r := s.run("", "unlock", " Ada@Example.com")
		r.want(t, exitOK, "login", "locked until "+time.Now().UTC().Add(time.Hour).Format("2006-01-02T"), "5 wrong codes",
			"1 wrong code, 3 messages", "Unlocked ada@example.com.")
		for key := range s.limitItems(t) {
			s.silent(t, r, key, strings.Repeat("k", 8))
		}
		if s.guess(t, otp.Login, adasEmail, 5) {
			t.Error("it is still locked")
		}
		s.send(t, s.ring(t).Subject(otp.Reset, adasEmail), 3)
	})
	t.Run("of_nothing_succeeds_says_so_and_makes_nothing", func(t *testing.T) {
		s := newStack(t)
		for _, destination := range []string{adasEmail, "ada+shop@example.com", "+49 151 12345678"} {
			s.run("", "unlock", destination).want(t, exitOK, "nothing", "was not locked, and nothing was counted")
		}
		if items := s.limitItems(t); len(items) != 0 {
			t.Errorf("C5: made %v", items)
		}
	})
	t.Run("of_an_open_one_forgets_its_counts", func(t *testing.T) {
		s := newStack(t)
		s.guess(t, otp.Verify, adasEmail, 2)
		s.run("", "unlock", adasEmail).want(t, exitOK, "2 wrong codes", "was not locked; its counters were reset")
	})
	t.Run("leaves_every_other_destination_and_purpose_alone", func(t *testing.T) {
		s := newStack(t)
		for _, other := range []string{"grace@example.com", "ada+shop@example.com", mobile} {
			s.guess(t, otp.Verify, other, 6)
		}
		s.guess(t, otp.Reset, adasEmail, 6)
		s.guess(t, otp.Login, adasEmail, 6)
		before := s.limitItems(t)
		s.run("", "unlock", adasEmail, "--purpose", "login").want(t, exitOK, "Unlocked")
		after := s.limitItems(t)
		for key, item := range before {
			if changed := !reflect.DeepEqual(item, after[key]); changed != (key == s.ring(t).Subject(otp.Login, adasEmail)) {
				t.Errorf("C5: changed: %v, %v", changed, item)
			}
		}
	})
	t.Run("keeps_what_ended_older_sessions", func(t *testing.T) {
		s := newStack(t)
		s.add(t, adasEmail)
		s.run(better, "user", "add", adasEmail, "--replace", "--password-stdin").want(t, exitOK)
		s.run("", "unlock", adasEmail).want(t, exitOK)
		if !s.loginsEnded(t, adasEmail) {
			t.Error("C5: a login session that was over goes on")
		}
	})
	t.Run("of_a_tagged_address_frees_its_mailbox's_messages_and_not_its_lock", func(t *testing.T) {
		s := newStack(t)
		mailbox := s.ring(t).Subject(otp.Verify, adasEmail)
		s.send(t, mailbox, 2)
		s.guess(t, otp.Verify, adasEmail, 6)
		s.run("", "unlock", "ada+shop@example.com", "--purpose", "verify").want(t, exitOK,
			"verify, mailbox ada@example.com", "5 wrong codes, 2 messages", "its counters were reset")
		if s.limitItems(t)[mailbox]["a1"] != nil {
			t.Error("its messages are still counted")
		}
		if !s.guess(t, otp.Verify, adasEmail, 1) {
			t.Error("C5: another address was unlocked")
		}
	})
	t.Run("of_a_number_frees_it_and_its_messages_of_any_purpose", func(t *testing.T) {
		s := newStack(t)
		s.guess(t, otp.Verify, mobile, 6)
		s.send(t, s.ring(t).Phone(mobile), 2)
		s.run("", "unlock", "+49 (151) 12345678").want(t, exitOK, "5 wrong codes, 2 messages", "Unlocked "+mobile)
		s.send(t, s.ring(t).Phone(mobile), 2)
		if s.guess(t, otp.Verify, mobile, 5) {
			t.Error("it is still locked")
		}
	})
	t.Run("that_fails_half_way_tells_what_is_done", func(t *testing.T) {
		s := newStack(t)
		s.guess(t, otp.Verify, adasEmail, 6)
		updates := 0
		s.on(func(call string) string {
			if call == "UpdateItem" {
				if updates++; updates == 2 {
					return "AccessDeniedException"
				}
			}
			return ""
		})
		r := s.run("", "unlock", adasEmail)
		r.want(t, exitFailed, "5 wrong codes", "may not call DynamoDB UpdateItem")
		s.silent(t, r, "Unlocked")
	})
	for line, says := range map[string]string{
		"unlock ada":                                     "must be an e-mail address",
		"unlock 015112345678":                            "country code",
		"unlock ada@":                                    "e-mail: ",
		"unlock ädа@example.com":                         "not supported",
		"unlock ada@example.com --purpose log":           "--purpose must be",
		"unlock " + mobile + " --purpose login":          "name its e-mail address",
		"unlock ada@example.com grace@example.com":       "got 2 arguments",
		"unlock ada@example.com --purpose login --stack": "needs an argument",
	} {
		t.Run("refuses_"+line, func(t *testing.T) {
			s := newStack(t)
			s.run("", strings.Fields(line)...).want(t, exitUsage, says)
			if s.bodies.Len() != 0 {
				t.Error("AWS was called")
			}
		})
	}
}
