package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"streamotp/shared/store"
)

type pointer = store.Pointer

// sqsQueue is a queue of pointers in SQS.
type sqsQueue struct {
	client *sqs.Client
	url    string
}

// Send puts a pointer into the queue, hidden for a delay of whole seconds.
func (q sqsQueue) Send(ctx context.Context, p pointer, delay time.Duration) error {
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	_, err = q.client.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: &q.url, MessageBody: aws.String(string(body)), DelaySeconds: int32(delay / time.Second),
	})
	return err
}

// queueTask reads a record of the retry queue. A body that is not a pointer makes a task that fails.
func queueTask(r record) task {
	var p pointer
	if json.Unmarshal([]byte(r.Body), &p) != nil {
		p = pointer{}
	}
	return task{id: r.MessageID, pointer: p, image: store.Message{SessionID: p.SessionID}}
}
