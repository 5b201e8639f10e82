package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
)

var deadLettersList = command{
	name: "deadletters list", args: "",
	short: "Lists what could not be sent.",
	long: `A message that fails five times ends in the dead-letter queue, for 14 days, as a letter: which records of the stream, and
not what is in them. The records themselves are kept for 24 hours. TRIES is how often the sender was called with them,
REASON is Lambda's: RetryAttemptsExhausted, or RecordAgeExceeded after an hour. READABLE says whether the records can
still be read again: yes, partly (the first ones are gone) or no.

It leaves the letters where they are. They are hidden from others while it looks, seconds for most queues. One that
somebody else looks at or redrives just now is not listed but counted.`,
	examples:    []string{"deadletters list", "deadletters list --json | jq '.letters[].failedAt'"},
	permissions: []string{"sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes", "dynamodb:GetShardIterator"},
	document: `{"letters":[{"id":"8ee24be9","failedAt":"2026-11-21T15:09:39Z","shard":"shardId-00000001","start":"100","end":"300",
"records":2,"reason":"RetryAttemptsExhausted","tries":5,"readable":"yes","problem":""}],"hidden":0}`,
	declare: func(*flag.FlagSet) action {
		return func(ctx context.Context, c *console, _ []string) error { return c.listLetters(ctx) }
	},
}

// listedLetter is a letter as it is shown.
type listedLetter struct {
	ID       string    `json:"id"`
	FailedAt time.Time `json:"failedAt"`
	Shard    string    `json:"shard"`
	Start    string    `json:"start"`
	End      string    `json:"end"`
	Records  int       `json:"records"`
	Reason   string    `json:"reason"`
	Tries    int       `json:"tries"`
	Readable string    `json:"readable"`
	Problem  string    `json:"problem"` // what it is, where it is no letter of this stack
}

type letterList struct {
	Letters []listedLetter `json:"letters"`
	Hidden  int            `json:"hidden"`
}

func (c *console) listLetters(ctx context.Context) error {
	d, err := c.connect(ctx)
	if err != nil {
		return err
	}
	q, err := d.deadLetters()
	if err != nil {
		return err
	}
	letters, err := q.all(ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(letters, func(a, b letter) int { return cmp.Or(a.Timestamp.Compare(b.Timestamp), cmp.Compare(a.id, b.id)) })
	list := letterList{Letters: []listedLetter{}}
	stream := source{dynamodbstreams.NewFromConfig(d.cfg)}
	for _, l := range letters {
		shown := showLetter(l)
		if l.wrong == "" {
			if shown.Readable, err = stream.state(ctx, l); err != nil {
				return err
			}
		}
		list.Letters = append(list.Letters, shown)
	}
	if list.Hidden, err = q.hidden(ctx); err != nil {
		return err
	}
	return c.answer(list, list.write)
}

func showLetter(l letter) listedLetter {
	if l.wrong != "" {
		return listedLetter{ID: l.id, Readable: gone, Problem: l.wrong}
	}
	return listedLetter{ID: l.id, FailedAt: l.Timestamp, Shard: l.Batch.Shard, Start: l.Batch.Start, End: l.Batch.End,
		Records: l.Batch.Size, Reason: l.Request.Condition, Tries: l.Request.Invocations}
}

func (list letterList) write(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FAILED AT\tRECORDS\tREASON\tTRIES\tREADABLE\tSHARD")
	for _, l := range list.Letters {
		if l.Problem != "" {
			fmt.Fprintf(table, "-\t-\t%s\t-\t%s\t-\n", l.Problem, l.Readable)
			continue
		}
		fmt.Fprintf(table, "%s\t%d\t%s\t%d\t%s\t%s\n", l.FailedAt.UTC().Format(time.RFC3339), l.Records, printable(l.Reason), l.Tries,
			l.Readable, printable(l.Shard))
	}
	flush(table)
	if list.Hidden > 0 {
		fmt.Fprintf(w, "About %s more: somebody looks at them or redrives them just now.\n", plural(list.Hidden, "letter"))
	}
	return nil
}
