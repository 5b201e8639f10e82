package streams

import (
	"time"

	"github.com/google/uuid"

	"streamotp/local/lambda"
)

type object = map[string]any

// discard gives up a batch. out is its last invocation, or nil if there was none. What Lambda sends to an on-failure
// destination says where the records are, but has none of their content ("Retain discarded records for a DynamoDB event
// source in Lambda").
func (l *lane) discard(batch []record, condition string, calls int, out *lambda.Result) {
	first, last := batch[0], batch[len(batch)-1]
	request := object{"requestId": uuid.NewString(), "functionArn": l.FunctionARN, "condition": condition, "approximateInvokeCount": calls}
	letter := object{
		"requestContext": request,
		"version":        "1.0",
		"timestamp":      time.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
		"DDBStreamBatchInfo": object{
			"shardId": l.id, "startSequenceNumber": first.sequence, "endSequenceNumber": last.sequence,
			"approximateArrivalOfFirstRecord": first.created.UTC().Format(time.RFC3339),
			"approximateArrivalOfLastRecord":  last.created.UTC().Format(time.RFC3339),
			"batchSize":                       len(batch), "streamArn": l.Stream,
		},
	}
	if out != nil {
		request["requestId"] = out.RequestID
		response := object{"statusCode": 200, "executedVersion": "$LATEST"}
		if out.Err != nil {
			response["functionError"] = "Unhandled"
		}
		letter["responseContext"] = response
	}
	l.Log("%s: %d record(s) given up: %s", l.FunctionID, len(batch), condition)
	l.DeadLetter(encode(letter))
}
