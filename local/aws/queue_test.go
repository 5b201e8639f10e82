package aws

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"streamotp/local/template"
)

// clock is a time that a test sets.
type clock struct{ now time.Time }

func (c *clock) pass(d time.Duration) { c.now = c.now.Add(d) }

func testQueues() (*clock, *Queue, *Queue) {
	c := &clock{now: time.Unix(1_800_000_000, 0)}
	all := NewQueues(func() time.Time { return c.now }, []template.Queue{
		{ID: "Work", URL: "work", ARN: "arn:work", VisibilityTimeout: 30 * time.Second, MessageRetentionPeriod: time.Hour,
			RedrivePolicy: template.RedrivePolicy{DeadLetterTargetArn: "arn:letters", MaxReceiveCount: 2}},
		{ID: "Letters", URL: "letters", ARN: "arn:letters", VisibilityTimeout: 30 * time.Second, MessageRetentionPeriod: 2 * time.Hour},
	})
	return c, all.Queue("work"), all.Queue("letters")
}

// received returns the bodies that a receive returns, and the seconds until the next message is visible.
func received(c *clock, q *Queue) string {
	messages, next := q.Receive(10, q.VisibilityTimeout)
	var all []string
	for _, m := range messages {
		all = append(all, m.Body+":"+m.Attributes["ApproximateReceiveCount"])
	}
	if !next.IsZero() {
		all = append(all, fmt.Sprint(next.Sub(c.now)))
	}
	return strings.Join(all, " ")
}

func TestQueue(t *testing.T) {
	want := func(t *testing.T, what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	t.Run("a message is not received before its delay is over", func(t *testing.T) {
		c, work, _ := testQueues()
		work.Send("a", 20*time.Second)
		want(t, "at once", received(c, work), "20s")
		c.pass(20*time.Second - 1)
		want(t, "just before", received(c, work), "1ns")
		c.pass(1)
		want(t, "then", received(c, work), "a:1")
	})
	t.Run("a received message is hidden until its visibility time-out, and counted", func(t *testing.T) {
		c, work, _ := testQueues()
		work.Send("a", 0)
		want(t, "first", received(c, work), "a:1")
		want(t, "hidden", received(c, work), "30s")
		c.pass(30 * time.Second)
		want(t, "again", received(c, work), "a:2")
	})
	t.Run("a deleted message never comes again; an old receipt deletes nothing", func(t *testing.T) {
		c, work, _ := testQueues()
		work.Send("a", 0)
		first, _ := work.Receive(1, time.Second)
		c.pass(time.Second)
		second, _ := work.Receive(1, time.Second)
		work.Delete(first[0].Receipt)
		work.Delete("")
		want(t, "after the old receipt", fmt.Sprint(len(work.Bodies())), "1")
		work.Delete(second[0].Receipt)
		want(t, "after the new one", fmt.Sprint(len(work.Bodies())), "0")
	})
	t.Run("a message that was received too often goes to the dead-letter queue once, as it was", func(t *testing.T) {
		c, work, letters := testQueues()
		id := work.Send("a", 0)
		begin := c.now
		for range 2 {
			received(c, work)
			want(t, "dead letters before", fmt.Sprint(len(letters.Bodies())), "0")
			c.pass(30 * time.Second)
		}
		want(t, "the third receive", received(c, work), "")
		want(t, "what is left", fmt.Sprint(len(work.Bodies())), "0")
		got, _ := letters.Receive(10, 0)
		if len(got) != 1 || got[0].ID != id || got[0].Body != "a" || got[0].Attributes["DeadLetterQueueSourceArn"] != "arn:work" ||
			got[0].Attributes["SentTimestamp"] != fmt.Sprint(begin.UnixMilli()) {
			t.Errorf("%+v", got)
		}
	})
	t.Run("a message that was not handed over is not received more often", func(t *testing.T) {
		c, work, letters := testQueues()
		work.Send("a", 0)
		work.Send("b", 0)
		for range 3 {
			_, _ = work.Receive(1, 0) // a, a, b
		}
		want(t, "then", received(c, work), "b:2")
		want(t, "dead letters", fmt.Sprint(len(letters.Bodies())), "1")
	})
	t.Run("a message is gone after the retention period", func(t *testing.T) {
		c, work, _ := testQueues()
		work.Send("a", 0)
		c.pass(time.Hour)
		want(t, "at its end", fmt.Sprint(len(work.Bodies())), "1")
		c.pass(1)
		want(t, "then", received(c, work), "")
		want(t, "left", fmt.Sprint(len(work.Bodies())), "0")
	})
	t.Run("a reader is woken by a message and by one that is shown sooner", func(t *testing.T) {
		_, work, _ := testQueues()
		woken := func() bool {
			select {
			case <-work.Arrived():
				return true
			default:
				return false
			}
		}
		work.Send("a", time.Minute)
		if !woken() || woken() {
			t.Error("not woken once by a message")
		}
		work.Send("b", 0)
		woken()
		got, _ := work.Receive(1, time.Minute)
		if work.hide("none", 0) || woken() {
			t.Error("woken by an unknown receipt")
		}
		if !work.hide(got[0].Receipt, 0) || !woken() {
			t.Error("not woken by a message that is shown")
		}
	})
	t.Run("a body that is no JSON is listed as text", func(t *testing.T) {
		_, work, _ := testQueues()
		work.Send(`{"a":1}`, 0)
		work.Send("plain", 0)
		want(t, "bodies", fmt.Sprintf("%s", work.Bodies()), `[{"a":1} "plain"]`)
	})
}
