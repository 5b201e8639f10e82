package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"streamotp/shared/store"
)

var prefixesList = command{
	name: "prefixes list", args: "",
	short: "Lists the number prefixes that SMS goes to, and which are paused.",
	long: `The guard against SMS pumping counts messages to new numbers by prefix, the country code and leading digits, and how many
of them were answered with their code, over a rolling day. A prefix where too few were is paused: until then no code goes
to a number of it that was not verified before. Paused ones come first, then those with the most messages. PAUSES is how
often it was paused lately; each pause is longer than the one before. This reads the whole table of limits. pausedUntil is
null where a prefix is not paused.`,
	examples:    []string{"prefixes list --paused"},
	permissions: []string{"dynamodb:Scan"},
	document:    `[{"prefix":"+4915112","messages":31,"verified":2,"pauses":1,"pausedUntil":"2026-11-21T16:09:39Z"}]`,
	declare: func(flags *flag.FlagSet) action {
		paused := flags.Bool("paused", false, "only those that are paused")
		return func(ctx context.Context, c *console, _ []string) error { return c.listPrefixes(ctx, *paused) }
	},
}

func (c *console) listPrefixes(ctx context.Context, onlyPaused bool) error {
	d, err := c.connect(ctx)
	if err != nil {
		return err
	}
	now := d.clock.now()
	var all []store.Prefix
	for prefix, err := range d.prefixes.List(ctx, now) {
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
	document := []object{}
	for _, p := range all {
		shown := object{"prefix": p.Name, "messages": p.Sends, "verified": p.Verified, "pauses": p.Pauses, "pausedUntil": nil}
		if !p.PausedUntil.IsZero() {
			shown["pausedUntil"] = pausedUntil(p)
		}
		document = append(document, shown)
	}
	none := "No SMS went to a new number in the last day."
	if onlyPaused {
		none = "No prefix is paused."
	}
	return c.answer(document, func(w io.Writer) error { return writePrefixes(w, all, none) })
}

func writePrefixes(w io.Writer, all []store.Prefix, none string) error {
	t := newTable(w, "PREFIX", "MESSAGES", "VERIFIED", "SHARE", "PAUSES", "PAUSED UNTIL")
	for _, p := range all {
		t.row(p.Name, p.Sends, p.Verified, share(p), p.Pauses, pausedUntil(p))
	}
	return t.end(none)
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

var prefixesRelease = command{
	name: "prefixes release", args: "PREFIX",
	short: "Ends the pause of a number prefix.",
	long: `PREFIX is as prefixes list shows it, as +4915112. Its pause ends at once, and its counts and earlier pauses are
forgotten: a new pause is as short as the first one. Release it once you know that people are waiting there; if it was
fraud, the guard lets as many messages through again as it did the first time.`,
	examples:    []string{"prefixes release +4915112"},
	permissions: []string{"dynamodb:DeleteItem"},
	document:    `{"prefix":"+4915112"}`,
	declare: func(*flag.FlagSet) action {
		return func(ctx context.Context, c *console, args []string) error { return c.releasePrefix(ctx, args[0]) }
	},
}

var (
	prefixPunctuation = strings.NewReplacer(" ", "", "-", "", "(", "", ")", "")
	prefixForm        = regexp.MustCompile(`^\+[0-9]{1,15}$`)
)

func (c *console) releasePrefix(ctx context.Context, typed string) error {
	prefix := prefixPunctuation.Replace(typed)
	if !prefixForm.MatchString(prefix) {
		return usageErrorf("prefix: must be a + and digits, as +4915112")
	}
	d, err := c.connect(ctx)
	if err != nil {
		return err
	}
	known, err := d.prefixes.Release(ctx, prefix)
	if err != nil {
		return err
	}
	if !known {
		return fmt.Errorf("nothing is known of the prefix %s: see otpctl prefixes list", prefix)
	}
	return c.answer(object{"prefix": prefix}, say("Released %s: codes go there again, and nothing of it is remembered.\n", prefix))
}
