package accounts

import (
	"cmp"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"streamotp/otpctl/console"
	"streamotp/otpctl/deployed"
	"streamotp/shared/otp"
	"streamotp/shared/store"
)

// SuppressionsListCommand returns "otpctl suppressions list".
func SuppressionsListCommand(c *console.Console) *cobra.Command {
	return &cobra.Command{
		Use:   "list [EMAIL]",
		Short: "Lists the suppressed e-mail addresses, or looks one up.",
		Long: `Lists the suppressed e-mail addresses, the latest first, or looks one up. The command reads the whole table of limits.

If e-mail to an address bounces permanently, or its owner reports the e-mail as spam, the address gets no e-mail for the
next 30 days. The list shows keyed hashes of addresses: only somebody who knows an address can look it up.`,
		Example: "  otpctl suppressions list\n  otpctl suppressions list ada@example.com",
		Annotations: console.Facts("dynamodb:Scan secretsmanager:GetSecretValue",
			`[{"destination":"A6-fAyiF9Ki_7nHl0JabkYw8UOknsyYSjavYar9jUYE","reason":"bounce",
"since":"2026-11-21T16:09:39Z","until":"2026-12-21T16:09:39Z"}]`),
		RunE: deployed.Run(c, func(ctx context.Context, d *deployed.Stack, args []string) error {
			only, none := "", "No address is suppressed."
			if len(args) > 0 {
				_, destination, _, err := suppressedEmail(ctx, d, args[0])
				if err != nil {
					return err
				}
				only, none = destination, "The address is not suppressed."
			}
			all := console.Sorted(d.Suppressions.List(ctx, d.Clock.Now()),
				func(s store.Suppression) bool { return only == "" || s.Destination == only },
				func(a, b store.Suppression) int {
					return cmp.Or(b.Since.Compare(a.Since), cmp.Compare(a.Destination, b.Destination))
				})
			return console.List(c, none, []any{"DESTINATION", "REASON", "SINCE", "UNTIL"}, all, func(s store.Suppression) (any, []any) {
				since, until := console.UTC(s.Since), console.UTC(s.Until)
				return console.Object{"destination": s.Destination, "reason": s.Reason, "since": since, "until": until},
					[]any{s.Destination, s.Reason, since, until}
			})
		}),
	}
}

// SuppressionsRemoveCommand returns "otpctl suppressions remove".
func SuppressionsRemoveCommand(c *console.Console) *cobra.Command {
	return &cobra.Command{
		Use:   "remove EMAIL",
		Short: "Ends the suppression of an e-mail address.",
		Long: `Ends the suppression of an e-mail address, so that the address gets e-mail again.

Another bounce or complaint suppresses the address again. The stack does not use the suppression list that SES has for
the AWS account.`,
		Example: "  otpctl suppressions remove ada@example.com",
		Annotations: console.Facts("dynamodb:DeleteItem dynamodb:UpdateItem secretsmanager:GetSecretValue",
			`{"email":"ada@example.com","reason":"bounce","since":"2026-11-21T16:09:39Z"}`),
		RunE: deployed.Run(c, func(ctx context.Context, d *deployed.Stack, args []string) error {
			email, destination, subjects, err := suppressedEmail(ctx, d, args[0])
			if err != nil {
				return err
			}
			before, err := d.Suppressions.Remove(ctx, destination, subjects)
			if err != nil {
				return err
			}
			if before.Destination == "" {
				return fmt.Errorf("%s is not suppressed: see otpctl suppressions list", email)
			}
			return c.Answer(console.Object{"email": email, "reason": before.Reason, "since": console.UTC(before.Since)},
				console.Say("Codes go to %s again.\n", email))
		}),
	}
}

// suppressedEmail returns the normalised e-mail address, its key in the table, and the subjects that are marked when it
// is suppressed.
func suppressedEmail(ctx context.Context, d *deployed.Stack, typed string) (email, destination string, subjects []string, err error) {
	to, err := console.ReadDestination(typed)
	if err != nil {
		return "", "", nil, err
	}
	if to.Number != "" {
		return "", "", nil, console.UsageErrorf("only e-mail addresses are suppressed")
	}
	ring, err := d.Keys.Current(ctx)
	if err != nil {
		return "", "", nil, err
	}
	email = to.String()
	return email, ring.Destination(email), []string{ring.Subject(otp.Verify, email), ring.Subject(otp.Login, email)}, nil
}
