package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"streamotp/shared/store"
)

var userList = command{
	name: "user list", args: "",
	short: "Lists the accounts.",
	long: `Lists them in no order, with most of each telephone number hidden. passwordChangedAt is null where it
was never changed.`,
	examples:    []string{"user list", "user list --json | jq -r '.[].email'"},
	permissions: []string{"dynamodb:Scan"},
	document:    `[{"email":"ada@example.com","name":"Ada","phone":"+49*********78","channel":"email","passwordChangedAt":"2026-11-21T15:09:39Z"}]`,
	declare: func(*flag.FlagSet) action {
		return func(ctx context.Context, c *console, _ []string) error { return c.listUsers(ctx) }
	},
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

// maskPhone leaves as much of a number as its owner needs to know it again.
func maskPhone(e164 string) string {
	const head, tail = 3, 2
	if len(e164) <= head+tail {
		return strings.Repeat("*", len(e164))
	}
	return e164[:head] + strings.Repeat("*", len(e164)-head-tail) + e164[len(e164)-tail:]
}

// lister prints accounts as they come.
type lister interface {
	add(listed) error
	end() error
}

func (c *console) listUsers(ctx context.Context) error {
	d, err := c.connect(ctx)
	if err != nil {
		return err
	}
	var out lister = newAccountTable(c.stdout)
	if c.asJSON {
		out = &jsonList{w: c.stdout}
	}
	for user, err := range d.users.List(ctx) {
		if err != nil {
			return err
		}
		if err := out.add(show(user)); err != nil {
			return err
		}
	}
	return out.end()
}

// jsonList is an array that is well formed only once it is complete, so that a list cut short is no answer.
type jsonList struct {
	w     io.Writer
	comma string
}

func (j *jsonList) add(l listed) error {
	line, err := json.Marshal(l)
	if err != nil {
		return err
	}
	before := j.comma
	if before == "" {
		before = "["
	}
	j.comma = ","
	_, err = fmt.Fprintf(j.w, "%s\n%s", before, line)
	return err
}

func (j *jsonList) end() error {
	if j.comma == "" {
		_, err := fmt.Fprintln(j.w, "[]")
		return err
	}
	_, err := fmt.Fprintln(j.w, "\n]")
	return err
}

// accountTable is the table of accounts.
type accountTable struct{ *table }

func newAccountTable(w io.Writer) accountTable {
	return accountTable{newTable(w, "EMAIL", "NAME", "PHONE", "CHANNEL", "PASSWORD CHANGED")}
}

func (t accountTable) add(l listed) error {
	changed := "never"
	if l.PasswordChangedAt != nil {
		changed = *l.PasswordChangedAt
	}
	t.row(l.Email, l.Name, l.Phone, l.Channel, changed)
	return nil
}

func (t accountTable) end() error { return t.table.end("There are no accounts.") }
