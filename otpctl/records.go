package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// source is the stream that letters point into. It keeps a record for 24 hours.
type source struct{ client *dynamodbstreams.Client }

// What of a letter's records can be read again.
const (
	readable = "yes"
	partly   = "partly" // the first ones are gone
	gone     = "no"
)

// state says what of a letter's records can be read again, without reading them.
func (s source) state(ctx context.Context, l letter) (string, error) {
	_, err := s.at(ctx, l, l.Batch.Start)
	if !isGone(err) {
		return readable, err
	}
	if _, err = s.at(ctx, l, l.Batch.End); !isGone(err) {
		return partly, err
	}
	return gone, nil
}

// at is an iterator of a letter's shard, from a sequence number on or, without one, from the oldest record on.
func (s source) at(ctx context.Context, l letter, number string) (*string, error) {
	in := &dynamodbstreams.GetShardIteratorInput{StreamArn: &l.Batch.Stream, ShardId: &l.Batch.Shard,
		ShardIteratorType: types.ShardIteratorTypeTrimHorizon}
	if number != "" {
		in.ShardIteratorType, in.SequenceNumber = types.ShardIteratorTypeAtSequenceNumber, &number
	}
	out, err := s.client.GetShardIterator(ctx, in)
	if err != nil {
		return nil, err
	}
	return out.ShardIterator, nil
}

// isGone says whether records are too old to be read: they were trimmed, or the whole shard or stream was.
func isGone(err error) bool {
	var trimmed *types.TrimmedDataAccessException
	var without *types.ResourceNotFoundException
	return errors.As(err, &trimmed) || errors.As(err, &without)
}

// emptyReads is how often the stream may have nothing, one after the other, before that is taken for its end.
const (
	emptyReads = 10
	emptyPause = 300 * time.Millisecond // a shard may be read five times a second
)

// records reads a letter's records again, those that ask for a message; complete is false where some are gone.
func (s source) records(ctx context.Context, l letter) (found []types.Record, complete bool, err error) {
	complete = true
	iterator, err := s.at(ctx, l, l.Batch.Start)
	if isGone(err) {
		complete = false
		iterator, err = s.at(ctx, l, "")
	}
	for empty := 0; err == nil && iterator != nil && empty < emptyReads; {
		var out *dynamodbstreams.GetRecordsOutput
		if out, err = s.client.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: iterator}); err != nil {
			break
		}
		more, ended := within(out.Records, l)
		found = append(found, more...)
		if ended {
			return found, complete, nil
		}
		iterator = out.NextShardIterator
		if empty++; len(out.Records) > 0 {
			empty = 0
		} else if err = pause(ctx, emptyPause); err != nil {
			break
		}
	}
	switch {
	case isGone(err): // trimmed since
		return found, false, nil
	case err == nil && complete:
		err = errors.New("the stream does not give the letter's last record: run it again")
	}
	return found, complete, err
}

// within picks a letter's records that ask for a message, and says whether the last one was reached. Other records stand
// between them: the mapping splits a shard by key, and a letter is about one part. The sender knows which of those it
// sent.
func within(records []types.Record, l letter) (found []types.Record, ended bool) {
	start, _ := sequence(l.Batch.Start)
	end, _ := sequence(l.Batch.End)
	for _, r := range records {
		number, ok := sequence(aws.ToString(r.Dynamodb.SequenceNumber))
		if !ok {
			continue
		}
		if number.Cmp(end) > 0 {
			return found, true
		}
		if number.Cmp(start) >= 0 && r.EventName == types.OperationTypeInsert && stringIn(r, "send") != "" {
			found = append(found, r)
		}
		if number.Cmp(end) == 0 {
			return found, true
		}
	}
	return found, false
}

// stringIn is a string or a number of a record's new image; empty where it has none.
func stringIn(r types.Record, name string) string {
	switch v := r.Dynamodb.NewImage[name].(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	}
	return ""
}

// live are the records whose time is not over.
func live(records []types.Record, now time.Time) (out []types.Record) {
	for _, r := range records {
		if at, ok := new(big.Int).SetString(stringIn(r, "expiredAt"), 10); ok && at.IsInt64() && now.Unix() < at.Int64() {
			out = append(out, r)
		}
	}
	return out
}

// eventOf is what Lambda makes of records for a function. Of an item it has strings, numbers and bytes, and more there is
// not in those that ask for a message.
func eventOf(records []types.Record, stream string) ([]byte, error) {
	list := []map[string]any{}
	for _, r := range records {
		list = append(list, map[string]any{
			"eventID": r.EventID, "eventName": r.EventName, "eventVersion": r.EventVersion, "eventSource": r.EventSource,
			"awsRegion": r.AwsRegion, "eventSourceARN": stream,
			"dynamodb": map[string]any{
				"ApproximateCreationDateTime": aws.ToTime(r.Dynamodb.ApproximateCreationDateTime).Unix(),
				"Keys":                        values(r.Dynamodb.Keys), "NewImage": values(r.Dynamodb.NewImage),
				"SequenceNumber": r.Dynamodb.SequenceNumber, "SizeBytes": r.Dynamodb.SizeBytes, "StreamViewType": r.Dynamodb.StreamViewType,
			}})
	}
	return json.Marshal(map[string]any{"Records": list})
}

func values(item map[string]types.AttributeValue) map[string]any {
	out := map[string]any{}
	for name, value := range item {
		switch v := value.(type) {
		case *types.AttributeValueMemberS:
			out[name] = map[string]string{"S": v.Value}
		case *types.AttributeValueMemberN:
			out[name] = map[string]string{"N": v.Value}
		case *types.AttributeValueMemberB:
			out[name] = map[string][]byte{"B": v.Value}
		}
	}
	return out
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("read the stream: %w", ctx.Err())
	}
}
