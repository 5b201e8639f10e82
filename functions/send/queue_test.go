package main

import (
	"context"
	"crypto/md5" //nolint:gosec // SQS's checksum
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// TestQueue: what SQS gets, over its own protocol.
func TestQueue(t *testing.T) {
	var got struct {
		QueueUrl, MessageBody string
		DelaySeconds          int
	}
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(body, &got); err != nil || r.Header.Get("X-Amz-Target") != "AmazonSQS.SendMessage" {
			t.Errorf("%s %s: %v", r.Header.Get("X-Amz-Target"), body, err)
		}
		sum := md5.Sum([]byte(got.MessageBody)) //nolint:gosec // SQS's checksum
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"MessageId":"1","MD5OfMessageBody":%q}`, hex.EncodeToString(sum[:]))
	}))
	t.Cleanup(server.Close)
	client := sqs.NewFromConfig(aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", "c"), Retryer: func() aws.Retryer { return aws.NopRetryer{} }})
	q := sqsQueue{client, "https://sqs.us-east-1.amazonaws.com/123456789012/RetryQueue"}
	must(t, q.Send(context.Background(), pointer{SessionID: "a session", Code: "resend#1"}, 7*time.Second))
	if got.QueueUrl != q.url || got.DelaySeconds != 7 || got.MessageBody != `{"sessionId":"a session","code":"resend#1"}` {
		t.Errorf("%+v", got)
	}
	status = http.StatusServiceUnavailable
	if err := q.Send(context.Background(), pointer{SessionID: "a session", Code: "resend#1"}, 0); err == nil {
		t.Error("a rejected message gave no error")
	}
}
