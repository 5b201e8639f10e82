package accounts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"streamotp/otpctl/console"
	"streamotp/otpctl/deployed"
	"streamotp/shared/otp"
	"streamotp/shared/store"
)

// UnlockCommand returns "otpctl unlock".
func UnlockCommand(c *console.Console) *cobra.Command {
	var purpose string
	cmd := &cobra.Command{
		Use:   "unlock DESTINATION",
		Short: "Ends the lock of an e-mail address or phone number.",
		Long: `Ends the lock of an e-mail address or of a phone number with its country code, and resets what is counted for it:
wrong codes, wrong passwords and the messages of the last hour. First find out who was guessing: unlocking returns
their guesses.

Login codes by SMS are counted for the account's address and for the number: unlock both if such a login gets no code.
For ada+shop@example.com, the messages of the mailbox ada@example.com are reset too, but not its lock.

Times in the future, which a machine with a fast clock has written, are removed. Sessions that have ended and codes
that were used stay invalid. Limits of client IP addresses and paused prefixes stay as they are (see otpctl prefixes).`,
		Example: `  otpctl unlock ada@example.com
  otpctl unlock +4915112345678
  otpctl unlock ada@example.com --purpose login`,
		Annotations: console.Facts{
			"permissions": "dynamodb:UpdateItem secretsmanager:GetSecretValue",
			"document": `{"destination":"ada@example.com","wasLocked":true,"counters":[{"name":"login",
"before":{"lockedUntil":"2026-11-21T16:09:39Z","wrongCodes":5,"wrongPasswords":0,"messages":1,"futureTry":null,
"sessionsOverUntil":null},
"after":{"lockedUntil":null,"wrongCodes":0,"wrongPasswords":0,"messages":0,"futureTry":null,
"sessionsOverUntil":null}}],
"futurePasswordChange":null}`,
		},
		RunE: func(cmd *cobra.Command, args []string) error { return unlock(cmd.Context(), c, args[0], purpose) },
	}
	cmd.Flags().StringVar(&purpose, "purpose", "", "the purpose to reset, `verify|login|reset`; without it, every purpose")
	return cmd
}

func unlock(ctx context.Context, c *console.Console, typed, purpose string) error {
	to, err := console.ReadDestination(typed)
	if err != nil {
		return err
	}
	purposes, err := readPurposes(purpose, to)
	if err != nil {
		return err
	}
	d, err := deployed.Connect(ctx, c)
	if err != nil {
		return err
	}
	if d.Limits.Rule, err = d.Stack.AttemptLimit(); err != nil {
		return err
	}
	ring, err := d.Keys.Current(ctx)
	if err != nil {
		return err
	}
	now := d.Clock.Now()
	report := forgotten{To: to.String(), Counters: []forgottenCounter{}}
	err = report.forget(ctx, counters(d, ring, to, purposes), now)
	if err == nil && slices.Contains(purposes, otp.Reset) {
		var change time.Time
		change, err = d.Users.ForgetFutureChange(ctx, to.String(), now)
		report.PasswordChange = console.ShownTime(change)
	}
	report.done = err == nil
	return errors.Join(err, c.Answer(report, report.write))
}

// readPurposes returns the purposes that a destination is counted for: all of them, or the named one.
//
// Errors: *console.UsageError.
func readPurposes(named string, to console.Destination) ([]otp.Purpose, error) {
	all := []otp.Purpose{otp.Verify, otp.Login, otp.Reset}
	if to.Number != "" {
		all = all[:1]
	}
	switch purpose := otp.Purpose(named); {
	case named == "":
		return all, nil
	case slices.Contains(all, purpose):
		return []otp.Purpose{purpose}, nil
	case to.Number != "" && (purpose == otp.Login || purpose == otp.Reset):
		return nil, console.UsageErrorf("a %s is counted for the account: name its e-mail address", named)
	}
	return nil, console.UsageErrorf("--purpose must be verify, login or reset")
}

// counter is one item of the limits table in which a destination is counted.
type counter struct {
	name     string
	key      string
	forget   func(ctx context.Context, key string, now time.Time) (before store.Counted, err error)
	sendOnly bool // unlock forgets only the messages in it
}

