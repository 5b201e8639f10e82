package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

var operations = map[string]string{"SesFromAddress": "login@example.com", "AllowedCountries": "", "AlarmEmail": "ops@example.com"}

const digest = "digest-that-is-secret"

// row writes a session's row, and returns the pointer to it.
func (a *cloud) row(t *testing.T, session string, life time.Duration, more ...string) string {
	t.Helper()
	number := func(n int64) dynamodbtypes.AttributeValue {
		return &dynamodbtypes.AttributeValueMemberN{Value: fmt.Sprint(n)}
	}
	item := map[string]dynamodbtypes.AttributeValue{"sessionId": text(session), "code": text(digest), "purpose": text("login"), "send": text("code"),
		"sealed": &dynamodbtypes.AttributeValueMemberB{Value: []byte{1}}, "expiredAt": number(time.Now().Add(life).Unix())}
	for _, name := range more {
		item[name] = number(time.Now().UnixMilli())
	}
	if _, err := dynamodb.NewFromConfig(a.cfg).PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(a.outputs["CodesTableName"]), Item: item}); err != nil {
		t.Fatal(err)
	}
	return pointerTo(session)
}

func pointerTo(session string) string {
	return fmt.Sprintf(`{"sessionId":%q,"code":%q}`, session, digest)
}

// streamPosition returns what AWS writes about records of a table's stream.
func streamPosition(table string) string {
	return fmt.Sprintf(`{"requestContext":{"condition":"RetryAttemptsExhausted","approximateInvokeCount":9},"version":"1.0",
		"timestamp":"2026-11-21T15:09:39.000Z","DDBStreamBatchInfo":{"shardId":"shardId-1","startSequenceNumber":"100",
		"endSequenceNumber":"300","batchSize":2,"streamArn":"arn:aws:dynamodb:us-east-1:1:table/%s/stream/x"}}`, table)
}

// post puts a message into the dead-letter queue.
func (a *cloud) post(t *testing.T, body string) {
	t.Helper()
	if _, err := sqs.NewFromConfig(a.cfg).SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: aws.String(a.outputs["DeadLetterQueueUrl"]), MessageBody: &body}); err != nil {
		t.Fatal(err)
	}
}

