package otp_test

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"streamotp/shared/otp"
)

func ring(t rapid.TB) *otp.Keyring {
	r, err := otp.ParseKeyring([]byte(`{"index":"0123456789abcdef0123456789abcdef"}`))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestKeyring(t *testing.T) {
	r := ring(t)
	seal := func(session string, c otp.Contents) []byte {
		box, err := r.Seal(session, c)
		if err != nil {
			t.Fatal(err)
		}
		return box
	}
	t.Run("I2: what is sealed for one session opens for no other", func(t *testing.T) {
		if _, err := r.Open("0", "b", seal("a", otp.Contents{Code: "123456", Channel: otp.Email})); err == nil {
			t.Error("it opened")
		}
	})
	t.Run("I2: a changed byte is noticed", func(t *testing.T) {
		box := seal("a", otp.Contents{Code: "123456", Channel: otp.Email})
		box[len(box)/2] ^= 1
		if _, err := r.Open("0", "a", box); err == nil {
			t.Error("it opened")
		}
	})
	t.Run("I6: whatever is sealed has one size", func(t *testing.T) {
		small := seal("a", otp.Contents{Code: "123456", Channel: otp.Email, Email: "a@b.de"})
		long := strings.Repeat("&", 64) + "@" + strings.Repeat("d.", 94) + "d"
		large := seal("a", otp.Contents{Code: "1234567890", Channel: otp.Email, Email: long, Phone: "+123456789012345", Locale: "gsw"})
		if len(small) != len(large) {
			t.Errorf("%d and %d bytes", len(small), len(large))
		}
	})
	t.Run("I6: so it is for a code alone, whether there is an account or not", func(t *testing.T) {
		long := strings.Repeat("&", 64) + "@" + strings.Repeat("d.", 94) + "d"
		c := otp.Contents{Purpose: otp.Passwordless, Code: "1234567890", Channel: otp.Email, Email: long, Locale: "gsw", Client: strings.Repeat("c", 22),
			App: "App with a name of 24 ch", Nonce: "n", AccountID: r.AccountID(long), Server: true, Test: true, Hosted: true}
		known := c
		known.Name = otp.ShortName(strings.Repeat("n", 200))
		c.New = true
		if k, n := len(seal("a", known)), len(seal("a", c)); k != n {
			t.Errorf("%d and %d bytes", k, n)
		}
	})
	t.Run("an account's id is a UUID, the same each time, and its address's alone", func(t *testing.T) {
		id := r.AccountID("ada@example.com")
		if parsed, err := uuid.Parse(id); err != nil || parsed.Version() != 8 || parsed.Variant() != uuid.RFC4122 {
			t.Errorf("%s, %v", id, err)
		}
		if id != r.AccountID("ada@example.com") || id == r.AccountID("bob@example.com") {
			t.Error("it depends on something else")
		}
	})
	t.Run("I6: a decoy's digest looks like one", func(t *testing.T) {
		if d, err := otp.DecoyDigest(rand.Reader); err != nil || len(d) != 43 {
			t.Errorf("%q, %v", d, err)
		}
	})
	t.Run("I2: digests differ by session, code and key", func(t *testing.T) {
		other, err := otp.ParseKeyring([]byte(`{"index":"abcdef0123456789abcdef0123456789"}`))
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, k := range []*otp.Keyring{r, other} {
			for _, in := range [][2]string{{"a", "123456"}, {"b", "123456"}, {"a", "123457"}} {
				d, err := k.Digest("0", in[0], in[1])
				if err != nil || seen[d] || len(d) != 43 {
					t.Errorf("digest %q of %v, %v", d, in, err)
				}
				seen[d] = true
			}
		}
	})
	t.Run("I4: a subject is one address and one purpose", func(t *testing.T) {
		if r.Subject(otp.Login, "ada@example.com") == r.Subject(otp.Login, "ada+shop@example.com") {
			t.Error("two addresses share a subject")
		}
		if r.Subject(otp.Login, "ada@example.com") == r.Subject(otp.Reset, "ada@example.com") {
			t.Error("two purposes share a subject")
		}
	})
}

func TestClient(t *testing.T) {
	r := ring(t)
	for _, same := range [][2]string{{"203.0.113.7", "::ffff:203.0.113.7"}, {"2001:db8:1:2::1", "2001:db8:1:2:ffff::9"}, {"2001:DB8:1:2::1", "2001:db8:1:2:0::1"}} {
		if r.ClientIP(same[0]) != r.ClientIP(same[1]) {
			t.Errorf("%v count apart", same)
		}
	}
	for _, other := range [][2]string{{"203.0.113.7", "203.0.113.8"}, {"2001:db8:1:2::1", "2001:db8:1:3::1"}, {"", "203.0.113.7"}} {
		if r.ClientIP(other[0]) == r.ClientIP(other[1]) {
			t.Errorf("%v count together", other)
		}
	}
}

func TestKeyringRotation(t *testing.T) {
	const index = `"index":"0123456789abcdef0123456789abcdef"`
	const one = `{"kid":"1","secret":"11111111111111111111111111111111"}`
	const two = `{"kid":"2","secret":"22222222222222222222222222222222"}`
	parse := func(doc string) *otp.Keyring {
		r, err := otp.ParseKeyring([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	fresh, once, twice := parse("{"+index+"}"), parse("{"+index+`,"current":`+one+"}"), parse("{"+index+`,"current":`+two+`,"previous":`+one+"}")
	t.Run("a live code survives one rotation, and its key is gone after two", func(t *testing.T) {
		box, err := fresh.Seal("s", otp.Contents{Code: "123456", Channel: otp.Email})
		if err != nil {
			t.Fatal(err)
		}
		if c, err := once.Open("0", "s", box); err != nil || c.Code != "123456" {
			t.Errorf("after one: %v", err)
		}
		if _, err := twice.Open("0", "s", box); !errors.Is(err, otp.ErrUnknownKey) {
			t.Errorf("after two: %v", err)
		}
		if before, err := fresh.Digest("0", "s", "123456"); err != nil {
			t.Error(err)
		} else if after, err := once.Digest("0", "s", "123456"); err != nil || after != before {
			t.Error("the digest changed")
		}
	})
	t.Run("subjects never change", func(t *testing.T) {
		if fresh.Subject(otp.Login, "a@b.de") != twice.Subject(otp.Login, "a@b.de") {
			t.Error("a lock was forgotten")
		}
	})
	for _, bad := range []string{"", "{}", "[]", `{"index":"short"}`, "{" + index + `,"current":{"kid":"1","secret":"short"}}`,
		"{" + index + `,"current":{"secret":"11111111111111111111111111111111"}}`} {
		if _, err := otp.ParseKeyring([]byte(bad)); err == nil || strings.Contains(err.Error(), "short") {
			t.Errorf("%q: error %v", bad, err)
		}
	}
}

func TestSealIsReadBack(t *testing.T) {
	r := ring(t)
	rapid.Check(t, func(t *rapid.T) {
		want := otp.Contents{
			Code: rapid.StringMatching(`[0-9]{6,10}`).Draw(t, "code"), Channel: otp.Email,
			Email: rapid.StringMatching(`[a-z!#$%&'*+/=?^_{|}~-]{1,64}@[a-z]{1,60}\.[a-z]{2,6}`).Draw(t, "email"),
		}
		id := rapid.String().Draw(t, "id")
		box, err := r.Seal(id, want)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := r.Open("0", id, box); err != nil || got != want {
			t.Fatalf("%+v became %+v, %v", want, got, err)
		}
	})
}
