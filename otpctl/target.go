package main

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
	"github.com/spf13/pflag"

	"streamotp/shared/keys"
	"streamotp/shared/store"
)

const (
	callTimeout  = 10 * time.Second // of one try of one call
	callAttempts = 7                // with up to 20 s between them: an import outlasts some throttling
)

// target says which deployment a command works on.
type target struct {
	stack    string
	region   string // empty: the profile's or AWS_REGION
	profile  string // empty: AWS_PROFILE or the default one
	endpoint string // empty: AWS itself
}

func (t *target) declare(flags *pflag.FlagSet) {
	flags.StringVar(&t.stack, "stack", "streamotp", "`NAME` of the CloudFormation stack")
	flags.StringVar(&t.region, "region", "", "AWS `REGION` of the stack")
	flags.StringVar(&t.profile, "profile", "", "`NAME` of the AWS profile to use")
	flags.StringVar(&t.endpoint, "endpoint", "", "send all AWS calls to this `URL`, such as the one that the development stack prints")
}

// deployment is a stack's tables and keys.
type deployment struct {
	users        store.Users
	limits       store.Limits
	prefixes     store.Prefixes
	suppressions store.Suppressions
	keys         *keys.Source
	secrets      *secretsmanager.Client
	cfg          aws.Config // for clients that few commands need
	stack        description
	clock        *serverClock
}

// connect finds the deployment.
func (c *console) connect(ctx context.Context) (*deployment, error) {
	cfg, err := c.target.config(ctx, c.askMFA(ctx))
	if err != nil {
		return nil, err
	}
	clock := newServerClock(c.now)
	cfg.APIOptions = append(cfg.APIOptions, clock.listen)
	stack, err := c.target.describe(ctx, cfg)
	if err != nil {
		return nil, err
	}
	db := dynamodb.NewFromConfig(cfg)
	return &deployment{
		users:        store.Users{DB: db, Table: stack.outputs["UsersTableName"]},
		limits:       store.Limits{DB: db, Table: stack.outputs["LimitsTableName"]},
		prefixes:     store.Prefixes{DB: db, Table: stack.outputs["LimitsTableName"]},
		suppressions: store.Suppressions{DB: db, Table: stack.outputs["LimitsTableName"]},
		keys:         keys.New(cfg, stack.outputs["KeySecretArn"], c.now),
		secrets:      secretsmanager.NewFromConfig(cfg),
		cfg:          cfg,
		stack:        stack,
		clock:        clock,
	}, nil
}

// secret is the one that an output of the stack names.
func (d *deployment) secret(output string) secret { return secret{d.secrets, d.stack.outputs[output]} }

// config is the SDK's usual one: environment, profiles, SSO, roles. Where a role wants an MFA code, askMFA gets it.
func (t target) config(ctx context.Context, askMFA func() (string, error)) (cfg aws.Config, err error) {
	options := []func(*config.LoadOptions) error{
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(callTimeout)),
		config.WithRetryer(retryer),
		config.WithLogger(logging.Nop{}), // its warnings would stand among ours and tell an operator nothing
		config.WithRegion(t.region),
		config.WithSharedConfigProfile(t.profile),
		config.WithAssumeRoleCredentialOptions(func(o *stscreds.AssumeRoleOptions) { o.TokenProvider = askMFA }),
	}
	if t.endpoint != "" {
		options = append(options, config.WithEC2IMDSClientEnableState(imds.ClientDisabled)) // it is not there, and slow at it
	}
	if cfg, err = config.LoadDefaultConfig(ctx, options...); err != nil {
		return cfg, err
	}
	if t.endpoint != "" {
		return t.redirect(ctx, cfg)
	}
	if cfg.Region == "" {
		return cfg, usageErrorf("no region is set: name it with --region, in AWS_REGION or in the profile")
	}
	var wrong *usageError
	if _, err := cfg.Credentials.Retrieve(ctx); errors.As(err, &wrong) {
		return cfg, wrong
	} else if err != nil {
		return cfg, fmt.Errorf("no AWS credentials: log in (aws sso login, aws configure) or name a profile with --profile; "+
			"for the development stack give its --endpoint: %w", err)
	}
	return cfg, nil
}

// redirect has the endpoint answer every call. It asks for no account: what is not set gets a value to sign with.
func (t target) redirect(ctx context.Context, cfg aws.Config) (aws.Config, error) {
	u, err := url.Parse(t.endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return cfg, usageErrorf("--endpoint must be a URL, as http://127.0.0.1:3001")
	}
	cfg.BaseEndpoint = &t.endpoint
	cfg.ConfigSources = nil // or AWS_ENDPOINT_URL_DYNAMODB and its like would win over the flag
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	var wrong *usageError
	switch _, err := cfg.Credentials.Retrieve(ctx); {
	case err == nil:
	case t.profile == "":
		cfg.Credentials = credentials.NewStaticCredentialsProvider("local", "local", "")
	case errors.As(err, &wrong):
		return cfg, wrong
	}
	return cfg, nil
}

// retryer tries again where the SDK does, and after a conflict with a transaction, which a reset is.
func retryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = callAttempts
		o.RateLimiter = ratelimit.None // an import is many calls; each has its attempts
		o.Retryables = append(o.Retryables, retry.RetryableErrorCode{
			Codes: map[string]struct{}{"TransactionConflictException": {}}})
	})
}
