package otp_test

import (
	"crypto/rand"
	"reflect"
	"strings"
	"testing"
	"time"

	"streamotp/shared/otp"
)

func TestTransactionStates(t *testing.T) {
	now := time.Unix(1764370000, 0)
	open := otp.Transaction{ID: "t", Browser: otp.HashSecret("cookie"), ExpiresAt: now.Add(time.Second)}
	done := open
	done.CodeHash, done.ProofHash = otp.HashSecret("code"), "proof"
	used := done
	used.UsedAt, used.TokenHash = now, otp.HashSecret("token")
	revoked := used
	revoked.RevokedAt = now
	for name, c := range map[string]struct {
		t                  otp.Transaction
		at                 time.Time
		open, done, isLive bool
	}{
		"it begins open":                       {open, now, true, false, false},
		"until it expires":                     {open, now.Add(time.Second), false, false, false},
		"a proof completes it":                 {done, now, false, true, false},
		"for as long as its code lives":        {done, now.Add(time.Second), false, false, false},
		"an exchange makes its token live":     {used, now, false, false, true},
		"until that expires":                   {used, now.Add(time.Second), false, false, false},
		"and a revocation ends it before then": {revoked, now, false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			if c.t.IsOpen(c.at) != c.open || c.t.CompletedBy("proof", c.at) != c.done || c.t.IsLive(c.at) != c.isLive {
				t.Errorf("open %v, completed %v, live %v", c.t.IsOpen(c.at), c.t.CompletedBy("proof", c.at), c.t.IsLive(c.at))
			}
			if c.t.CompletedBy("other", c.at) || c.t.CompletedBy("", c.at) {
				t.Error("another proof has completed it")
			}
		})
	}
	if !used.IsBegunBy("cookie") || used.IsBegunBy("other") || !used.HasCode("code") || used.HasCode("token") || !used.HasToken("token") || used.HasToken("") ||
		(otp.Transaction{}).IsBegunBy("") || (otp.Transaction{}).HasCode("") || (otp.Transaction{}).HasToken("") {
		t.Error("a wrong secret is accepted, or a right one is not")
	}
}

func TestTransactionOf(t *testing.T) {
	id, err := otp.NewTransactionID(rand.Reader)
	secret, err2 := otp.NewToken(rand.Reader)
	if err != nil || err2 != nil || otp.TransactionOf(otp.Transaction{ID: id}.Join(secret)) != id {
		t.Fatal(id, secret, err, err2)
	}
	for _, text := range []string{"", id, secret, id + ".", "." + secret, id + "." + secret + "x", id + "." + secret + ".x", id + " ." + secret, id + "#." + secret[1:]} {
		if got := otp.TransactionOf(text); got != "" {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestSealTransaction(t *testing.T) {
	r := ring(t)
	seal := func(id string, c otp.TransactionContents) otp.Transaction {
		t.Helper()
		sealed, err := r.SealTransaction(id, c)
		if err != nil {
			t.Fatal(err)
		}
		return otp.Transaction{ID: id, KeyID: "0", Sealed: sealed}
	}
	long := strings.Repeat("&", 64) + "@" + strings.Repeat("d.", 94) + "d"
	name := otp.ShortName(strings.Repeat("\u2028\U0001F512\"", 34))
	full := otp.TransactionContents{State: `a"\`, Nonce: "n", Email: long, Phone: "+123456789012345", EmailVerified: true, PhoneVerified: true, Name: name, Test: true, Locale: "gsw"}
	t.Run("what is sealed opens for its transaction alone", func(t *testing.T) {
		held := seal("t", full)
		if got, err := r.OpenTransaction(held); err != nil || !reflect.DeepEqual(got, full) {
			t.Errorf("%+v, %v", got, err)
		}
		held.ID = "u"
		if _, err := r.OpenTransaction(held); err == nil {
			t.Error("it opened for another transaction")
		}
		if _, err := r.Open("0", "authz#t", held.Sealed); err == nil {
			t.Error("it opened as a session")
		}
	})
	t.Run("I6: its size reveals nothing about the person", func(t *testing.T) {
		for _, pair := range [][2]otp.TransactionContents{
			{{State: "s"}, {State: "s", Hint: long, Locale: "gsw"}},
			{{State: full.State, Nonce: "n", Email: "a@b.de"}, full},
		} {
			if a, b := len(seal("t", pair[0]).Sealed), len(seal("t", pair[1]).Sealed); a != b {
				t.Errorf("%d and %d bytes", a, b)
			}
		}
	})
	t.Run("a session for hosted login has one size too", func(t *testing.T) {
		hosted := otp.Contents{Client: "c", Nonce: strings.Repeat("t", 22), Hosted: true, Channel: otp.Email, Email: "a@b.de"}
		large := hosted
		large.Email, large.Phone, large.Name, large.Test, large.Code, large.App = long, "+123456789012345", name, true, "1234567890", strings.Repeat("x", 24)
		large.Client, large.AccountID = strings.Repeat("c", 22), "6f2a9d0c-3b1e-4a77-9d3e-0c1b2a3d4e5f"
		a, err := r.Seal("s", hosted)
		b, err2 := r.Seal("s", large)
		if err != nil || err2 != nil || len(a) != len(b) {
			t.Errorf("%d and %d bytes, %v, %v", len(a), len(b), err, err2)
		}
	})
}

func TestAuthorizationCode(t *testing.T) {
	r := ring(t)
	code := func(id, proof string) string {
		t.Helper()
		code, err := r.AuthorizationCode("0", id, proof)
		if err != nil || !otp.IsToken(code) {
			t.Fatal(code, err)
		}
		return code
	}
	first := code("t", "p")
	if again := code("t", "p"); first != again || first == code("t", "q") || first == code("u", "p") {
		t.Error("a code is not that of its transaction and proof alone")
	}
	if _, err := r.AuthorizationCode("other", "t", "p"); err == nil {
		t.Error("a code of an unknown key")
	}
}
