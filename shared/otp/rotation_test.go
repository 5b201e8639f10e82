package otp_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"streamotp/shared/otp"
)

func TestRotate(t *testing.T) {
	const index = `"index":"0123456789abcdef0123456789abcdef"`
	const one = `{"kid":"1","secret":"11111111111111111111111111111111"}`
	const two = `{"kid":"2","secret":"22222222222222222222222222222222"}`
	rotate := func(t *testing.T, doc string) (string, otp.Rotation) {
		t.Helper()
		rotated, r, err := otp.Rotate([]byte(doc), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return string(rotated), r
	}
	parse := func(t *testing.T, doc string) *otp.Keyring {
		t.Helper()
		ring, err := otp.ParseKeyring([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		return ring
	}
	for name, c := range map[string]struct{ doc, old, forgets string }{
		"a_new_deployment's":          {"{" + index + "}", "0", ""},
		"one_with_nulls":              {"{" + index + `,"current":null,"previous":null}`, "0", ""},
		"one_that_was_rotated_once":   {"{" + index + `,"current":` + one + "}", "1", "0"},
		"one_that_was_rotated_twice":  {"{" + index + `,"current":` + two + `,"previous":` + one + "}", "2", "1"},
		"one_with_a_previous_alone":   {"{" + index + `,"previous":` + one + "}", "1", "0"},
		"one_spelled_in_another_case": {`{"INDEX":"0123456789abcdef0123456789abcdef","Current":` + one + "}", "1", "0"},
	} {
		t.Run("of_"+name+"_breaks_no_live_code_and_forgets_no_lock", func(t *testing.T) {
			before := parse(t, c.doc)
			rotated, r := rotate(t, c.doc)
			after := parse(t, rotated)
			if r.Old != c.old || r.Forgets != c.forgets || r.New != after.CurrentID() || before.Has(r.New) {
				t.Errorf("%+v, current %s", r, after.CurrentID())
			}
			box, err := before.Seal("s", otp.Contents{Code: "123456", Channel: otp.Email})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := after.Open(before.CurrentID(), "s", box); err != nil || got.Code != "123456" {
				t.Errorf("a sealed code cannot be opened: %v", err)
			}
			was, err := before.Digest(before.CurrentID(), "s", "123456")
			if is, errAfter := after.Digest(before.CurrentID(), "s", "123456"); err != nil || errAfter != nil || is != was {
				t.Error("a digest changed")
			}
			if before.Subject(otp.Login, "a@b.de") != after.Subject(otp.Login, "a@b.de") {
				t.Error("a lock was forgotten")
			}
			if c.forgets != "" && after.Has(c.forgets) {
				t.Errorf("%s is still known", c.forgets)
			}
			fresh, err := after.Seal("s", otp.Contents{Code: "123456", Channel: otp.Email})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := before.Open(r.New, "s", fresh); !errors.Is(err, otp.ErrUnknownKey) {
				t.Errorf("the new key is an old one: %v", err)
			}
		})
	}
	t.Run("keeps_what_it_does_not_know", func(t *testing.T) {
		rotated, _ := rotate(t, "{"+index+`,"note":{"n":12345678901234567890},"current":`+one+"}")
		if !strings.Contains(rotated, `"note":{"n":12345678901234567890}`) || !strings.Contains(rotated, index) || !strings.Contains(rotated, `"previous":`+one) {
			t.Error("something else changed")
		}
	})
	t.Run("makes_another_key_each_time_of_64_characters", func(t *testing.T) {
		seen := map[string]bool{}
		for range 20 {
			rotated, r := rotate(t, "{"+index+"}")
			var doc struct{ Current struct{ Kid, Secret string } }
			if err := json.Unmarshal([]byte(rotated), &doc); err != nil {
				t.Fatal(err)
			}
			if len(doc.Current.Secret) != 64 || len(r.New) != 8 || seen[doc.Current.Secret] || seen[r.New] {
				t.Errorf("key %s of %d characters", r.New, len(doc.Current.Secret))
			}
			seen[doc.Current.Secret], seen[r.New] = true, true
		}
	})
	t.Run("refuses_what_is_no_root_secret_without_quoting_it", func(t *testing.T) {
		for _, bad := range []string{"", "{}", "[]", `{"index":"short"}`, "{" + index + `,"current":{"kid":"1","secret":"short"}}`,
			"{" + index + `,"INDEX":"11111111111111111111111111111111"}`} {
			if out, _, err := otp.Rotate([]byte(bad), rand.Reader); err == nil || out != nil || strings.Contains(err.Error(), "short") || strings.Contains(err.Error(), "1111") {
				t.Errorf("%q: %s, error %v", bad, out, err)
			}
		}
	})
	t.Run("without_randomness_makes_nothing", func(t *testing.T) {
		if _, _, err := otp.Rotate([]byte("{"+index+"}"), bytes.NewReader(make([]byte, 40))); err == nil {
			t.Error("it made a key of too little")
		}
	})
}
