package accounts

import (
	"context"
	"errors"
	"fmt"

	"streamotp/otpctl/console"
	"streamotp/otpctl/deployed"
	"streamotp/shared/otp"
	"streamotp/shared/store"
)

var errNoAccount = errors.New("there is no such account: see otpctl user list")

// rounds is how often a change is attempted if others keep changing the same account.
const rounds = 5

// errBusy means that another change came first in every round.
var errBusy = errors.New("somebody else keeps changing the account: run it again")

// putting holds the options of put.
type putting struct {
	replace bool                   // an existing account gets the password and everything else that was given
	phone   bool                   // the account must exist; its number is replaced by the given one, or removed
	dryRun  bool                   // nothing is written
	hash    func() (string, error) // returns the hash of the password; called only if it is needed, perhaps several times; nil: the account keeps its password
}

// put adds an account, or changes an existing one. It returns the previous account, zero for a new one.
//
// Errors: store.ErrAccountExists, errNoAccount, console.Refusal, errBusy.
func put(ctx context.Context, d *deployed.Stack, a account, p putting) (held store.User, err error) {
	for range rounds {
		if held, err = d.Users.Get(ctx, a.email); err != nil {
			return held, err
		}
		base := held
		switch exists := held.Email != ""; {
		case p.phone && !exists:
			return held, errNoAccount
		case p.phone:
			base.Phone = ""
		case exists && !p.replace:
			return held, store.ErrAccountExists
		}
		wanted, err := a.onto(base, d.Countries())
		if err != nil || p.dryRun {
			return held, err
		}
		if p.hash != nil {
			if wanted.PasswordHash, err = p.hash(); err != nil {
				return held, err
			}
		}
		err = write(ctx, d, held, wanted, p.hash != nil && wanted.PasswordHash == "")
		if lost := errors.Is(err, store.ErrAccountExists) || errors.Is(err, store.ErrAccountChanged); !lost {
			return held, err
		}
	}
	return held, errBusy
}

// write changes the account from held to wanted, on the condition that it is still as in held. If that changes who can
// log in or where the codes go, write also ends login sessions. without: the operator asked for no password, and an account that had none
// has other sessions to end.
func write(ctx context.Context, d *deployed.Stack, held, wanted store.User, without bool) error {
	newPassword := wanted.PasswordHash != held.PasswordHash || without
	if held.Email == "" {
		wanted.CreatedAt = d.Clock.Now().UnixMilli()
		if wanted.PasswordHash != "" {
			wanted.PasswordChangedAt = wanted.CreatedAt
		}
		return d.Users.Add(ctx, wanted)
	}
	if newPassword { // a reset that was requested earlier must not undo it
		wanted.PasswordChangedAt = d.Clock.JustOver().UnixMilli()
	}
	update := func(ctx context.Context) error { return d.Users.Update(ctx, held, wanted) }
	if newPassword || held.Phone != wanted.Phone || held.Channel != wanted.Channel {
		return endingLogins(ctx, d, held.Email, update)
	}
	return update(ctx)
}

// endingLogins ends the account's login sessions both before and after a write (C3). Before, so that nothing stays open
// if they cannot be ended; after, because a login may have read the account during the write.
func endingLogins(ctx context.Context, d *deployed.Stack, email string, write func(context.Context) error) error {
	if err := endLogins(ctx, d, email); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // an interrupt between the two would leave a session open
	if err := write(ctx); err != nil {
		return err
	}
	if err := endLogins(ctx, d, email); err != nil { // running the command again does not help, as nothing is left to change
		return fmt.Errorf("%s was changed, but login sessions that were opened during the change could not be ended; "+
			"their codes work until they expire, CodeTtlSeconds at most: %s", email, deployed.Explain(err))
	}
	return nil
}

// endLogins ends the account's login sessions: their codes are rejected with code_expired.
func endLogins(ctx context.Context, d *deployed.Stack, email string) error {
	before := d.Clock.JustOver() // now, as the last response is that of the write
	ring, err := d.Keys.Current(ctx)
	if err != nil {
		return fmt.Errorf("end the account's login sessions: %w", err)
	}
	return d.Limits.EndSessions(ctx, ring.Subject(otp.Login, email), true, before)
}

// find connects to the stack and reads the account of an e-mail address as it was typed. The account must exist.
//
// Errors: console.UsageError for what is no address; errNoAccount.
func find(ctx context.Context, c *console.Console, typedEmail string) (d *deployed.Stack, held store.User, err error) {
	email, err := console.ReadEmail(typedEmail)
	if err != nil {
		return nil, held, err
	}
	if d, err = deployed.Connect(ctx, c); err != nil {
		return nil, held, err
	}
	if held, err = d.Users.Get(ctx, email); err == nil && held.Email == "" {
		err = errNoAccount
	}
	return d, held, err
}
