package accounts

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"streamotp/otpctl/console"
	"streamotp/otpctl/deployed"
	"streamotp/shared/otp"
	"streamotp/shared/password"
	"streamotp/shared/store"
)

// UserAddCommand returns "otpctl user add".
func UserAddCommand(c *console.Console) *cobra.Command {
	var t typed
	var replace, fromStdin, without bool
	cmd := &cobra.Command{
		Use:   "add EMAIL",
		Short: "Adds an account.",
		Long: `Adds an account.

otpctl asks for the password twice without showing it, or reads it from stdin with --password-stdin. An account
without a password (--no-password) gets one when its owner uses "Forgot password". An existing account stays as it is,
unless you give --replace. Then the account gets the new password, or none, and the name, phone and channel that you
give, and its open login sessions end. Codes go by SMS only to mobile numbers of the stack's AllowedCountries.`,
		Example: `  otpctl user add ada@example.com --name Ada
  otpctl user add grace@example.com --phone +4915112345678 --channel sms --password-stdin < password.txt`,
		Annotations: console.Facts("dynamodb:GetItem dynamodb:PutItem dynamodb:UpdateItem secretsmanager:GetSecretValue",
			`{"email":"ada@example.com","existed":false}`),
		RunE: func(cmd *cobra.Command, args []string) error {
			if without && fromStdin {
				return console.UsageErrorf("--no-password and --password-stdin exclude each other")
			}
			t.email = args[0]
			return addUser(cmd.Context(), c, t, replace, fromStdin, without)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&t.name, "name", "", "`NAME` of the person")
	flags.StringVar(&t.phone, "phone", "", "phone `NUMBER` with its country code, such as +4915112345678")
	channelFlag(flags, &t)
	flags.BoolVar(&replace, "replace", false, "give an existing account this new password")
	flags.BoolVar(&fromStdin, "password-stdin", false, "read the password from stdin, one line")
	flags.BoolVar(&without, "no-password", false, "the account has no password until its owner sets one")
	return cmd
}

func channelFlag(flags *pflag.FlagSet, t *typed) {
	flags.StringVar(&t.channel, "channel", "", "the channel of login codes: `"+strings.Join(otp.ChannelNames(), "|")+"`; a new account has email")
}

// begin reads what was entered, and connects to the stack.
func begin(ctx context.Context, c *console.Console, t typed) (a account, d *deployed.Stack, err error) {
	if a, err = t.read(); err != nil {
		return a, nil, console.UsageErrorf("%v", err)
	}
	d, err = deployed.Connect(ctx, c)
	return a, d, err
}

// addUser checks everything that it can before it asks for a password.
func addUser(ctx context.Context, c *console.Console, t typed, replace, fromStdin, without bool) error {
	a, d, err := begin(ctx, c, t)
	if err != nil {
		return err
	}
	if _, err := put(ctx, d, a, putting{replace: replace, dryRun: true}); err != nil {
		return putError(a.email, err)
	}
	hash := func() (string, error) { return "", nil }
	if !without {
		secret, err := c.ReadSecret(ctx, console.TypedPassword, fromStdin)
		if err != nil {
			return err
		}
		if err := checkPassword(secret, a.email); err != nil {
			return err
		}
		hash = sync.OnceValues(func() (string, error) { return password.Hash(secret) })
	}
	held, err := put(ctx, d, a, putting{replace: replace, hash: hash})
	if err != nil {
		return putError(a.email, err)
	}
	d.Clock.Settle(ctx)
	existed, words := held.Email != "", "Added %s.\n"
	switch {
	case existed && without:
		words = "%s has no password any more; login sessions opened before are over.\n"
	case existed:
		words = "%s has a new password; login sessions opened before are over.\n"
	case without:
		words = "Added %s, without a password: its owner sets one by \"Forgot password\".\n"
	}
	return c.Answer(console.Object{"email": a.email, "existed": existed}, console.Say(words, a.email))
}

func putError(email string, err error) error {
	if err == store.ErrAccountExists {
		return fmt.Errorf("%s has an account already: it was left alone; --replace gives it a new password", email)
	}
	return err
}

// UserRemoveCommand returns "otpctl user remove".
func UserRemoveCommand(c *console.Console) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "remove EMAIL",
		Short: "Removes an account.",
		Long: `Removes an account and ends its login sessions, after a confirmation at the terminal or with --yes.

Only the point-in-time recovery of the table can restore a removed account (docs/operations.md).`,
		Example: "  otpctl user remove ada@example.com",
		Annotations: console.Facts("dynamodb:GetItem dynamodb:DeleteItem dynamodb:UpdateItem secretsmanager:GetSecretValue",
			`{"email":"ada@example.com"}`),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			d, held, err := find(ctx, c, args[0])
			if err != nil {
				return err
			}
			if err := c.Confirm(ctx, yes, fmt.Sprintf("Remove the account of %s %s?", held.Email, held.Name), "nothing was removed"); err != nil {
				return err
			}
			err = endingLogins(ctx, d, held.Email, func(ctx context.Context) error { return d.Users.Remove(ctx, held) })
			if err != nil {
				return err
			}
			d.Clock.Settle(ctx) // the account may be added again
			return c.Answer(console.Object{"email": held.Email}, console.Say("Removed %s.\n", held.Email))
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "remove without asking")
	return cmd
}

// UserSetPhoneCommand returns "otpctl user set-phone".
func UserSetPhoneCommand(c *console.Console) *cobra.Command {
	var t typed
	var none bool
	cmd := &cobra.Command{
		Use:   "set-phone EMAIL [PHONE]",
		Short: "Sets or removes the phone number of an account.",
		Long: `Sets the phone number of an account, with its country code, or removes it with --none.

Codes go by SMS only to mobile numbers of the stack's AllowedCountries. A change ends the open login sessions of the
account, because their codes may have gone to the old number.`,
		Example: `  otpctl user set-phone grace@example.com +4915112345678 --channel sms
  otpctl user set-phone grace@example.com --none --channel email`,
		Annotations: console.Facts("dynamodb:GetItem dynamodb:UpdateItem secretsmanager:GetSecretValue",
			`{"email":"grace@example.com"}`),
		RunE: func(cmd *cobra.Command, args []string) error {
			if none == (len(args) == 2) {
				return console.UsageErrorf("name either a PHONE or --none.\nSee otpctl user set-phone --help")
			}
			t.email = args[0]
			if !none {
				if t.phone = args[1]; otp.FoldNumber(t.phone) == "" { // such as an unset shell variable
					return console.UsageErrorf("phone: is empty; --none removes the number")
				}
			}
			a, d, err := begin(cmd.Context(), c, t)
			if err != nil {
				return err
			}
			if _, err := put(cmd.Context(), d, a, putting{phone: true}); err != nil {
				return err
			}
			d.Clock.Settle(cmd.Context())
			return c.Answer(console.Object{"email": a.email}, console.Say("Changed %s.\n", a.email))
		},
	}
	cmd.Flags().BoolVar(&none, "none", false, "remove the number")
	channelFlag(cmd.Flags(), &t)
	return cmd
}
