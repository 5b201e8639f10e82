package main

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"sync"

	"streamotp/shared/otp"
	"streamotp/shared/password"
	"streamotp/shared/store"
)

var userAdd = command{
	name: "user add", args: "EMAIL",
	short: "Adds an account.",
	long: `The password is asked for twice without showing it, or read from stdin with --password-stdin. It is never an
argument. With --no-password the account has none until its owner sets one by "Forgot password". An account that exists is
left alone, unless --replace gives it the new password, or none: then its name, phone and channel change where you name
them, and login sessions that were opened before are over. Codes go by SMS to mobile numbers of the stack's
AllowedCountries only.`,
	examples:    []string{"user add ada@example.com --name Ada", "user add grace@example.com --phone +4915112345678 --channel sms --password-stdin < password.txt"},
	permissions: []string{"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "secretsmanager:GetSecretValue"},
	document:    `{"email":"ada@example.com","existed":false}`,
	declare: func(flags *flag.FlagSet) action {
		var t typed
		flags.StringVar(&t.name, "name", "", "`NAME` of the person")
		flags.StringVar(&t.phone, "phone", "", "telephone `NUMBER` with its country code, as +4915112345678")
		flags.StringVar(&t.channel, "channel", "", "where login codes go: `"+strings.Join(otp.ChannelNames(), "|")+"` (a new account: email)")
		replace := flags.Bool("replace", false, "give an account that exists this new password")
		stdin := flags.Bool("password-stdin", false, "read the password from stdin, one line")
		none := flags.Bool("no-password", false, "give the account no password: its owner sets one by a reset")
		return func(ctx context.Context, c *console, args []string) error {
			if *none && *stdin {
				return usageErrorf("--no-password and --password-stdin exclude each other")
			}
			t.email = args[0]
			return c.addUser(ctx, t, *replace, *stdin, *none)
		}
	},
}

// addUser judges all that it can before it asks for a password.
func (c *console) addUser(ctx context.Context, t typed, replace, fromStdin, without bool) error {
	a, err := t.read()
	if err != nil {
		return usageErrorf("%v", err)
	}
	d, err := c.connect(ctx)
	if err != nil {
		return err
	}
	if _, err := d.put(ctx, a, putting{replace: replace, dryRun: true}); err != nil {
		return putError(a.email, err)
	}
	hash := func() (string, error) { return "", nil }
	if !without {
		if hash, err = c.newPassword(ctx, a.email, fromStdin); err != nil {
			return err
		}
	}
	held, err := d.put(ctx, a, putting{replace: replace, hash: hash})
	if err != nil {
		return putError(a.email, err)
	}
	d.clock.settle(ctx)
	existed := held.Email != ""
	words := say("Added %s.\n", a.email)
	switch {
	case existed && without:
		words = say("%s has no password any more; login sessions opened before are over.\n", a.email)
	case existed:
		words = say("%s has a new password; login sessions opened before are over.\n", a.email)
	case without:
		words = say("Added %s, without a password: its owner sets one by \"Forgot password\".\n", a.email)
	}
	return c.answer(object{"email": a.email, "existed": existed}, words)
}

// newPassword reads a new password, and returns what hashes it once.
func (c *console) newPassword(ctx context.Context, email string, fromStdin bool) (hash func() (string, error), err error) {
	secret, err := c.readSecret(ctx, typedPassword, fromStdin)
	if err != nil {
		return nil, err
	}
	return sync.OnceValues(func() (string, error) { return password.Hash(secret) }), checkPassword(secret, email)
}

func putError(email string, err error) error {
	if err == store.ErrAccountExists {
		return fmt.Errorf("%s has an account already: it was left alone; --replace gives it a new password", email)
	}
	return err
}

var userRemove = command{
	name: "user remove", args: "EMAIL",
	short: "Removes an account.",
	long: `Asks first; without a terminal it needs --yes. Login sessions of the account are over. Only the table's
point-in-time recovery brings an account back.`,
	examples:    []string{"user remove ada@example.com"},
	permissions: []string{"dynamodb:GetItem", "dynamodb:DeleteItem", "dynamodb:UpdateItem", "secretsmanager:GetSecretValue"},
	document:    `{"email":"ada@example.com"}`,
	declare: func(flags *flag.FlagSet) action {
		yes := flags.Bool("yes", false, "do not ask")
		return func(ctx context.Context, c *console, args []string) error { return c.removeUser(ctx, args[0], *yes) }
	},
}

func (c *console) removeUser(ctx context.Context, typedEmail string, yes bool) error {
	email, err := otp.NormalizeEmail(typedEmail)
	if err != nil {
		return usageErrorf("%v", about("e-mail", err))
	}
	d, err := c.connect(ctx)
	if err != nil {
		return err
	}
	held, err := d.account(ctx, email)
	if err != nil {
		return err
	}
	if !yes {
		sure, err := c.confirm(ctx, fmt.Sprintf("Remove the account of %s %s?", email, held.Name))
		if err != nil {
			return err
		}
		if !sure {
			return refusal("nothing was removed")
		}
	}
	err = d.endingLogins(ctx, email, func(ctx context.Context) error { return d.users.Remove(ctx, held) })
	if err != nil {
		return err
	}
	d.clock.settle(ctx) // the account may be added again
	return c.answer(object{"email": email}, say("Removed %s.\n", email))
}

var userSetPhone = command{
	name: "user set-phone", args: "EMAIL [PHONE]",
	short: "Sets or removes an account's telephone number.",
	long: `PHONE has its country code, as +4915112345678; --none removes the number. --channel says where login codes go from
now on; without it that stays as it is. Codes go by SMS to mobile numbers of the stack's AllowedCountries only. Login
sessions that were opened before a change are over, since their codes may have gone to the old number.`,
	examples:    []string{"user set-phone grace@example.com +4915112345678 --channel sms", "user set-phone grace@example.com --none --channel email"},
	permissions: []string{"dynamodb:GetItem", "dynamodb:UpdateItem", "secretsmanager:GetSecretValue"},
	document:    `{"email":"grace@example.com"}`,
	declare: func(flags *flag.FlagSet) action {
		var t typed
		none := flags.Bool("none", false, "remove the number")
		flags.StringVar(&t.channel, "channel", "", "where login codes go: `"+strings.Join(otp.ChannelNames(), "|")+"`")
		return func(ctx context.Context, c *console, args []string) error {
			if *none == (len(args) == 2) {
				return usageErrorf("name either a PHONE or --none.\nSee otpctl user set-phone --help")
			}
			t.email = args[0]
			if !*none {
				if t.phone = args[1]; otp.FoldNumber(t.phone) == "" { // as of an unset shell variable
					return usageErrorf("phone: is empty; --none removes the number")
				}
			}
			return c.setPhone(ctx, t)
		}
	},
}

func (c *console) setPhone(ctx context.Context, t typed) error {
	a, err := t.read()
	if err != nil {
		return usageErrorf("%v", err)
	}
	d, err := c.connect(ctx)
	if err != nil {
		return err
	}
	if err := d.setPhone(ctx, a); err != nil {
		return err
	}
	d.clock.settle(ctx)
	return c.answer(object{"email": a.email}, say("Changed %s.\n", a.email))
}

// setPhone gives an account a number, or none, and perhaps another channel.
//
// Errors: errNoAccount, refusal, errBusy.
func (d *deployment) setPhone(ctx context.Context, a account) error {
	for range rounds {
		held, err := d.account(ctx, a.email)
		if err != nil {
			return err
		}
		without := held
		without.Phone = ""
		wanted, err := a.onto(without, d.stack.countries())
		if err != nil {
			return err
		}
		if err := d.write(ctx, held, wanted); err != store.ErrAccountChanged {
			return err
		}
	}
	return errBusy
}
