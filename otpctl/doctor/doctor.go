// Package doctor has the command that checks a stack for problems that keep codes from arriving.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/spf13/cobra"

	"streamotp/otpctl/console"
	"streamotp/otpctl/deployed"
	"streamotp/shared/store"
)

// Command returns "otpctl doctor".
func Command(c *console.Console) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Finds problems that keep codes from arriving, and suggests fixes.",
		Long: `Finds problems that keep codes from arriving, in the account and region of the stack, and suggests a fix for each. The
command changes nothing.

It checks SES's sandbox, quota and state, the sender's verification and signature, SNS's SMS sandbox and spend limit,
AWS's rules for the countries of AllowedCountries, the CAPTCHA's secret key, the subscriptions of alarms, Lambda's
concurrency, and the issuer that the applications rely on. A finding is one of these:

    ok         nothing to do
    note       worth knowing
    warning    sending works now, but will stop soon, or fails for some people or under load
    problem    messages do not arrive, or nobody gets the alarms
    unchecked  otpctl could not check this, for the reason shown

SNS passes its SMS calls on to AWS End User Messaging SMS, which requires the permissions that begin with sms-voice.`,
		Example: "  otpctl doctor\n  otpctl doctor --json | jq -r '.data.findings[] | select(.state == \"problem\") | .check'",
		Annotations: console.Facts(`ses:GetAccount ses:GetEmailIdentity sns:GetSMSSandboxAccountStatus sns:GetSMSAttributes sns:ListOriginationNumbers
sms-voice:DescribeAccountAttributes sms-voice:DescribeSpendLimits sms-voice:DescribePhoneNumbers
sns:ListSubscriptionsByTopic secretsmanager:DescribeSecret lambda:GetAccountSettings dynamodb:Scan`,
			`{"problems":1,"findings":[{"check":"ses.sandbox","state":"problem","finding":"SES is in its sandbox",
"advice":"ask for production access"}]}`, "a problem was found"),
		RunE: deployed.Run(c, func(ctx context.Context, d *deployed.Stack, _ []string) error { return doctor(ctx, c, d) }),
	}
}

// The states of a finding.
const (
	fine      = "ok"
	remark    = "note"
	warning   = "warning"
	problem   = "problem"
	unchecked = "unchecked"
)

// colours are the colours of the states on a terminal: green, yellow and red.
var colours = map[string]string{fine: "32", warning: "33", problem: "31"}

type finding struct {
	Check   string `json:"check"` // a stable name
	State   string `json:"state"`
	Finding string `json:"finding"`
	Advice  string `json:"advice"` // what to do; empty if there is nothing
}

type examination struct {
	Problems int       `json:"problems"`
	Findings []finding `json:"findings"`

	stack   deployed.Description
	region  string
	ses     *sesv2.Client
	sns     *sns.Client
	lambda  *lambda.Client
	secrets *secretsmanager.Client
	clients store.Clients
}

// patience is how often doctor attempts a call. An AWS service that does not respond now is a finding too.
const patience = 2

func doctor(ctx context.Context, c *console.Console, d *deployed.Stack) error {
	cfg := d.Config.Copy()
	cfg.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = patience })
	}
	x := &examination{Findings: []finding{}, stack: d.Description, region: cfg.Region,
		ses: sesv2.NewFromConfig(cfg), sns: sns.NewFromConfig(cfg), lambda: lambda.NewFromConfig(cfg), secrets: secretsmanager.NewFromConfig(cfg),
		clients: store.Clients{DB: dynamodb.NewFromConfig(cfg), Table: d.Outputs["ClientsTableName"]}}
	for _, check := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"ses.account", x.mailAccount}, {"ses.sender", x.mailSender},
		{"sms.sandbox", x.smsSandbox}, {"sms.spend", x.smsSpend}, {"sms.countries", x.smsCountries},
		{"captcha", x.captcha}, {"alarms", x.alarms}, {"lambda.concurrency", x.concurrency},
		{"issuer", x.issuer},
	} {
		if err := check.run(ctx); err != nil {
			x.cannot(check.name, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if err := c.Answer(x, x.write); err != nil || x.Problems == 0 {
		return err
	}
	return console.ErrReported
}

func (x *examination) add(check, state, advice, format string, args ...any) {
	if state == problem {
		x.Problems++
	}
	x.Findings = append(x.Findings, finding{check, state, fmt.Sprintf(format, args...), advice})
}

// either notes what was found if a condition holds, and if it does not.
func (x *examination) either(check string, ok bool, good, state, bad, advice string) {
	if ok {
		state, bad, advice = fine, good, ""
	}
	x.add(check, state, advice, "%s", bad)
}

// cannot adds a check that could not be made. If a service has no host in the region, it does not exist there, which is a
// problem.
func (x *examination) cannot(check string, err error) {
	var unknown *net.DNSError
	if errors.As(err, &unknown) && unknown.IsNotFound {
		x.add(check, problem, "deploy the stack in a region that has it", "there is no %s", unknown.Name)
		return
	}
	x.add(check, unchecked, "", "could not be checked: %s", deployed.Explain(err))
}

func (x *examination) write(w io.Writer) {
	counts := map[string]int{}
	for _, f := range x.Findings {
		counts[f.State]++
		console.Paint(w, colours[f.State], fmt.Sprintf("%-9s", f.State))
		console.Say("  %s: %s\n", f.Check, f.Finding)(w)
		if f.Advice != "" {
			console.Say("           -> %s\n", f.Advice)(w)
		}
	}
	var words []string
	for _, state := range []string{problem, warning, remark, unchecked, fine} {
		words = append(words, fmt.Sprintf("%s %d", state, counts[state]))
	}
	fmt.Fprintf(w, "\nThe stack %q in %s: %s.\n", x.stack.Name, x.region, strings.Join(words, ", "))
}
