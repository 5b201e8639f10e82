package main

import (
	"context"
	"errors"
	"fmt"

	"streamotp/shared/otp"
	"streamotp/shared/store"
)

// errNoAccount says that there is no such account.
var errNoAccount = errors.New("there is no such account: see otpctl user list")

// rounds is how often a change is decided anew when somebody else changes the same account.
const rounds = 5

// errBusy says that each round was lost.
var errBusy = errors.New("somebody else keeps changing the account: run it again")

// putting says how put treats an account.
type putting struct {
	replace bool                   // one that exists gets the password and whatever else was typed
	dryRun  bool                   // nothing is written
	hash    func() (string, error) // the password's; called once it is known that it is needed, perhaps several times
}

// put adds an account, or changes one that exists. It says whether the account was there.
//
// Errors: store.ErrAccountExists, refusal, errBusy.
func (d *deployment) put(ctx context.Context, a account, p putting) (existed bool, err error) {
	for range rounds {
		held, err := d.users.Get(ctx, a.email)
		if err != nil {
			return false, err
		}
		existed = held.Email != ""
		if existed && !p.replace {
			return true, store.ErrAccountExists
		}
		wanted, err := a.onto(held)
		if err != nil || p.dryRun {
			return existed, err
		}
		if wanted.PasswordHash, err = p.hash(); err != nil {
			return existed, err
		}
		err = d.write(ctx, held, wanted)
		if lost := errors.Is(err, store.ErrAccountExists) || errors.Is(err, store.ErrAccountChanged); !lost {
			return existed, err
		}
	}
	return existed, errBusy
}

// write makes of held what is wanted, on the condition that it is still so. Where that changes who can log in or where
// the codes go, login sessions end first: nothing is left open where the second step fails (C3).
func (d *deployment) write(ctx context.Context, held, wanted store.User) error {
	if wanted.PasswordHash != held.PasswordHash {
		wanted.PasswordChangedAt = d.now().UnixMilli()
	}
	if held.Email == "" {
		return d.users.Add(ctx, wanted)
	}
	rerouted := held.Phone != wanted.Phone || held.Channel != wanted.Channel
	if rerouted || wanted.PasswordHash != held.PasswordHash {
		if err := d.endLogins(ctx, held.Email); err != nil {
			return err
		}
	}
	return d.users.Update(ctx, held, wanted)
}

// endLogins ends the account's login sessions: their codes answer code_expired.
func (d *deployment) endLogins(ctx context.Context, email string) error {
	ring, err := d.keys.Current(ctx)
	if err != nil {
		return fmt.Errorf("end the account's login sessions: %w", err)
	}
	return d.limits.EndSessions(ctx, ring.Subject(otp.Login, email), d.now())
}

// account reads an account that must be there.
//
// Errors: errNoAccount.
func (d *deployment) account(ctx context.Context, email string) (store.User, error) {
	held, err := d.users.Get(ctx, email)
	if err == nil && held.Email == "" {
		err = errNoAccount
	}
	return held, err
}
