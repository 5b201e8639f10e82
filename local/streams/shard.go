package streams

import (
	"context"
	"encoding/json"
	"errors"
	"hash/fnv"
	"time"

	"streamotp/local/dynamo"
	"streamotp/local/template"
)

// record is one stream record: the data for the function, and what the mapping must know about it.
type record struct {
	data     json.RawMessage // as Lambda puts it into an event
	lane     string          // partition key
	sequence string
	created  time.Time
}

// waiting is how many records may wait in a lane before the shard is read no further.
const waiting = 10_000

// shard is one shard that is being read, with the lanes that its records go to.
type shard struct {
	*Mapping
	arn, id, iterator string
	lanes             []*lane
}

func (m *Mapping) readShard(ctx context.Context, arn, id, position string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.seen[id] {
		return nil
	}
	s := &shard{Mapping: m, arn: arn, id: id}
	if err := s.locate(ctx, position, ""); err != nil {
		return err
	}
	m.seen[id] = true
	for range m.ParallelizationFactor {
		l := &lane{shard: s, records: make(chan record, waiting)}
		s.lanes = append(s.lanes, l)
		m.work.Go(func() { l.run(ctx) })
	}
	m.work.Go(func() { s.run(ctx) })
	return nil
}

// locate gets an iterator. after is the sequence number of the last record that was read.
func (s *shard) locate(ctx context.Context, position, after string) error {
	in := map[string]any{"StreamArn": s.arn, "ShardId": s.id, "ShardIteratorType": position}
	if after != "" {
		in["ShardIteratorType"], in["SequenceNumber"] = "AFTER_SEQUENCE_NUMBER", after
	}
	var out struct{ ShardIterator string }
	err := s.Engine.Call(ctx, dynamo.Streams+"GetShardIterator", in, &out)
	s.iterator = out.ShardIterator
	return err
}

// relocate replaces an iterator that has expired. Records that were trimmed meanwhile are lost, as on AWS.
func (s *shard) relocate(ctx context.Context, after string) error {
	before := s.iterator
	err := s.locate(ctx, "TRIM_HORIZON", after)
	if dynamo.Is(err, "TrimmedDataAccessException") {
		err = s.locate(ctx, "TRIM_HORIZON", "")
	}
	if err != nil {
		s.iterator = before // an empty one would mean the shard's end
	}
	return err
}

// run reads the shard to its end, or until ctx ends.
func (s *shard) run(ctx context.Context) {
	pause, last := shortestPoll, ""
	for s.iterator != "" && ctx.Err() == nil {
		records, err := s.fetch(ctx)
		if dynamo.Is(err, "ExpiredIteratorException") || dynamo.Is(err, "TrimmedDataAccessException") {
			err = s.relocate(ctx, last)
		}
		if err != nil && ctx.Err() == nil {
			s.Log("stream of %s: %v", s.TableName, err)
			pause = longestPoll
		}
		if len(records) > 0 {
			last = records[len(records)-1].sequence
			s.dispatch(ctx, records)
			s.read.Add(int64(len(records)))
			pause = shortestPoll
			continue // there may be more
		}
		select {
		case <-ctx.Done():
		case <-s.poke:
			pause = shortestPoll
		case <-time.After(pause):
			pause = min(2*pause, longestPoll)
		}
	}
}

func (s *shard) fetch(ctx context.Context) ([]record, error) {
	var out struct {
		Records           []map[string]json.RawMessage
		NextShardIterator string
	}
	if err := s.Engine.Call(ctx, dynamo.Streams+"GetRecords", map[string]any{"ShardIterator": s.iterator}, &out); err != nil {
		return nil, err
	}
	s.iterator = out.NextShardIterator
	var records []record
	for _, r := range out.Records {
		rec, err := s.parse(r)
		if err != nil {
			s.Log("stream of %s: %v", s.TableName, err)
			continue
		}
		records = append(records, rec)
	}
	return records, nil
}

// parse brings a record into Lambda's form: its own ARN and region, and whole seconds.
func (s *shard) parse(raw map[string]json.RawMessage) (record, error) {
	var change map[string]json.RawMessage
	var known struct {
		SequenceNumber              string
		ApproximateCreationDateTime float64 // seconds
		Keys                        map[string]json.RawMessage
	}
	if err := errors.Join(json.Unmarshal(raw["dynamodb"], &change), json.Unmarshal(raw["dynamodb"], &known)); err != nil {
		return record{}, err
	}
	rec := record{lane: string(known.Keys[s.HashKey]), sequence: known.SequenceNumber,
		created: time.UnixMilli(int64(known.ApproximateCreationDateTime * 1000))}
	change["ApproximateCreationDateTime"] = encode(int64(known.ApproximateCreationDateTime))
	raw["dynamodb"] = encode(change)
	raw["awsRegion"], raw["eventSourceARN"] = encode(template.Region), encode(s.Stream)
	delete(raw, "userIdentity")
	rec.data = encode(raw)
	return rec, nil
}

// dispatch passes the records that match a filter to the lanes of their keys.
func (s *shard) dispatch(ctx context.Context, records []record) {
	for _, r := range records {
		if !s.passes(r) {
			continue
		}
		h := fnv.New32a()
		_, _ = h.Write([]byte(r.lane))
		select {
		case s.lanes[h.Sum32()%uint32(len(s.lanes))].records <- r:
		case <-ctx.Done():
		}
	}
}

// passes reports whether a record matches one of the filters. Without filters, every record does.
func (s *shard) passes(r record) bool {
	for _, f := range s.Filters {
		if f.Match(r.data) {
			return true
		}
	}
	return len(s.Filters) == 0
}

func encode(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // only text, numbers and what was JSON before
	}
	return data
}
