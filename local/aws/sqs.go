package aws

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
	"time"

	"streamotp/local/template"
)

// queueInput is the input of every imitated action, with all imitated options.
type queueInput struct {
	QueueUrl, ReceiptHandle, MessageBody        string
	MaxNumberOfMessages                         *int
	WaitTimeSeconds                             int
	DelaySeconds, VisibilityTimeout             *int
	AttributeNames, MessageSystemAttributeNames []string
	Entries                                     []visibilityEntry
}

type visibilityEntry struct {
	Id, ReceiptHandle string
	VisibilityTimeout int
}

// SQS's limits.
const (
	maxDelay      = 900
	maxVisibility = 43200
	maxBody       = 1 << 20
)

// queueCall makes a handler of a call on one queue.
func queueCall(do func(x *Queue, q *request, in queueInput) *reply) func(*Endpoint, *request) *reply {
	return func(e *Endpoint, q *request) *reply {
		var in queueInput
		if err := Strict(q.body, &in); err != nil {
			return q.fail("InvalidParameterValue", "The development stack does not imitate this call: "+err.Error())
		}
		queue := e.Queues.Queue(in.QueueUrl)
		if queue == nil {
			return q.fail("QueueDoesNotExist", "The specified queue does not exist.")
		}
		return do(queue, q, in)
	}
}

func (x *Queue) sendMessage(q *request, in queueInput) *reply {
	delay, ok := duration(in.DelaySeconds, x.DelaySeconds, maxDelay)
	switch {
	case !ok:
		return q.fail("InvalidParameterValue", "DelaySeconds must be from 0 to 900.")
	case in.MessageBody == "" || len(in.MessageBody) > maxBody:
		return q.fail("InvalidParameterValue", "MessageBody must have 1 to 1048576 bytes.")
	}
	return q.ok(map[string]string{"MessageId": x.Send(in.MessageBody, delay), "MD5OfMessageBody": md5Of(in.MessageBody)})
}

func (x *Queue) receiveMessage(q *request, in queueInput) *reply {
	hide, ok := duration(in.VisibilityTimeout, x.VisibilityTimeout, maxVisibility)
	most := 1
	if in.MaxNumberOfMessages != nil {
		most = *in.MaxNumberOfMessages
	}
	if !ok || most < 1 || most > 10 {
		return q.fail("InvalidParameterValue", "VisibilityTimeout must be from 0 to 43200, MaxNumberOfMessages from 1 to 10.")
	}
	messages := []map[string]any{}
	received, _ := x.Receive(most, hide)
	for _, m := range received {
		messages = append(messages, map[string]any{"MessageId": m.ID, "ReceiptHandle": m.Receipt, "Body": m.Body, "MD5OfBody": m.MD5,
			"Attributes": chosen(m.Attributes, append(in.AttributeNames, in.MessageSystemAttributeNames...))})
	}
	return q.ok(map[string]any{"Messages": messages})
}

func (x *Queue) deleteMessage(q *request, in queueInput) *reply {
	x.Delete(in.ReceiptHandle)
	return q.ok(struct{}{})
}

func (x *Queue) getAttributes(q *request, in queueInput) *reply {
	return q.ok(map[string]any{"Attributes": chosen(x.attributes(), in.AttributeNames)})
}

func (x *Queue) changeVisibilities(q *request, in queueInput) *reply {
	done, failed := []map[string]string{}, []map[string]any{}
	for _, e := range in.Entries {
		timeout, ok := duration(&e.VisibilityTimeout, 0, maxVisibility)
		if ok && x.hide(e.ReceiptHandle, timeout) {
			done = append(done, map[string]string{"Id": e.Id})
		} else {
			failed = append(failed, map[string]any{"Id": e.Id, "Code": "ReceiptHandleIsInvalid", "SenderFault": true})
		}
	}
	return q.ok(map[string]any{"Successful": done, "Failed": failed})
}

// duration reads a number of seconds, which may be left out. It returns false if the number is out of bounds.
func duration(given *int, otherwise time.Duration, most int) (time.Duration, bool) {
	if given == nil {
		return otherwise, true
	}
	return time.Duration(*given) * time.Second, *given >= 0 && *given <= most
}

// chosen returns the attributes that a call asks for.
func chosen(all map[string]string, names []string) map[string]string {
	out := map[string]string{}
	for name, value := range all {
		if slices.Contains(names, name) || slices.Contains(names, "All") {
			out[name] = value
		}
	}
	return out
}

// queuePermissions returns the permission that a call needs. Policies have no actions for batches ("Actions, resources,
// and condition keys for Amazon SQS").
func queuePermissions(_ *Endpoint, q *request) []permission {
	var in struct{ QueueUrl string }
	_ = json.Unmarshal(q.body, &in) // if the call is allowed, its handler reports what is wrong with it
	action := strings.TrimSuffix(q.action, "Batch")
	return []permission{{action: "sqs:" + action, resource: template.ARN("sqs", path.Base(in.QueueUrl))}}
}
