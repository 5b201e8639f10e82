// Package prefixes has the commands for the number prefixes that SMS pumping protection counts and pauses.
package prefixes

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"streamotp/otpctl/console"
	"streamotp/otpctl/deployed"
	"streamotp/shared/store"
)

// ListCommand returns "otpctl prefixes list".
func ListCommand(c *console.Console) *cobra.Command {
	var paused bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Lists the number prefixes of SMS messages, the paused ones first.",
		Long: `Lists the number prefixes of SMS messages, the paused ones first. It reads the whole table of limits.

SMS pumping protection counts messages to new numbers by prefix (country code and leading digits) over a rolling day,
and how many of their codes were verified. A prefix with too few is paused: until the pause ends, no code goes to a
number of it that was not verified before. PAUSES counts the recent pauses; each is longer than the one before.`,
		Example: "  otpctl prefixes list --paused",
		Annotations: console.Facts{
			"permissions": "dynamodb:Scan",
			"document":    `[{"prefix":"+4915112","messages":31,"verified":2,"pauses":1,"pausedUntil":"2026-11-21T16:09:39Z"}]`,
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return listPrefixes(cmd.Context(), c, paused) },
	}
	cmd.Flags().BoolVar(&paused, "paused", false, "list only the paused prefixes")
	return cmd
}

func listPrefixes(ctx context.Context, c *console.Console, onlyPaused bool) error {
	d, err := deployed.Connect(ctx, c)
	if err != nil {
		return err
	}
	now := d.Clock.Now()
	var all []store.Prefix
	for prefix, err := range d.Prefixes.List(ctx, now) {
		if err != nil {
			return err
		}
		if !prefix.PausedUntil.After(now) {
			prefix.PausedUntil = time.Time{} // a pause that is over is history
		}
		if !onlyPaused || !prefix.PausedUntil.IsZero() {
			all = append(all, prefix)
		}
	}
	slices.SortFunc(all, func(a, b store.Prefix) int {
		return cmp.Or(b.PausedUntil.Compare(a.PausedUntil), b.Sends-a.Sends, cmp.Compare(a.Name, b.Name))
	})
	document := []console.Object{}
	for _, p := range all {
		shown := console.Object{"prefix": p.Name, "messages": p.Sends, "verified": p.Verified, "pauses": p.Pauses, "pausedUntil": nil}
		if !p.PausedUntil.IsZero() {
			shown["pausedUntil"] = pausedUntil(p)
		}
		document = append(document, shown)
	}
	none := "No SMS went to a new number in the last day."
	if onlyPaused {
		none = "No prefix is paused."
	}
	return c.Answer(document, func(w io.Writer) error { return writePrefixes(w, all, none) })
}

func writePrefixes(w io.Writer, all []store.Prefix, none string) error {
	t := console.NewTable(w, "PREFIX", "MESSAGES", "VERIFIED", "SHARE", "PAUSES", "PAUSED UNTIL")
	for _, p := range all {
		t.Row(p.Name, p.Sends, p.Verified, share(p), p.Pauses, pausedUntil(p))
	}
	return t.End(none)
}

func share(p store.Prefix) string {
	if p.Sends == 0 {
		return "-"
	}
	return fmt.Sprintf("%d %%", p.Verified*100/p.Sends)
}

func pausedUntil(p store.Prefix) string {
	if p.PausedUntil.IsZero() {
		return "-"
	}
	return p.PausedUntil.UTC().Format(time.RFC3339)
}

// ReleaseCommand returns "otpctl prefixes release".
func ReleaseCommand(c *console.Console) *cobra.Command {
	return &cobra.Command{
		Use:   "release PREFIX",
		Short: "Ends the pause of a number prefix.",
		Long: `Ends the pause of a number prefix, as otpctl prefixes list shows it, and resets its counts and earlier pauses.

Release a prefix once you know that people are waiting for their codes. If it was fraud, as many messages go out again
as before the first pause.`,
		Example: "  otpctl prefixes release +4915112",
		Annotations: console.Facts{
			"permissions": "dynamodb:DeleteItem",
			"document":    `{"prefix":"+4915112"}`,
		},
		RunE: func(cmd *cobra.Command, args []string) error { return releasePrefix(cmd.Context(), c, args[0]) },
	}
}

var (
	prefixPunctuation = strings.NewReplacer(" ", "", "-", "", "(", "", ")", "")
	prefixForm        = regexp.MustCompile(`^\+[0-9]{1,15}$`)
)

func releasePrefix(ctx context.Context, c *console.Console, typed string) error {
	prefix := prefixPunctuation.Replace(typed)
	if !prefixForm.MatchString(prefix) {
		return console.UsageErrorf("prefix: must be a + and digits, as +4915112")
	}
	d, err := deployed.Connect(ctx, c)
	if err != nil {
		return err
	}
	known, err := d.Prefixes.Release(ctx, prefix)
	if err != nil {
		return err
	}
	if !known {
		return fmt.Errorf("nothing is known of the prefix %s: see otpctl prefixes list", prefix)
	}
	return c.Answer(console.Object{"prefix": prefix}, console.Say("Released %s: codes go there again, and nothing of it is remembered.\n", prefix))
}
