// Package deadletters has the commands that list dead letters (messages that could not be sent) and redrive them (C8).
package deadletters

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"streamotp/otpctl/deployed"
	"streamotp/shared/otp"
	"streamotp/shared/store"
)

// The kinds of dead letters.
const (
	undelivered = "undelivered" // a pointer to a row that expired before a provider accepted its message
	crashed     = "crashed"     // a pointer for which SendFunction failed each time
	position    = "position"    // a place in the stream, which has no pointer
	foreign     = "foreign"     // not a dead letter of this stack
)

var meanings = map[string]string{
	undelivered: "no provider took the message before it expired",
	crashed:     "the send function failed on the message, or was throttled, five times",
	position:    "the send function failed on records of the stream, or the retry queue rejected them; they cannot be read any more",
	foreign:     "this is no dead letter of this stack",
}

// The states of a pointer's row. For a row that is gone, it is unknown whether its message was sent.
const (
	waiting = "waiting" // its message can still be sent
	sent    = "sent"
	expired = "expired"
	ended   = "ended" // nobody needs the message any more: the code was used, or the provider rejected the message, or it bounced
	gone    = "gone"
)

// readRow is the IAM permission that queue.state needs.
const readRow = "dynamodb:Query"

// queue is the stack's dead-letter queue, with the retry queue and the table that its pointers refer to.
type queue struct {
	client   *sqs.Client
	url      string
	retryURL string
	codes    store.Codes
}

func deadLetters(d *deployed.Stack) (queue, error) {
	outputs := d.Stack.Outputs
	q := queue{sqs.NewFromConfig(d.Config), outputs["DeadLetterQueueUrl"], outputs["RetryQueueUrl"],
		store.Codes{DB: dynamodb.NewFromConfig(d.Config), Table: outputs["CodesTableName"]}}
	return q, d.Stack.Need("DeadLetterQueueUrl", "RetryQueueUrl", "CodesTableName")
}

// letter is a message in the dead-letter queue.
type letter struct {
	id, receipt, body string
	since             time.Time // when it was first queued; a pointer may have been in the retry queue before
	kind              string
	row               pointer // if it is a pointer
}

type pointer = store.Pointer

// name returns the name of a dead letter: part of its message's id, which reveals nothing about its row.
func (l letter) name() string { return l.id[:min(8, len(l.id))] }

func (l letter) isPointer() bool { return l.kind == undelivered || l.kind == crashed }

func (q queue) read(m types.Message) letter {
	l := letter{id: aws.ToString(m.MessageId), receipt: aws.ToString(m.ReceiptHandle), body: aws.ToString(m.Body), kind: foreign}
	if at, err := strconv.ParseInt(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64); err == nil {
		l.since = time.UnixMilli(at).UTC()
	}
	var body struct {
		pointer
		Batch struct {
			Stream string `json:"streamArn"`
		} `json:"DDBStreamBatchInfo"` // "Retain discarded records for a DynamoDB event source in Lambda"
	}
	switch {
	case json.Unmarshal([]byte(l.body), &body) != nil:
	case body.Valid() && m.Attributes[string(types.MessageSystemAttributeNameDeadLetterQueueSourceArn)] != "":
		l.kind, l.row = crashed, body.pointer // SQS moved it here from the retry queue
	case body.Valid():
		l.kind, l.row = undelivered, body.pointer
	case strings.Contains(body.Batch.Stream, ":table/"+q.codes.Table+"/stream/"):
		l.kind = position
	}
	return l
}

// state returns the state of a dead letter's row, or "" if the dead letter is not a pointer.
func (q queue) state(ctx context.Context, l letter, now time.Time) (string, error) {
	if !l.isPointer() {
		return "", nil
	}
	m, err := q.codes.Message(ctx, l.row.SessionID, l.row.Code)
	switch {
	case errors.Is(err, otp.ErrSessionNotFound):
		return gone, nil
	case err != nil:
		return "", err
	case m.Sent:
		return sent, nil
	case !now.Before(m.ExpiresAt), l.kind == undelivered && m.Refused: // the send function marks the row a moment before
		return expired, nil
	case m.Refused || m.Kind == "" || m.Kind == store.SendCode && m.Used:
		return ended, nil
	}
	return waiting, nil
}

// receive takes up to ten dead letters and hides them from others for a time. It waits, so that SQS asks all of its
// servers. The end of ctx does not interrupt it, as dead letters that the command did not get would stay hidden.
func (q queue) receive(ctx context.Context, most int32, hide time.Duration) (letters []letter, err error) {
	ctx = context.WithoutCancel(ctx)
	out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &q.url, MaxNumberOfMessages: most,
		VisibilityTimeout: int32(hide.Seconds()), WaitTimeSeconds: 1, MessageSystemAttributeNames: []types.MessageSystemAttributeName{
			types.MessageSystemAttributeNameSentTimestamp, types.MessageSystemAttributeNameDeadLetterQueueSourceArn}})
	if err != nil {
		return nil, err
	}
	for _, m := range out.Messages {
		letters = append(letters, q.read(m))
	}
	return letters, nil
}

// looking is how long a dead letter is hidden while the queue is listed, as SQS would return it again otherwise. At the
// end of the list all are made visible again.
const looking = 2 * time.Minute

// all returns every visible dead letter and removes none.
func (q queue) all(ctx context.Context) (letters []letter, err error) {
	defer func() {
		if e := q.show(context.WithoutCancel(ctx), letters); err == nil {
			err = e
		}
	}()
	for {
		got, err := q.receive(ctx, batch, looking)
		if err != nil {
			return letters, err
		}
		before := len(letters)
		for _, l := range got {
			if !slices.ContainsFunc(letters, func(x letter) bool { return x.id == l.id }) {
				letters = append(letters, l)
			}
		}
		if len(letters) == before || ctx.Err() != nil { // the queue is empty, or it returns the same ones again
			return letters, ctx.Err()
		}
	}
}

const batch = 10 // messages that SQS takes or returns in one call

// show makes dead letters visible at once. It ignores those that another command has meanwhile received, and those that
// are gone.
func (q queue) show(ctx context.Context, letters []letter) error {
	for group := range slices.Chunk(letters, batch) {
		in := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &q.url}
		for i, l := range group {
			in.Entries = append(in.Entries, types.ChangeMessageVisibilityBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &l.receipt})
		}
		if _, err := q.client.ChangeMessageVisibilityBatch(ctx, in); err != nil {
			return err
		}
	}
	return nil
}

// retry sends a pointer to the retry queue, which SendFunction reads.
func (q queue) retry(ctx context.Context, l letter) error {
	_, err := q.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &q.retryURL, MessageBody: &l.body})
	return err
}

func (q queue) remove(ctx context.Context, l letter) error {
	_, err := q.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &q.url, ReceiptHandle: &l.receipt})
	return err
}

// hidden returns approximately how many dead letters another command has received just now.
func (q queue) hidden(ctx context.Context) (int, error) {
	const name = types.QueueAttributeNameApproximateNumberOfMessagesNotVisible
	out, err := q.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &q.url, AttributeNames: []types.QueueAttributeName{name}})
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(out.Attributes[string(name)])
	if err != nil {
		return 0, fmt.Errorf("SQS returned no %s of the dead-letter queue: run the command again", name)
	}
	return n, nil
}
