package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"streamotp/shared/otp"
	"streamotp/shared/store"
)

// streamTasks reads a batch of the stream of CodesTable. The mapping's filter passes only the INSERT of a row with `send`; should
// the filter ever change, this check still holds.
func streamTasks(event json.RawMessage) (tasks []task, err error) {
	var batch events.DynamoDBEvent
	if err := json.Unmarshal(event, &batch); err != nil {
		return nil, fmt.Errorf("read the stream's event: %w", err)
	}
	for _, record := range batch.Records {
		image := record.Change.NewImage
		if record.EventName != string(events.DynamoDBOperationTypeInsert) || text(image["send"]) == "" {
			continue
		}
		tasks = append(tasks, task{
			id:      record.Change.SequenceNumber,
			pointer: pointer{SessionID: text(image["sessionId"]), Code: text(image["code"])},
			image: store.Message{
				SessionID: text(image["sessionId"]), Kind: text(image["send"]), Purpose: otp.Purpose(text(image["purpose"])),
				Subject: text(image["subject"]), AskedBy: text(image["askedBy"]),
				CreatedAt: time.UnixMilli(number(image["createdAt"])), ExpiresAt: time.Unix(number(image["expiredAt"]), 0),
			},
		})
	}
	return tasks, nil
}

// text returns a string attribute, or "": reading one of another type panics.
func text(v events.DynamoDBAttributeValue) string {
	if v.DataType() != events.DataTypeString {
		return ""
	}
	return v.String()
}

// number returns a whole number, or 0.
func number(v events.DynamoDBAttributeValue) int64 {
	if v.DataType() != events.DataTypeNumber {
		return 0
	}
	n, err := v.Integer()
	if err != nil {
		return 0
	}
	return n
}
