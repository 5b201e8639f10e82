package streams

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"streamotp/local/lambda"
)

// lane takes the records of some of a shard's partition keys, one batch at a time.
type lane struct {
	*shard
	arrived chan struct{}

	mu    sync.Mutex
	queue []record
}

func (l *lane) add(r record) {
	l.mu.Lock()
	l.queue = append(l.queue, r)
	l.mu.Unlock()
	select {
	case l.arrived <- struct{}{}:
	default:
	}
}

func (l *lane) run(ctx context.Context) {
	for ctx.Err() == nil {
		batch := l.gather(ctx)
		if len(batch) > 0 {
			l.process(ctx, batch, 0, 0)
		}
	}
}

// gather waits for a first record, then until the batch is full or the window is over.
func (l *lane) gather(ctx context.Context) []record {
	for l.length() == 0 {
		select {
		case <-l.arrived:
		case <-ctx.Done():
			return nil
		}
	}
	over := time.NewTimer(l.Window)
	defer over.Stop()
	for open := l.Window > 0; open && l.length() < l.BatchSize; {
		select {
		case <-l.arrived:
		case <-over.C:
			open = false
		case <-ctx.Done():
			return nil
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(l.queue), l.BatchSize)
	batch := l.queue[:n:n]
	l.queue = l.queue[n:]
	return batch
}

func (l *lane) length() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue)
}

// Pauses between the tries of a batch. Lambda's own are not documented; these keep a developer's wait short.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 2 * time.Second
)

// process hands a batch over until nothing is left of it. tries counts failed invocations of the batch or of the
// larger ones it was split from, calls all of them.
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
		case out.Throttled:
		case from > 0: // the records before it are done: that is progress, and the rest is a batch of its own
			batch, tries = batch[from:], 0
		case out.Failed && l.Bisect && len(batch) > 1: // a split is no retry
			half := len(batch) / 2
			l.process(ctx, batch[:half], tries, calls)
			l.process(ctx, batch[half:], tries, calls)
			return
		default:
			tries++
		}
		if l.MaxRetries >= 0 && tries > l.MaxRetries {
			l.discard(batch, "RetryAttemptsExhausted", calls, &out)
			return
		}
		if !sleep(ctx, pause) {
			return
		}
		pause = min(2*pause, lastPause)
	}
}

// dropOld gives up the records at the front that are over MaximumRecordAgeInSeconds.
func (l *lane) dropOld(batch []record, calls int) []record {
	n := 0
	for l.MaxAge > 0 && n < len(batch) && l.Now().Sub(batch[n].created) > l.MaxAge {
		n++
	}
	if n > 0 {
		l.discard(batch[:n], "RecordAgeExceeded", calls, nil)
	}
	return batch[n:]
}

// invoke hands the batch over once and says from which record on it must be retried: len(batch) if all are done.
func (l *lane) invoke(ctx context.Context, batch []record) (Outcome, int) {
	begin := time.Now()
	var event struct{ Records []json.RawMessage }
	var keys []json.RawMessage
	for _, r := range batch {
		event.Records = append(event.Records, r.data)
		keys = append(keys, r.keys)
	}
	out := l.Invoke(ctx, encode(event))
	from := len(batch)
	switch {
	case out.Failed || out.Throttled:
		from = 0
	case l.PartialFailed:
		from = lowestFailed(batch, &out)
	}
	if l.Done != nil {
		l.Done(Batch{Keys: keys, Invocation: out.RequestID, Failed: len(batch) - from, Took: time.Since(begin)})
	}
	return out, from
}

// lowestFailed is the first of the records that the answer names by their sequence numbers. An answer of another form, or
// one that names a record which is not in the batch, fails all of it.
func lowestFailed(batch []record, out *Outcome) int {
	failed, ok := lambda.BatchItemFailures(out.Payload)
	lowest := len(batch)
	for _, sequence := range failed {
		i := slices.IndexFunc(batch, func(r record) bool { return r.sequence == sequence })
		ok = ok && i >= 0
		lowest = min(lowest, i)
	}
	if !ok {
		out.Failed = true
		return 0
	}
	return lowest
}
