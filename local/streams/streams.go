// Package streams polls a table's stream and passes the records to a function, as a Lambda event source mapping does.
//
// It promises: (S1) a record that matches the filters is passed to the function at least once, until the function has
// handled it or it has become a dead letter; (S2) the records of one partition key are passed on in order; (S3) a batch
// that fails is retried from the lowest failed record, as often as the mapping allows and no longer than the records may
// be old.
package streams

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"streamotp/local/dynamo"
	"streamotp/local/lambda"
	"streamotp/local/template"
)

// Mapping is one event source mapping.
type Mapping struct {
	template.Mapping
	FunctionARN string
	HashKey     string // the table's partition key

	Engine     *dynamo.Client
	Invoke     lambda.Invoke
	DeadLetter func(letter []byte) // takes what is sent for records that are given up
	Done       func(lambda.Batch)  // called after every invocation
	Log        func(format string, args ...any)
	Now        func() time.Time // the clock that a record's age is measured by

	poke chan struct{}
	read atomic.Int64
	mu   sync.Mutex
	seen map[string]bool // shards that have a reader
	work sync.WaitGroup
}

// How often an idle shard is polled. A write through the AWS endpoint pokes the reader, so polling is only for other
// writes. After a poke the interval starts at the shortest again, for engines whose stream lags behind their tables.
const (
	shortestPoll = 10 * time.Millisecond
	longestPoll  = time.Second
	shardPoll    = 5 * time.Second // how often the reader looks for new shards
)

// Start begins to poll. Polling ends with ctx; then Wait returns. Start determines the position LATEST before it returns,
// so that no later write is missed.
func (m *Mapping) Start(ctx context.Context) error {
	m.poke, m.seen = make(chan struct{}, 1), map[string]bool{}
	var out struct {
		Table struct{ LatestStreamArn string }
	}
	if err := m.Engine.Call(ctx, dynamo.Tables+"DescribeTable", map[string]any{"TableName": m.TableName}, &out); err != nil {
		return err
	}
	arn := out.Table.LatestStreamArn // the engine's own
	if arn == "" {
		return errors.New("table " + m.TableName + " has no stream")
	}
	if err := m.readShards(ctx, arn, m.StartingPosition); err != nil {
		return err
	}
	m.work.Go(func() {
		for lambda.Sleep(ctx, shardPoll) {
			// A shard that appears later is a child of a shard that was already read, so all of its records are new.
			if err := m.readShards(ctx, arn, "TRIM_HORIZON"); err != nil && ctx.Err() == nil {
				m.Log("stream of %s: %v", m.TableName, err)
			}
		}
	})
	return nil
}

// Wait waits until everything that Start began has ended.
func (m *Mapping) Wait() { m.work.Wait() }

// Read returns how many records have been read, including those that match no filter.
func (m *Mapping) Read() int64 { return m.read.Load() }

// Poke makes the mappings of a table read its stream at once.
func Poke(all []*Mapping, table string) {
	for _, m := range all {
		if m.TableName != table {
			continue
		}
		select {
		case m.poke <- struct{}{}:
		default:
		}
	}
}

// readShards begins to read each shard that has no reader yet.
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
