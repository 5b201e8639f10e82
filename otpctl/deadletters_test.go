package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

var operations = map[string]string{"SesFromAddress": "login@example.com", "AllowedCountries": "", "AlarmEmail": "ops@example.com"}

// item writes what asks for a message, and gives the sequence number of its record.
func (a *cloud) item(t *testing.T, session string, life time.Duration, more ...string) string {
	t.Helper()
	item := map[string]dynamodbtypes.AttributeValue{"sessionId": text(session), "code": text("digest"), "sealed": &dynamodbtypes.AttributeValueMemberB{Value: []byte{1}},
		"expiredAt": &dynamodbtypes.AttributeValueMemberN{Value: fmt.Sprint(time.Now().Add(life).Unix())}}
	for _, name := range more {
		item[name] = text("code")
	}
	if _, err := dynamodb.NewFromConfig(a.cfg).PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(a.outputs["CodesTableName"]), Item: item}); err != nil {
		t.Fatal(err)
	}
	all := a.records(t)
	return *all[len(all)-1].Dynamodb.SequenceNumber
}

// shard is the stream's only one.
func (a *cloud) shard(t *testing.T) *string {
	t.Helper()
	out, err := dynamodbstreams.NewFromConfig(a.cfg).DescribeStream(ctx, &dynamodbstreams.DescribeStreamInput{StreamArn: aws.String(a.outputs["CodesStreamArn"])})
	if err != nil {
		t.Fatal(err)
	}
	return out.StreamDescription.Shards[0].ShardId
}

func (a *cloud) records(t *testing.T) []types.Record {
	t.Helper()
	client := dynamodbstreams.NewFromConfig(a.cfg)
	at, err := client.GetShardIterator(ctx, &dynamodbstreams.GetShardIteratorInput{StreamArn: aws.String(a.outputs["CodesStreamArn"]),
		ShardId: a.shard(t), ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
	if err != nil {
		t.Fatal(err)
	}
	out, err := client.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: at.ShardIterator})
	if err != nil {
		t.Fatal(err)
	}
	return out.Records
}

// post puts a letter about records in the queue.
func (a *cloud) post(t *testing.T, start, end string) {
	t.Helper()
	a.postBody(t, fmt.Sprintf(`{"requestContext":{"condition":"RetryAttemptsExhausted","approximateInvokeCount":5},"version":"1.0",
		"timestamp":"2026-11-21T15:09:39.000Z","DDBStreamBatchInfo":{"shardId":%q,"startSequenceNumber":%q,"endSequenceNumber":%q,
		"batchSize":1,"streamArn":%q}}`, *a.shard(t), start, end, a.outputs["CodesStreamArn"]))
}

func (a *cloud) postBody(t *testing.T, body string) {
	t.Helper()
	if _, err := sqs.NewFromConfig(a.cfg).SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: aws.String(a.outputs["DeadLetterQueueUrl"]), MessageBody: &body}); err != nil {
		t.Fatal(err)
	}
}

