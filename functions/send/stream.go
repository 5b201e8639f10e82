package main

import (
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"streamotp/shared/otp"
	"streamotp/shared/store"
)

// streamTask reads a record of the stream of CodesTable. The mapping's filter passes only the INSERT of a row with `send`; should
// the filter ever change, this check still holds.
func streamTask(r record) (t task, wanted bool) {
	image := r.Change.NewImage
	if r.EventName != string(events.DynamoDBOperationTypeInsert) || image["send"].S == "" {
		return t, false
	}
	created, _ := strconv.ParseInt(image["createdAt"].N, 10, 64) // 0 if it is no number: the attempt reads the row itself
	expired, _ := strconv.ParseInt(image["expiredAt"].N, 10, 64)
	return task{
		id:      r.Change.SequenceNumber,
		pointer: pointer{SessionID: image["sessionId"].S, Code: image["code"].S},
		image: store.Message{
			SessionID: image["sessionId"].S, Kind: image["send"].S, Purpose: otp.Purpose(image["purpose"].S),
			Subject: image["subject"].S, AskedBy: image["askedBy"].S,
			CreatedAt: time.UnixMilli(created), ExpiresAt: time.Unix(expired, 0),
		},
	}, true
}
