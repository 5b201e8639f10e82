package accounts

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"streamotp/otpctl/console"
	"streamotp/otpctl/deployed"
	"streamotp/shared/store"
)

// UserListCommand returns "otpctl user list".
func UserListCommand(c *console.Console) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "Lists the accounts.",
		Long:    `Lists the accounts in no particular order, with most digits of each phone number hidden.`,
		Example: "  otpctl user list\n  otpctl user list --json | jq -r '.data[].email'",
		Annotations: console.Facts{
			"permissions": "dynamodb:Scan",
			"document": `[{"email":"ada@example.com","name":"Ada","phone":"+49*********78","channel":"email",
"passwordChangedAt":"2026-11-21T15:09:39Z"}]`,
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return listUsers(cmd.Context(), c) },
	}
}

// listed is an account as it is shown.
type listed struct {
	Email             string  `json:"email"`
	Name              string  `json:"name"`
	Phone             string  `json:"phone"`
	Channel           string  `json:"channel"`
	PasswordChangedAt *string `json:"passwordChangedAt"`
}

func show(u store.User) listed {
	l := listed{Email: u.Email, Name: u.Name, Phone: maskPhone(u.Phone), Channel: string(u.LoginChannel())}
	if u.PasswordChangedAt != 0 {
		changed := time.UnixMilli(u.PasswordChangedAt).UTC().Format(time.RFC3339)
		l.PasswordChangedAt = &changed
	}
	return l
}

// changed returns when the password was changed.
func (l listed) changed() string {
	if l.PasswordChangedAt == nil {
		return "never"
	}
	return *l.PasswordChangedAt
}

// maskPhone shows just enough of a number for its owner to recognise it.
func maskPhone(e164 string) string {
	const head, tail = 3, 2
	if len(e164) <= head+tail {
		return strings.Repeat("*", len(e164))
	}
	return e164[:head] + strings.Repeat("*", len(e164)-head-tail) + e164[len(e164)-tail:]
}

// lister prints accounts one by one.
type lister interface {
	add(listed) error
	end() error
}

func listUsers(ctx context.Context, c *console.Console) error {
	d, err := deployed.Connect(ctx, c)
	if err != nil {
		return err
	}
	var out lister = newAccountTable(c.Stdout)
	if c.AsJSON {
		out = &jsonList{w: c.Stdout, command: c.Command}
	}
	for user, err := range d.Users.List(ctx) {
		if err != nil {
			return err
		}
		if err := out.add(show(user)); err != nil {
			return err
		}
	}
	return out.end()
}

// jsonList writes a document whose data is a list. The document is well formed only when it is complete, so a list that
// was cut short is not valid JSON.
type jsonList struct {
	w       io.Writer
	command string
	comma   string
}

func (j *jsonList) add(l listed) error {
	line, err := json.Marshal(l)
	if err != nil {
		return err
	}
	before := j.comma
	if before == "" {
		before = fmt.Sprintf(`{"command":%q,"data":[`, j.command)
	}
	j.comma = ","
	_, err = fmt.Fprintf(j.w, "%s\n%s", before, line)
	return err
}

func (j *jsonList) end() error {
	if j.comma == "" {
		_, err := fmt.Fprintf(j.w, "{\"command\":%q,\"data\":[]}\n", j.command)
		return err
	}
	_, err := fmt.Fprintln(j.w, "\n]}")
	return err
}

// accountTable is the table of accounts.
type accountTable struct{ *console.Table }

func newAccountTable(w io.Writer) accountTable {
	return accountTable{console.NewTable(w, "EMAIL", "NAME", "PHONE", "CHANNEL", "PASSWORD CHANGED")}
}

func (t accountTable) add(l listed) error {
	t.Row(l.Email, l.Name, l.Phone, l.Channel, l.changed())
	return nil
}

func (t accountTable) end() error { return t.Table.End("There are no accounts.") }
