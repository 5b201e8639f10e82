package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// queue is the stack's dead-letter queue.
type queue struct {
	client *sqs.Client
	url    string
	table  string // whose stream the letters are about
}

func (d *deployment) deadLetters() (queue, error) {
	q := queue{sqs.NewFromConfig(d.cfg), d.stack.outputs["DeadLetterQueueUrl"], d.stack.outputs["CodesTableName"]}
	return q, d.stack.need("DeadLetterQueueUrl", "CodesTableName")
}

// letter is a message of the queue: it names records of the stream and has nothing of what is in them ("Retain discarded
// records for a DynamoDB event source in Lambda").
type letter struct {
	id, receipt string
	wrong       string // what it is where it is no such letter

	Request struct {
		Condition   string `json:"condition"`
		Invocations int    `json:"approximateInvokeCount"`
	} `json:"requestContext"`
	Timestamp time.Time `json:"timestamp"`
	Batch     struct {
		Shard  string `json:"shardId"`
		Start  string `json:"startSequenceNumber"`
		End    string `json:"endSequenceNumber"`
		Size   int    `json:"batchSize"`
		Stream string `json:"streamArn"`
	} `json:"DDBStreamBatchInfo"`
}

func (q queue) read(m types.Message) letter {
	l := letter{}
	err := json.Unmarshal([]byte(aws.ToString(m.Body)), &l)
	l.id, l.receipt = aws.ToString(m.MessageId), aws.ToString(m.ReceiptHandle)
	_, start := sequence(l.Batch.Start)
	_, end := sequence(l.Batch.End)
	switch {
	case err != nil || !start || !end || l.Batch.Shard == "":
		l.wrong = "no letter of an event source mapping"
	case !strings.Contains(l.Batch.Stream, ":table/"+q.table+"/stream/"):
		l.wrong = "a letter of another table"
	}
	return l
}

// sequence reads a sequence number, which has up to 40 digits and no leading zeros to compare it by.
func sequence(text string) (*big.Int, bool) { return new(big.Int).SetString(text, 10) }

// receive takes up to ten letters and hides them from others for a time. It asks all of SQS's servers, which a receive
// without a wait does not. The end of ctx does not break it off: letters that nobody has got would stay hidden.
func (q queue) receive(ctx context.Context, most int32, hide time.Duration) (letters []letter, err error) {
	ctx = context.WithoutCancel(ctx)
	out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &q.url, MaxNumberOfMessages: most,
		VisibilityTimeout: int32(hide.Seconds()), WaitTimeSeconds: 1})
	if err != nil {
		return nil, err
	}
	for _, m := range out.Messages {
		letters = append(letters, q.read(m))
	}
	return letters, nil
}

// looking is how long a letter is hidden while the queue is listed: SQS hands out the same one again otherwise. At the
// list's end all are visible again.
const looking = 2 * time.Minute

// all looks at every letter that is visible and leaves it where it is.
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
		if len(letters) == before || ctx.Err() != nil { // empty, or it begins again
			return letters, ctx.Err()
		}
	}
}

const batch = 10 // letters that SQS takes in one call; records that the mapping hands over at once

// show makes letters visible at once. One that is another's by now, or gone, stays as it is.
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

func (q queue) remove(ctx context.Context, l letter) error {
	_, err := q.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &q.url, ReceiptHandle: &l.receipt})
	return err
}

// hidden is about how many letters somebody else looks at or redrives just now.
func (q queue) hidden(ctx context.Context) (int, error) {
	const name = types.QueueAttributeNameApproximateNumberOfMessagesNotVisible
	out, err := q.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &q.url, AttributeNames: []types.QueueAttributeName{name}})
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(out.Attributes[string(name)])
	if err != nil {
		return 0, fmt.Errorf("SQS tells no %s of the queue", name)
	}
	return n, nil
}
