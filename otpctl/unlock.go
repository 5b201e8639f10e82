package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"streamotp/shared/otp"
	"streamotp/shared/store"
)

var unlock = command{
	name: "unlock", args: "DESTINATION",
	short: "Ends the lock of an e-mail address or a telephone number.",
	long: `Too many wrong codes lock an address or number, 100 in a row for a day. This forgets what is counted for it: wrong
codes, wrong passwords and the messages of the last hour. A line for each purpose tells what there was and what is left.
Something that is not locked is left as open as it was, and that is no failure.

DESTINATION is an e-mail address, or a telephone number with its country code; for a number there is the purpose verify
alone, and its messages of every purpose are counted there. Login codes by SMS are counted for the account, which is its
address, and for the number: where such a login gets no code, unlock both. Messages to ada+shop@example.com are counted
for the mailbox, ada@example.com: they are forgotten too, the lock of ada@example.com itself is not.

Sessions and codes stay what they are: one that was ended, used or has expired does not work again. Limits of a client
address are not touched, nor is a pause of a number's prefix (see otpctl prefixes). First find out who was guessing:
unlocking gives them their guesses back.`,
	examples:    []string{"unlock ada@example.com", "unlock +4915112345678", "unlock ada@example.com --purpose login"},
	permissions: []string{"dynamodb:UpdateItem", "secretsmanager:GetSecretValue"},
	document: `{"destination":"ada@example.com","wasLocked":true,"counters":[{"name":"login",
"before":{"lockedUntil":"2026-11-21T16:09:39Z","wrongCodes":5,"wrongPasswords":0,"messages":1},
"after":{"lockedUntil":null,"wrongCodes":0,"wrongPasswords":0,"messages":0}}]}`,
	declare: func(flags *flag.FlagSet) action {
		purpose := flags.String("purpose", "", "only this one: `verify|login|reset`")
		return func(ctx context.Context, c *console, args []string) error { return c.unlock(ctx, args[0], *purpose) }
	},
}

func (c *console) unlock(ctx context.Context, typed, purpose string) error {
	to, err := readDestination(typed)
	if err != nil {
		return err
	}
	purposes, err := readPurposes(purpose, to)
	if err != nil {
		return err
	}
	d, err := c.connect(ctx)
	if err != nil {
		return err
	}
	if d.limits.Rule, err = d.stack.tryLimit(); err != nil {
		return err
	}
	ring, err := d.keys.Current(ctx)
	if err != nil {
		return err
	}
	return c.forget(ctx, d.counters(ring, to, purposes), to, d.now())
}

// readPurposes returns what a destination is counted for: all of it, or the one that was named.
//
// Errors: *usageError.
func readPurposes(named string, to destination) ([]otp.Purpose, error) {
	all := []otp.Purpose{otp.Verify, otp.Login, otp.Reset}
	if to.number != "" {
		all = all[:1]
	}
	switch purpose := otp.Purpose(named); {
	case named == "":
		return all, nil
	case slices.Contains(all, purpose):
		return []otp.Purpose{purpose}, nil
	case to.number != "" && (purpose == otp.Login || purpose == otp.Reset):
		return nil, misuse("a %s is counted for the account: name its e-mail address", named)
	}
	return nil, misuse("--purpose must be verify, login or reset")
}

// counter is one item of the limits that a destination is counted in.
type counter struct {
	name     string
	key      string
	forget   func(ctx context.Context, key string, now time.Time) (before store.Counted, err error)
	sendOnly bool // it forgets messages, no more
}

func (d *deployment) counters(ring *otp.Keyring, to destination, purposes []otp.Purpose) (all []counter) {
	mailbox := otp.Mailbox(to.String())
	for _, purpose := range purposes {
		all = append(all, counter{name: string(purpose), key: ring.Subject(purpose, to.String()), forget: d.limits.Unlock})
		if mailbox != to.String() {
			all = append(all, counter{name: string(purpose) + ", mailbox " + mailbox, key: ring.Subject(purpose, mailbox),
				forget: d.limits.ForgetSends, sendOnly: true})
		}
	}
	return all
}

// forget empties the counters and tells of each. Where one fails, those before it are done and told.
func (c *console) forget(ctx context.Context, counters []counter, to destination, now time.Time) error {
	report := forgotten{To: to.String(), Counters: []forgottenCounter{}}
	counted := false
	for _, counter := range counters {
		before, err := counter.forget(ctx, counter.key, now)
		if err != nil {
			return errors.Join(err, c.answer(report, report.write))
		}
		after := store.Counted{}
		if counter.sendOnly {
			after, after.Sends = before, 0
		}
		report.Counters = append(report.Counters, forgottenCounter{counter.name, showCounted(before, now), showCounted(after, now)})
		report.WasLocked = report.WasLocked || before.LockedFor > after.LockedFor
		counted = counted || before != after
	}
	switch {
	case report.WasLocked:
		report.words = fmt.Sprintf("Unlocked %s.\n", to)
	case counted:
		report.words = fmt.Sprintf("%s was not locked; what was counted is forgotten.\n", to)
	default:
		report.words = fmt.Sprintf("%s was not locked, and nothing was counted.\n", to)
	}
	return c.answer(report, report.write)
}

// forgotten is what an unlock has done, so far where it failed.
type forgotten struct {
	To        string             `json:"destination"`
	WasLocked bool               `json:"wasLocked"`
	Counters  []forgottenCounter `json:"counters"`
	words     string
}

type forgottenCounter struct {
	Name   string       `json:"name"`
	Before shownCounted `json:"before"`
	After  shownCounted `json:"after"`
}

// shownCounted is store.Counted as it is shown.
type shownCounted struct {
	LockedUntil *time.Time `json:"lockedUntil"`
	Tries       int        `json:"wrongCodes"`
	Passwords   int        `json:"wrongPasswords"`
	Sends       int        `json:"messages"`
}

func showCounted(counted store.Counted, now time.Time) shownCounted {
	shown := shownCounted{Tries: counted.Tries, Passwords: counted.Passwords, Sends: counted.Sends}
	if counted.LockedFor > 0 {
		until := now.Add(counted.LockedFor).UTC().Truncate(time.Second)
		shown.LockedUntil = &until
	}
	return shown
}

func (f forgotten) write(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "COUNTED FOR\tWAS\tIS")
	for _, c := range f.Counters {
		fmt.Fprintf(table, "%s\t%s\t%s\n", c.Name, c.Before.words(), c.After.words())
	}
	flush(table)
	_, err := io.WriteString(w, f.words)
	return err
}

// words is what is counted, as people read it.
func (counted shownCounted) words() string {
	var parts []string
	if counted.LockedUntil != nil {
		parts = append(parts, "locked until "+counted.LockedUntil.Format(time.RFC3339))
	}
	for _, count := range []struct {
		n    int
		what string
	}{{counted.Tries, "wrong code"}, {counted.Passwords, "wrong password"}, {counted.Sends, "message"}} {
		if count.n > 0 {
			parts = append(parts, plural(count.n, count.what))
		}
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
