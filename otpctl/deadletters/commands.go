package deadletters

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
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

    undelivered  no provider is known to have taken the message before it expired
    crashed      the send function failed on the message, or was throttled, five times
    position     the send function failed on records of the stream, or the retry queue rejected them; AWS keeps only
                 their place in the stream, and they cannot be read any more
    foreign      the queue's message is not a dead letter of this stack

ROW is the present state of the message's row: waiting (the message can still be sent), sent, ended (the code was used,
or the message was rejected permanently), expired, or gone. A position has no row.

The list changes nothing. While the command runs, usually for seconds, it hides the dead letters from other commands.
Dead letters that another command hides in the same way are counted but not listed.`,
		Example: "  otpctl deadletters list\n  otpctl deadletters list --json | jq '.data.letters[].since'",
		Annotations: console.Facts("sqs:ReceiveMessage sqs:ChangeMessageVisibility sqs:GetQueueAttributes "+readRow,
			`{"letters":[{"id":"8ee24be9","since":"2026-11-21T15:09:39Z","kind":"undelivered","row":"expired",
"meaning":"no provider is known to have taken the message before it expired"}],"hidden":0}`),
		RunE: deployed.Run(c, func(ctx context.Context, d *deployed.Stack, _ []string) error { return listLetters(ctx, c, d) }),
	}
}

// looking is how long a dead letter is hidden while the queue is listed.
const looking = 2 * time.Minute

type listedLetter struct {
	letter
	Meaning string `json:"meaning"`
}

type letterList struct {
	Letters []listedLetter `json:"letters"`
	Hidden  int            `json:"hidden"`
}

func listLetters(ctx context.Context, c *console.Console, d *deployed.Stack) error {
	q, err := deadLetters(d)
	if err != nil {
		return err
	}
	list := letterList{Letters: []listedLetter{}}
	err = q.each(ctx, batch, looking, func(l letter) bool {
		list.Letters = append(list.Letters, listedLetter{l, meanings[l.Kind]})
		return true
	})
	if err != nil {
		return err
	}
	slices.SortFunc(list.Letters, func(a, b listedLetter) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.messageID, b.messageID))
	})
	for i := range list.Letters {
		l := &list.Letters[i]
		if l.Row, err = q.state(ctx, l.letter); err != nil {
			return err
		}
	}
	if list.Hidden, err = q.hidden(ctx); err != nil {
		return err
	}
	return c.Answer(list, list.write)
}

func (list letterList) write(w io.Writer) {
	t := console.NewTable(w, "ID", "SINCE", "KIND", "ROW", "MEANING")
	for _, l := range list.Letters {
		t.Row(l.ID, console.UTC(l.Since), l.Kind, cmp.Or(l.Row, "-"), l.Meaning)
	}
	t.End("There are no dead letters.")
	if list.Hidden > 0 {
		fmt.Fprintf(w, "Another command has about %s more just now.\n", console.Plural(list.Hidden, "dead letter"))
	}
}

// RedriveCommand returns "otpctl deadletters redrive".
func RedriveCommand(c *console.Console) *cobra.Command {
	var drop bool
	cmd := &cobra.Command{
		Use:   "redrive",
		Short: "Sends dead letters again, unless they have expired.",
		Long: `Sends dead letters again, unless they have expired. First remove the cause, as docs/operations.md explains for
DeadLetterAlarm.

If a message can still be sent, the command puts it into the retry queue, from which the send function takes it, and
deletes the dead letter. The command also deletes the dead letter of a message that was sent meanwhile, or that
nobody needs any more. The log's "message" lines report whether each message was sent.

