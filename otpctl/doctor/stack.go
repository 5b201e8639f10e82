package doctor

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"streamotp/otpctl/console"
)

// alarms checks whether anyone receives the alarms: SNS sends nothing to an address that has not confirmed.
func (x *examination) alarms(ctx context.Context) error {
	if x.stack.Parameters["AlarmEmail"] == "" && x.stack.Parameters["AlarmTopicArn"] == "" {
		x.add("alarms", remark, "set AlarmEmail, and confirm its first mail, or AlarmTopicArn", "there are no alarms")
		return nil
	}
	topic := x.stack.Outputs["AlarmTopicArn"]
	if topic == "" {
		return errors.New("the stack has no output AlarmTopicArn: deploy it again")
	}
	confirmed, pending := 0, 0
	pages := sns.NewListSubscriptionsByTopicPaginator(x.sns, &sns.ListSubscriptionsByTopicInput{TopicArn: &topic})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, s := range page.Subscriptions {
			if strings.HasPrefix(aws.ToString(s.SubscriptionArn), "arn:") {
				confirmed++
			} else {
				pending++
			}
		}
	}
	switch {
	case confirmed > 0:
		x.add("alarms", fine, "", "%s of the alarms", console.Plural(confirmed, "subscriber"))
	case pending > 0 && x.stack.Parameters["AlarmTopicArn"] != "":
		x.add("alarms", problem, "confirm a subscription of the topic "+topic+"; SNS's console sends its request for confirmation again",
			"nobody hears of alarms: no subscription of your topic is confirmed")
	case pending > 0:
		x.add("alarms", problem, "follow the link in the mail that SNS sent to AlarmEmail; SNS's console sends it again",
			"nobody hears of alarms: the subscription is not confirmed")
	default:
		x.add("alarms", problem, "subscribe to the topic "+topic+" in SNS's console", "nobody hears of alarms: the topic has no subscription")
	}
	return nil
}

// Concurrent executions: a new account may have only newAccount ("Lambda quotas"). A login takes about a tenth of a
// second, so an account with few of them throttles a burst of logins.
const (
	newAccount = 10
	few        = 100
)

func (x *examination) concurrency(ctx context.Context) error {
	out, err := x.lambda.GetAccountSettings(ctx, &lambda.GetAccountSettingsInput{})
	if err != nil {
		return err
	}
	if out.AccountLimit == nil {
		return errors.New("Lambda reports no limit of the account")
	}
	switch n := out.AccountLimit.ConcurrentExecutions; {
	case n <= newAccount:
		x.add("lambda.concurrency", warning, "ask for 1000 concurrent executions in Service Quotas",
			"Lambda runs %d calls at once, as in a new account: more are turned away with 503", n)
	case n < few:
		x.add("lambda.concurrency", remark, "ask for more concurrent executions in Service Quotas before much traffic comes",
			"Lambda runs %d calls at once", n)
	default:
		x.add("lambda.concurrency", fine, "", "Lambda runs %d calls at once", n)
	}
	return nil
}

// captcha checks whether the secret key exists, without reading it.
func (x *examination) captcha(ctx context.Context) error {
	provider := x.stack.CaptchaProvider()
	if provider == "" {
		return nil
	}
	out, err := x.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String(x.stack.Outputs["CaptchaSecretArn"])})
	if err != nil {
		return err
	}
	x.either("captcha", len(out.VersionIdsToStages) > 0, "the secret key of "+provider+" is stored",
		problem, "nobody gets a code: "+provider+"'s secret key is not stored", "run otpctl captcha set")
	return nil
}

// issuer checks the URL that the applications trust: another domain is another issuer.
func (x *examination) issuer(ctx context.Context) error {
	issuer, clients := x.stack.Outputs["SiteUrl"], 0
	if x.clients.Table == "" {
		return nil // a stack of an older version
	}
	for client, err := range x.clients.List(ctx) {
		if err != nil {
			return err
		}
		if clients++; client.APIAudience == issuer && issuer != "" {
			x.add("issuer", warning, "otpctl client set "+client.ID+" --api-audience with the URI of the API",
				"the API audience of the client %s is the issuer, so it gets no tokens for an API", client.Name)
		}
	}
	if clients > 0 {
		found := "the issuer of " + console.Plural(clients, "application") + " is " + issuer
		x.either("issuer", x.stack.Parameters["DomainName"] != "", found, warning, found+", a name that CloudFront chose",
			"set DomainName early: another domain is another issuer, which you have to change in each application, and it ends logins in progress")
	}
	return nil
}
