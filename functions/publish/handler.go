package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"streamotp/shared/telemetry"
)

// margin is the part of the function's time that is kept for responding to CloudFormation, which otherwise waits for ServiceTimeout.
const margin = 5 * time.Second

type handler struct {
	site       fs.FS
	s3         *s3.Client
	cloudfront *cloudfront.Client
	pause      func(ctx context.Context, d time.Duration) error // waits, or ends with the context
}

// answering returns a function that sends CloudFormation what handle returns, once.
func answering(handle cfn.CustomResourceFunction) cfn.CustomResourceLambdaFunction {
	answer := cfn.LambdaWrap(handle)
	return func(ctx context.Context, event cfn.Event) (string, error) {
		_, err := answer(ctx, event)
		if request, ok := errors.AsType[*url.Error](err); ok { // its text has the response URL, with which anybody can respond in our place
			err = fmt.Errorf("CloudFormation was not answered: %w", request.Err)
		}
		return "", err // Lambda retries a failed response, and every step is safe to repeat
	}
}

// handle does what CloudFormation asks for. The physical id is the bucket's name. An update keeps it, so that no Delete follows;
// if the bucket changes, the Delete that follows is for the old one.
func (h handler) handle(ctx context.Context, event cfn.Event) (id string, data map[string]any, err error) {
	defer func() {
		if p := recover(); p != nil {
			slog.Error("panic", "stack", string(debug.Stack()))
			id, err = event.PhysicalResourceID, errors.New("panicked: the function's log has the stack")
		}
	}()
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-margin))
		defer cancel()
	}
	id, err = h.untilKnown(ctx, func() (string, error) { return h.serve(ctx, event) })
	if err != nil {
		id, err = event.PhysicalResourceID, reason(err)
		slog.Error("failed", "request", event.RequestType, "reason", err.Error())
		return id, nil, err
	}
	slog.Info("done", "request", event.RequestType)
	return id, nil, nil
}

const (
	knownWithin = 40 * time.Second // of the function's 60 s
	askedEach   = 2 * time.Second
)

// untilKnown repeats what IAM denies. The first call of a new stack comes right after its role's policy was created, which takes
// some seconds to reach all of AWS. Every step here is safe to repeat.
func (h handler) untilKnown(ctx context.Context, serve func() (string, error)) (id string, err error) {
	for waited := time.Duration(0); ; waited += askedEach {
		id, err = serve()
		api, ok := errors.AsType[smithy.APIError](err)
		denied := ok && strings.HasPrefix(api.ErrorCode(), "AccessDenied")
		if !denied || waited >= knownWithin || h.pause(ctx, askedEach) != nil {
			return id, err
		}
	}
}

func (h handler) serve(ctx context.Context, event cfn.Event) (id string, err error) {
	switch event.RequestType {
	case cfn.RequestCreate, cfn.RequestUpdate:
		p, err := readProperties(event.ResourceProperties)
		if err != nil {
			return "", err
		}
		return p.bucket, h.publish(ctx, p, event)
	case cfn.RequestDelete:
		// This may follow a create that failed, perhaps for its properties: if they name no bucket, nothing was written.
		if name, _ := event.ResourceProperties["BucketName"].(string); name != "" {
			return event.PhysicalResourceID, bucket{h.s3, name}.empty(ctx)
		}
		return event.PhysicalResourceID, nil
	}
	return "", &invalidError{"RequestType must be Create, Update or Delete"}
}

// publish writes the pages last and deletes old objects after that, so that no page refers to an object that is not there.
func (h handler) publish(ctx context.Context, p properties, event cfn.Event) error {
	settings, err := settingsFile(h.site, p)
	if err != nil {
		return err
	}
	files, err := release(h.site, settings)
	if err != nil {
		return err
	}
	b := bucket{h.s3, p.bucket}
	for _, f := range files {
		if err := b.put(ctx, f); err != nil {
			return err
		}
	}
	if err := b.deleteAllBut(ctx, files); err != nil {
		return err
	}
	if event.RequestType == cfn.RequestCreate {
		return nil // nothing is cached yet
	}
	return h.invalidate(ctx, p.distribution, event.RequestID)
}

// invalidate removes everything from CloudFront's caches. The reference makes a repeated call the same invalidation.
func (h handler) invalidate(ctx context.Context, distribution, reference string) error {
	_, err := h.cloudfront.CreateInvalidation(ctx, &cloudfront.CreateInvalidationInput{
		DistributionId: &distribution,
		InvalidationBatch: &types.InvalidationBatch{
			CallerReference: &reference,
			Paths:           &types.Paths{Quantity: aws.Int32(1), Items: []string{"/*"}},
		},
	})
	return err
}

// reason returns what the stack's events show of an error: no text from AWS, which may quote requests.
func reason(err error) error {
	if invalid, ok := errors.AsType[*invalidError](err); ok {
		return invalid
	}
	cause := telemetry.Cause(err).Value.String()
	if errors.Is(err, context.DeadlineExceeded) {
		cause = "out of time: " + cause
	}
	return errors.New(cause)
}
