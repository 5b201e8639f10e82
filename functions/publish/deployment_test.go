package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	cloudfronttypes "github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"streamotp/frontend"
	"streamotp/shared/store/storetest"
)

// deployment is a bucket and a distribution on MiniStack, the function with the permissions that template.yaml gives it, and a
// CloudFormation that waits for answers.
type deployment struct {
	handler
	owner        clients // what the tests do themselves
	t            *testing.T
	bucket       string
	distribution string
	answers      []cfn.Response
	url          string // that answers go to
	log          *strings.Builder
}

func deploy(t *testing.T) *deployment {
	t.Helper()
	d := &deployment{t: t, owner: newClients(storetest.MiniStack(t)), bucket: fmt.Sprintf("site-%d", time.Now().UnixNano()), log: &strings.Builder{}}
	d.handler = handler{site: frontend.Files, pause: func(context.Context, time.Duration) error { return nil }}
	_, err := d.owner.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &d.bucket})
	d.must(err)
	made, err := d.owner.cloudfront.CreateDistribution(t.Context(), &cloudfront.CreateDistributionInput{DistributionConfig: distribution(d.bucket)})
	d.must(err)
	d.distribution = *made.Distribution.Id
	d.permit(d.statements())
	d.url = d.listen()
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(d.log, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	return d
}

// use gives the function these clients.
func (d *deployment) use(c clients) {
	d.handler.s3, d.handler.cloudfront = c.s3, c.cloudfront
}

func distribution(bucket string) *cloudfronttypes.DistributionConfig {
	return &cloudfronttypes.DistributionConfig{
		CallerReference: &bucket, Comment: aws.String(""), Enabled: aws.Bool(true),
		Origins: &cloudfronttypes.Origins{Quantity: aws.Int32(1), Items: []cloudfronttypes.Origin{{Id: aws.String("site"),
			DomainName: aws.String(bucket + ".s3.amazonaws.com"), S3OriginConfig: &cloudfronttypes.S3OriginConfig{OriginAccessIdentity: aws.String("")}}}},
		DefaultCacheBehavior: &cloudfronttypes.DefaultCacheBehavior{TargetOriginId: aws.String("site"), ViewerProtocolPolicy: "redirect-to-https"},
	}
}

// listen is the end of the response URL: S3, which takes the one PUT that was signed.
func (d *deployment) listen() string {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var answer cfn.Response
		if body, err := io.ReadAll(r.Body); err != nil || json.Unmarshal(body, &answer) != nil || r.Method != http.MethodPut {
			d.t.Errorf("answered %s %s, %v", r.Method, body, err)
		}
		d.answers = append(d.answers, answer)
	}))
	d.t.Cleanup(server.Close)
	return server.URL + "/answer?X-Amz-Signature=hidden"
}

func (d *deployment) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// send gives the function a documented event with this deployment's bucket, distribution and response URL, and returns
// the one answer to it.
func (d *deployment) send(ctx context.Context, name string, change func(*cfn.Event)) cfn.Response {
	d.t.Helper()
	event := d.event(name)
	if change != nil {
		change(&event)
	}
	d.answers = nil
	if _, err := answering(d.handle)(ctx, event); err != nil {
		d.t.Errorf("%s: the function fails, so that Lambda tries it again: %v", name, err)
	}
	if len(d.answers) != 1 {
		d.t.Fatalf("%s: %d answers, want one", name, len(d.answers))
	}
	answer := d.answers[0]
	if answer.RequestID != event.RequestID || answer.StackID != event.StackID || answer.LogicalResourceID != event.LogicalResourceID {
		d.t.Errorf("%s: the answer is for another request: %+v", name, answer)
	}
	if (answer.Status == cfn.StatusFailed) != (answer.Reason != "") || answer.PhysicalResourceID == "" {
		d.t.Errorf("%s: %+v", name, answer)
	}
	return answer
}

func (d *deployment) event(name string) cfn.Event {
	d.t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".json")
	d.must(err)
	var event cfn.Event
	d.must(json.Unmarshal(text, &event))
	event.ResponseURL = d.url
	event.ResourceProperties["BucketName"], event.ResourceProperties["DistributionId"] = d.bucket, d.distribution
	if event.PhysicalResourceID != "" {
		event.PhysicalResourceID = d.bucket
	}
	return event
}

func (d *deployment) succeeds(name string, change func(*cfn.Event)) {
	d.t.Helper()
	if a := d.send(d.t.Context(), name, change); a.Status != cfn.StatusSuccess || a.PhysicalResourceID != d.bucket {
		d.t.Errorf("%s: %+v", name, a)
	}
}

// fails expects a reason with these words in it, and keeps the physical id that there is.
func (d *deployment) fails(ctx context.Context, name, reason string, change func(*cfn.Event)) {
	d.t.Helper()
	a := d.send(ctx, name, change)
	if a.Status != cfn.StatusFailed || !strings.Contains(a.Reason, reason) {
		d.t.Errorf("%s: %+v, want a reason with %q", name, a, reason)
	}
	if name != "create" && a.PhysicalResourceID != d.bucket {
		d.t.Errorf("%s: the physical id becomes %s, for which a Delete would follow", name, a.PhysicalResourceID)
	}
	for _, secret := range []string{"X-Amz-Signature", "hidden", d.url} {
		if strings.Contains(a.Reason+d.log.String(), secret) {
			d.t.Errorf("%s: reported %s: %s\n%s", name, secret, a.Reason, d.log)
		}
	}
}

// objects are what the bucket serves, by key.
func (d *deployment) objects() map[string]*s3.GetObjectOutput {
	d.t.Helper()
	out := map[string]*s3.GetObjectOutput{}
	list, err := d.owner.s3.ListObjectsV2(d.t.Context(), &s3.ListObjectsV2Input{Bucket: &d.bucket})
	d.must(err)
	for _, entry := range list.Contents {
		object, err := d.owner.s3.GetObject(d.t.Context(), &s3.GetObjectInput{Bucket: &d.bucket, Key: entry.Key})
		d.must(err)
		out[*entry.Key] = object
	}
	return out
}

func (d *deployment) text(key string) string {
	d.t.Helper()
	object, err := d.owner.s3.GetObject(d.t.Context(), &s3.GetObjectInput{Bucket: &d.bucket, Key: &key})
	d.must(err)
	text, err := io.ReadAll(object.Body)
	d.must(err)
	return string(text)
}

func (d *deployment) versions() int {
	d.t.Helper()
	list, err := d.owner.s3.ListObjectVersions(d.t.Context(), &s3.ListObjectVersionsInput{Bucket: &d.bucket})
	d.must(err)
	return len(list.Versions) + len(list.DeleteMarkers)
}

func (d *deployment) invalidations() int {
	d.t.Helper()
	list, err := d.owner.cloudfront.ListInvalidations(d.t.Context(), &cloudfront.ListInvalidationsInput{DistributionId: &d.distribution})
	d.must(err)
	return len(list.InvalidationList.Items)
}