// crash puts a message into the retry queue and receives it as often as the queue allows, so that SQS moves it to the
// dead-letter queue. It returns the message's id and the time at which it was sent.
func (a *cloud) crash(t *testing.T, body string) (id string, since time.Time) {
	t.Helper()
	client, url := sqs.NewFromConfig(a.cfg), aws.String(a.outputs["RetryQueueUrl"])
	if _, err := client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: url, MessageBody: &body}); err != nil {
		t.Fatal(err)
	}
	for {
		out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url,
			MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameSentTimestamp}})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Messages) == 0 && id != "" {
			return id, since
		}
		for _, m := range out.Messages {
			sent, err := strconv.ParseInt(m.Attributes["SentTimestamp"], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			id, since = *m.MessageId, time.UnixMilli(sent).UTC()
			if _, err := client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: url, ReceiptHandle: m.ReceiptHandle}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// drain takes all visible messages out of a queue and returns their bodies. SQS allows a purge of a queue only once a
// minute.
func (a *cloud) drain(t *testing.T, output string) (bodies []string) {
	t.Helper()
	client, url := sqs.NewFromConfig(a.cfg), a.outputs[output]
	for {
		out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Messages) == 0 {
			return bodies
		}
		for _, m := range out.Messages {
			bodies = append(bodies, *m.Body)
			if _, err := client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// wantQueued fails the test unless the retry queue has exactly these messages. It empties the queue.
func (a *cloud) wantQueued(t *testing.T, want ...string) {
	t.Helper()
	if got := a.drain(t, "RetryQueueUrl"); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the retry queue has %v, want %v", got, want)
	}
}

// wantLetters fails the test unless this many dead letters are visible. It empties the queue.
func (a *cloud) wantLetters(t *testing.T, want int) {
	t.Helper()
	if got := a.drain(t, "DeadLetterQueueUrl"); len(got) != want {
		t.Errorf("%d dead letters are visible, want %d: %v", len(got), want, got)
	}
}

// redriveResult is the output of deadletters redrive --json.
type redriveResult struct {
	Letters               []redrivenLetter
	Queued, Deleted, Stay int
}

type redrivenLetter struct {
	ID, Kind, Row   string
	Since           time.Time
	Queued, Deleted bool
	Problem         string
}

// redrive runs a redrive, whose output must contain no session ids and no digests.
func (a *cloud) redrive(t *testing.T, code int, args ...string) (report redriveResult) {
	t.Helper()
	r := a.run(t, append([]string{"deadletters", "redrive", "--json"}, args...)...)
	wantNoKeys(t, r)
	if err := json.Unmarshal([]byte(r.data(t)), &report); err != nil || r.code != code {
		t.Fatalf("exit code %d, want %d: %v\n%s%s", r.code, code, err, r.stdout, r.stderr)
	}
	example := find("deadletters", "redrive").Annotations["document"]
	if len(report.Letters) > 0 && shape(t, r.data(t)) != shape(t, example) {
		t.Errorf("prints %s\nhelp has %s", r.stdout, example)
	}
	return report
}

// wantNoKeys fails the test if a command prints a session's id or a digest.
func wantNoKeys(t *testing.T, r result) {
	t.Helper()
	if said := r.stdout + r.stderr; strings.Contains(said, "session-") || strings.Contains(said, digest) {
		t.Errorf("it reveals a row's key:\n%s", said)
	}
}

func TestDeadLettersList(t *testing.T) {
	a := newCloud(t, operations)
	t.Run("it shows every dead letter with its row's state, and removes none", func(t *testing.T) {
		a.post(t, a.row(t, "session-1", time.Hour))
		a.post(t, a.row(t, "session-2", time.Hour, "sentAt"))
		a.post(t, a.row(t, "session-3", -time.Hour))
		a.post(t, pointerTo("session-4"))
		a.post(t, a.row(t, "session-9", time.Hour, "usedAt"))
		a.post(t, streamPosition(a.outputs["CodesTableName"]))
		for _, body := range []string{"not JSON", "{}", `{"sessionId":"session-5"}`, streamPosition("other"), "[]", `{"sessionId":7}`, "null"} {
			a.post(t, body)
		}
		for range 2 {
			r := a.run(t, "deadletters", "list")
			r.want(t, exitOK, "undelivered  waiting  no provider", "undelivered  sent ", "undelivered  ended ", "undelivered  expired ", "undelivered  gone ", "position     -  ")
			wantNoKeys(t, r)
			if n := strings.Count(r.stdout, "\n"); n != 14 || strings.Contains(r.stdout, "more just now") || strings.Count(r.stdout, "no dead letter of this stack") != 7 {
				t.Errorf("listed\n%s", r.stdout)
			}
			if !strings.Contains(r.stdout, time.Now().UTC().Format("2006-01-02T")) {
				t.Errorf("it does not say since when:\n%s", r.stdout)
			}
		}
		r := a.run(t, "deadletters", "list", "--json")
		if got, want := shape(t, r.data(t)), shape(t, find("deadletters", "list").Annotations["document"]); got != want {
			t.Errorf("prints %s\nhelp has %s", got, want)
		}
		a.wantLetters(t, 13)
	})
	t.Run("an empty queue is an empty list", func(t *testing.T) {
		if r := a.run(t, "deadletters", "list", "--json"); !strings.Contains(r.stdout, `"letters": []`) {
			t.Errorf("listed %s", r.stdout)
		}
	})
	t.Run("one that another command has is counted", func(t *testing.T) {
		a.post(t, pointerTo("session-6"))
		queue, url := sqs.NewFromConfig(a.cfg), a.outputs["DeadLetterQueueUrl"]
		out, err := queue.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &url, VisibilityTimeout: 60})
		if err != nil || len(out.Messages) != 1 {
			t.Fatal(err, out)
		}
		a.run(t, "deadletters", "list").want(t, exitOK, "about 1 dead letter more")
		if _, err := queue.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: out.Messages[0].ReceiptHandle}); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a queue or a table that may not be read is reported", func(t *testing.T) {
		a.post(t, pointerTo("session-7"))
		a.deny("dynamodb:Query")
		a.run(t, "deadletters", "list").want(t, exitFailed, "may not call DynamoDB")
		a.wantLetters(t, 1)
		a.deny("sqs:ReceiveMessage")
		a.run(t, "deadletters", "list").want(t, exitFailed, "may not call SQS ReceiveMessage")
	})
	t.Run("a pointer from the retry queue is one that crashed the send function", func(t *testing.T) {
		a.deny()
		id, since := a.crash(t, pointerTo("session-8"))
		a.run(t, "deadletters", "list").want(t, exitOK,
			id[:8]+"  "+since.Format(time.RFC3339)+"  crashed  gone  the send function failed on the message, or was throttled, five times")
	})
}

