package accounts

import (
	"context"
	"errors"
	"fmt"

	"streamotp/otpctl/deployed"
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
	hash    func() (string, error) // the password's; called once it is known that it is needed, perhaps several times; nil: keep what there is
}

// put adds an account, or changes one that exists. It returns the account as it was, zero for a new one.
//
// Errors: store.ErrAccountExists, console.Refusal, errBusy.
func put(ctx context.Context, d *deployed.Stack, a account, p putting) (held store.User, err error) {
	for range rounds {
		held, err = d.Users.Get(ctx, a.email)
		if err != nil {
			return held, err
		}
		if held.Email != "" && !p.replace {
			return held, store.ErrAccountExists
		}
		wanted, err := a.onto(held, d.Stack.Countries())
		if err != nil || p.dryRun {
			return held, err
		}
		if p.hash != nil {
			if wanted.PasswordHash, err = p.hash(); err != nil {
				return held, err
			}
		}
		err = write(ctx, d, held, wanted)
		if lost := errors.Is(err, store.ErrAccountExists) || errors.Is(err, store.ErrAccountChanged); !lost {
			return held, err
		}
	}
	return held, errBusy
}

// write makes of held what is wanted, on the condition that it is still so. Where that changes who can log in or where
// the codes go, login sessions end too.
func write(ctx context.Context, d *deployed.Stack, held, wanted store.User) error {
	newPassword := wanted.PasswordHash != held.PasswordHash
	if held.Email == "" {
		if newPassword {
			wanted.PasswordChangedAt = d.Clock.Now().UnixMilli()
		}
		return d.Users.Add(ctx, wanted)
	}
	if newPassword { // a reset that was asked for before must not undo it
		wanted.PasswordChangedAt = d.Clock.JustOver().UnixMilli()
	}
	update := func(ctx context.Context) error { return d.Users.Update(ctx, held, wanted) }
	if newPassword || held.Phone != wanted.Phone || held.Channel != wanted.Channel {
		return endingLogins(ctx, d, held.Email, update)
	}
	return update(ctx)
}

// endingLogins ends the account's login sessions before a write and after it (C3). Before, so that nothing is left open if
// they cannot be ended; after, for a login that read the account while the write was under way.
//
// Errors: *deployed.PartialError, if the account was written but a login session that was opened meanwhile may go on. The caller cannot
// run the command again, as there is nothing left to change.
func endingLogins(ctx context.Context, d *deployed.Stack, email string, write func(context.Context) error) error {
	if err := endLogins(ctx, d, email); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // an interrupt between the two would leave a session open
	if err := write(ctx); err != nil {
		return err
	}
	if err := endLogins(ctx, d, email); err != nil {
		return &deployed.PartialError{Done: email + " was changed, but login sessions that were opened during the change could not be ended; " +
			"their codes work until they expire, CodeTtlSeconds at most", Cause: err}
	}
	return nil
}

// endLogins ends the account's login sessions: their codes answer code_expired.
func endLogins(ctx context.Context, d *deployed.Stack, email string) error {
	before := d.Clock.JustOver() // now, since the last response is the one of the write
	ring, err := d.Keys.Current(ctx)
	if err != nil {
		return fmt.Errorf("end the account's login sessions: %w", err)
	}
	return d.Limits.EndSessions(ctx, ring.Subject(otp.Login, email), before)
}

// get reads an account that must be there.
//
// Errors: errNoAccount.
func get(ctx context.Context, d *deployed.Stack, email string) (store.User, error) {
	held, err := d.Users.Get(ctx, email)
	if err == nil && held.Email == "" {
		err = errNoAccount
	}
	return held, err
}
