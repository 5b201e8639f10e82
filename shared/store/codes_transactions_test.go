package store_test

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"streamotp/shared/otp"
)

// begun returns a transaction as authorize writes it.
func begun(id string) otp.Transaction {
	return otp.Transaction{ID: id, Browser: otp.HashSecret("cookie"), ClientID: "shop", RedirectURI: "https://shop.example/cb", Challenge: "challenge",
		Scopes: []string{"openid", "email"}, WantedLevel: "urn:streamotp:2", KeyID: "0", Sealed: []byte("sealed"), CreatedAt: t0.UTC().Local(), ExpiresAt: time.Unix(t0.Add(otp.TransactionLife).Unix(), 0)}
}

// completed returns the transaction after a login at now.
func completed(t otp.Transaction, proof string, now time.Time) otp.Transaction {
	t.CodeHash, t.ProofHash, t.Subject, t.Methods, t.Level = otp.HashSecret("code of "+proof), otp.HashSecret(proof), "account", []string{"pwd", "otp"}, "urn:streamotp:2"
	t.AuthTime, t.Sealed, t.KeyID, t.ExpiresAt = time.Unix(now.Unix(), 0), []byte("more"), "1", time.Unix(now.Add(otp.GrantLife).Unix(), 0)
	return t
}

func TestTransaction(t *testing.T) {
	f := newFixture(t)
	first := begun("first")
	must(t, f.codes.PutTransaction(ctx, first, "r1"))
	t.Run("what is written is read, and a repeated write is success", func(t *testing.T) {
		must(t, f.codes.PutTransaction(ctx, first, "r1"))
		got, err := f.codes.Transaction(ctx, "first")
		if got.AuthTime = first.AuthTime; err != nil || !reflect.DeepEqual(got, first) {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("its client is that of a transaction that is open", func(t *testing.T) {
		if client, wanted, err := f.codes.ClientOf(ctx, "first", t0); err != nil || client != "shop" || wanted != first.WantedLevel {
			t.Errorf("%q, %q, %v", client, wanted, err)
		}
		_, _, err := f.codes.ClientOf(ctx, "first", t0.Add(otp.TransactionLife))
		wantErr(t, err, otp.ErrNoTransaction)
		_, _, err = f.codes.ClientOf(ctx, "other", t0)
		wantErr(t, err, otp.ErrNoTransaction)
	})
	t.Run("another request writes no second one under the id", func(t *testing.T) {
		if err := f.codes.PutTransaction(ctx, first, "r2"); err == nil {
			t.Error("it was written")
		}
	})
	t.Run("it is no session, and no message", func(t *testing.T) {
		_, err := f.codes.Session(ctx, "authz#first")
		wantErr(t, err, otp.ErrSessionNotFound)
		if m, err := f.codes.Message(ctx, "authz#first", "authz"); err != nil || m.Kind != "" {
			t.Errorf("%+v, %v", m, err)
		}
	})
	t.Run("an unknown one is none, and a write makes none", func(t *testing.T) {
		_, err := f.codes.Transaction(ctx, "other")
		wantErr(t, err, otp.ErrNoTransaction)
		_, err = f.codes.Complete(ctx, completed(begun("other"), "proof", t0), t0)
		wantErr(t, err, otp.ErrTransactionOver)
		wantErr(t, f.codes.Exchange(ctx, completed(begun("other"), "proof", t0), "token", "r", t0), otp.ErrCodeExpired)
		must(t, f.codes.Revoke(ctx, "other", t0))
		_, err = f.codes.Transaction(ctx, "other")
		wantErr(t, err, otp.ErrNoTransaction)
	})
}

func TestComplete(t *testing.T) {
	f := newFixture(t)
	open := begun("t")
	must(t, f.codes.PutTransaction(ctx, open, "r1"))
	t.Run("another browser's cookie completes nothing", func(t *testing.T) {
		foreign := completed(open, "proof", t0)
		foreign.Browser = otp.HashSecret("other")
		_, err := f.codes.Complete(ctx, foreign, t0)
		wantErr(t, err, otp.ErrTransactionOver)
	})
	t.Run("nor does a proof that comes too late", func(t *testing.T) {
		late := t0.Add(otp.TransactionLife)
		_, err := f.codes.Complete(ctx, completed(open, "proof", late), late)
		wantErr(t, err, otp.ErrTransactionOver)
		if held, err := f.codes.Transaction(ctx, "t"); err != nil || held.CodeHash != "" {
			t.Errorf("%+v, %v", held, err)
		}
	})
	t.Run("of 50 proofs at once one completes it", func(t *testing.T) {
		var won atomic.Int32
		var wait sync.WaitGroup
		for i := range 50 {
			wait.Go(func() {
				switch _, err := f.codes.Complete(ctx, completed(open, fmt.Sprint("proof", i), t0), t0); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, otp.ErrTransactionOver):
					t.Error(err)
				}
			})
		}
		if wait.Wait(); won.Load() != 1 {
			t.Errorf("%d won", won.Load())
		}
	})
	held, err := f.codes.Transaction(ctx, "t")
	must(t, err)
	_, _, err = f.codes.ClientOf(ctx, "t", t0)
	wantErr(t, err, otp.ErrNoTransaction)
	t.Run("the same proof finds its own success, with the key that its code was made with, until the code is used or expired", func(t *testing.T) {
		again := held
		again.KeyID = "2"
		got, err := f.codes.Complete(ctx, again, t0.Add(time.Second))
		if err != nil || !reflect.DeepEqual(got, held) {
			t.Errorf("%+v, %v", got, err)
		}
		_, err = f.codes.Complete(ctx, held, t0.Add(otp.GrantLife))
		wantErr(t, err, otp.ErrTransactionOver)
		must(t, f.codes.Exchange(ctx, held, "token", "r", t0))
		_, err = f.codes.Complete(ctx, held, t0.Add(time.Second))
		wantErr(t, err, otp.ErrTransactionOver)
	})
}

func TestExchange(t *testing.T) {
	f := newFixture(t)
	done := func(t *testing.T, id string) otp.Transaction {
		t.Helper()
		must(t, f.codes.PutTransaction(ctx, begun(id), "r1"))
		held, err := f.codes.Complete(ctx, completed(begun(id), "proof", t0), t0)
		must(t, err)
		return held
	}
	held := done(t, "t")
	t.Run("a wrong code, and one that is a minute old, are exchanged for nothing", func(t *testing.T) {
		wrong := held
		wrong.CodeHash = otp.HashSecret("wrong")
		wantErr(t, f.codes.Exchange(ctx, wrong, "token", "r", t0), otp.ErrCodeExpired)
		wantErr(t, f.codes.Exchange(ctx, held, "token", "r", t0.Add(otp.GrantLife)), otp.ErrCodeExpired)
	})
	t.Run("I3: of 50 exchanges at once exactly one wins, and only its token is stored", func(t *testing.T) {
		var won atomic.Int32
		var winner atomic.Value
		var wait sync.WaitGroup
		for i := range 50 {
			wait.Go(func() {
				switch err := f.codes.Exchange(ctx, held, fmt.Sprint("token", i), fmt.Sprint("request", i), t0); {
				case err == nil:
					won.Add(1)
					winner.Store(fmt.Sprint("token", i))
				case !errors.Is(err, otp.ErrCodeUsed):
					t.Error(err)
				}
			})
		}
		wait.Wait()
		got, err := f.codes.Transaction(ctx, "t")
		if must(t, err); won.Load() != 1 || got.TokenHash != winner.Load() || !got.IsLive(t0) || got.IsLive(t0.Add(otp.AccessTokenLife)) {
			t.Errorf("%d won: %+v", won.Load(), got)
		}
	})
	t.Run("the winner's repeated write is success", func(t *testing.T) {
		got, err := f.codes.Transaction(ctx, "t")
		must(t, err)
		must(t, f.codes.Exchange(ctx, got, got.TokenHash, got.UsedBy, t0))
	})
	t.Run("a revocation ends the token, and is safe to repeat", func(t *testing.T) {
		must(t, f.codes.Revoke(ctx, "t", t0.Add(time.Second)))
		must(t, f.codes.Revoke(ctx, "t", t0.Add(time.Minute)))
		got, err := f.codes.Transaction(ctx, "t")
		if must(t, err); got.IsLive(t0) || !got.RevokedAt.Equal(t0.Add(time.Second)) {
			t.Errorf("%+v", got)
		}
		wantErr(t, f.codes.Exchange(ctx, got, got.TokenHash, got.UsedBy, t0), otp.ErrCodeUsed)
	})
	t.Run("a revoked code is exchanged for nothing", func(t *testing.T) {
		held := done(t, "revoked")
		must(t, f.codes.Revoke(ctx, "revoked", t0))
		wantErr(t, f.codes.Exchange(ctx, held, "token", "r", t0), otp.ErrCodeExpired)
	})
}

func TestCount(t *testing.T) {
	f := newFixture(t)
	var taken, refused atomic.Int32
	var wait sync.WaitGroup
	for range 30 {
		wait.Go(func() {
			err := f.limits.Count(ctx, "hour", 20, t0, t0.Add(40*time.Minute))
			if tooMany, ok := errors.AsType[*otp.TooManyRequestsError](err); ok && tooMany.RetryAfter == 40*time.Minute {
				refused.Add(1)
			} else if err == nil {
				taken.Add(1)
			}
		})
	}
	if wait.Wait(); taken.Load() != 20 || refused.Load() != 10 {
		t.Errorf("%d taken, %d refused", taken.Load(), refused.Load())
	}
}
