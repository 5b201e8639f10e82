package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"streamotp/shared/otp"
	"streamotp/shared/store"
)

func (c *console) suppressionsListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list [EMAIL]",
		Short: "Lists the suppressed e-mail addresses, or looks one up.",
		Long: `Lists the suppressed e-mail addresses, the latest first, or looks one up. It reads the whole table of limits.

An address that bounces permanently, or whose owner reports spam, gets no e-mail for 30 days from the last time. The list
shows keyed hashes of addresses: only someone who knows an address can look it up.`,
		Example: "  otpctl suppressions list\n  otpctl suppressions list ada@example.com",
		Annotations: facts{
			"permissions": "dynamodb:Scan secretsmanager:GetSecretValue",
			"document": `[{"destination":"A6-fAyiF9Ki_7nHl0JabkYw8UOknsyYSjavYar9jUYE","reason":"bounce",
"since":"2026-11-21T16:09:39Z","until":"2026-12-21T16:09:39Z"}]`,
		},
		RunE: func(cmd *cobra.Command, args []string) error { return c.listSuppressions(cmd.Context(), args) },
	}
}

func (c *console) suppressionsRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove EMAIL",
		Short: "Ends the suppression of an e-mail address.",
		Long: `Ends the suppression of an e-mail address, so that the next code goes there again.

Another bounce or complaint suppresses the address again. The stack does not use SES's suppression list of the account.`,
		Example: "  otpctl suppressions remove ada@example.com",
		Annotations: facts{
			"permissions": "dynamodb:DeleteItem dynamodb:UpdateItem secretsmanager:GetSecretValue",
			"document":    `{"email":"ada@example.com","reason":"bounce","since":"2026-11-21T16:09:39Z"}`,
		},
		RunE: func(cmd *cobra.Command, args []string) error { return c.removeSuppression(cmd.Context(), args[0]) },
	}
}

// suppressedEmail is how an address is named in the table, and the subjects that are marked with it.
func (d *deployment) suppressedEmail(ctx context.Context, typed string) (email, destination string, subjects []string, err error) {
	to, err := readDestination(typed)
	if err != nil {
		return "", "", nil, err
	}
	if to.number != "" {
		return "", "", nil, usageErrorf("only e-mail addresses are suppressed")
	}
	ring, err := d.keys.Current(ctx)
	if err != nil {
		return "", "", nil, err
	}
	email = to.String()
	return email, ring.Destination(email), []string{ring.Subject(otp.Verify, email), ring.Subject(otp.Login, email)}, nil
}

func (c *console) listSuppressions(ctx context.Context, args []string) error {
	d, err := c.connect(ctx)
	if err != nil {
		return err
	}
	only := ""
	if len(args) > 0 {
		if _, only, _, err = d.suppressedEmail(ctx, args[0]); err != nil {
			return err
		}
	}
	all := []store.Suppression{}
	for held, err := range d.suppressions.List(ctx, d.clock.now()) {
		if err != nil {
			return err
		}
		if only == "" || held.Destination == only {
			all = append(all, held)
		}
	}
	slices.SortFunc(all, func(a, b store.Suppression) int {
		return cmp.Or(b.Since.Compare(a.Since), cmp.Compare(a.Destination, b.Destination))
	})
	document := []object{}
	for _, held := range all {
		document = append(document, object{"destination": held.Destination, "reason": held.Reason, "since": utc(held.Since), "until": utc(held.Until)})
	}
	none := "No address is suppressed."
	if only != "" {
		none = "The address is not suppressed."
	}
	return c.answer(document, func(w io.Writer) error { return writeSuppressions(w, all, none) })
}

func writeSuppressions(w io.Writer, all []store.Suppression, none string) error {
	t := newTable(w, "DESTINATION", "REASON", "SINCE", "UNTIL")
	for _, held := range all {
		t.row(held.Destination, held.Reason, utc(held.Since), utc(held.Until))
	}
	return t.end(none)
}

func utc(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func (c *console) removeSuppression(ctx context.Context, typed string) error {
	d, err := c.connect(ctx)
	if err != nil {
		return err
	}
	email, destination, subjects, err := d.suppressedEmail(ctx, typed)
	if err != nil {
		return err
	}
	before, err := d.suppressions.Remove(ctx, destination, subjects)
	if err != nil {
		return err
	}
	if before.Destination == "" {
		return fmt.Errorf("%s is not suppressed: see otpctl suppressions list", email)
	}
	return c.answer(object{"email": email, "reason": before.Reason, "since": utc(before.Since)},
		say("Codes go to %s again.\n", email))
}
