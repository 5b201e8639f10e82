// Package deployed finds a deployed stack with its tables, secrets and parameters, takes the time from AWS's responses,
// and explains AWS's errors.
package deployed

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go/logging"

	"streamotp/otpctl/console"
	"streamotp/shared/keys"
	"streamotp/shared/store"
)

const (
	callTimeout  = 10 * time.Second // of one attempt of one call
	callAttempts = 7                // with up to 20 s between them, so that an import outlasts some throttling
)

// Stack holds a stack's tables and keys.
type Stack struct {
	Users        store.Users
	Limits       store.Limits
	Prefixes     store.Prefixes
	Suppressions store.Suppressions
	Keys         *keys.Source
	secrets      *secretsmanager.Client
	Config       aws.Config // for clients that only a few commands need
	Stack        Description
	Clock        *Clock
}

// Connect finds the stack that the console's flags name.
func Connect(ctx context.Context, c *console.Console) (*Stack, error) {
	cfg, err := loadConfig(ctx, c.Target, c.AskMFA(ctx))
	if err != nil {
		return nil, err
	}
	clock := newClock(c.Now)
	cfg.APIOptions = append(cfg.APIOptions, clock.listen)
	stack, err := describe(ctx, c.Target, cfg)
	if err != nil {
		return nil, err
	}
	db := dynamodb.NewFromConfig(cfg)
	return &Stack{
		Users:        store.Users{DB: db, Table: stack.Outputs["UsersTableName"]},
		Limits:       store.Limits{DB: db, Table: stack.Outputs["LimitsTableName"]},
		Prefixes:     store.Prefixes{DB: db, Table: stack.Outputs["LimitsTableName"]},
		Suppressions: store.Suppressions{DB: db, Table: stack.Outputs["LimitsTableName"]},
		Keys:         keys.New(cfg, stack.Outputs["KeySecretArn"], c.Now),
		secrets:      secretsmanager.NewFromConfig(cfg),
		Config:       cfg,
		Stack:        stack,
		Clock:        clock,
	}, nil
}

// Secret returns the secret that an output of the stack names.
func (d *Stack) Secret(output string) Secret { return Secret{d.secrets, d.Stack.Outputs[output]} }

// loadConfig returns the SDK's usual configuration: environment, profiles, SSO and roles. If a role needs an MFA code,
// askMFA asks for it.
func loadConfig(ctx context.Context, t console.Target, askMFA func() (string, error)) (cfg aws.Config, err error) {
	options := []func(*config.LoadOptions) error{
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(callTimeout)),
		config.WithRetryer(retryer),
		config.WithLogger(logging.Nop{}), // the SDK's warnings would be mixed with our output and do not help an operator
		config.WithRegion(t.Region),
		config.WithSharedConfigProfile(t.Profile),
		config.WithAssumeRoleCredentialOptions(func(o *stscreds.AssumeRoleOptions) { o.TokenProvider = askMFA }),
	}
	if t.Endpoint != "" {
		options = append(options, config.WithEC2IMDSClientEnableState(imds.ClientDisabled)) // there is none, and finding that out is slow
	}
	if cfg, err = config.LoadDefaultConfig(ctx, options...); err != nil {
		return cfg, err
	}
	if t.Endpoint != "" {
		return redirect(ctx, t, cfg)
	}
	if cfg.Region == "" {
		return cfg, console.UsageErrorf("no region is set: name it with --region, in AWS_REGION or in the profile")
	}
	var wrong *console.UsageError
	if _, err := cfg.Credentials.Retrieve(ctx); errors.As(err, &wrong) {
		return cfg, wrong
	} else if err != nil {
		return cfg, fmt.Errorf("no AWS credentials: log in (aws sso login, aws configure) or name a profile with --profile; "+
			"for the development stack give its --endpoint: %w", err)
	}
	return cfg, nil
}

// redirect makes the endpoint answer every call. It needs no AWS account: credentials and region that are not set get a
// value to sign with.
func redirect(ctx context.Context, t console.Target, cfg aws.Config) (aws.Config, error) {
	u, err := url.Parse(t.Endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return cfg, console.UsageErrorf("--endpoint must be a URL, as http://127.0.0.1:3001")
	}
	cfg.BaseEndpoint = &t.Endpoint
	cfg.ConfigSources = nil // otherwise AWS_ENDPOINT_URL_DYNAMODB and its like would win over the flag
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	var wrong *console.UsageError
	switch _, err := cfg.Credentials.Retrieve(ctx); {
	case err == nil:
	case t.Profile == "":
		cfg.Credentials = credentials.NewStaticCredentialsProvider("local", "local", "")
	case errors.As(err, &wrong):
		return cfg, wrong
	}
	return cfg, nil
}

// retryer retries where the SDK does, and also after a conflict with a transaction, such as that of a reset.
func retryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = callAttempts
		o.RateLimiter = ratelimit.None // an import makes many calls, each with its own attempts
		o.Retryables = append(o.Retryables, retry.RetryableErrorCode{
			Codes: map[string]struct{}{"TransactionConflictException": {}}})
	})
}
