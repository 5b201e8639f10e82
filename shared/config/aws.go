package config

import (
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

const (
	attempts       = 5 // of one call, before the response is 503
	attemptTimeout = 3 * time.Second
)

// AWS returns the SDK configuration of a Lambda function. It does not use config.LoadDefaultConfig, which brings profiles, SSO,
// STS and IMDS: a fifth of the binary and of the init time, for credentials that are always in the environment.
func (e *Env) AWS() aws.Config {
	cfg := aws.Config{
		Region: e.String("AWS_REGION"),
		Credentials: credentials.NewStaticCredentialsProvider(
			e.String("AWS_ACCESS_KEY_ID"), e.String("AWS_SECRET_ACCESS_KEY"), e.Optional("AWS_SESSION_TOKEN")),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts = attempts
				o.Backoff = retry.BackoffDelayerFunc(backoff)
				o.Retryables = append(o.Retryables, retry.IsErrorRetryableFunc(isConflict), retry.IsErrorRetryableFunc(isClockError))
			})
		},
	}
	// One dead connection must not use up the time of all attempts.
	cfg.HTTPClient = awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.ResponseHeaderTimeout = attemptTimeout })
	if endpoint := os.Getenv("AWS_ENDPOINT_URL"); endpoint != "" {
		cfg.BaseEndpoint = &endpoint
	}
	return cfg
}
