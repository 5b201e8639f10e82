package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

var deadLettersRedrive = command{
	name: "deadletters redrive", args: "",
	short: "Has sent what could not be sent, where it still can be.",
	long: `For each letter it reads the records again and hands those that have not expired to the sender, the function SendFunction,
which sends only what was not sent before. A letter is deleted once all of its records are done: sent, sent before,
expired, to a suppressed address or refused by the provider for good; the log's "message" lines say which. One whose
records fail again stays, and so does one that is not this stack's. First see to the cause, as docs/operations.md says of
DeadLetterAlarm.

Records are gone from the stream after 24 hours, and none of them could be sent by then: a code lives for minutes, a
notice to an owner for a day. A letter with such records is reported and stays, until --drop-gone deletes it. Tell by
hand whom a notice should have told.

Two redrives at once share the letters. Records of the same seconds may stand in two letters, and the mapping itself may
still be trying one that lies between a letter's: within the second that a provider takes, such a message can go out
twice. To be sure of not, wait a minute after the last failure and run one redrive at a time.`,
	examples:    []string{"deadletters redrive", "deadletters redrive --drop-gone --json"},
	permissions: []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "dynamodb:GetShardIterator", "dynamodb:GetRecords", "lambda:InvokeFunction"},
	failure:     "a letter stays",
	document: `{"letters":[{"id":"8ee24be9","failedAt":"2026-11-21T15:09:39Z","handed":2,"failed":0,"expired":1,"gone":false,
"deleted":true,"problem":""}],"deleted":1,"stay":0}`,
	declare: func(flags *flag.FlagSet) action {
		dropGone := flags.Bool("drop-gone", false, "delete letters whose records are gone")
		return func(ctx context.Context, c *console, _ []string) error { return c.redriveLetters(ctx, *dropGone) }
	},
}

// How long things may take: a letter less than it is hidden, a call of the sender more than its Timeout of 15 s.
const (
	redriving     = 5 * time.Minute
	letterTimeout = 4 * time.Minute
	senderTimeout = 30 * time.Second
)

// redriven is what became of a letter.
type redriven struct {
	ID       string    `json:"id"`
	FailedAt time.Time `json:"failedAt"`
	Handed   int       `json:"handed"`  // records handed to the sender
	Failed   int       `json:"failed"`  // of them, those that failed again
	Expired  int       `json:"expired"` // records that were left out
	Gone     bool      `json:"gone"`    // some or all records are no longer in the stream
	Deleted  bool      `json:"deleted"`
	Problem  string    `json:"problem"` // why the letter stays, or stayed that long
}

type redriveReport struct {
	Letters []redriven `json:"letters"`
	Deleted int        `json:"deleted"`
	Stay    int        `json:"stay"`
}

// redriver works through the letters.
type redriver struct {
	queue
	source
	sender   sender
	dropGone bool
	now      func() time.Time
	done     map[string]bool // records of this run, by shard and sequence number: letters overlap
}

func (c *console) redriveLetters(ctx context.Context, dropGone bool) error {
	d, err := c.connect(ctx)
	if err != nil {
		return err
	}
	q, err := d.deadLetters()
	if err == nil {
		err = d.stack.need("SendFunctionName")
	}
	if err != nil {
		return err
	}
	r := redriver{queue: q, source: source{dynamodbstreams.NewFromConfig(d.cfg)}, dropGone: dropGone, now: c.now, done: map[string]bool{},
		sender: newSender(d.cfg, d.stack.outputs["SendFunctionName"])}
	report, err := r.run(ctx)
	if e := c.answer(report, report.write); err == nil {
		err = e
	}
	if err == nil && report.Stay > 0 {
		err = errReported
	}
	return err
}

// run redrives each letter once. Those that stay are hidden until the end, or they would come again at once.
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
		done := r.redrive(context.WithoutCancel(ctx), l) // what was begun is done to its end
		report.Letters = append(report.Letters, done)
		if done.Deleted {
			report.Deleted++
		} else {
			report.Stay, stay = report.Stay+1, append(stay, l)
		}
	}
	return report, ctx.Err()
}

