package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// queueURL returns the URL of a queue of the template, given its logical id.
func (s *stack) queueURL(id string) string {
	for _, q := range s.spec.Queues {
		if q.ID == id {
			return q.URL
		}
	}
	return ""
}

// sqs calls SQS as an operator would. options are further members of the input, after a comma.
func (s *stack) sqs(t *testing.T, action, queue, options string) answer {
	t.Helper()
	return s.call(t, "sqs", "AmazonSQS."+action, "/", `{"QueueUrl":"`+s.queueURL(queue)+`"`+options+`}`)
}

// work sends a message to the queue that has a mapping. Its body has an id and further members, such as `"do":"fail"`.
func (s *stack) work(t *testing.T, id, members, options string) {
	t.Helper()
	body, _ := json.Marshal(strings.TrimSuffix(`{"id":"`+id+`",`+members, ",") + "}")
	if a := s.sqs(t, "SendMessage", "Work", `,"MessageBody":`+string(body)+options); a.status != 200 {
		t.Fatal(a)
	}
}

// handed returns the lines of the queue's function that begin with prefix and name this message.
func (s *stack) handed(prefix, id string) (out []string) {
	for _, line := range s.loggedBy("QueueFunction", prefix+" ") {
		if regexp.MustCompile(`[ ,]` + id + `:`).MatchString(line) {
			out = append(out, line)
		}
	}
	return out
}

