package main

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

	"streamotp/shared/otp"
)

// description is what CloudFormation tells of a stack.
type description struct {
	name, status        string
	outputs, parameters map[string]string
}

func (t target) describe(ctx context.Context, cfg aws.Config) (d description, err error) {
	client := cloudformation.NewFromConfig(cfg, func(o *cloudformation.Options) {
		o.RetryMaxAttempts = 3 // a wrong endpoint or a missing network should be told soon
	})
	out, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &t.stack})
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorCode() == "ValidationError" || err == nil && len(out.Stacks) == 0 {
		return d, fmt.Errorf("there is no stack %q in %s: name yours with --stack and its region with --region, "+
			"or deploy it with `sam deploy --guided`; for the development stack give its --endpoint", t.stack, cfg.Region)
	}
	if t.endpoint != "" && isNotAWS(err) {
		return d, fmt.Errorf("%s answers, but not as AWS does: give --endpoint the AWS URL that `make run` prints, "+
			"not the URL of the pages", t.endpoint)
	}
	if err != nil {
		return d, err
	}
	d = readStack(out.Stacks[0])
	return d, d.need("UsersTableName", "LimitsTableName", "KeySecretArn") // what every version of the template has
}

func readStack(stack types.Stack) description {
	d := description{name: aws.ToString(stack.StackName), status: string(stack.StackStatus),
		outputs: map[string]string{}, parameters: map[string]string{}}
	for _, o := range stack.Outputs {
		d.outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	for _, p := range stack.Parameters {
		d.parameters[aws.ToString(p.ParameterKey)] = aws.ToString(p.ParameterValue)
	}
	return d
}

// need says which of the outputs are missing.
func (d description) need(names ...string) error {
	var missing []string
	for _, name := range names {
		if d.outputs[name] == "" {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("the stack %q (%s) has no output %s: it is another stack, not deployed to its end, or older than "+
		"this otpctl; see `sam list stack-outputs`, then deploy again or name the right one with --stack",
		d.name, d.status, strings.Join(missing, ", "))
}

// number is a parameter that the template has always had.
func (d description) number(name string) (float64, error) {
	n, err := strconv.ParseFloat(d.parameters[name], 64) // some may have a fraction
	if err != nil || n < 1 {
		return 0, fmt.Errorf("the stack %q has no usable parameter %s: is it StreamOTP's? Name the right one with --stack", d.name, name)
	}
	return n, nil
}

// countries returns the countries that SMS may go to; none means that SMS is off.
func (d description) countries() []string {
	return strings.FieldsFunc(d.parameters["AllowedCountries"], func(r rune) bool { return r == ',' })
}

// attemptLimit returns the rule that the stack's functions limit attempts by.
func (d description) attemptLimit() (rule otp.AttemptLimit, err error) {
	attempts, err := d.number("MaxAttempts")
	if err != nil {
		return rule, err
	}
	lock, err := d.number("LockSeconds")
	return otp.AttemptLimit{MaxAttempts: int(attempts), Lock: time.Duration(lock * float64(time.Second))}, err
}