// redrive does one letter.
func (r redriver) redrive(ctx context.Context, l letter) redriven {
	ctx, cancel := context.WithTimeout(ctx, letterTimeout)
	defer cancel()
	out := redriven{ID: l.id, FailedAt: l.Timestamp, Problem: l.wrong}
	if l.wrong != "" {
		return out
	}
	records, complete, err := r.records(ctx, l)
	out.Gone = !complete
	if err == nil {
		alive := live(records, r.now())
		out.Expired = len(records) - len(alive)
		err = r.hand(ctx, alive, l, &out)
	}
	switch {
	case err != nil:
		out.Problem = explain(err)
	case out.Failed > 0:
		out.Problem = "the sender failed again: see the log's ProviderError"
	case out.Gone && !r.dropGone:
		out.Problem = "records are gone from the stream, after 24 hours: --drop-gone deletes the letter"
	default:
		err = r.remove(ctx, l)
		out.Deleted = err == nil
		if err != nil {
			out.Problem = explain(err)
		}
	}
	return out
}

// hand gives records to the sender, as many at once as the mapping does, and counts those that failed.
func (r redriver) hand(ctx context.Context, records []streamtypes.Record, l letter, out *redriven) error {
	name := func(record streamtypes.Record) string { return l.Batch.Shard + " " + sequenceOf(record) }
	records = slices.DeleteFunc(records, func(record streamtypes.Record) bool { return r.done[name(record)] })
	for group := range slices.Chunk(records, batch) {
		failed, err := r.sender.send(ctx, group, l.Batch.Stream)
		if err != nil {
			failed = group
		}
		out.Handed, out.Failed = out.Handed+len(group), out.Failed+len(failed)
		for _, record := range group {
			r.done[name(record)] = !slices.ContainsFunc(failed, func(f streamtypes.Record) bool { return sequenceOf(f) == sequenceOf(record) })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (report redriveReport) write(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FAILED AT\tHANDED OVER\tFAILED\tEXPIRED\tLETTER")
	for _, l := range report.Letters {
		at, state := "-", "stays: "+printable(l.Problem)
		if !l.FailedAt.IsZero() {
			at = l.FailedAt.UTC().Format(time.RFC3339)
		}
		if l.Deleted {
			state = "deleted"
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%s\n", at, l.Handed, l.Failed, l.Expired, state)
	}
	flush(table)
	_, err := fmt.Fprintf(w, "%s deleted, %d stay.\n", plural(report.Deleted, "letter"), report.Stay)
	return err
}

// sender is the function that sends, called as its event source mapping does.
type sender struct {
	client *lambda.Client
	name   string
}

// newSender makes one that calls once: a second call beside the first could send twice.
func newSender(cfg aws.Config, name string) sender {
	return sender{lambda.NewFromConfig(cfg, func(o *lambda.Options) {
		o.HTTPClient = awshttp.NewBuildableClient().WithTimeout(senderTimeout)
		o.Retryer = aws.NopRetryer{}
	}), name}
}

// send hands records over and returns those that failed. Where it returns an error, all may have.
func (s sender) send(ctx context.Context, records []streamtypes.Record, stream string) (failed []streamtypes.Record, err error) {
	event, err := eventOf(records, stream)
	if err != nil {
		return nil, err
	}
	out, err := s.client.Invoke(ctx, &lambda.InvokeInput{FunctionName: &s.name, Payload: event})
	if err != nil {
		return nil, err
	}
	if out.FunctionError != nil {
		return nil, fmt.Errorf("the sender failed (%s): see its log", *out.FunctionError)
	}
	var answer map[string][]struct{ ItemIdentifier string }
	err = json.Unmarshal(out.Payload, &answer)
	failures, ok := answer["batchItemFailures"] // null where none failed
	if err != nil || !ok {
		return nil, errNoAnswer
	}
	for _, f := range failures {
		at := slices.IndexFunc(records, func(r streamtypes.Record) bool { return sequenceOf(r) == f.ItemIdentifier })
		if at < 0 {
			return nil, errNoAnswer
		}
		failed = append(failed, records[at])
	}
	return failed, nil
}

var errNoAnswer = errors.New("the sender gave no answer of its kind: is the output SendFunctionName right?")

// sequenceOf is a record's sequence number.
func sequenceOf(r streamtypes.Record) string { return aws.ToString(r.Dynamodb.SequenceNumber) }
