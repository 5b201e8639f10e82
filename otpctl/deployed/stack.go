// Package deployed finds a deployed stack with its tables, secrets and parameters, takes the time from AWS's responses,
// and explains AWS's errors.
package deployed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	"github.com/spf13/cobra"

	"streamotp/otpctl/console"
	"streamotp/shared/keys"
	"streamotp/shared/otp"
	"streamotp/shared/store"
)

const (
	callTimeout  = 10 * time.Second // of one attempt of one call
	callAttempts = 7                // with up to 20 s between them, so that an import outlasts some throttling
)

// Stack is a deployed stack with its tables and keys.
type Stack struct {
	Description
	Users        store.Users
	Limits       store.Limits
	Prefixes     store.Prefixes
	Suppressions store.Suppressions
	Keys         *keys.Source
	Clock        *Clock
	Config       aws.Config // for clients that only a few commands need
}

// Run returns the function of a command that needs the stack from its beginning.
func Run(c *console.Console, run func(ctx context.Context, d *Stack, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		d, err := Connect(cmd.Context(), c)
		if err != nil {
			return err
		}
		return run(cmd.Context(), d, args)
	}
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
	db, limits := dynamodb.NewFromConfig(cfg), stack.Outputs["LimitsTableName"]
	return &Stack{
		Description:  stack,
		Users:        store.Users{DB: db, Table: stack.Outputs["UsersTableName"]},
		Limits:       store.Limits{DB: db, Table: limits},
		Prefixes:     store.Prefixes{DB: db, Table: limits},
		Suppressions: store.Suppressions{DB: db, Table: limits},
		Keys:         keys.New(cfg, stack.Outputs["KeySecretArn"], c.Now),
		Clock:        clock,
		Config:       cfg,
	}, nil
}

// Secret returns the secret that an output of the stack names.
func (d *Stack) Secret(output string) Secret {
	return Secret{secretsmanager.NewFromConfig(d.Config), d.Outputs[output]}
}

// loadConfig returns the SDK's usual configuration: environment, profiles, SSO and roles. If a role needs an MFA code,
// askMFA asks for it. An endpoint answers every call and needs no AWS account: credentials and region that are not set get
// a value to sign with.
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
		if u, err := url.Parse(t.Endpoint); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return cfg, console.UsageErrorf("--endpoint must be a URL, as http://127.0.0.1:3001")
		}
		cfg.BaseEndpoint = &t.Endpoint
		cfg.ConfigSources = nil // otherwise AWS_ENDPOINT_URL_DYNAMODB and its like would win over the flag
		cfg.Region = cmp.Or(cfg.Region, "us-east-1")
	}
	if cfg.Region == "" {
		return cfg, console.UsageErrorf("no region is set: name it with --region, in AWS_REGION or in the profile")
	}
	var wrong console.UsageError
	switch _, err := cfg.Credentials.Retrieve(ctx); {
	case err == nil:
	case errors.As(err, &wrong):
		return cfg, wrong
	case t.Endpoint == "":
		return cfg, fmt.Errorf("no AWS credentials: log in (aws sso login, aws configure) or name a profile with --profile; "+
			"for the development stack give its --endpoint: %w", err)
	case t.Profile == "":
		cfg.Credentials = credentials.NewStaticCredentialsProvider("local", "local", "")
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

// Description is CloudFormation's description of a stack.
type Description struct {
	Name, status        string
	Outputs, Parameters map[string]string
}

func describe(ctx context.Context, t console.Target, cfg aws.Config) (d Description, err error) {
	client := cloudformation.NewFromConfig(cfg, func(o *cloudformation.Options) {
		o.RetryMaxAttempts = 3 // so that a wrong endpoint or a missing network is reported soon
	})
	out, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &t.Stack})
	var api smithy.APIError
	switch {
	case errors.As(err, &api) && api.ErrorCode() == "ValidationError" || err == nil && len(out.Stacks) == 0:
		return d, fmt.Errorf("there is no stack %q in %s: name yours with --stack and its region with --region, "+
			"or deploy it with `sam deploy --guided`; for the development stack give its --endpoint", t.Stack, cfg.Region)
	case t.Endpoint != "" && isNotAWS(err):
		return d, fmt.Errorf("%s answers, but not as AWS does: give --endpoint the AWS URL that `make run` prints, "+
			"not the URL of the pages", t.Endpoint)
	case err != nil:
		return d, err
	}
	stack := out.Stacks[0]
	d = Description{aws.ToString(stack.StackName), string(stack.StackStatus), map[string]string{}, map[string]string{}}
	for _, o := range stack.Outputs {
		d.Outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	for _, p := range stack.Parameters {
		d.Parameters[aws.ToString(p.ParameterKey)] = aws.ToString(p.ParameterValue)
	}
	return d, d.Need("UsersTableName", "LimitsTableName", "KeySecretArn") // every version of the template has these
}

// Need reports which of the outputs are missing.
func (d Description) Need(names ...string) error {
	missing := slices.DeleteFunc(names, func(name string) bool { return d.Outputs[name] != "" })
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("the stack %q (%s) has no output %s: it is another stack, not deployed to its end, or older than "+
		"this otpctl; see `sam list stack-outputs`, then deploy again or name the right one with --stack",
		d.Name, d.status, strings.Join(missing, ", "))
}

// Number returns a parameter that the template has always had.
func (d Description) Number(name string) (float64, error) {
	n, err := strconv.ParseFloat(d.Parameters[name], 64) // some may have a fraction
	if err != nil || n < 1 {
		return 0, fmt.Errorf("the stack %q has no usable parameter %s: is it StreamOTP's? Name the right one with --stack", d.Name, name)
	}
	return n, nil
}

// Seconds returns a parameter that is a number of seconds.
func (d Description) Seconds(name string) (time.Duration, error) {
	n, err := d.Number(name)
	return time.Duration(n * float64(time.Second)), err
}

// Countries returns the countries that SMS may go to. If there are none, SMS is off.
func (d Description) Countries() []string {
	return strings.FieldsFunc(d.Parameters["AllowedCountries"], func(r rune) bool { return r == ',' })
}

// CaptchaProvider returns the provider of the CAPTCHA, or "" if the stack asks for none.
func (d Description) CaptchaProvider() string {
	if provider := d.Parameters["CaptchaProvider"]; provider != "none" {
		return provider
	}
	return ""
}

// AttemptLimit returns the rule by which the stack's functions limit attempts.
func (d Description) AttemptLimit() (otp.AttemptLimit, error) {
	attempts, err := d.Number("MaxAttempts")
	lock, e := d.Seconds("LockSeconds")
	return otp.AttemptLimit{MaxAttempts: int(attempts), Lock: lock}, cmp.Or(err, e)
}
