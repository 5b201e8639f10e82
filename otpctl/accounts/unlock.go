package accounts

import (
	"cmp"
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
		Long: `Ends the lock of an e-mail address, or of a phone number with its country code, and resets its counts of wrong codes,
wrong passwords and messages of the last hour. First find out who was guessing, because afterwards the same person can
guess as often again.

A login by SMS counts for the account's address and for the number: if the login gets no code, unlock both. For
ada+shop@example.com, the command also resets the messages of the mailbox ada@example.com, but not the mailbox's lock.

The command removes times that lie in the future, which a machine with a fast clock has written. Sessions that have
ended and codes that were used stay invalid. Limits of client IP addresses and paused prefixes stay as they are (see
otpctl prefixes).`,
		Example: `  otpctl unlock ada@example.com
  otpctl unlock +4915112345678
  otpctl unlock ada@example.com --purpose login`,
		Annotations: console.Facts("dynamodb:UpdateItem secretsmanager:GetSecretValue",
			`{"destination":"ada@example.com","wasLocked":true,"counters":[{"name":"login",
"before":{"lockedUntil":"2026-11-21T16:09:39Z","wrongCodes":5,"wrongPasswords":0,"messages":1,"futureTry":null,
"sessionsOverUntil":null},
"after":{"lockedUntil":null,"wrongCodes":0,"wrongPasswords":0,"messages":0,"futureTry":null,
"sessionsOverUntil":null}}],
"futurePasswordChange":null}`),
		RunE: func(cmd *cobra.Command, args []string) error { return unlock(cmd.Context(), c, args[0], purpose) },
	}
	cmd.Flags().StringVar(&purpose, "purpose", "", "reset only this `"+strings.Join(otp.PurposeNames(), "|")+"`")
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
	if d.Limits.Rule, err = d.AttemptLimit(); err != nil {
		return err
	}
	ring, err := d.Keys.Current(ctx)
	if err != nil {
		return err
	}
	now := d.Clock.Now()
	report := forgotten{To: to.String(), Counters: []forgottenCounter{}}
	err = report.forget(ctx, d, ring, to.String(), purposes, now)
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
// Errors: console.UsageError.
func readPurposes(named string, to console.Destination) ([]otp.Purpose, error) {
	all := otp.Purposes
	purpose := otp.Purpose(named)
	switch {
	case named != "" && !slices.Contains(all, purpose):
		return nil, console.UsageErrorf("--purpose must be verify, login, reset or passwordless")
	case to.Number != "" && named != "" && purpose != otp.Verify:
		return nil, console.UsageErrorf("a %s is counted for the account: name its e-mail address", named)
	case named != "":
		return []otp.Purpose{purpose}, nil
	case to.Number != "":
		return []otp.Purpose{otp.Verify}, nil
	}
	return all, nil
}

// forget empties the items of the limits table in which a destination is counted, and notes each. If one fails, the earlier
// ones are emptied and noted.
func (f *forgotten) forget(ctx context.Context, d *deployed.Stack, ring *otp.Keyring, to string, purposes []otp.Purpose, now time.Time) error {
	for _, purpose := range purposes {
		before, err := d.Limits.Unlock(ctx, ring.Subject(purpose, to), now)
		if err != nil {
			return err
		}
		f.note(string(purpose), before, store.Counted{}, now)
		mailbox := otp.Mailbox(to)
		if mailbox == to {
			continue
		}
		if before, err = d.Limits.ForgetSends(ctx, ring.Subject(purpose, mailbox), now); err != nil {
			return err
		}
		after := before
		after.Sends = 0
		f.note(string(purpose)+", mailbox "+mailbox, before, after, now)
	}
	return nil
}

func (f *forgotten) note(name string, before, after store.Counted, now time.Time) {
	f.Counters = append(f.Counters, forgottenCounter{name, showCounted(before, now), showCounted(after, now)})
	f.WasLocked = f.WasLocked || before.LockedFor > after.LockedFor
	f.counted = f.counted || before != after
	f.future = f.future || !before.NotBefore.Equal(after.NotBefore) || !before.LastAttempt.Equal(after.LastAttempt)
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

func (f forgotten) write(w io.Writer) {
	t := console.NewTable(w, "COUNTED FOR", "WAS", "IS")
	for _, c := range f.Counters {
		t.Row(c.Name, c.Before.words(), c.After.words())
	}
	t.End("Nothing was forgotten.")
	if f.done && (f.future || f.PasswordChange != nil) {
		fmt.Fprintln(w, "A time in the future was forgotten, which a fast clock had written: new sessions and resets work again.")
	}
	switch {
	case !f.done:
	case f.WasLocked:
		fmt.Fprintf(w, "Unlocked %s.\n", f.To)
	case f.counted:
		fmt.Fprintf(w, "%s was not locked; its counters were reset.\n", f.To)
	default:
		fmt.Fprintf(w, "%s was not locked, and nothing was counted.\n", f.To)
	}
}

// words returns the counts as a sentence.
func (counted shownCounted) words() string {
	var parts []string
	for _, at := range []struct {
		time *time.Time
		what string
	}{
		{counted.LockedUntil, "locked until "}, {counted.LastAttempt, "last wrong code in the future, at "}, {counted.NotBefore, "sessions over until "},
	} {
		if at.time != nil {
			parts = append(parts, at.what+console.UTC(*at.time))
		}
	}
	for _, count := range []struct {
		n    int
		what string
	}{{counted.Attempts, "wrong code"}, {counted.Passwords, "wrong password"}, {counted.Sends, "message"}} {
		if count.n > 0 {
			parts = append(parts, console.Plural(count.n, count.what))
		}
	}
	return cmp.Or(strings.Join(parts, ", "), "nothing")
}