func counters(d *deployed.Stack, ring *otp.Keyring, to console.Destination, purposes []otp.Purpose) (all []counter) {
	mailbox := otp.Mailbox(to.String())
	for _, purpose := range purposes {
		all = append(all, counter{name: string(purpose), key: ring.Subject(purpose, to.String()), forget: d.Limits.Unlock})
		if mailbox != to.String() {
			all = append(all, counter{name: string(purpose) + ", mailbox " + mailbox, key: ring.Subject(purpose, mailbox),
				forget: d.Limits.ForgetSends, sendOnly: true})
		}
	}
	return all
}

// forget empties the counters and notes each. If one fails, the earlier ones are emptied and noted.
func (f *forgotten) forget(ctx context.Context, counters []counter, now time.Time) error {
	for _, counter := range counters {
		before, err := counter.forget(ctx, counter.key, now)
		if err != nil {
			return err
		}
		after := store.Counted{}
		if counter.sendOnly {
			after, after.Sends = before, 0
		}
		f.Counters = append(f.Counters, forgottenCounter{counter.name, showCounted(before, now), showCounted(after, now)})
		f.WasLocked = f.WasLocked || before.LockedFor > after.LockedFor
		f.counted = f.counted || before != after
		f.future = f.future || !before.NotBefore.Equal(after.NotBefore) || !before.LastAttempt.Equal(after.LastAttempt)
	}
	return nil
}

// forgotten is what an unlock has done, up to its failure if it failed.
type forgotten struct {
	To        string             `json:"destination"`
	WasLocked bool               `json:"wasLocked"`
	Counters  []forgottenCounter `json:"counters"`

	PasswordChange *time.Time `json:"futurePasswordChange"` // the account's time, which was in the future; nil if it was not

	counted, future bool // something was counted; a time was in the future
	done            bool // nothing failed
}

type forgottenCounter struct {
	Name   string       `json:"name"`
	Before shownCounted `json:"before"`
	After  shownCounted `json:"after"`
}

// shownCounted is store.Counted in the form that is shown.
type shownCounted struct {
	LockedUntil *time.Time `json:"lockedUntil"`
	Attempts    int        `json:"wrongCodes"`
	Passwords   int        `json:"wrongPasswords"`
	Sends       int        `json:"messages"`

	// Times in the future, or nil.
	LastAttempt *time.Time `json:"futureTry"`         // of the last wrong code
	NotBefore   *time.Time `json:"sessionsOverUntil"` // sessions opened before it have ended
}

func showCounted(counted store.Counted, now time.Time) shownCounted {
	shown := shownCounted{Attempts: counted.Attempts, Passwords: counted.Passwords, Sends: counted.Sends,
		LastAttempt: console.ShownTime(counted.LastAttempt), NotBefore: console.ShownTime(counted.NotBefore)}
	if counted.LockedFor > 0 {
		shown.LockedUntil = console.ShownTime(now.Add(counted.LockedFor))
	}
	return shown
}

func (f forgotten) write(w io.Writer) error {
	t := console.NewTable(w, "COUNTED FOR", "WAS", "IS")
	for _, c := range f.Counters {
		t.Row(c.Name, c.Before.words(), c.After.words())
	}
	if err := t.End("Nothing was forgotten."); err != nil || !f.done {
		return err
	}
	if f.future || f.PasswordChange != nil {
		fmt.Fprintln(w, "A time in the future was forgotten, which a fast clock had written: new sessions and resets work again.")
	}
	_, err := fmt.Fprintln(w, f.words())
	return err
}

// words returns the last line of the report.
func (f forgotten) words() string {
	switch {
	case f.WasLocked:
		return "Unlocked " + f.To + "."
	case f.counted:
		return f.To + " was not locked; what was counted is forgotten."
	}
	return f.To + " was not locked, and nothing was counted."
}

// words returns the counts as a sentence.
func (counted shownCounted) words() string {
	var parts []string
	if counted.LockedUntil != nil {
		parts = append(parts, "locked until "+counted.LockedUntil.Format(time.RFC3339))
	}
	if counted.LastAttempt != nil {
		parts = append(parts, "last wrong code in the future, at "+console.UTC(*counted.LastAttempt))
	}
	if counted.NotBefore != nil {
		parts = append(parts, "sessions over until "+console.UTC(*counted.NotBefore))
	}
	for _, count := range []struct {
		n    int
		what string
	}{{counted.Attempts, "wrong code"}, {counted.Passwords, "wrong password"}, {counted.Sends, "message"}} {
		if count.n > 0 {
			parts = append(parts, console.Plural(count.n, count.what))
		}
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}
