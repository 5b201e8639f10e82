package streams

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"streamotp/local/lambda"
)

// lane handles the records of some of a shard's partition keys, one batch at a time.
type lane struct {
	*shard
	records chan record
}

func (l *lane) run(ctx context.Context) {
	for ctx.Err() == nil {
		l.process(ctx, l.gather(ctx), 0, 0)
	}
}

// gather waits for the first record, then until the batch is full or the batching window is over. It returns nothing if ctx
// ended first.
func (l *lane) gather(ctx context.Context) (batch []record) {
	var over <-chan time.Time // of the window, which begins with the first record
	for len(batch) < l.BatchSize {
		select {
		case r := <-l.records:
			batch = append(batch, r)
			continue
		default:
		}
		if len(batch) > 0 && over == nil {
			over = time.After(l.MaximumBatchingWindowInSeconds)
		}
		select {
		case r := <-l.records:
			batch = append(batch, r)
		case <-over:
			return batch
		case <-ctx.Done():
			return nil
		}
	}
	return batch
}

// Pauses between the attempts for one batch. Lambda's own are not documented. These are short, so that a developer need
// not wait long.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 2 * time.Second
)

// process passes a batch to the function until every record is handled or given up. tries counts the failed invocations
// of the batch and of the larger batches that it was split from; calls counts all invocations.
func (l *lane) process(ctx context.Context, batch []record, tries, calls int) {
	pause := firstPause
	for ctx.Err() == nil {
		if batch = l.dropOld(batch, calls); len(batch) == 0 {
			return
		}
		out, from := l.invoke(ctx, batch)
		calls++
		switch {
		case from == len(batch):
			return
		case errors.Is(out.Err, lambda.ErrThrottled): // the function has not run
		case from > 0: // the records before it are handled: that is progress, and the rest is a new batch
			batch, tries = batch[from:], 0
		case out.Err != nil && l.BisectBatchOnFunctionError && len(batch) > 1: // a split does not count as a retry
			half := len(batch) / 2
			l.process(ctx, batch[:half], tries, calls)
			l.process(ctx, batch[half:], tries, calls)
			return
		default:
			tries++
		}
		if l.MaximumRetryAttempts >= 0 && tries > l.MaximumRetryAttempts {
			l.discard(batch, "RetryAttemptsExhausted", calls, &out)
			return
		}
		if !lambda.Sleep(ctx, pause) {
			return
		}
		pause = min(2*pause, lastPause)
	}
}

// dropOld gives up the records at the front that are older than MaximumRecordAgeInSeconds.
func (l *lane) dropOld(batch []record, calls int) []record {
	n := 0
	for l.MaximumRecordAgeInSeconds > 0 && n < len(batch) && l.Now().Sub(batch[n].created) > l.MaximumRecordAgeInSeconds {
		n++
	}
	if n > 0 {
		l.discard(batch[:n], "RecordAgeExceeded", calls, nil)
	}
	return batch[n:]
}

// invoke passes the batch to the function once. It returns the index of the first record that must be retried, or
// len(batch) if all are handled.
func (l *lane) invoke(ctx context.Context, batch []record) (lambda.Result, int) {
	begin := time.Now()
	var event struct{ Records []json.RawMessage }
	for _, r := range batch {
		event.Records = append(event.Records, r.data)
	}
	out := l.Invoke(ctx, l.FunctionID, event, "")
	from := len(batch)
	switch {
	case out.Err != nil:
		from = 0
	case len(l.FunctionResponseTypes) > 0:
		from = lowestFailed(batch, &out)
	}
	l.Done(lambda.Batch{Size: len(batch), Invocation: out.RequestID, Failed: len(batch) - from, Took: time.Since(begin)})
	return out, from
}

// lowestFailed returns the index of the first record that the response names by its sequence number. If the response has
// another form, or names a record that is not in the batch, the whole batch has failed.
func lowestFailed(batch []record, out *lambda.Result) int {
	failed, ok := lambda.BatchItemFailures(out.Payload)
	lowest := len(batch)
	for _, sequence := range failed {
		i := slices.IndexFunc(batch, func(r record) bool { return r.sequence == sequence })
		ok = ok && i >= 0
		lowest = min(lowest, i)
	}
	if !ok {
		out.Err = lambda.ErrFunction
		return 0
	}
	return lowest
}
