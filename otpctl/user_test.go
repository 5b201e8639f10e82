package main

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"streamotp/shared/otp"
	"streamotp/shared/password"
	"streamotp/shared/store"
)

func putRaw(s *stack, item map[string]types.AttributeValue) error {
	_, err := s.DB.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.Users, Item: item})
	return err
}

func TestAddRefuses(t *testing.T) {
	s := newStack(t)
	for rule, c := range map[string]struct {
		args  string
		stdin string
		code  int
		says  string
	}{
		"no_address":                         {"user add --password-stdin", good, exitUsage, "takes EMAIL"},
		"two_arguments":                      {"user add ada@example.com hunter2hunter2", good, exitUsage, "got 2 arguments"},
		"what_is_no_address":                 {"user add ada --password-stdin", good, exitUsage, "must be one e-mail address"},
		"an_address_outside_ASCII":           {"user add ädä@example.com --password-stdin", good, exitUsage, "not supported"},
		"a_channel_that_is_none":             {"user add ada@example.com --channel pigeon --password-stdin", good, exitUsage, "email or sms"},
		"a_number_without_its_country":       {"user add ada@example.com --phone 015112345678 --password-stdin", good, exitUsage, "country code"},
		"sms_without_a_phone":                {"user add ada@example.com --channel sms --password-stdin", good, exitFailed, "sms needs a phone"},
		"sms_to_a_landline":                  {"user add ada@example.com --channel sms --phone " + landline + " --password-stdin", good, exitFailed, "must be a mobile number"},
		"sms_to_another_country":             {"user add ada@example.com --channel sms --phone +33612345678 --password-stdin", good, exitFailed, "is a number of FR, and this stack sends SMS only to US, DE"},
		"a_password_as_a_flag":               {"user add ada@example.com --password=hunter2hunter2", "", exitUsage, "never an argument"},
		"a_password_as_the_value_of_a_flag":  {"user add ada@example.com --password-stdin=hunter2hunter2", "", exitUsage, "never an argument"},
		"a_password_as_the_next_argument":    {"user add ada@example.com --password hunter2hunter2", "", exitUsage, "never an argument"},
		"to_ask_without_a_terminal":          {"user add ada@example.com", good, exitUsage, "--password-stdin"},
		"no_line":                            {"user add ada@example.com --password-stdin", "", exitUsage, "stdin is empty"},
		"two_lines":                          {"user add ada@example.com --password-stdin", good + "\nhunter2hunter2\n", exitUsage, "stdin has more"},
		"a_short_password":                   {"user add ada@example.com --password-stdin", "hunter2", exitFailed, "fewer than 8 characters"},
		"a_common_password":                  {"user add ada@example.com --password-stdin", "password1", exitFailed, "attackers try first"},
		"a_password_with_the_address":        {"user add lovelace@example.com --password-stdin", "my lovelace 1815", exitFailed, "contains the account's address"},
		"a_password_that_no_browser_can_say": {"user add ada@example.com --password-stdin", "tulip \xff harbor", exitFailed, "UTF-8"},
		"a_password_without_end":             {"user add ada@example.com --password-stdin", strings.Repeat("x", 1<<20), exitFailed, "more than 256 characters"},
		"a_flag_that_is_none":                {"user add ada@example.com --nmae Ada", "", exitUsage, "unknown flag: --nmae"},
	} {
		t.Run(rule, func(t *testing.T) {
			r := s.run(c.stdin, strings.Fields(c.args)...)
			r.want(t, c.code, c.says)
			s.silent(t, r, "hunter2", good, "xxxxxxxx", "1815", "password1", landline, "+336")
			if n := s.count(t); n != 0 {
				t.Errorf("%d accounts were written", n)
			}
		})
	}
}

func TestAdd(t *testing.T) {
	s := newStack(t)
	r := s.run(good+"\r\n", "user", "add", " Ada@EXAMPLE.com", "--name", "Ada Lovelace", "--password-stdin",
		"--phone", "+49 151 12345678", "--channel", "sms")
	r.want(t, exitOK, "Added ada@example.com")
	s.silent(t, r, good)
	u := s.user(t, adasEmail)
	if u.Name != "Ada Lovelace" || u.Phone != mobile || u.Channel != otp.SMS {
		t.Errorf("wrote %+v", u)
	}
	s.wantPassword(t, adasEmail, good)
	if err := password.CheckHash(u.PasswordHash); err != nil {
		t.Error(err)
	}
	if strings.Contains(s.bodies.String(), "GetSecretValue") {
		t.Error("adding needs no key and should not ask for one")
	}
}

