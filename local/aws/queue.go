package aws

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Queue is SQS with one standard queue, the dead-letter queue. A receive does not wait for messages: who polls for long
// is answered at once.
type Queue struct {
	URL string // empty: there is none

	mu  sync.Mutex
	all []*letter
}

// letter is a message of the queue. Its id is random, and its receipt a new one at each receive.
type letter struct {
	id, receipt, body string
	sent, visible     time.Time // visible: from when on
	received          int
}

// Add puts a message in the queue.
func (x *Queue) Add(body []byte) {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := time.Now()
	x.all = append(x.all, &letter{id: newID(), body: string(body), sent: now, visible: now})
}

// List gives the bodies of all messages, the invisible ones too.
func (x *Queue) List() []json.RawMessage {
	x.mu.Lock()
	defer x.mu.Unlock()
	out := []json.RawMessage{}
	for _, l := range x.all {
		out = append(out, json.RawMessage(l.body))
	}
	return out
}

func (x *Queue) do(q *request) *reply {
	var in struct {
		QueueUrl, ReceiptHandle string
		MaxNumberOfMessages     int
		VisibilityTimeout       int // seconds
		Entries                 []struct {
			Id, ReceiptHandle string
			VisibilityTimeout int
		}
	}
	if err := json.Unmarshal(q.body, &in); err != nil {
		return q.fail("InvalidParameterValue", err.Error())
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if in.QueueUrl == "" || in.QueueUrl != x.URL {
		return q.fail("QueueDoesNotExist", "The specified queue does not exist.")
	}
	switch q.action {
	case "ReceiveMessage":
		return q.ok(map[string]any{"Messages": x.receive(max(1, in.MaxNumberOfMessages), in.VisibilityTimeout)})
	case "DeleteMessage":
		x.all = slices.DeleteFunc(x.all, func(l *letter) bool { return l.receipt != "" && l.receipt == in.ReceiptHandle })
		return q.ok(struct{}{})
	case "ChangeMessageVisibilityBatch":
		done := []map[string]string{}
		for _, e := range in.Entries {
			x.hide(e.ReceiptHandle, e.VisibilityTimeout)
			done = append(done, map[string]string{"Id": e.Id})
		}
		return q.ok(map[string]any{"Successful": done, "Failed": []string{}})
	case "GetQueueAttributes":
		return q.ok(map[string]any{"Attributes": x.attributes()})
	}
	return q.fail("UnsupportedOperation", "the development stack does not imitate "+q.action)
}

// receive hands out messages that are visible, and hides them for some seconds; x.mu is held.
func (x *Queue) receive(most, seconds int) (out []map[string]any) {
	now := time.Now()
	for _, l := range x.all {
		if len(out) == most || now.Before(l.visible) {
			continue
		}
		l.receipt, l.visible = newID(), now.Add(time.Duration(seconds)*time.Second)
		l.received++
		sum := md5.Sum([]byte(l.body)) //nolint:gosec // a check of the wire's, not of ours
		out = append(out, map[string]any{"MessageId": l.id, "ReceiptHandle": l.receipt, "Body": l.body, "MD5OfBody": hex.EncodeToString(sum[:]),
			"Attributes": map[string]string{"SentTimestamp": strconv.FormatInt(l.sent.UnixMilli(), 10),
				"ApproximateReceiveCount": strconv.Itoa(l.received)}})
	}
	return out
}

// hide sets for how long a message stays invisible from now on; x.mu is held.
func (x *Queue) hide(receipt string, seconds int) {
	for _, l := range x.all {
		if l.receipt == receipt && strings.TrimSpace(receipt) != "" {
			l.visible = time.Now().Add(time.Duration(seconds) * time.Second)
		}
	}
}

// attributes are the counts that AWS calls approximate; x.mu is held.
func (x *Queue) attributes() map[string]string {
	hidden := 0
	for _, l := range x.all {
		if time.Now().Before(l.visible) {
			hidden++
		}
	}
	return map[string]string{"ApproximateNumberOfMessages": strconv.Itoa(len(x.all) - hidden),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(hidden)}
}
