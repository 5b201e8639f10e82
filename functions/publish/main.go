// Command publish is the custom resource that puts the pages into the bucket behind CloudFront.
package main

import (
	"io"
	"log"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithytime "github.com/aws/smithy-go/time"

	"streamotp/frontend"
	"streamotp/shared/config"
	"streamotp/shared/telemetry"
)

func main() {
	var env config.Env
	telemetry.Start(env.String("METRICS_NAMESPACE"))
	log.SetOutput(io.Discard) // package cfn logs the response of the response URL; handle logs what matters
	cfg := env.AWS()
	h := handler{site: frontend.Files, s3: s3.NewFromConfig(cfg), cloudfront: cloudfront.NewFromConfig(cfg), pause: smithytime.SleepWithContext}
	if err := env.Err(); err != nil {
		telemetry.Fatal(err)
	}
	lambda.Start(answering(h.handle))
}