A code can be sent for minutes, a security notification for a day. A dead letter that has expired, or that is only a
position in the stream and so cannot be read, stays and is reported until --drop deletes it. If the expired
message was a security notification, notify the account's owner yourself. A message in the queue that is not a dead
letter of this stack always stays. If two redrives run at once, each handles a part of the dead letters.`,
		Example: "  otpctl deadletters redrive\n  otpctl deadletters redrive --drop --json",
		Annotations: console.Facts("sqs:ReceiveMessage sqs:SendMessage sqs:DeleteMessage sqs:ChangeMessageVisibility "+readRow,
			`{"letters":[{"id":"8ee24be9","since":"2026-11-21T15:09:39Z","kind":"crashed","row":"waiting","queued":true,
"deleted":true,"problem":""}],"queued":1,"deleted":1,"stay":0}`, "a dead letter stays"),
		RunE: deployed.Run(c, func(ctx context.Context, d *deployed.Stack, _ []string) error { return redriveLetters(ctx, c, d, drop) }),
	}
	cmd.Flags().BoolVar(&drop, "drop", false, "delete dead letters that cannot be sent any more")
	return cmd
}

// Time limits. Handling a dead letter must take less time than it is hidden, or another command would get it too.
const (
	redriving     = 5 * time.Minute
	letterTimeout = 4 * time.Minute
)

// redriven is the outcome of one dead letter.
type redriven struct {
	letter
	Queued  bool   `json:"queued"` // its message is in the retry queue
	Deleted bool   `json:"deleted"`
	Problem string `json:"problem"` // why it stays in the queue; empty if it does not
}

type redriveReport struct {
	Letters []redriven `json:"letters"`
	Queued  int        `json:"queued"`
	Deleted int        `json:"deleted"`
	Stay    int        `json:"stay"`
}

func redriveLetters(ctx context.Context, c *console.Console, d *deployed.Stack, drop bool) error {
	q, err := deadLetters(d)
	if err != nil {
		return err
	}
	report := redriveReport{Letters: []redriven{}}
	err = q.each(ctx, 1, redriving, func(l letter) (stays bool) {
		done := redriven{letter: l}
		// An interrupt must not leave it half done.
		if err := q.redrive(context.WithoutCancel(ctx), &done, drop); err != nil {
			done.Problem = deployed.Explain(err)
		}
		report.Letters = append(report.Letters, done)
		if done.Queued {
			report.Queued++
		}
		if done.Deleted {
			report.Deleted++
		} else {
			report.Stay++
		}
		return !done.Deleted
	})
	err = cmp.Or(err, c.Answer(report, report.write))
	if err == nil && report.Stay > 0 {
		err = console.ErrReported
	}
	return err
}

// redrive queues a dead letter's message and deletes the dead letter, each if it is right to do so.
func (q queue) redrive(ctx context.Context, l *redriven, drop bool) (err error) {
	ctx, cancel := context.WithTimeout(ctx, letterTimeout)
	defer cancel()
	if l.Row, err = q.state(ctx, l.letter); err != nil {
		return err
	}
	switch {
	case l.Kind == foreign:
		l.Problem = meanings[foreign]
		return nil
	case l.Row == waiting: // SendFunction reads the retry queue
		if _, err := q.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &q.retryURL, MessageBody: &l.body}); err != nil {
			return err
		}
		l.Queued = true
	case l.Row == sent, l.Row == ended, drop: // nothing is left to do, or nothing can be done
	default:
		l.Problem = "it cannot be sent any more: --drop deletes it"
		return nil
	}
	_, err = q.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &q.url, ReceiptHandle: &l.receipt})
	l.Deleted = err == nil
	return err
}

func (report redriveReport) write(w io.Writer) {
	t := console.NewTable(w, "ID", "SINCE", "KIND", "RESULT")
	for _, l := range report.Letters {
		t.Row(l.ID, console.UTC(l.Since), l.Kind, l.result())
	}
	t.End("There are no dead letters.")
	fmt.Fprintf(w, "%s queued, %d deleted, %d stay.\n", console.Plural(report.Queued, "message"), report.Deleted, report.Stay)
}

func (l redriven) result() string {
	switch {
	case l.Problem != "":
		return "stays: " + l.Problem
	case l.Queued:
		return "queued again"
	case l.Row == sent:
		return "deleted: it was sent since"
	case l.Row == ended:
		return "deleted: nobody needs it any more"
	}
	return "deleted: it could not be sent any more"
}
