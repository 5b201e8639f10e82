package accounts

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"streamotp/otpctl/console"
	"streamotp/otpctl/deployed"
	"streamotp/shared/otp"
)

// UserShowCommand returns "otpctl user show".
func UserShowCommand(c *console.Console) *cobra.Command {
	return &cobra.Command{
		Use:   "show EMAIL",
		Short: "Shows an account and its locks.",
		Long: `Shows an account, with most digits of its phone number hidden, and the wrong codes that are counted for its address:
by purpose, how many, and until when they lock it. It changes nothing.`,
		Example: "  otpctl user show ada@example.com",
		Annotations: console.Facts{
			"permissions": "dynamodb:GetItem secretsmanager:GetSecretValue",
			"document": `{"email":"ada@example.com","name":"Ada","phone":"+49*********78","channel":"email",
"passwordChangedAt":"2026-11-21T15:09:39Z",
"hasPassword":true,"attempts":[{"purpose":"login","wrongCodes":5,"lockedUntil":"2026-11-21T16:09:39Z"}]}`,
		},
		RunE: func(cmd *cobra.Command, args []string) error { return showUser(cmd.Context(), c, args[0]) },
	}
}

// shownUser is an account with its counters.
type shownUser struct {
	listed
	HasPassword bool            `json:"hasPassword"`
	Attempts    []shownAttempts `json:"attempts"` // one entry for each purpose
}

type shownAttempts struct {
	Purpose     otp.Purpose `json:"purpose"`
	WrongCodes  int         `json:"wrongCodes"`
	LockedUntil *time.Time  `json:"lockedUntil"` // nil: the account is not locked
}

func showUser(ctx context.Context, c *console.Console, typedEmail string) error {
	d, held, err := find(ctx, c, typedEmail)
	if err != nil {
		return err
	}
	attempts, err := attempts(ctx, d, held.Email)
	if err != nil {
		return err
	}
	shown := shownUser{show(held), held.PasswordHash != "", attempts}
	return c.Answer(shown, shown.write)
}

// attempts reads the wrong codes that are counted for an address, and whether they lock it.
func attempts(ctx context.Context, d *deployed.Stack, email string) (all []shownAttempts, err error) {
	rule, err := d.Stack.AttemptLimit()
	if err != nil {
		return nil, err
	}
	ring, err := d.Keys.Current(ctx)
	if err != nil {
		return nil, err
	}
	for _, purpose := range []otp.Purpose{otp.Verify, otp.Login, otp.Reset} {
		counted, _, err := d.Limits.Attempts(ctx, ring.Subject(purpose, email))
		if err != nil {
			return nil, err
		}
		shown := shownAttempts{Purpose: purpose, WrongCodes: counted.Count}
		now := d.Clock.Now()
		if left := rule.LockedFor(counted, now); left > 0 {
			shown.LockedUntil = console.ShownTime(now.Add(left))
		}
		all = append(all, shown)
	}
	return all, nil
}

func (u shownUser) write(w io.Writer) error {
	fields := console.NewTable(w, "ACCOUNT", u.Email)
	password := "none"
	if u.HasPassword {
		password = "set"
	}
	for _, field := range [][2]string{{"name", u.Name}, {"phone", u.Phone}, {"channel", u.Channel}, {"password", password}, {"changed", u.changed()}} {
		fields.Row(field[0], cmp.Or(field[1], "-"))
	}
	if err := fields.End(""); err != nil {
		return err
	}
	fmt.Fprintln(w)
	counts := console.NewTable(w, "PURPOSE", "WRONG CODES", "LOCKED UNTIL")
	for _, a := range u.Attempts {
		until := "-"
		if a.LockedUntil != nil {
			until = console.UTC(*a.LockedUntil)
		}
		counts.Row(a.Purpose, a.WrongCodes, until)
	}
	return counts.End("")
}