func TestDeadLettersRedrive(t *testing.T) {
	a := newCloud(t, operations)
	// one returns the outcome of the only dead letter.
	one := func(t *testing.T, report redriveResult) redrivenLetter {
		t.Helper()
		if len(report.Letters) != 1 {
			t.Fatalf("redriven %+v", report)
		}
		return report.Letters[0]
	}
	t.Run("C8: a message that can still be sent is queued, and its dead letter deleted", func(t *testing.T) {
		waits := a.row(t, "session-1", time.Hour)
		a.post(t, waits)
		if got := one(t, a.redrive(t, exitOK)); got.Row != "waiting" || !got.Queued || !got.Deleted || got.Since.IsZero() {
			t.Errorf("redriven %+v", got)
		}
		a.wantQueued(t, waits)
		if again := a.redrive(t, exitOK); len(again.Letters) != 0 {
			t.Errorf("redriven again %+v", again)
		}
	})
	t.Run("C8: a message that was sent since is not queued, and its dead letter deleted", func(t *testing.T) {
		a.post(t, a.row(t, "session-2", time.Hour, "sentAt"))
		a.post(t, a.row(t, "session-3", -time.Hour, "sentAt"))
		if report := a.redrive(t, exitOK); report.Deleted != 2 || report.Queued != 0 {
			t.Errorf("redriven %+v", report)
		}
		a.wantQueued(t)
	})
	t.Run("C8: a message that nobody needs any more is not queued, and its dead letter deleted", func(t *testing.T) {
		a.post(t, a.row(t, "session-10", time.Hour, "usedAt"))
		if got := one(t, a.redrive(t, exitOK)); got.Row != "ended" || got.Queued || !got.Deleted {
			t.Errorf("redriven %+v", got)
		}
		a.wantQueued(t)
	})
	t.Run("C8: one whose dead letter was written a moment before it expired stays", func(t *testing.T) {
		a.post(t, a.row(t, "session-11", time.Hour, "bouncedAt"))
		if got := one(t, a.redrive(t, exitFailed)); got.Row != "expired" || got.Queued || got.Deleted {
			t.Errorf("redriven %+v", got)
		}
		a.redrive(t, exitOK, "--drop")
	})
	t.Run("C8: what cannot be sent any more is never queued, and stays until it is dropped", func(t *testing.T) {
		a.post(t, a.row(t, "session-4", -time.Second))
		a.post(t, pointerTo("session-5"))
		a.post(t, streamPosition(a.outputs["CodesTableName"]))
		report := a.redrive(t, exitFailed)
		if len(report.Letters) != 3 || report.Stay != 3 {
			t.Errorf("redriven %+v", report)
		}
		for _, l := range report.Letters {
			if !strings.Contains(l.Problem, "--drop") {
				t.Errorf("%+v does not say what to do", l)
			}
		}
		if report = a.redrive(t, exitOK, "--drop"); report.Deleted != 3 || report.Queued != 0 {
			t.Errorf("dropped %+v", report)
		}
		a.wantQueued(t)
		a.wantLetters(t, 0)
	})
	t.Run("--drop queues what can still be sent", func(t *testing.T) {
		waits := a.row(t, "session-6", time.Hour)
		a.post(t, waits)
		if got := one(t, a.redrive(t, exitOK, "--drop")); !got.Queued {
			t.Errorf("redriven %+v", got)
		}
		a.wantQueued(t, waits)
	})
	t.Run("what is no dead letter of the stack always stays and holds nothing up", func(t *testing.T) {
		waits := a.row(t, "session-7", time.Hour)
		a.post(t, "{}")
		a.post(t, streamPosition("other"))
		a.post(t, waits)
		if report := a.redrive(t, exitFailed, "--drop"); len(report.Letters) != 3 || report.Deleted != 1 || report.Stay != 2 {
			t.Errorf("redriven %+v", report)
		}
		a.wantQueued(t, waits)
		a.wantLetters(t, 2)
	})
	for call, problem := range map[string]string{"dynamodb:Query": "may not call DynamoDB", "sqs:SendMessage": "may not call SQS SendMessage",
		"sqs:DeleteMessage": "may not call SQS DeleteMessage"} {
		t.Run("a dead letter stays if "+call+" is denied", func(t *testing.T) {
			waits := a.row(t, "session-8", time.Hour)
			a.post(t, waits)
			a.deny(call)
			got := one(t, a.redrive(t, exitFailed))
			if got.Deleted || !strings.Contains(got.Problem, problem) || got.Queued != (call == "sqs:DeleteMessage") {
				t.Errorf("redriven %+v", got)
			}
			a.deny()
			a.drain(t, "RetryQueueUrl")
			a.wantLetters(t, 1)
		})
	}
	t.Run("the table says what became of each", func(t *testing.T) {
		a.post(t, a.row(t, "session-9", time.Hour))
		a.post(t, a.row(t, "session-10", time.Hour, "sentAt"))
		a.post(t, pointerTo("session-11"))
		r := a.run(t, "deadletters", "redrive")
		r.want(t, exitFailed, "queued again", "deleted: it was sent since", "stays: it cannot be sent any more", "1 message queued, 2 deleted, 1 stay.")
		wantNoKeys(t, r)
		a.run(t, "deadletters", "redrive", "--drop").want(t, exitOK, "deleted: it could not be sent any more", "0 messages queued, 1 deleted, 0 stay.")
		a.drain(t, "RetryQueueUrl")
	})
}
