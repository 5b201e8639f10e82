package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"streamotp/shared/otp"
)

func (c *console) userShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show EMAIL",
		Short: "Shows an account and its locks.",
		Long: `Shows an account, with most digits of its phone number hidden, and the wrong codes that are counted for its address: by
purpose, how many, and until when they lock it. It changes nothing.`,
		Example: "  otpctl user show ada@example.com",
		Annotations: facts{
			"permissions": "dynamodb:GetItem secretsmanager:GetSecretValue",
			"document": `{"email":"ada@example.com","name":"Ada","phone":"+49*********78","channel":"email","passwordChangedAt":"2026-11-21T15:09:39Z",
"hasPassword":true,"attempts":[{"purpose":"login","wrongCodes":5,"lockedUntil":"2026-11-21T16:09:39Z"}]}`,
		},
		RunE: func(cmd *cobra.Command, args []string) error { return c.showUser(cmd.Context(), args[0]) },
	}
}

// shownUser is an account with what is counted for it.
type shownUser struct {
	listed
	HasPassword bool            `json:"hasPassword"`
	Attempts    []shownAttempts `json:"attempts"` // one entry for each purpose
}

type shownAttempts struct {
	Purpose     otp.Purpose `json:"purpose"`
	WrongCodes  int         `json:"wrongCodes"`
	LockedUntil *time.Time  `json:"lockedUntil"` // nil: it is not locked
}

func (c *console) showUser(ctx context.Context, typedEmail string) error {
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
	attempts, err := d.attempts(ctx, email)
	if err != nil {
		return err
	}
	shown := shownUser{show(held), held.PasswordHash != "", attempts}
	return c.answer(shown, shown.write)
}

// attempts reads the wrong codes that are counted for an address, and whether they lock it.
func (d *deployment) attempts(ctx context.Context, email string) (all []shownAttempts, err error) {
	rule, err := d.stack.attemptLimit()
	if err != nil {
		return nil, err
	}
	ring, err := d.keys.Current(ctx)
	if err != nil {
		return nil, err
	}
	for _, purpose := range []otp.Purpose{otp.Verify, otp.Login, otp.Reset} {
		counted, _, err := d.limits.Attempts(ctx, ring.Subject(purpose, email))
		if err != nil {
			return nil, err
		}
		shown := shownAttempts{Purpose: purpose, WrongCodes: counted.Count}
		now := d.clock.now()
		if left := rule.LockedFor(counted, now); left > 0 {
			shown.LockedUntil = shownTime(now.Add(left))
		}
		all = append(all, shown)
	}
	return all, nil
}

func (u shownUser) write(w io.Writer) error {
	fields := newTable(w, "ACCOUNT", u.Email)
	password := "none"
	if u.HasPassword {
		password = "set"
	}
	for _, field := range [][2]string{{"name", u.Name}, {"phone", u.Phone}, {"channel", u.Channel}, {"password", password}, {"changed", u.changed()}} {
		fields.row(field[0], cmp.Or(field[1], "-"))
	}
	if err := fields.end(""); err != nil {
		return err
	}
	fmt.Fprintln(w)
	counts := newTable(w, "PURPOSE", "WRONG CODES", "LOCKED UNTIL")
	for _, a := range u.Attempts {
		until := "-"
		if a.LockedUntil != nil {
			until = utc(*a.LockedUntil)
		}
		counts.row(a.Purpose, a.WrongCodes, until)
	}
	return counts.end("")
}
