package deployed

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"

	"streamotp/otpctl/console"
	"streamotp/shared/otp"
)

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
	if errors.As(err, &api) && api.ErrorCode() == "ValidationError" || err == nil && len(out.Stacks) == 0 {
		return d, fmt.Errorf("there is no stack %q in %s: name yours with --stack and its region with --region, "+
			"or deploy it with `sam deploy --guided`; for the development stack give its --endpoint", t.Stack, cfg.Region)
	}
	if t.Endpoint != "" && isNotAWS(err) {
		return d, fmt.Errorf("%s answers, but not as AWS does: give --endpoint the AWS URL that `make run` prints, "+
			"not the URL of the pages", t.Endpoint)
	}
	if err != nil {
		return d, err
	}
	d = readStack(out.Stacks[0])
	return d, d.Need("UsersTableName", "LimitsTableName", "KeySecretArn") // every version of the template has these
}

func readStack(stack types.Stack) Description {
	d := Description{Name: aws.ToString(stack.StackName), status: string(stack.StackStatus),
		Outputs: map[string]string{}, Parameters: map[string]string{}}
	for _, o := range stack.Outputs {
		d.Outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	for _, p := range stack.Parameters {
		d.Parameters[aws.ToString(p.ParameterKey)] = aws.ToString(p.ParameterValue)
	}
	return d
}

// Need reports which of the outputs are missing.
func (d Description) Need(names ...string) error {
	var missing []string
	for _, name := range names {
		if d.Outputs[name] == "" {
			missing = append(missing, name)
		}
	}
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

// Countries returns the countries that SMS may go to. If there are none, SMS is off.
func (d Description) Countries() []string {
	return strings.FieldsFunc(d.Parameters["AllowedCountries"], func(r rune) bool { return r == ',' })
}

// AttemptLimit returns the rule by which the stack's functions limit attempts.
func (d Description) AttemptLimit() (rule otp.AttemptLimit, err error) {
	attempts, err := d.Number("MaxAttempts")
	if err != nil {
		return rule, err
	}
	lock, err := d.Number("LockSeconds")
	return otp.AttemptLimit{MaxAttempts: int(attempts), Lock: time.Duration(lock * float64(time.Second))}, err
}
