// Package prefixes has the commands for the number prefixes that SMS pumping protection counts and pauses.
package prefixes

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
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
		Long: `Lists the number prefixes of SMS messages, the paused ones first. The command reads the whole table of limits.

SMS pumping protection counts the messages to new numbers of each prefix (country code and leading digits) today and
yesterday (UTC), and how many of their codes were verified. If too few were verified, the prefix is paused: until the
pause ends, no code goes to numbers of the prefix that were not verified before. PAUSES counts the recent pauses; each
pause is longer than the previous one, up to a day.`,
		Example: "  otpctl prefixes list --paused",
		Annotations: console.Facts("dynamodb:Scan",
			`[{"prefix":"+4915112","messages":31,"verified":2,"pauses":1,"pausedUntil":"2026-11-21T16:09:39Z"}]`),
		RunE: deployed.Run(c, func(ctx context.Context, d *deployed.Stack, _ []string) error {
			now, none := d.Clock.Now(), "No SMS went to a new number in the last day."
			if paused {
				none = "No prefix is paused."
			}
			pausedUntil := func(p store.Prefix) time.Time {
				if p.PausedUntil.After(now) {
					return p.PausedUntil
				}
				return time.Time{} // a pause that is over is history
			}
			all := console.Sorted(d.Prefixes.List(ctx, now),
				func(p store.Prefix) bool { return !paused || !pausedUntil(p).IsZero() },
				func(a, b store.Prefix) int {
					return cmp.Or(pausedUntil(b).Compare(pausedUntil(a)), b.Sends-a.Sends, cmp.Compare(a.Name, b.Name))
				})
			header := []any{"PREFIX", "MESSAGES", "VERIFIED", "SHARE", "PAUSES", "PAUSED UNTIL"}
			return console.List(c, none, header, all, func(p store.Prefix) (any, []any) {
				share, until := "-", pausedUntil(p)
				if p.Sends > 0 {
					share = fmt.Sprintf("%d %%", p.Verified*100/p.Sends)
				}
				return console.Object{"prefix": p.Name, "messages": p.Sends, "verified": p.Verified, "pauses": p.Pauses, "pausedUntil": console.ShownTime(until)},
					[]any{p.Name, p.Sends, p.Verified, share, p.Pauses, console.UTC(until)}
			})
		}),
	}
	cmd.Flags().BoolVar(&paused, "paused", false, "list only the paused prefixes")
	return cmd
}

// ReleaseCommand returns "otpctl prefixes release".
func ReleaseCommand(c *console.Console) *cobra.Command {
	return &cobra.Command{
		Use:   "release PREFIX",
		Short: "Ends the pause of a number prefix.",
		Long: `Ends the pause of a number prefix, and resets its counts and earlier pauses. PREFIX is as otpctl prefixes list
shows it.

Release a prefix only if you know that honest people are waiting for their codes. If the messages were fraudulent, the
fraud can go on: until the prefix is paused again, it may get as many messages as before its first pause.`,
		Example: "  otpctl prefixes release +4915112",
		Annotations: console.Facts("dynamodb:DeleteItem",
			`{"prefix":"+4915112"}`),
		RunE: func(cmd *cobra.Command, args []string) error {
			prefix := prefixPunctuation.Replace(args[0])
			if !prefixForm.MatchString(prefix) {
				return console.UsageErrorf("prefix: must be a + and digits, as +4915112")
			}
			d, err := deployed.Connect(cmd.Context(), c)
			if err != nil {
				return err
			}
			known, err := d.Prefixes.Release(cmd.Context(), prefix)
			if err != nil {
				return err
			}
			if !known {
				return fmt.Errorf("nothing is known of the prefix %s: see otpctl prefixes list", prefix)
			}
			return c.Answer(console.Object{"prefix": prefix}, console.Say("Released %s: codes go there again, and nothing of it is remembered.\n", prefix))
		},
	}
}

var (
	prefixPunctuation = strings.NewReplacer(" ", "", "-", "", "(", "", ")", "")
	prefixForm        = regexp.MustCompile(`^\+[0-9]{1,15}$`)
)
