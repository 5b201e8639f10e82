package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

var doctor = command{
	name: "doctor", args: "",
	short: "Looks for what keeps codes from arriving, in the account and region of the stack.",
	long: `It asks AWS and changes nothing: SES's sandbox, quota and state, whether the sender is verified and its mail signed;
SNS's SMS sandbox and spend limit, and what AllowedCountries need; whether the CAPTCHA has its secret key; whether somebody
hears of alarms; what Lambda may run
at once. Each finding is one of

  ok         as it should be
  note       worth knowing
  warning    it works, but not for long, for all, or with much traffic
  problem    messages do not arrive, or nobody hears of it
  unchecked  AWS did not tell, and why; it may be as it should be or not

and says what to do. SNS passes the calls about SMS on to AWS End User Messaging SMS in the caller's name, which takes the
permissions that begin with sms-voice.`,
	examples: []string{"doctor", "doctor --json | jq -r '.findings[] | select(.state == \"problem\") | .check'"},
	permissions: []string{"ses:GetAccount", "ses:GetEmailIdentity", "sns:GetSMSSandboxAccountStatus", "sns:GetSMSAttributes",
		"sns:ListOriginationNumbers", "sms-voice:DescribeAccountAttributes", "sms-voice:DescribeSpendLimits", "sms-voice:DescribePhoneNumbers",
		"sns:ListSubscriptionsByTopic", "secretsmanager:DescribeSecret", "lambda:GetAccountSettings"},
	failure:  "there is a problem",
	document: `{"problems":1,"findings":[{"check":"ses.sandbox","state":"problem","finding":"SES is in its sandbox","advice":"ask for production access"}]}`,
	declare: func(*flag.FlagSet) action {
		return func(ctx context.Context, c *console, _ []string) error { return c.doctor(ctx) }
	},
}

// States of a finding.
const (
	fine      = "ok"
	remark    = "note"
	warning   = "warning"
	problem   = "problem"
	unchecked = "unchecked"
)

// finding is one thing that was looked at.
type finding struct {
	Check   string `json:"check"` // a name that stays
	State   string `json:"state"`
	Finding string `json:"finding"`
	Advice  string `json:"advice"` // what to do; empty where there is nothing
}

type examination struct {
	Problems int       `json:"problems"`
	Findings []finding `json:"findings"`

	stack  description
	region string
	ses    *sesv2.Client
	sns    *sns.Client
	lambda *lambda.Client

	secrets *secretsmanager.Client
}

// patience is how often doctor calls: what AWS does not tell now is a finding too.
const patience = 2

func (c *console) doctor(ctx context.Context) error {
	d, err := c.connect(ctx)
	if err != nil {
		return err
	}
	cfg := d.cfg.Copy()
	cfg.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = patience })
	}
	x := &examination{Findings: []finding{}, stack: d.stack, region: cfg.Region,
		ses: sesv2.NewFromConfig(cfg), sns: sns.NewFromConfig(cfg), lambda: lambda.NewFromConfig(cfg), secrets: secretsmanager.NewFromConfig(cfg)}
	for _, check := range []struct {
		name string
		run  func(*examination, context.Context) error
	}{
		{"ses.account", (*examination).mailAccount}, {"ses.sender", (*examination).mailSender},
		{"sms.sandbox", (*examination).smsSandbox}, {"sms.spend", (*examination).smsSpend}, {"sms.countries", (*examination).smsCountries},
		{"captcha", (*examination).captcha}, {"alarms", (*examination).alarms}, {"lambda.concurrency", (*examination).concurrency},
	} {
		if err := check.run(x, ctx); err != nil {
			x.cannot(check.name, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if err := c.answer(x, x.write); err != nil {
		return err
	}
	if x.Problems > 0 {
		return errReported
	}
	return nil
}

func (x *examination) add(check, state, advice, format string, args ...any) {
	if state == problem {
		x.Problems++
	}
	x.Findings = append(x.Findings, finding{check, state, fmt.Sprintf(format, args...), advice})
}

// cannot adds what could not be checked. A service without a host in the region is not there, which is a problem.
func (x *examination) cannot(check string, err error) {
	var unknown *net.DNSError
	if errors.As(err, &unknown) && unknown.IsNotFound {
		x.add(check, problem, "deploy the stack in a region that has it", "there is no %s", unknown.Name)
		return
	}
	x.add(check, unchecked, "", "could not be checked: %s", explain(err))
}

func (x *examination) write(w io.Writer) error {
	counts := map[string]int{}
	for _, f := range x.Findings {
		counts[f.State]++
		line := say("%-9s  %s: %s\n", f.State, f.Check, f.Finding)
		if f.Advice != "" {
			line = say("%-9s  %s: %s\n           -> %s\n", f.State, f.Check, f.Finding, f.Advice)
		}
		if err := line(w); err != nil {
			return err
		}
	}
	var words []string
	for _, state := range []string{problem, warning, remark, unchecked, fine} {
		words = append(words, fmt.Sprintf("%s %d", state, counts[state]))
	}
	_, err := fmt.Fprintf(w, "\nThe stack %q in %s: %s.\n", x.stack.name, x.region, strings.Join(words, ", "))
	return err
}
