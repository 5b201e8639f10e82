package main

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aws/aws-lambda-go/cfn"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// allowed are the actions that template.yaml allows the function.
func allowed(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "\n  PublishFunction:\n")
	_, policies, _ := strings.Cut(after, "      Policies:\n")
	policies, _, _ = strings.Cut(policies, "\n\n")
	return regexp.MustCompile(`\b(?:s3|cloudfront):[A-Z]\w+`).FindAllString(policies, -1)
}

// needs are the permissions that a call needs ("Actions defined by Amazon S3"). Of a call that is not known here it is one
// that nobody has.
func needs(operation string, input any) []string {
	switch in := input.(type) {
	case *s3.PutObjectInput:
		return []string{"s3:PutObject"}
	case *s3.ListObjectsV2Input:
		return []string{"s3:ListBucket"}
	case *s3.ListObjectVersionsInput:
		return []string{"s3:ListBucketVersions"}
	case *cloudfront.CreateInvalidationInput:
		return []string{"cloudfront:CreateInvalidation"}
	case *s3.DeleteObjectsInput:
		var all []string
		for _, object := range in.Delete.Objects {
			if object.VersionId != nil {
				all = append(all, "s3:DeleteObjectVersion")
			} else {
				all = append(all, "s3:DeleteObject")
			}
		}
		return all
	}
	return []string{operation}
}

// limit has the function's clients do what the actions allow at the time of a call, and nothing else.
func (d *deployment) limit(actions func() []string) {
	deny := func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("limit", func(ctx context.Context, in middleware.InitializeInput,
			next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			for _, need := range needs(awsmiddleware.GetOperationName(ctx), in.Parameters) {
				if !slices.Contains(actions(), need) {
					return middleware.InitializeOutput{}, middleware.Metadata{}, &smithy.GenericAPIError{Code: "AccessDenied"}
				}
			}
			return next.HandleInitialize(ctx, in)
		}), middleware.After)
	}
	cfg := newAWS(d.t)
	cfg.APIOptions = append(cfg.APIOptions, deny)
	d.handler.s3, d.handler.cloudfront = s3Client(cfg), cloudfront.NewFromConfig(cfg)
}

// lifeOf makes, changes and deletes a site, and returns what fails.
func lifeOf(t *testing.T, actions []string) (failed []string) {
	d := deploy(t)
	d.limit(func() []string { return actions })
	for _, event := range []string{"create", "update", "delete"} {
		if event == "update" {
			d.site = fstest.MapFS{"index.html": {}, "config.json": {Data: []byte("{}")}}
		}
		if answer := d.send(t.Context(), event, nil); answer.Status == cfn.StatusFailed {
			failed = append(failed, event)
		}
	}
	return failed
}

// TestPermissions: the function needs all that its role allows, and no more.
func TestPermissions(t *testing.T) {
	all := allowed(t)
	if len(all) != 6 {
		t.Fatalf("template.yaml allows %v", all)
	}
	if failed := lifeOf(t, all); len(failed) > 0 {
		t.Errorf("with all of them fails %v", failed)
	}
	for _, action := range all {
		t.Run("without "+action, func(t *testing.T) {
			failed := lifeOf(t, slices.DeleteFunc(slices.Clone(all), func(a string) bool { return a == action }))
			if len(failed) == 0 {
				t.Error("nothing fails")
			}
			t.Logf("fails: %v", failed)
		})
	}
}

// TestPolicyIsKnownLate: the first deployment calls the function before IAM knows its role's policy everywhere.
func TestPolicyIsKnownLate(t *testing.T) {
	for name, c := range map[string]struct {
		knownAfter time.Duration
		want       cfn.StatusType
	}{"in time": {30 * time.Second, cfn.StatusSuccess}, "too late": {50 * time.Second, cfn.StatusFailed}} {
		t.Run(name, func(t *testing.T) {
			d := deploy(t)
			var known []string
			d.limit(func() []string { return known })
			waited := time.Duration(0)
			d.handler.pause = func(_ context.Context, step time.Duration) error {
				if waited += step; waited >= c.knownAfter {
					known = allowed(t)
				}
				return nil
			}
			if answer := d.send(t.Context(), "create", nil); answer.Status != c.want || waited > 45*time.Second {
				t.Errorf("%+v after %v", answer, waited)
			}
		})
	}
}
