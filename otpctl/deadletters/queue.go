// Package deadletters has the commands that list dead letters (messages that could not be sent) and redrive them (promise C8 of otpctl).
package deadletters

import (
	"cmp"
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
	undelivered: "no provider is known to have taken the message before it expired",
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

// queue is the stack's dead-letter queue, with the retry queue and the table that its pointers refer to.
type queue struct {
	client   *sqs.Client
	url      string
	retryURL string
	codes    store.Codes
	now      func() time.Time
}

func deadLetters(d *deployed.Stack) (queue, error) {
	q := queue{sqs.NewFromConfig(d.Config), d.Outputs["DeadLetterQueueUrl"], d.Outputs["RetryQueueUrl"],
		store.Codes{DB: dynamodb.NewFromConfig(d.Config), Table: d.Outputs["CodesTableName"]}, d.Clock.Now}
	return q, d.Need("DeadLetterQueueUrl", "RetryQueueUrl", "CodesTableName")
}

// letter is a message in the dead-letter queue.
type letter struct {
	ID    string    `json:"id"`    // part of its message's id, which reveals nothing about its row
	Since time.Time `json:"since"` // when it was first queued; a pointer may have been in the retry queue before
	Kind  string    `json:"kind"`
	Row   string    `json:"row"` // the state of its row; empty if it has none

	messageID, receipt, body string
	pointer                  store.Pointer // empty for the kinds that have none
}

func (q queue) read(m types.Message) letter {
	l := letter{messageID: aws.ToString(m.MessageId), receipt: aws.ToString(m.ReceiptHandle), body: aws.ToString(m.Body), Kind: foreign}
	l.ID = l.messageID[:min(8, len(l.messageID))]
	if at, err := strconv.ParseInt(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64); err == nil {
		l.Since = time.UnixMilli(at).UTC()
	}
	var body struct {
		store.Pointer
		Batch struct {
			Stream string `json:"streamArn"`
		} `json:"DDBStreamBatchInfo"` // "Retain discarded records for a DynamoDB event source in Lambda"
	}
	switch {
	case json.Unmarshal([]byte(l.body), &body) != nil:
	case body.Valid() && m.Attributes[string(types.MessageSystemAttributeNameDeadLetterQueueSourceArn)] != "":
		l.Kind, l.pointer = crashed, body.Pointer // SQS moved it here from the retry queue
	case body.Valid():
		l.Kind, l.pointer = undelivered, body.Pointer
	case strings.Contains(body.Batch.Stream, ":table/"+q.codes.Table+"/stream/"):
		l.Kind = position
	}
	return l
}

// readRow is the IAM permission that queue.state needs.
const readRow = "dynamodb:Query"

// state returns the state of a dead letter's row, or "" if the dead letter is not a pointer.
func (q queue) state(ctx context.Context, l letter) (string, error) {
	if !l.pointer.Valid() {
		return "", nil
	}
	m, err := q.codes.Message(ctx, l.pointer.SessionID, l.pointer.Code)
	switch {
	case errors.Is(err, otp.ErrSessionNotFound):
		return gone, nil
	case err != nil:
		return "", err
	case m.Sent:
		return sent, nil
	case !q.now().Before(m.ExpiresAt), l.Kind == undelivered && m.Refused: // the send function marks the row a moment before
		return expired, nil
	case m.Refused || m.Kind == "" || m.Kind == store.SendCode && m.Used:
		return ended, nil
	}
	return waiting, nil
}

// each hands every visible dead letter to handle, once. Those that handle wants to stay in the queue are hidden from other
// commands, as SQS would return them again otherwise, and made visible at the end. One that returns although it is hidden
// has been so for too long; if they all do, each ends. SQS returns at most so many at a time, and hides each for so long.
func (q queue) each(ctx context.Context, most int32, hide time.Duration, handle func(letter) (stays bool)) (err error) {
	var stay []letter
	defer func() { err = cmp.Or(err, q.show(context.WithoutCancel(ctx), stay)) }()
	for again := 0; ctx.Err() == nil && again <= len(stay); {
		got, err := q.receive(ctx, most, hide)
		if err != nil || len(got) == 0 {
			return cmp.Or(err, ctx.Err())
		}
		for _, l := range got {
			if at := slices.IndexFunc(stay, func(x letter) bool { return x.messageID == l.messageID }); at >= 0 {
				stay[at] = l // with its new receipt
				again++
			} else if ctx.Err() != nil || handle(l) {
				stay = append(stay, l)
			}
		}
	}
	return ctx.Err()
}

// receive takes dead letters and hides them from others for a time. It waits, so that SQS asks all of its servers. The end
// of ctx does not interrupt it, as dead letters that the command did not get would stay hidden.
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
