package main

import (
	"testing"
)

// TestTextOfEveryOrigin: names, numbers and passwords are accepted in the form in which contacts, chats and shells
// provide them.
func TestTextOfEveryOrigin(t *testing.T) {
	const persian, family = "علی\u200cرضا", "Ada \U0001F469\u200D\U0001F467"
	t.Run("a_name_keeps_what_its_script_needs", func(t *testing.T) {
		s := newStack(t)
		for typed, want := range map[string]string{
			persian: persian, family: family, "\u202bJean\u00a0Dupont\u202c\n": "Jean Dupont", "山田\u3000太郎": "山田 太郎",
		} {
			s.run(good, "user", "add", adasEmail, "--replace", "--name", typed, "--password-stdin").want(t, exitOK)
			if got := s.user(t, adasEmail).Name; got != want {
				t.Errorf("%+q is kept as %+q, want %+q", typed, got, want)
			}
		}
		s.importing(header+"eve@example.com,"+persian+",,,"+good+"\neva@example.com,"+family+",,,"+good+"\njean@example.com,Jean\u00a0Dupont,,,"+good).
			want(t, exitOK, "imported 3, skipped 0")
		s.run("", "user", "list").want(t, exitOK, persian, family, "Jean Dupont")
	})
	t.Run("an_address_and_a_number_lose_their_invisible_marks", func(t *testing.T) {
		s := newStack(t)
		s.run(good, "user", "add", "\u202a"+adasEmail+"\u202c\u00a0", "--phone", "\u202d+49\u2011151 ١٢٣٤٥٦٧٨\u202c", "--password-stdin").
			want(t, exitOK, "Added "+adasEmail)
		if got := s.user(t, adasEmail).Phone; got != mobile {
			t.Errorf("the phone is %q", got)
		}
	})
	t.Run("a_piped_password_is_the_one_that_its_owner_types", func(t *testing.T) {
		for _, piped := range []string{good + "\u200b", good + "\u200b\r\n", good + "\n\ufeff", "\ufeff" + good + "\ufeff"} {
			s := newStack(t)
			s.run(piped, "user", "add", adasEmail, "--password-stdin").want(t, exitOK)
			s.wantPassword(t, adasEmail, good)
		}
		s := newStack(t)
		s.run("\u200b\n", "user", "add", adasEmail, "--password-stdin").want(t, exitUsage, "stdin is empty")
		s.importing(header+"ada@example.com,,,,"+good+"\u200b").want(t, exitOK)
		s.wantPassword(t, adasEmail, good)
	})
	t.Run("a_number_is_refused_with_the_true_reason", func(t *testing.T) {
		s := newStack(t)
		s.importing(header+"ada@example.com,,4.91511E+12,,"+good).want(t, exitFailed, "line 2: phone: is a number that a spreadsheet has rounded")
	})
}
