package config

import (
	"errors"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	attempts       = 5 // of one call, before the caller hears 503
	attemptTimeout = 3 * time.Second

	maxBackoff = 200 * time.Millisecond // somebody is waiting
)

// AWS is the SDK configuration in a Lambda function. It is made by hand: config.LoadDefaultConfig brings profiles, SSO,
// STS and IMDS, a fifth of the binary and of the init time, for credentials that always stand in the environment.
func (e *Env) AWS() aws.Config {
	cfg := aws.Config{
		Region: e.String("AWS_REGION"),
		Credentials: credentials.NewStaticCredentialsProvider(
			e.String("AWS_ACCESS_KEY_ID"), e.String("AWS_SECRET_ACCESS_KEY"), e.Optional("AWS_SESSION_TOKEN")),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts = attempts
				o.Backoff = retry.NewExponentialJitterBackoff(maxBackoff)
				o.Retryables = append(o.Retryables, retry.IsErrorRetryableFunc(isConflict))
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

// isConflict says whether a write lost to another one at the same time and nothing else is wrong with it. The SDK does
// not retry these by itself; taken for a failed condition they would look like a wrong code.
func isConflict(err error) aws.Ternary {
	var single *types.TransactionConflictException
	if errors.As(err, &single) {
		return aws.TrueTernary
	}
	var cancelled *types.TransactionCanceledException
	if !errors.As(err, &cancelled) {
		return aws.UnknownTernary
	}
	passing := []string{"None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
	for _, reason := range cancelled.CancellationReasons {
		if !slices.Contains(passing, aws.ToString(reason.Code)) {
			return aws.FalseTernary
		}
	}
	return aws.TrueTernary
}
