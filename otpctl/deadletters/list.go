package deadletters

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"streamotp/otpctl/console"
	"streamotp/otpctl/deployed"
)

// ListCommand returns "otpctl deadletters list".
func ListCommand(c *console.Console) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Lists the dead letters: messages that could not be sent.",
		Long: `Lists the dead letters: messages that could not be sent. They stay in the dead-letter queue for 14 days and hold
neither a code nor an address. KIND is one of these:

    undelivered  no provider took the message before it expired
    crashed      the send function failed on the message, or was throttled, five times
    position     the send function failed on records of the stream, or the retry queue rejected them; AWS keeps only
                 their place in the stream, and they cannot be read any more
    foreign      it is no dead letter of this stack

ROW is the state of the message's row now: waiting (it can still be sent), sent, ended (its code was used, or its
message was refused for good), expired, or gone. A position has none.

The list changes nothing. While it runs, mostly seconds, the dead letters are hidden from other commands. A dead
letter that another command has is counted but not listed.`,
		Example: "  otpctl deadletters list\n  otpctl deadletters list --json | jq '.data.letters[].since'",
		Annotations: console.Facts{
			"permissions": "sqs:ReceiveMessage sqs:ChangeMessageVisibility sqs:GetQueueAttributes " + readRow,
			"document": `{"letters":[{"id":"8ee24be9","since":"2026-11-21T15:09:39Z","kind":"undelivered","row":"expired",
"meaning":"no provider took the message before it expired"}],"hidden":0}`,
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return listLetters(cmd.Context(), c) },
	}
}

// listedLetter is a dead letter in the form that is shown.
type listedLetter struct {
	ID      string    `json:"id"`
	Since   time.Time `json:"since"`
	Kind    string    `json:"kind"`
	Row     string    `json:"row"` // the state of its row; empty if it has none
	Meaning string    `json:"meaning"`
}

type letterList struct {
	Letters []listedLetter `json:"letters"`
	Hidden  int            `json:"hidden"`
}

func listLetters(ctx context.Context, c *console.Console) error {
	d, err := deployed.Connect(ctx, c)
	if err != nil {
		return err
	}
	q, err := deadLetters(d)
	if err != nil {
		return err
	}
	letters, err := q.all(ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(letters, func(a, b letter) int { return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.id, b.id)) })
	list := letterList{Letters: []listedLetter{}}
	for _, l := range letters {
		state, err := q.state(ctx, l, d.Clock.Now())
		if err != nil {
			return err
		}
		list.Letters = append(list.Letters, listedLetter{ID: l.name(), Since: l.since, Kind: l.kind, Row: state, Meaning: meanings[l.kind]})
	}
	if list.Hidden, err = q.hidden(ctx); err != nil {
		return err
	}
	return c.Answer(list, list.write)
}

func (list letterList) write(w io.Writer) error {
	t := console.NewTable(w, "ID", "SINCE", "KIND", "ROW", "MEANING")
	for _, l := range list.Letters {
		t.Row(l.ID, l.Since.Format(time.RFC3339), l.Kind, cmp.Or(l.Row, "-"), l.Meaning)
	}
	err := t.End("There are no dead letters.")
	if list.Hidden > 0 {
		fmt.Fprintf(w, "Another command has about %s more just now.\n", console.Plural(list.Hidden, "dead letter"))
	}
	return err
}
