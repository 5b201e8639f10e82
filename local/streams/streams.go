// Package streams polls a table's stream and hands the records to a function, as a Lambda event source mapping does.
//
// It promises: (S1) a record that passes the filters is handed over at least once, until the function has done it or
// it has gone to the dead letters; (S2) records of one partition key are handed over in order; (S3) a batch that fails
// is retried from the lowest failed record, as often as the mapping says and no longer than the records may be old.
package streams

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"streamotp/local/dynamo"
	"streamotp/local/pattern"
)

// Mapping is one event source mapping.
type Mapping struct {
	Function    string // logical id, for the log
	FunctionARN string
	Region      string
	TableName   string
	StreamARN   string // as functions see it
	EngineARN   string // the engine's own; known once it was started
	HashKey     string // the table's partition key

	Latest        bool // StartingPosition
	BatchSize     int
	Window        time.Duration // MaximumBatchingWindowInSeconds
	Lanes         int           // ParallelizationFactor
	Bisect        bool
	MaxRetries    int           // -1: no limit
	MaxAge        time.Duration // 0: no limit
	PartialFailed bool          // ReportBatchItemFailures
	Filters       []*pattern.Pattern

	Engine     *dynamo.Client
	Invoke     func(ctx context.Context, event []byte) Outcome
	DeadLetter func(letter []byte) // may be nil: what fails for good is dropped
	Done       func(Batch)         // told of every invocation; may be nil
	Log        func(format string, args ...any)
	Now        func() time.Time // what a record's age is measured by

	poke chan struct{}
	read atomic.Int64
	mu   sync.Mutex
	seen map[string]bool // shards that have a reader
	work sync.WaitGroup
}

// Outcome is what became of an invocation.
type Outcome struct {
	RequestID string
	Payload   []byte
	Failed    bool // a function error or a timeout
	Throttled bool // it never began: does not count as a try
}

// Batch is one invocation, for the log.
type Batch struct {
	Keys       []json.RawMessage // of its records
	Invocation string
	Failed     int // records that come again
	Took       time.Duration
}

// How often an idle shard is looked at. A write through the AWS endpoint pokes the reader, so this is for writes that
// went around it; after a poke it begins at the shortest, for engines whose stream lags their tables.
const (
	shortestPoll = 10 * time.Millisecond
	longestPoll  = time.Second
	shardPoll    = 5 * time.Second // how often new shards are looked for
)

// Start begins to poll; it ends with ctx, and Wait returns then. The position LATEST is taken before Start returns, so
// that no later write is missed.
func (m *Mapping) Start(ctx context.Context) error {
	m.poke, m.seen = make(chan struct{}, 1), map[string]bool{}
	arn, err := m.engineARN(ctx)
	if err != nil {
		return err
	}
	m.EngineARN = arn
	position := "TRIM_HORIZON"
	if m.Latest {
		position = "LATEST"
	}
	if err := m.readShards(ctx, arn, position); err != nil {
		return err
	}
	m.work.Add(1)
	go func() {
		defer m.work.Done()
		for sleep(ctx, shardPoll) {
			// A shard that appears later is a child of one already read: all of it is new.
			if err := m.readShards(ctx, arn, "TRIM_HORIZON"); err != nil && ctx.Err() == nil {
				m.Log("stream of %s: %v", m.TableName, err)
			}
		}
	}()
	return nil
}

// Wait waits for everything that Start began.
func (m *Mapping) Wait() { m.work.Wait() }

// Read is how many records have been read, those that no filter lets through too.
func (m *Mapping) Read() int64 { return m.read.Load() }

// Poke has the stream read at once.
func (m *Mapping) Poke() {
	select {
	case m.poke <- struct{}{}:
	default:
	}
}

func (m *Mapping) engineARN(ctx context.Context) (string, error) {
	var out struct {
		Table struct{ LatestStreamArn string }
	}
	err := m.Engine.Call(ctx, dynamo.Tables+"DescribeTable", map[string]any{"TableName": m.TableName}, &out)
	if err == nil && out.Table.LatestStreamArn == "" {
		err = errors.New("table " + m.TableName + " has no stream")
	}
	return out.Table.LatestStreamArn, err
}

// readShards begins to read each shard that is not being read yet.
func (m *Mapping) readShards(ctx context.Context, arn, position string) error {
	last := ""
	for {
		in := map[string]any{"StreamArn": arn}
		if last != "" {
			in["ExclusiveStartShardId"] = last
		}
		var out struct {
			StreamDescription struct {
				Shards               []struct{ ShardId string }
				LastEvaluatedShardId string
			}
		}
		if err := m.Engine.Call(ctx, dynamo.Streams+"DescribeStream", in, &out); err != nil {
			return err
		}
		for _, s := range out.StreamDescription.Shards {
			if err := m.readShard(ctx, arn, s.ShardId, position); err != nil {
				return err
			}
		}
		if last = out.StreamDescription.LastEvaluatedShardId; last == "" {
			return nil
		}
	}
}

// sleep is false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
