// Package queues passes the messages of an SQS queue to a function, as a Lambda event source mapping does.
//
// It promises: (Q1) a visible message is passed to the function until the function has handled it or the queue discards
// it; (Q2) at most MaximumConcurrency invocations run at once; (Q3) a message that the function did not handle stays hidden for
// the queue's visibility time-out and is then delivered again.
package queues

import (
	"context"
	"slices"
	"sync"
	"time"

	"streamotp/local/aws"
	"streamotp/local/lambda"
	"streamotp/local/template"
)

// Mapping is one event source mapping.
type Mapping struct {
	template.QueueMapping
	Queue *aws.Queue

	Invoke lambda.Invoke      // ctx ends the wait for a free process
	Done   func(lambda.Batch) // called after every invocation
	Now    func() time.Time   // the queue's clock

	work sync.WaitGroup
}

// Start begins to poll. Polling ends with ctx; then Wait returns.
func (m *Mapping) Start(ctx context.Context) {
	slots := make(chan struct{}, m.ScalingConfig.MaximumConcurrency)
	m.work.Go(func() {
		for {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			batch := m.next(ctx)
			if batch == nil {
				return
			}
			m.work.Go(func() {
				defer func() { <-slots }()
				m.process(ctx, batch)
			})
		}
	})
}

// Wait waits until everything that Start began has ended.
func (m *Mapping) Wait() { m.work.Wait() }

// next waits for messages. It returns nil if ctx ended first.
func (m *Mapping) next(ctx context.Context) []aws.ReceivedMessage {
	for ctx.Err() == nil {
		batch, at := m.Queue.Receive(m.BatchSize, m.Queue.VisibilityTimeout)
		if len(batch) > 0 {
			return batch
		}
		var visible <-chan time.Time // nil if the queue is empty
		if !at.IsZero() {
			visible = time.After(at.Sub(m.Now()))
		}
		select {
		case <-m.Queue.Arrived():
		case <-visible:
		case <-ctx.Done():
		}
	}
	return nil
}

// process passes the batch to the function once and deletes the messages that the function handled. It waits for a free
// process no longer than the batch is hidden.
func (m *Mapping) process(ctx context.Context, batch []aws.ReceivedMessage) {
	begin := time.Now()
	hidden, cancel := context.WithTimeout(ctx, m.Queue.VisibilityTimeout)
	defer cancel()
	out := m.Invoke(hidden, m.FunctionID, m.event(batch), "")
	failed := m.failed(batch, out)
	for _, message := range batch {
		if !slices.Contains(failed, message.ID) {
			m.Queue.Delete(message.Receipt)
		}
	}
	m.Done(lambda.Batch{Invocation: out.RequestID, Size: len(batch), Failed: len(failed), Took: time.Since(begin)})
}

// failed returns the ids of the messages that will be delivered again: all of them if the invocation failed, or if its
// response names a message that is not in the batch.
func (m *Mapping) failed(batch []aws.ReceivedMessage, out lambda.Result) []string {
	var all []string
	for _, message := range batch {
		all = append(all, message.ID)
	}
	if out.Err != nil {
		return all
	}
	if len(m.FunctionResponseTypes) == 0 {
		return nil
	}
	failed, ok := lambda.BatchItemFailures(out.Payload)
	foreign := func(id string) bool { return !slices.Contains(all, id) }
	if !ok || slices.ContainsFunc(failed, foreign) {
		return all
	}
	slices.Sort(failed)
	return slices.Compact(failed)
}

// event returns the function's event ("Using Lambda with Amazon SQS", example standard queue message event).
func (m *Mapping) event(batch []aws.ReceivedMessage) any {
	var records []map[string]any
	for _, x := range batch {
		records = append(records, map[string]any{"messageId": x.ID, "receiptHandle": x.Receipt, "body": x.Body, "md5OfBody": x.MD5,
			"attributes": x.Attributes, "messageAttributes": map[string]any{}, // none: SendMessage takes none here
			"eventSource": "aws:sqs", "eventSourceARN": m.Queue.ARN, "awsRegion": template.Region})
	}
	return map[string]any{"Records": records}
}
