package streams

import (
	"crypto/rand"
	"fmt"
	"time"
)

// letter is what Lambda sends to an on-failure destination. It says where the records are, but has none of their content
// ("Retain discarded records for a DynamoDB event source in Lambda").
type letter struct {
	RequestContext  letterRequest   `json:"requestContext"`
	ResponseContext *letterResponse `json:"responseContext,omitempty"`
	Version         string          `json:"version"`
	Timestamp       string          `json:"timestamp"`
	Batch           letterBatch     `json:"DDBStreamBatchInfo"`
}

type letterRequest struct {
	RequestID   string `json:"requestId"`
	FunctionARN string `json:"functionArn"`
	Condition   string `json:"condition"`
	Invocations int    `json:"approximateInvokeCount"`
}

type letterResponse struct {
	StatusCode      int    `json:"statusCode"`
	ExecutedVersion string `json:"executedVersion"`
	FunctionError   string `json:"functionError,omitempty"`
}

type letterBatch struct {
	ShardID       string `json:"shardId"`
	StartSequence string `json:"startSequenceNumber"`
	EndSequence   string `json:"endSequenceNumber"`
	FirstArrival  string `json:"approximateArrivalOfFirstRecord"`
	LastArrival   string `json:"approximateArrivalOfLastRecord"`
	BatchSize     int    `json:"batchSize"`
	StreamARN     string `json:"streamArn"`
}

// discard gives up a batch. out is its last invocation, or nil if there was none.
func (l *lane) discard(batch []record, condition string, calls int, out *Outcome) {
	first, last := batch[0], batch[len(batch)-1]
	x := letter{
		RequestContext: letterRequest{RequestID: requestID(), FunctionARN: l.FunctionARN, Condition: condition, Invocations: calls},
		Version:        "1.0",
		Timestamp:      time.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
		Batch: letterBatch{
			ShardID: l.id, StartSequence: first.sequence, EndSequence: last.sequence,
			FirstArrival: first.created.UTC().Format(time.RFC3339), LastArrival: last.created.UTC().Format(time.RFC3339),
			BatchSize: len(batch), StreamARN: l.StreamARN,
		},
	}
	if out != nil {
		x.RequestContext.RequestID = out.RequestID
		x.ResponseContext = &letterResponse{StatusCode: 200, ExecutedVersion: "$LATEST"}
		if out.Failed {
			x.ResponseContext.FunctionError = "Unhandled"
		}
	}
	l.Log("%s: %d record(s) given up: %s", l.Function, len(batch), condition)
	if l.DeadLetter != nil {
		l.DeadLetter(encode(x))
	}
}

func requestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
