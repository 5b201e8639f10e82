package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"streamotp/shared/otp"
	"streamotp/shared/proof"
	"streamotp/shared/store"
)

// fakeSigner gives a token that names what it signs, unless it fails.
type fakeSigner struct {
	fails  error
	calls  atomic.Int64
	signed sync.Map // claims by token
}

func (s *fakeSigner) Sign(_ context.Context, c proof.Claims) (string, error) {
	token := fmt.Sprint("token ", s.calls.Add(1))
	s.signed.Store(token, c)
	if s.fails != nil {
		return "", s.fails
	}
	return token, nil
}

func forClient(purpose otp.Purpose) otp.Contents {
	return otp.Contents{Code: code, Channel: otp.Email, Email: "ada@example.com", Purpose: purpose, Client: "shop", Nonce: "n", AccountID: "account"}
}

func proving(t *testing.T) (*fixture, *fakeSigner) {
	f, s := newFixture(t), &fakeSigner{}
	f.signer, f.proofLife = s, 120e9
	return f, s
}

func TestProof(t *testing.T) {
	t.Run("the right code of a client's session gets a proof", func(t *testing.T) {
		f, s := proving(t)
		f.session(t, id, otp.Login, forClient(otp.Login))
		status, body := f.call(t, "")
		signed, ok := s.signed.Load(body["proof"])
		if status != 200 || !ok || body["proofExpiresAt"] == nil {
			t.Fatalf("%d %v", status, body)
		}
		if c := signed.(proof.Claims); c.Audience != "shop" || c.Nonce != "n" || c.Subject != "account" || c.Expires-c.IssuedAt != 120 {
			t.Errorf("%+v", c)
		}
	})
	t.Run("a client knows a confirmed address by a hash that no other client has", func(t *testing.T) {
		subjects := map[string]bool{}
		for _, client := range []string{"shop", "shop", "other"} {
			f, s := proving(t)
			c := forClient(otp.Verify)
			c.Client = client
			f.session(t, id, otp.Verify, c)
			_, body := f.call(t, "")
			signed, _ := s.signed.Load(body["proof"])
			subjects[signed.(proof.Claims).Subject] = true
		}
		if len(subjects) != 2 {
			t.Errorf("%v", subjects)
		}
	})
	t.Run("without a client nothing is signed", func(t *testing.T) {
		f, s := proving(t)
		f.session(t, id, otp.Login, otp.Contents{Code: code, Channel: otp.Email, Email: "ada@example.com"})
		if status, body := f.call(t, ""); status != 200 || body["proof"] != nil || body["proofExpiresAt"] != nil || s.calls.Load() != 0 {
			t.Errorf("%d %v after %d calls", status, body, s.calls.Load())
		}
	})
	t.Run("a wrong code is not signed", func(t *testing.T) {
		f, s := proving(t)
		f.session(t, id, otp.Login, forClient(otp.Login))
		if status, body := f.call(t, with("111111")); status != 401 || s.calls.Load() != 0 {
			t.Errorf("%d %v after %d calls", status, body, s.calls.Load())
		}
	})
	t.Run("if it cannot be signed, the code stays usable and costs no attempt", func(t *testing.T) {
		f, s := proving(t)
		f.session(t, id, otp.Login, forClient(otp.Login))
		s.fails = &otp.UnavailableError{Reason: "KMS is down"}
		for range 10 {
			if status, body := f.call(t, ""); status != 503 || body["proof"] != nil {
				t.Fatalf("%d %v", status, body)
			}
		}
		s.fails = nil
		if status, body := f.call(t, ""); status != 200 || body["proof"] == nil {
			t.Errorf("%d %v", status, body)
		}
	})
	t.Run("if the code cannot be used, there is no proof", func(t *testing.T) {
		f, _ := proving(t)
		f.session(t, id, otp.Login, forClient(otp.Login))
		f.handler.codes = failingCodes{f.handler.codes}
		if status, body := f.call(t, ""); status != 503 || body["proof"] != nil {
			t.Errorf("%d %v", status, body)
		}
	})
	t.Run("of 100 right codes at once one gets a proof", func(t *testing.T) {
		f, _ := proving(t)
		f.session(t, id, otp.Login, forClient(otp.Login))
		var proofs atomic.Int64
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if _, body := f.call(t, ""); body["proof"] != nil {
					proofs.Add(1)
				}
			})
		}
		all.Wait()
		if n := proofs.Load(); n != 1 {
			t.Errorf("%d proofs", n)
		}
	})
}

type failingCodes struct{ codes }

func (failingCodes) Consume(context.Context, otp.Session, string, time.Time) error {
	return &otp.UnavailableError{Reason: "DynamoDB is down"}
}

// server makes calls with a client's credentials.
type server string

func (s server) Server(context.Context, map[string]string, string, string) (*otp.Client, error) {
	if s == "" {
		return nil, nil
	}
	return &otp.Client{ID: string(s)}, nil
}

// TestServersSession: a session that a server made with its credentials answers to nobody else, whatever its state.
func TestServersSession(t *testing.T) {
	for _, state := range []string{"live", "used", "expired"} {
		t.Run(state, func(t *testing.T) {
			f, s := proving(t)
			c := forClient(otp.Login)
			c.Server = true
			f.session(t, id, otp.Login, c)
			switch state {
			case "used":
				codes := f.judge.Codes.(store.Codes)
				session, err := codes.Session(t.Context(), id)
				must(t, err)
				must(t, codes.Consume(t.Context(), session, "another", f.at))
			case "expired":
				f.at = f.at.Add(time.Hour)
			}
			for _, caller := range []server{"", "other"} {
				f.servers = caller
				if status, body := f.call(t, ""); status != 404 || s.calls.Load() != 0 {
					t.Errorf("%q: %d %v", caller, status, body)
				}
			}
			f.servers = server("shop")
			want := map[string]int{"live": 200, "used": 410, "expired": 410}[state]
			if status, body := f.call(t, ""); status != want {
				t.Errorf("its own server: %d %v", status, body)
			}
		})
	}
}