func (a *cloud) redrive(t *testing.T, code int, args ...string) (report redriveReport) {
	t.Helper()
	r := a.run(t, append([]string{"deadletters", "redrive", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil || r.code != code {
		t.Fatalf("exit code %d, want %d: %v\n%s%s", r.code, code, err, r.stdout, r.stderr)
	}
	return report
}

func TestDeadLettersOnAWS(t *testing.T) {
	a := newCloud(t, operations)
	one := a.item(t, "one", time.Hour, "send")
	a.item(t, "decoy", time.Hour)
	a.item(t, "late", -time.Hour, "send")
	two := a.item(t, "two", time.Hour, "send")
	a.item(t, "beyond", time.Hour, "send")

	t.Run("list shows every letter, what is none too, and leaves all where they are", func(t *testing.T) {
		for range 12 {
			a.post(t, one, two)
		}
		a.postBody(t, "not JSON")
		a.postBody(t, `{"DDBStreamBatchInfo":{"shardId":"s","startSequenceNumber":"1","endSequenceNumber":"2","streamArn":"arn:aws:dynamodb:us-east-1:1:table/other/stream/x"}}`)
		for range 2 {
			r := a.run(t, "deadletters", "list")
			r.want(t, exitOK, "no letter of an event source mapping", "a letter of another table", "RetryAttemptsExhausted                5      yes")
			if n := strings.Count(r.stdout, "\n"); n != 15 || strings.Contains(r.stdout, "more") {
				t.Errorf("listed\n%s", r.stdout)
			}
		}
		a.drain(t)
	})
	t.Run("the sender gets what asks for a message and has not expired, between the letter's ends", func(t *testing.T) {
		a.post(t, one, two)
		a.answer("lambda:Invoke", `{"batchItemFailures":[]}`)
		report := a.redrive(t, exitOK)
		if len(report.Letters) != 1 || report.Letters[0].Handed != 2 || report.Letters[0].Expired != 1 || !report.Letters[0].Deleted {
			t.Errorf("redriven %+v", report)
		}
		if again := a.redrive(t, exitOK); len(again.Letters) != 0 {
			t.Errorf("redriven again %+v", again)
		}
	})
	for name, c := range map[string]struct{ answer, problem string }{
		"one record failed":     {fmt.Sprintf(`{"batchItemFailures":[{"itemIdentifier":%q}]}`, one), "failed again"},
		"no answer of its kind": {`"unknown"`, "gave no answer of its kind"},
		"nothing":               {``, "gave no answer of its kind"},
		"another function's":    {`{"statusCode":200}`, "gave no answer of its kind"},
		"{}":                    {`{}`, "gave no answer of its kind"},
		"null":                  {`null`, "gave no answer of its kind"},
		"another record failed": {`{"batchItemFailures":[{"itemIdentifier":"7"}]}`, "gave no answer of its kind"},
		"refused":               {"400 AccessDeniedException", "may not call Lambda Invoke"},
	} {
		t.Run("the letter stays where the sender says: "+name, func(t *testing.T) {
			a.post(t, one, two)
			a.answer("lambda:Invoke", c.answer)
			report := a.redrive(t, exitFailed)
			if len(report.Letters) != 1 || report.Letters[0].Deleted || !strings.Contains(report.Letters[0].Problem, c.problem) {
				t.Errorf("redriven %+v", report)
			}
			if n := a.drain(t); n != 1 {
				t.Errorf("%d letters are visible", n)
			}
		})
	}
	t.Run("a letter with expired records only goes, and the sender is not called", func(t *testing.T) {
		a.answer("lambda:Invoke", "400 AccessDeniedException")
		start := a.item(t, "over", -time.Second, "send")
		a.post(t, start, start)
		if report := a.redrive(t, exitOK); len(report.Letters) != 1 || report.Letters[0].Expired != 1 || report.Letters[0].Handed != 0 || !report.Letters[0].Deleted {
			t.Errorf("redriven %+v", report)
		}
	})
	t.Run("what is no letter of the stack stays and holds nobody up", func(t *testing.T) {
		a.answer("lambda:Invoke", `{"batchItemFailures":[]}`)
		a.postBody(t, "{}")
		a.post(t, one, one)
		report := a.redrive(t, exitFailed, "--drop-gone")
		if len(report.Letters) != 2 || report.Deleted != 1 || report.Stay != 1 {
			t.Errorf("redriven %+v", report)
		}
	})
	t.Run("a queue that may not be read is told", func(t *testing.T) {
		a.answer("sqs:ReceiveMessage", "400 AccessDeniedException")
		a.run(t, "deadletters", "list").want(t, exitFailed, "may not call SQS ReceiveMessage")
	})
}

// drain takes all visible letters out of the queue and counts them. SQS purges one only once a minute.
func (a *cloud) drain(t *testing.T) (n int) {
	t.Helper()
	q := queue{client: sqs.NewFromConfig(a.cfg), url: a.outputs["DeadLetterQueueUrl"]}
	for {
		letters, err := q.receive(ctx, batch, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if n += len(letters); len(letters) == 0 {
			return n
		}
		for _, l := range letters {
			if err := q.remove(ctx, l); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestEventOf: the sender gets what Lambda would give it.
func TestEventOf(t *testing.T) {
	r := types.Record{EventID: aws.String("1"), EventName: "INSERT", EventVersion: aws.String("1.1"), EventSource: aws.String("aws:dynamodb"), AwsRegion: aws.String("us-east-1"),
		Dynamodb: &types.StreamRecord{SequenceNumber: aws.String("111"), SizeBytes: aws.Int64(9), StreamViewType: "NEW_IMAGE", ApproximateCreationDateTime: aws.Time(time.Unix(1700000000, 5e8)),
			Keys:     map[string]types.AttributeValue{"sessionId": &types.AttributeValueMemberS{Value: "s"}},
			NewImage: map[string]types.AttributeValue{"expiredAt": &types.AttributeValueMemberN{Value: "7"}, "sealed": &types.AttributeValueMemberB{Value: []byte("box")}}}}
	got, err := eventOf([]types.Record{r}, "arn:stream")
	want := `{"Records":[{"awsRegion":"us-east-1","dynamodb":{"ApproximateCreationDateTime":1700000000,"Keys":{"sessionId":{"S":"s"}},` +
		`"NewImage":{"expiredAt":{"N":"7"},"sealed":{"B":"Ym94"}},"SequenceNumber":"111","SizeBytes":9,"StreamViewType":"NEW_IMAGE"},` +
		`"eventID":"1","eventName":"INSERT","eventSource":"aws:dynamodb","eventSourceARN":"arn:stream","eventVersion":"1.1"}]}`
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
}

// TestWithin: sequence numbers are compared as numbers, whatever their length.
func TestWithin(t *testing.T) {
	l := letter{}
	l.Batch.Start, l.Batch.End = "900000000000000000000000000000000001", "1000000000000000000000000000000000002"
	var records []types.Record
	for _, number := range []string{"900000000000000000000000000000000000", "900000000000000000000000000000000001", "1000000000000000000000000000000000001",
		"1000000000000000000000000000000000003"} {
		records = append(records, types.Record{EventName: "INSERT", Dynamodb: &types.StreamRecord{SequenceNumber: aws.String(number),
			NewImage: map[string]types.AttributeValue{"send": &types.AttributeValueMemberS{Value: "code"}}}})
	}
	if found, ended := within(records, l); len(found) != 2 || !ended {
		t.Errorf("found %d, ended %v", len(found), ended)
	}
	if _, ended := within(records[:3], l); ended {
		t.Error("ends before the last record")
	}
	records[1].EventName = "MODIFY"
	if found, _ := within(records, l); len(found) != 1 {
		t.Error("takes what is no INSERT")
	}
}
