package deadletters

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"streamotp/otpctl/console"
	"streamotp/otpctl/deployed"
)

// RedriveCommand returns "otpctl deadletters redrive".
func RedriveCommand(c *console.Console) *cobra.Command {
	var drop bool
	cmd := &cobra.Command{
		Use:   "redrive",
		Short: "Sends dead letters again, unless they have expired.",
		Long: `Sends dead letters again, unless they have expired. First remove the cause, as docs/operations.md explains for
DeadLetterAlarm.

A message that can still be sent goes into the retry queue, from where the send function takes it, and its dead letter
is deleted. The dead letter of a message that was sent since, or that nobody needs any more, is deleted. The log's
"message" lines report what became of each message.

A code can be sent for minutes, a security notification for a day. A dead letter that has expired, or that is a
position in the stream, stays and is reported until --drop deletes it: notify the account owner yourself. A message
that is no dead letter of this stack always stays. Two redrives at once share the dead letters.`,
		Example: "  otpctl deadletters redrive\n  otpctl deadletters redrive --drop --json",
		Annotations: console.Facts{
			"permissions": "sqs:ReceiveMessage sqs:SendMessage sqs:DeleteMessage sqs:ChangeMessageVisibility " + readRow,
			"failure":     "a dead letter stays",
			"document": `{"letters":[{"id":"8ee24be9","since":"2026-11-21T15:09:39Z","kind":"crashed","row":"waiting","queued":true,
"deleted":true,"problem":""}],"queued":1,"deleted":1,"stay":0}`,
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return redriveLetters(cmd.Context(), c, drop) },
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
	ID      string    `json:"id"`
	Since   time.Time `json:"since"`
	Kind    string    `json:"kind"`
	Row     string    `json:"row"`    // the state of its row; empty if it has none
	Queued  bool      `json:"queued"` // its message is in the retry queue
	Deleted bool      `json:"deleted"`
	Problem string    `json:"problem"` // why it stays in the queue; empty if it does not
}

type redriveReport struct {
	Letters []redriven `json:"letters"`
	Queued  int        `json:"queued"`
	Deleted int        `json:"deleted"`
	Stay    int        `json:"stay"`
}

// redriver handles the dead letters one by one.
type redriver struct {
	queue
	drop bool
	now  func() time.Time
}

func redriveLetters(ctx context.Context, c *console.Console, drop bool) error {
	d, err := deployed.Connect(ctx, c)
	if err != nil {
		return err
	}
	q, err := deadLetters(d)
	if err != nil {
		return err
	}
	report, err := redriver{queue: q, drop: drop, now: d.Clock.Now}.run(ctx)
	if e := c.Answer(report, report.write); err == nil {
		err = e
	}
	if err == nil && report.Stay > 0 {
		err = console.ErrReported
	}
	return err
}

// run redrives each dead letter once. Those that stay in the queue are hidden until the end, as SQS would return them
// again otherwise.
func (r redriver) run(ctx context.Context) (report redriveReport, err error) {
	report.Letters = []redriven{}
	var stay []letter
	defer func() {
		if e := r.show(context.WithoutCancel(ctx), stay); err == nil {
			err = e
		}
	}()
	for ctx.Err() == nil {
		got, err := r.receive(ctx, 1, redriving)
		if err != nil || len(got) == 0 {
			return report, err
		}
		l := got[0]
		if ctx.Err() != nil {
			stay = append(stay, l)
			break
		}
		if at := slices.IndexFunc(stay, func(x letter) bool { return x.id == l.id }); at >= 0 {
			stay[at] = l // with its new receipt
			continue
		}
		done := r.redrive(context.WithoutCancel(ctx), l) // so that an interrupt does not leave it half done
		if report.add(done); !done.Deleted {
			stay = append(stay, l)
		}
	}
	return report, ctx.Err()
}

func (report *redriveReport) add(done redriven) {
	report.Letters = append(report.Letters, done)
	if done.Queued {
		report.Queued++
	}
	if done.Deleted {
		report.Deleted++
	} else {
		report.Stay++
	}
}

// redrive handles one dead letter.
func (r redriver) redrive(ctx context.Context, l letter) redriven {
	ctx, cancel := context.WithTimeout(ctx, letterTimeout)
	defer cancel()
	out := redriven{ID: l.name(), Since: l.since, Kind: l.kind}
	if err := r.try(ctx, l, &out); err != nil {
		out.Problem = deployed.Explain(err)
	}
	return out
}

// try queues a dead letter's message and deletes the dead letter, each if it is right to do so.
func (r redriver) try(ctx context.Context, l letter, out *redriven) (err error) {
	if out.Row, err = r.state(ctx, l, r.now()); err != nil {
		return err
	}
	switch {
	case l.kind == foreign:
		out.Problem = meanings[foreign]
		return nil
	case out.Row == waiting:
		if err := r.retry(ctx, l); err != nil {
			return err
		}
		out.Queued = true
	case out.Row == sent, out.Row == ended, r.drop: // nothing is left to do, or nothing can be done
	default:
		out.Problem = "it cannot be sent any more: --drop deletes it"
		return nil
	}
	err = r.remove(ctx, l)
	out.Deleted = err == nil
	return err
}

func (report redriveReport) write(w io.Writer) error {
	t := console.NewTable(w, "ID", "SINCE", "KIND", "RESULT")
	for _, l := range report.Letters {
		t.Row(l.ID, l.Since.Format(time.RFC3339), l.Kind, l.result())
	}
	if err := t.End("There are no dead letters."); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%s queued, %d deleted, %d stay.\n", console.Plural(report.Queued, "message"), report.Deleted, report.Stay)
	return err
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
