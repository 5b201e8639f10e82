package accounts

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"streamotp/otpctl/console"
	"streamotp/otpctl/deployed"
	"streamotp/shared/otp"
	"streamotp/shared/store"
)

// UserListCommand returns "otpctl user list".
func UserListCommand(c *console.Console) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "Lists the accounts.",
		Long:    `Lists the accounts in no particular order, with most digits of each phone number hidden.`,
		Example: "  otpctl user list\n  otpctl user list --json | jq -r '.data[].email'",
		Annotations: console.Facts("dynamodb:Scan",
			`[{"id":"6f2a9d0c-3b1c-4a77-9d3a-0c1b2a3d4f5f","email":"ada@example.com","name":"Ada",
 "phone":"+49*********78","channel":"email",
"passwordChangedAt":"2026-11-21T15:09:39Z"}]`),
		RunE: deployed.Run(c, func(ctx context.Context, d *deployed.Stack, _ []string) error {
			return console.List(c, "There are no accounts.", []any{"EMAIL", "NAME", "PHONE", "CHANNEL", "PASSWORD CHANGED"}, d.Users.List(ctx),
				func(u store.User) (any, []any) {
					l := show(u)
					return l, []any{l.Email, l.Name, l.Phone, l.Channel, l.changed()}
				})
		}),
	}
}

type listed struct {
	ID                string     `json:"id"` // by which clients know the account; empty until its first login for one
	Email             string     `json:"email"`
	Name              string     `json:"name"`
	Phone             string     `json:"phone"`
	Channel           string     `json:"channel"`
	PasswordChangedAt *time.Time `json:"passwordChangedAt"` // nil: never
}

func show(u store.User) listed {
	l := listed{ID: u.ID, Email: u.Email, Name: u.Name, Phone: maskPhone(u.Phone), Channel: string(u.LoginChannel())}
	if u.PasswordChangedAt != 0 {
		l.PasswordChangedAt = console.ShownTime(time.UnixMilli(u.PasswordChangedAt))
	}
	return l
}

func (l listed) changed() string {
	if l.PasswordChangedAt == nil {
		return "never"
	}
	return console.UTC(*l.PasswordChangedAt)
}

// maskPhone shows just enough of a number for its owner to recognise it.
func maskPhone(e164 string) string {
	const head, tail = 3, 2
	if len(e164) <= head+tail {
		return strings.Repeat("*", len(e164))
	}
	return e164[:head] + strings.Repeat("*", len(e164)-head-tail) + e164[len(e164)-tail:]
}

// UserShowCommand returns "otpctl user show".
func UserShowCommand(c *console.Console) *cobra.Command {
	return &cobra.Command{
		Use:   "show EMAIL",
		Short: "Shows an account and its locks.",
		Long: `Shows an account, with most digits of its phone number hidden. For each purpose it also shows how many wrong codes are
counted for the address, and until when the address is locked. The command changes nothing.`,
		Example: "  otpctl user show ada@example.com",
		Annotations: console.Facts("dynamodb:GetItem secretsmanager:GetSecretValue",
			`{"id":"6f2a9d0c-3b1c-4a77-9d3a-0c1b2a3d4f5f","email":"ada@example.com","name":"Ada",
 "phone":"+49*********78","channel":"email",
"passwordChangedAt":"2026-11-21T15:09:39Z",
"hasPassword":true,"attempts":[{"purpose":"login","wrongCodes":5,"lockedUntil":"2026-11-21T16:09:39Z"}]}`),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, held, err := find(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			shown := shownUser{show(held), held.PasswordHash != "", nil}
			if shown.Attempts, err = attempts(cmd.Context(), d, held.Email); err != nil {
				return err
			}
			return c.Answer(shown, shown.write)
		},
	}
}

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

// attempts reads the wrong codes that are counted for an address, and whether they lock it.
func attempts(ctx context.Context, d *deployed.Stack, email string) (all []shownAttempts, err error) {
	rule, err := d.AttemptLimit()
	if err != nil {
		return nil, err
	}
	ring, err := d.Keys.Current(ctx)
	if err != nil {
		return nil, err
	}
	for _, purpose := range otp.Purposes {
		counted, _, err := d.Limits.Attempts(ctx, ring.Subject(purpose, email))
		if err != nil {
			return nil, err
		}
		shown, now := shownAttempts{Purpose: purpose, WrongCodes: counted.Count}, d.Clock.Now()
		if left := rule.LockedFor(counted, now); left > 0 {
			shown.LockedUntil = console.ShownTime(now.Add(left))
		}
		all = append(all, shown)
	}
	return all, nil
}

func (u shownUser) write(w io.Writer) {
	password := "none"
	if u.HasPassword {
		password = "set"
	}
	fields := console.NewTable(w, "ACCOUNT", u.Email)
	for _, field := range [][2]string{{"id", u.ID}, {"name", u.Name}, {"phone", u.Phone}, {"channel", u.Channel}, {"password", password}, {"changed", u.changed()}} {
		fields.Row(field[0], cmp.Or(field[1], "-"))
	}
	fields.End("")
	fmt.Fprintln(w)
	counts := console.NewTable(w, "PURPOSE", "WRONG CODES", "LOCKED UNTIL")
	for _, a := range u.Attempts {
		counts.Row(a.Purpose, a.WrongCodes, console.UTC(aws.ToTime(a.LockedUntil)))
	}
	counts.End("")
}