// gate returns a file name, and a function that creates the file.
func gate(t *testing.T) (member string, open func()) {
	path := filepath.Join(t.TempDir(), "gate")
	return `"gate":"` + path + `"`, func() {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// patient lets the queue's function run as long as a test needs.
func patient(c *config) { c.Parameters = map[string]string{"Seconds": "60"} }

func TestSQS(t *testing.T) {
	t.Parallel()
	s := startTest(t, testTemplate(t, "", ""), nil)
	t.Run("SendMessage answers with the checksum that SDKs check", func(t *testing.T) {
		a := s.sqs(t, "SendMessage", "Letters", `,"MessageBody":"hello","DelaySeconds":0`)
		if a.status != 200 || !strings.Contains(a.body, `"MD5OfMessageBody":"5d41402abc4b2a76b9719d911017c592"`) || !strings.Contains(a.body, `"MessageId":"`) {
			t.Error(a)
		}
	})
	t.Run("ReceiveMessage returns the attributes that are asked for", func(t *testing.T) {
		a := s.sqs(t, "ReceiveMessage", "Letters", `,"MessageSystemAttributeNames":["SentTimestamp"],"VisibilityTimeout":0`)
		if !strings.Contains(a.body, `"Body":"hello"`) || !strings.Contains(a.body, "SentTimestamp") || strings.Contains(a.body, "ReceiveCount") {
			t.Error(a)
		}
		a = s.sqs(t, "ReceiveMessage", "Letters", `,"AttributeNames":["All"]`)
		if !strings.Contains(a.body, `"ApproximateReceiveCount":"2"`) {
			t.Error(a)
		}
		if a = s.sqs(t, "ReceiveMessage", "Letters", ""); a.body != `{"Messages":[]}` {
			t.Errorf("received while hidden by the queue's own time-out: %v", a)
		}
	})
	t.Run("a delayed message is counted as such, and not received", func(t *testing.T) {
		s.sqs(t, "SendMessage", "Letters", `,"MessageBody":"late","DelaySeconds":900`)
		a := s.sqs(t, "GetQueueAttributes", "Letters", `,"AttributeNames":["All"]`)
		for _, want := range []string{`"ApproximateNumberOfMessages":"0"`, `"ApproximateNumberOfMessagesDelayed":"1"`, `"ApproximateNumberOfMessagesNotVisible":"1"`} {
			if !strings.Contains(a.body, want) {
				t.Errorf("%s; want %s", a.body, want)
			}
		}
		if a := s.sqs(t, "GetQueueAttributes", "Letters", `,"AttributeNames":["QueueArn"]`); strings.Contains(a.body, "Approximate") {
			t.Error(a)
		}
	})
	t.Run("what is not imitated, or not valid, is rejected", func(t *testing.T) {
		for what, a := range map[string]answer{
			"an option":                s.sqs(t, "SendMessage", "Letters", `,"MessageBody":"x","MessageAttributes":{}`),
			"a delay":                  s.sqs(t, "SendMessage", "Letters", `,"MessageBody":"x","DelaySeconds":901`),
			"an empty body":            s.sqs(t, "SendMessage", "Letters", `,"MessageBody":""`),
			"a number of messages":     s.sqs(t, "ReceiveMessage", "Letters", `,"MaxNumberOfMessages":11`),
			"a visibility time-out":    s.sqs(t, "ReceiveMessage", "Letters", `,"VisibilityTimeout":43201`),
			"an unknown queue":         s.sqs(t, "SendMessage", "None", `,"MessageBody":"x"`),
			"an action":                s.sqs(t, "PurgeQueue", "Letters", ""),
			"a body that is no object": s.call(t, "sqs", "AmazonSQS.SendMessage", "/", "[]"),
		} {
			if a.status < 400 || !strings.Contains(a.body, `"__type":"com.amazonaws.sqs#`) {
				t.Errorf("%s: %v", what, a)
			}
		}
		if n := len(s.deadLetters()); n != 2 {
			t.Errorf("%d messages, want the two that were valid", n)
		}
	})
	t.Run("a function sends where its role allows it, nowhere else, and its calls are recorded", func(t *testing.T) {
		send(t, "DELETE", s.url+"/_local/calls", "")
		try := func(action, queue string) answer {
			return s.as(t, "sqs", "AmazonSQS."+action, "/", `{"QueueUrl":"`+s.queueURL(queue)+`","MessageBody":"{}"}`)
		}
		if a := try("SendMessage", "Work"); a.status != 200 {
			t.Error(a)
		}
		for _, a := range []answer{try("SendMessage", "Letters"), try("ReceiveMessage", "Work"), try("SendMessage", "None")} {
			if a.status != 403 || !strings.Contains(a.body, "sqs#AccessDenied") || !strings.Contains(a.body, "is not authorized to perform: sqs:") {
				t.Error(a)
			}
		}
		if n := len(s.deadLetters()); n != 2 {
			t.Errorf("%d messages: a refused one was sent", n)
		}
		a := send(t, "GET", s.url+"/_local/calls", "")
		if strings.Count(a.body, `"function":"EchoFunction","service":"sqs","action":"SendMessage"`) != 3 || strings.Contains(a.body, "QueueFunction") {
			t.Error(a.body)
		}
	})
	t.Run("a fault of SendMessage has SQS's shape, and nothing is sent", func(t *testing.T) {
		fault := `{"service":"sqs","action":"SendMessage","error":"RequestThrottled","count":1}`
		if a := send(t, "POST", s.url+"/_local/faults", fault); a.status != 204 {
			t.Fatal(a)
		}
		if a := s.sqs(t, "SendMessage", "Letters", `,"MessageBody":"x"`); a.status != 403 || !strings.Contains(a.body, `"__type":"com.amazonaws.sqs#RequestThrottled"`) {
			t.Error(a)
		}
		if n := len(s.deadLetters()); n != 2 {
			t.Errorf("%d messages", n)
		}
	})
}

func TestQueueMapping(t *testing.T) {
	t.Parallel()
	s := startTest(t, testTemplate(t, "", ""), nil)
	t.Run("the event has the documented shape", func(t *testing.T) {
		s.work(t, "shape", "", "")
		await(t, "it is handled", func() bool { return len(s.handed("END", "shape")) == 1 })
		var event struct{ Records []map[string]any }
		raw := s.loggedBy("QueueFunction", "EVENT ")[0]
		if err := json.Unmarshal([]byte(strings.TrimPrefix(raw, "EVENT ")), &event); err != nil || len(event.Records) != 1 {
			t.Fatal(raw)
		}
		r := event.Records[0]
		attributes, _ := r["attributes"].(map[string]any)
		for name, want := range map[string]string{"body": `{"id":"shape"}`, "eventSource": "aws:sqs", "awsRegion": "us-east-1", "messageAttributes": "map[]",
			"eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:" + path.Base(s.queueURL("Work"))} {
			if got := fmt.Sprint(r[name]); got != want {
				t.Errorf("%s is %s, want %s", name, got, want)
			}
		}
		if r["messageId"] == "" || r["receiptHandle"] == "" || len(r["md5OfBody"].(string)) != 32 || attributes["ApproximateReceiveCount"] != "1" ||
			attributes["SentTimestamp"] == "" || attributes["ApproximateFirstReceiveTimestamp"] == "" || attributes["SenderId"] == "" {
			t.Error(raw)
		}
		await(t, "the batch is in the log", func() bool {
			return strings.Contains(s.Out.(*lockedBuffer).String(), "queue Work QueueFunction 1 message ")
		})
	})
	t.Run("a delayed message is handed over once its delay is over", func(t *testing.T) {
		begin := time.Now()
		s.work(t, "late", "", `,"DelaySeconds":1`)
		await(t, "it is handled", func() bool { return len(s.handed("END", "late")) == 1 })
		if took := time.Since(begin); took < time.Second {
			t.Errorf("handled after %s", took)
		}
	})
	t.Run("only the messages that the function reports come again", func(t *testing.T) {
		s.work(t, "good", "", `,"DelaySeconds":1`)
		s.work(t, "bad", `"do":"partial"`, `,"DelaySeconds":1`)
		await(t, "the failed one came again", func() bool { return len(s.handed("END", "bad")) >= 2 })
		if len(s.handed("BEGIN", "good")) != 1 {
			t.Errorf("%v", s.loggedBy("QueueFunction", "BEGIN"))
		}
	})
	t.Run("an answer that names a message of no batch fails the whole batch", func(t *testing.T) {
		s.work(t, "odd", `"do":"foreign"`, "")
		await(t, "it came again", func() bool { return len(s.handed("END", "odd")) >= 2 })
	})
	t.Run("what crashes the function five times goes to the dead-letter queue, and comes no sixth time", func(t *testing.T) {
		s.work(t, "crash", `"do":"exit"`, "")
		crashed := func() (n int) {
			for _, body := range s.deadLetters() {
				n += strings.Count(string(body), `"crash"`)
			}
			return n
		}
		await(t, "it is given up", func() bool { return crashed() == 1 })
		var received []string // an earlier message may be delivered again in the same batch
		for _, line := range s.handed("BEGIN", "crash") {
			received = append(received, regexp.MustCompile(`crash:[0-9]+`).FindString(line))
		}
		if got := fmt.Sprint(received); got != "[crash:1 crash:2 crash:3 crash:4 crash:5]" {
			t.Error(got)
		}
		a := s.sqs(t, "ReceiveMessage", "Letters", `,"MaxNumberOfMessages":10,"MessageSystemAttributeNames":["DeadLetterQueueSourceArn"]`)
		if !strings.Contains(a.body, `"DeadLetterQueueSourceArn":"arn:aws:sqs:us-east-1:123456789012:`) {
			t.Error(a)
		}
	})
}

// TestQueueStops: a stack ends at once even if messages are delayed or hidden.
func TestQueueStops(t *testing.T) {
	t.Parallel()
	s := startTest(t, testTemplate(t, "", ""), patient)
	s.work(t, "late", "", `,"DelaySeconds":900`)
	s.work(t, "hidden", `"do":"partial"`, "")
	await(t, "a message is hidden", func() bool { return len(s.handed("END", "hidden")) == 1 })
	ended := make(chan struct{})
	go func() { s.close(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end")
	}
}
