package aws

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"streamotp/local/template"
)

// Queues imitates SQS with the template's standard queues. A receive does not wait for messages: a long poll gets its
// response at once.
type Queues struct {
	now func() time.Time
	mu  sync.Mutex // for all queues, as a message moves from one to another
	all []*Queue
}

// Queue is one queue.
type Queue struct {
	template.Queue
	queues   *Queues
	arrived  chan struct{}
	messages []*queued
}

// queued is a message in a queue. Each receive gives it a new receipt.
type queued struct {
	id, receipt, body string
	sent              time.Time
	received          int
	firstReceived     time.Time
	visible           time.Time // from when on a receive returns the message
	source            string    // ARN of the queue that moved the message here; empty if it was sent here
}

// ReceivedMessage is a message as a receive returns it, with all of its system attributes.
type ReceivedMessage struct {
	ID, Receipt, Body, MD5 string
	Attributes             map[string]string
}

// NewQueues makes the queues, which are empty.
func NewQueues(now func() time.Time, queues []template.Queue) *Queues {
	x := &Queues{now: now}
	for _, q := range queues {
		x.all = append(x.all, &Queue{Queue: q, queues: x, arrived: make(chan struct{}, 1)})
	}
	return x
}

// Queue returns the queue with this URL or ARN, or nil.
func (x *Queues) Queue(name string) *Queue {
	for _, q := range x.all {
		if q.URL == name || q.ARN == name {
			return q
		}
	}
	return nil
}

// Send puts a message into the queue. A receive returns it after the delay.
func (x *Queue) Send(body string, delay time.Duration) (id string) {
	x.queues.mu.Lock()
	defer x.queues.mu.Unlock()
	now := x.queues.now()
	m := &queued{id: uuid.NewString(), body: body, sent: now, visible: now.Add(delay)}
	x.add(m)
	return m.id
}

// add appends a message; the lock is held.
func (x *Queue) add(m *queued) {
	x.messages = append(x.messages, m)
	x.wake()
}

func (x *Queue) wake() {
	select {
	case x.arrived <- struct{}{}:
	default:
	}
}

// Arrived returns a channel that gets a value when a message arrives or becomes visible sooner. It is for one reader.
func (x *Queue) Arrived() <-chan struct{} { return x.arrived }

// Receive returns at most this many visible messages and hides them for a time. If none is visible, next is when the
// first one will be; it is zero for an empty queue.
func (x *Queue) Receive(most int, hide time.Duration) (out []ReceivedMessage, next time.Time) {
	x.queues.mu.Lock()
	defer x.queues.mu.Unlock()
	x.expire()
	now := x.queues.now()
	for _, m := range slices.Clone(x.messages) {
		switch {
		case now.Before(m.visible):
			if next.IsZero() || m.visible.Before(next) {
				next = m.visible
			}
		case x.RedrivePolicy.MaxReceiveCount > 0 && m.received >= x.RedrivePolicy.MaxReceiveCount:
			x.giveUp(m)
		case len(out) < most:
			out = append(out, m.receive(now, hide))
		}
	}
	return out, next
}

// expire deletes the messages that are older than the queue's retention period; the lock is held.
func (x *Queue) expire() {
	oldest := x.queues.now().Add(-x.MessageRetentionPeriod)
	x.messages = slices.DeleteFunc(x.messages, func(m *queued) bool { return m.sent.Before(oldest) })
}

// giveUp moves a message to the dead-letter queue. It keeps its id and its age there, as in AWS; the lock is held.
func (x *Queue) giveUp(m *queued) {
	x.remove(func(other *queued) bool { return other == m })
	m.source, m.receipt = x.ARN, ""
	x.queues.Queue(string(x.RedrivePolicy.DeadLetterTargetArn)).add(m)
}

func (x *Queue) remove(which func(*queued) bool) { x.messages = slices.DeleteFunc(x.messages, which) }

func (m *queued) receive(now time.Time, hide time.Duration) ReceivedMessage {
	m.receipt, m.visible = uuid.NewString(), now.Add(hide)
	m.received++
	if m.received == 1 {
		m.firstReceived = now
	}
	attributes := map[string]string{
		"SenderId": "AIDALOCAL", "SentTimestamp": milliseconds(m.sent), "ApproximateFirstReceiveTimestamp": milliseconds(m.firstReceived),
		"ApproximateReceiveCount": strconv.Itoa(m.received),
	}
	if m.source != "" {
		attributes["DeadLetterQueueSourceArn"] = m.source
	}
	return ReceivedMessage{ID: m.id, Receipt: m.receipt, Body: m.body, MD5: md5Of(m.body), Attributes: attributes}
}

func milliseconds(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

func md5Of(body string) string {
	sum := md5.Sum([]byte(body)) //nolint:gosec // SQS's checksum of the transfer, which SDKs check
	return hex.EncodeToString(sum[:])
}

// Delete deletes the message with this receipt, unless the message has been received again since.
func (x *Queue) Delete(receipt string) {
	x.queues.mu.Lock()
	defer x.queues.mu.Unlock()
	x.remove(func(m *queued) bool { return m.receipt != "" && m.receipt == receipt })
}

// hide makes a received message invisible for this long from now on. It returns false if no message has this receipt.
func (x *Queue) hide(receipt string, timeout time.Duration) bool {
	x.queues.mu.Lock()
	defer x.queues.mu.Unlock()
	for _, m := range x.messages {
		if m.receipt != "" && m.receipt == receipt {
			m.visible = x.queues.now().Add(timeout)
			x.wake()
			return true
		}
	}
	return false
}

// Bodies returns the bodies of all messages, the invisible ones too. A body that is not JSON becomes a JSON string.
func (x *Queue) Bodies() []json.RawMessage {
	x.queues.mu.Lock()
	defer x.queues.mu.Unlock()
	x.expire()
	out := []json.RawMessage{}
	for _, m := range x.messages {
		body := json.RawMessage(m.body)
		if !json.Valid(body) {
			body, _ = json.Marshal(m.body)
		}
		out = append(out, body)
	}
	return out
}

// attributes returns the queue's settings, and the counts that AWS calls approximate.
func (x *Queue) attributes() map[string]string {
	x.queues.mu.Lock()
	defer x.queues.mu.Unlock()
	x.expire()
	visible, delayed, hidden := 0, 0, 0
	for _, m := range x.messages {
		switch {
		case !x.queues.now().Before(m.visible):
			visible++
		case m.received == 0:
			delayed++
		default:
			hidden++
		}
	}
	out := map[string]string{
		"QueueArn": x.ARN, "DelaySeconds": wholeSeconds(x.DelaySeconds), "VisibilityTimeout": wholeSeconds(x.VisibilityTimeout),
		"MessageRetentionPeriod": wholeSeconds(x.MessageRetentionPeriod), "ApproximateNumberOfMessages": strconv.Itoa(visible),
		"ApproximateNumberOfMessagesDelayed": strconv.Itoa(delayed), "ApproximateNumberOfMessagesNotVisible": strconv.Itoa(hidden),
	}
	if policy := x.RedrivePolicy; policy.MaxReceiveCount > 0 {
		out["RedrivePolicy"] = fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, policy.DeadLetterTargetArn, policy.MaxReceiveCount)
	}
	return out
}

func wholeSeconds(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) }