func TestAddLeavesAnExistingAccountAlone(t *testing.T) {
	s := newStack(t)
	s.add(t, adasEmail, "--name", "Ada")
	before := s.user(t, adasEmail)
	r := s.run(better, "user", "add", adasEmail, "--name", "Eve", "--phone", mobile, "--password-stdin")
	r.want(t, exitFailed, "has an account already", "--replace")
	if s.user(t, adasEmail) != before {
		t.Error("C2: the account was changed")
	}
	if s.loginsEnded(t, adasEmail) {
		t.Error("its login sessions were ended")
	}
}

func TestReplace(t *testing.T) {
	t.Run("changes_the_password_and_what_was_named_only", func(t *testing.T) {
		s := newStack(t)
		s.put(t, map[string]types.AttributeValue{
			"email": text(adasEmail), "passwordHash": text("old"), "name": text("Ada"), "phone": text(mobile),
			"channel": text("sms"), "later": text("of a newer version"),
		})
		r := s.run(better, "user", "add", adasEmail, "--replace", "--name", "Ada Lovelace", "--password-stdin")
		r.want(t, exitOK, "new password")
		s.silent(t, r, better)
		u := s.user(t, adasEmail)
		if u.Name != "Ada Lovelace" || u.Phone != mobile || u.Channel != otp.SMS || time.Now().UnixMilli()-u.PasswordChangedAt > 60_000 {
			t.Errorf("wrote %+v", u)
		}
		s.wantPassword(t, adasEmail, better)
		if s.Item(t, s.Users, map[string]types.AttributeValue{"email": text(adasEmail)})["later"] == nil {
			t.Error("an attribute that this version does not know was lost")
		}
		if !s.loginsEnded(t, adasEmail) {
			t.Error("C3: an older login session goes on")
		}
	})
	t.Run("adds_where_there_is_no_account", func(t *testing.T) {
		s := newStack(t)
		s.add(t, adasEmail, "--replace")
		s.wantPassword(t, adasEmail, good)
	})
	t.Run("keeps_the_old_password_where_login_sessions_cannot_be_ended", func(t *testing.T) {
		for _, call := range []string{"GetSecretValue", "UpdateItem"} {
			s := newStack(t)
			s.add(t, adasEmail)
			s.deny(call)
			s.run(better, "user", "add", adasEmail, "--replace", "--password-stdin").want(t, exitFailed, "may not call", call)
			s.wantPassword(t, adasEmail, good)
		}
	})
	t.Run("refuses_to_send_codes_to_the_landline_on_file", func(t *testing.T) {
		s := newStack(t)
		s.add(t, adasEmail, "--phone", landline)
		s.run(better, "user", "add", adasEmail, "--replace", "--channel", "sms", "--password-stdin").want(t, exitFailed, "mobile")
		s.wantPassword(t, adasEmail, good)
	})
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func TestTwoOperatorsAtOnce(t *testing.T) {
	t.Run("one_of_many_adds", func(t *testing.T) {
		s := newStack(t)
		var wg sync.WaitGroup
		codes := make(chan int, 8)
		for range cap(codes) {
			wg.Go(func() { codes <- s.run(good, "user", "add", adasEmail, "--password-stdin").code })
		}
		wg.Wait()
		close(codes)
		won := 0
		for code := range codes {
			if code == exitOK {
				won++
			}
		}
		if won != 1 {
			t.Errorf("C2: %d of them added the account", won)
		}
	})
	t.Run("a_new_phone_does_not_undo_a_new_password", func(t *testing.T) {
		s := newStack(t)
		s.add(t, adasEmail)
		s.meanwhile(t, "UpdateItem", func(u *store.User) { u.PasswordHash = "by a reset" })
		s.run("", "user", "set-phone", adasEmail, mobile).want(t, exitOK)
		if u := s.user(t, adasEmail); u.PasswordHash != "by a reset" || u.Phone != mobile {
			t.Errorf("wrote %+v", u)
		}
	})
	t.Run("a_channel_is_judged_by_the_phone_that_is_there_when_it_is_written", func(t *testing.T) {
		s := newStack(t)
		s.add(t, adasEmail, "--phone", mobile)
		s.meanwhile(t, "UpdateItem", func(u *store.User) { u.Phone = "" })
		s.run(better, "user", "add", adasEmail, "--replace", "--channel", "sms", "--password-stdin").want(t, exitFailed, "sms needs a phone")
		if u := s.user(t, adasEmail); u.Channel != otp.Email {
			t.Errorf("codes would go to no phone: %+v", u)
		}
		s.wantPassword(t, adasEmail, good)
	})
	t.Run("an_account_that_was_given_anew_is_not_removed", func(t *testing.T) {
		s := newStack(t)
		s.add(t, adasEmail)
		s.meanwhile(t, "DeleteItem", func(u *store.User) { u.PasswordHash = "of somebody else" })
		s.run("", "user", "remove", adasEmail, "--yes").want(t, exitFailed, "was changed or removed")
		if s.count(t) != 1 {
			t.Error("C2: it was removed")
		}
	})
	t.Run("removed_by_another_one_is_removed", func(t *testing.T) {
		s := newStack(t)
		s.add(t, adasEmail)
		s.meanwhile(t, "DeleteItem", nil)
		s.run("", "user", "remove", adasEmail, "--yes").want(t, exitOK)
	})
	t.Run("an_answer_that_was_lost_is_no_second_account", func(t *testing.T) {
		s := newStack(t)
		user := store.User{Email: adasEmail, PasswordHash: "hash", Channel: otp.Email, PasswordChangedAt: 1}
		for range 2 {
			if err := s.users.Add(ctx, user); err != nil {
				t.Fatal(err)
			}
		}
		user.PasswordChangedAt = 2
		if err := s.users.Add(ctx, user); err != store.ErrAccountExists {
			t.Errorf("got %v", err)
		}
	})
}

// meanwhile makes another person change or remove the account, once, before a call.
func (s *stack) meanwhile(t *testing.T, call string, change func(*store.User)) {
	var once sync.Once
	s.on(func(called string) string {
		if called != call {
			return ""
		}
		once.Do(func() {
			held := s.user(t, adasEmail)
			if change == nil {
				if err := s.users.Remove(ctx, held); err != nil {
					t.Error(err)
				}
				return
			}
			wanted := held
			change(&wanted)
			if err := s.users.Update(ctx, held, wanted); err != nil {
				t.Error(err)
			}
		})
		return ""
	})
}

func TestRemove(t *testing.T) {
	s := newStack(t)
	s.add(t, adasEmail)
	s.run("yes\n", "user", "remove", adasEmail).want(t, exitUsage, "--yes")
	s.run("", "user", "remove", "grace@example.com", "--yes").want(t, exitFailed, "no such account")
	if s.count(t) != 1 {
		t.Fatal("an account was removed")
	}
	s.run("", "user", "remove", "ADA@example.com", "--yes").want(t, exitOK, "Removed ada@example.com")
	if s.count(t) != 0 {
		t.Error("the account is still there")
	}
	if !s.loginsEnded(t, adasEmail) {
		t.Error("C3: its login session goes on")
	}
}

func TestSetPhone(t *testing.T) {
	s := newStack(t)
	s.add(t, adasEmail, "--phone", landline)
	for _, c := range []struct {
		rule, args string
		code       int
		phone      string
		channel    otp.Channel
	}{
		{"needs_an_account", "grace@example.com " + mobile, exitFailed, landline, otp.Email},
		{"needs_a_number_or_none", adasEmail, exitUsage, landline, otp.Email},
		{"takes_no_number_with_none", adasEmail + " --none " + mobile, exitUsage, landline, otp.Email},
		{"needs_a_mobile_number_for_sms", adasEmail + " " + landline + " --channel sms", exitFailed, landline, otp.Email},
		{"needs_an_allowed_country_for_sms", adasEmail + " +33612345678 --channel sms", exitFailed, landline, otp.Email},
		{"sets_both", adasEmail + " " + mobile + " --channel sms", exitOK, mobile, otp.SMS},
		{"keeps_the_channel", adasEmail + " +4915187654321", exitOK, "+4915187654321", otp.SMS},
		{"keeps_sms_reachable", adasEmail + " --none", exitFailed, "+4915187654321", otp.SMS},
		{"keeps_sms_in_an_allowed_country", adasEmail + " +33612345678", exitFailed, "+4915187654321", otp.SMS},
		{"keeps_sms_on_a_mobile", adasEmail + " " + landline, exitFailed, "+4915187654321", otp.SMS},
		{"removes_the_number", adasEmail + " --none --channel email", exitOK, "", otp.Email},
	} {
		t.Run(c.rule, func(t *testing.T) {
			s.run("", append([]string{"user", "set-phone"}, strings.Fields(c.args)...)...).want(t, c.code)
			if u := s.user(t, adasEmail); u.Phone != c.phone || u.Channel != c.channel {
				t.Errorf("left %s, %s", u.Phone, u.Channel)
			}
			s.wantPassword(t, adasEmail, good)
		})
	}
	t.Run("an_empty_number_is_rejected", func(t *testing.T) { // such as an unset shell variable
		s.run("", "user", "set-phone", adasEmail, mobile).want(t, exitOK)
		for _, empty := range []string{"", " ", "\u200b", "()"} {
			s.run("", "user", "set-phone", adasEmail, empty).want(t, exitUsage, "phone: is empty; --none removes the number")
			if u := s.user(t, adasEmail); u.Phone != mobile {
				t.Errorf("%q left the number %q", empty, u.Phone)
			}
		}
	})
	if s.count(t) != 1 {
		t.Error("an account appeared")
	}
	if !s.loginsEnded(t, adasEmail) {
		t.Error("C3: a code that went to the old number still counts")
	}
}

func TestAccountWithAnUnknownChannel(t *testing.T) {
	s := newStack(t)
	add := func(channel otp.Channel) {
		t.Helper()
		item, err := attributevalue.MarshalMap(store.User{Email: adasEmail, PasswordHash: "hash", Phone: landline, Channel: channel})
		if err == nil {
			err = putRaw(s, item)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Run("is not changed until the channel is set", func(t *testing.T) {
		for _, args := range []string{"user set-phone ada@example.com " + mobile, "user add ada@example.com --replace --password-stdin"} {
			add("fax")
			s.run(good+"\n", strings.Fields(args)...).want(t, exitFailed, "channel: the account's is unknown: set it with --channel email or --channel ")
			if u := s.user(t, adasEmail); u.Channel != "fax" || u.Phone != landline || u.PasswordHash != "hash" {
				t.Errorf("%s left %+v", args, u)
			}
		}
		s.run("", "user", "set-phone", adasEmail, mobile, "--channel", "sms").want(t, exitOK)
		if u := s.user(t, adasEmail); u.Channel != otp.SMS || u.Phone != mobile {
			t.Errorf("left %+v", u)
		}
	})
	t.Run("is listed as it is", func(t *testing.T) {
		add("fax")
		s.run("", "user", "list").want(t, exitOK, "fax")
	})
	t.Run("cannot be typed or imported", func(t *testing.T) {
		s.run("", "user", "set-phone", adasEmail, mobile, "--channel", "fax").want(t, exitUsage, "channel: must be "+strings.Join(otp.ChannelNames(), " or "))
		s.run("email,channel\ngrace@example.com,fax\n", "user", "import", "-").want(t, exitFailed, "line 2: channel: must be email or ")
	})
	t.Run("is not one without a channel, which is e-mail", func(t *testing.T) {
		if err := putRaw(s, map[string]types.AttributeValue{"email": &types.AttributeValueMemberS{Value: adasEmail}}); err != nil {
			t.Fatal(err)
		}
		s.run("", "user", "list").want(t, exitOK, "email")
		s.run("", "user", "set-phone", adasEmail, landline).want(t, exitOK)
		if u := s.user(t, adasEmail); u.Channel != otp.Email {
			t.Errorf("left %+v", u)
		}
	})
}
