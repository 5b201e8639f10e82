package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// What AWS answers, in the services' own words.
const (
	healthy     = `{"ProductionAccessEnabled":true,"SendingEnabled":true,"EnforcementStatus":"HEALTHY","SendQuota":{"Max24HourSend":50000,"MaxSendRate":14,"SentLast24Hours":100}}`
	verified    = `{"VerifiedForSendingStatus":true,"VerificationStatus":"SUCCESS","DkimAttributes":{"SigningEnabled":true,"Status":"SUCCESS"},"MailFromAttributes":{"MailFromDomain":"mail.example.com","MailFromDomainStatus":"SUCCESS"}}`
	phoneNumber = `<member><PhoneNumber>%s</PhoneNumber><Iso2CountryCode>%s</Iso2CountryCode><Status>%s</Status></member>`
)

func answerOf(action, inner string) string {
	return fmt.Sprintf(`<%[1]sResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>`, action, inner)
}

// ready has an account answer as one that nothing is missing in.
func (a *cloud) ready() {
	a.answer("ses:GetAccount", healthy)
	a.answer("ses:GetEmailIdentity", verified)
	a.answer("sns:GetSMSSandboxAccountStatus", answerOf("GetSMSSandboxAccountStatus", "<IsInSandbox>false</IsInSandbox>"))
	a.answer("sns:GetSMSAttributes", answerOf("GetSMSAttributes", "<attributes><entry><key>MonthlySpendLimit</key><value>50</value></entry></attributes>"))
	a.answer("sns:ListOriginationNumbers", answerOf("ListOriginationNumbers", "<PhoneNumbers>"+fmt.Sprintf(phoneNumber, "+18005550100", "US", "ACTIVE")+"</PhoneNumbers>"))
	a.answer("sns:ListSubscriptionsByTopic", answerOf("ListSubscriptionsByTopic", "<Subscriptions><member><SubscriptionArn>arn:aws:sns:us-east-1:1:t:1</SubscriptionArn></member></Subscriptions>"))
	a.answer("lambda:GetAccountSettings", `{"AccountLimit":{"ConcurrentExecutions":1000}}`)
	a.answer("secretsmanager:DescribeSecret", `{"VersionIdsToStages":{"v":["AWSCURRENT"]}}`)
}

// examine runs doctor and gives the states by check.
func (a *cloud) examine(t *testing.T) (states map[string]string, x examination, code int) {
	t.Helper()
	r := a.run(t, "doctor", "--json")
	if err := json.Unmarshal([]byte(r.stdout), &x); err != nil {
		t.Fatalf("%v: %s%s", err, r.stdout, r.stderr)
	}
	if got, want := shape(t, r.stdout), shape(t, doctor.document); got != want {
		t.Errorf("prints %s\nhelp has %s", got, want)
	}
	states = map[string]string{}
	for _, f := range x.Findings {
		if f.State != fine && f.State != unchecked && f.Advice == "" {
			t.Errorf("%s says no advice", f.Check)
		}
		states[f.Check] = f.State
	}
	return states, x, r.code
}

var smsOperations = map[string]string{"SesFromAddress": "login@example.com", "AllowedCountries": "US,DE", "AlarmEmail": "ops@example.com",
	"CaptchaProvider": "turnstile"}

func TestDoctor(t *testing.T) {
	a := newCloud(t, smsOperations)
	t.Run("finds nothing where nothing is missing", func(t *testing.T) {
		a.ready()
		states, _, code := a.examine(t)
		for check, state := range states {
			if state != fine {
				t.Errorf("%s: %s", check, state)
			}
		}
		if code != exitOK || len(states) != 14 {
			t.Errorf("exit code %d, %d findings: %v", code, len(states), states)
		}
		a.run(t, "doctor").want(t, exitOK, "problem 0, warning 0, note 0, unchecked 0, ok 14")
	})
	subscribed := func(arn string) string {
		return answerOf("ListSubscriptionsByTopic", "<Subscriptions><member><SubscriptionArn>"+arn+"</SubscriptionArn></member></Subscriptions>")
	}
	for _, c := range []struct{ name, call, answer, check, state string }{
		{"SES's sandbox", "ses:GetAccount", strings.Replace(healthy, "true", "false", 1), "ses.sandbox", problem},
		{"paused sending", "ses:GetAccount", strings.Replace(healthy, `"SendingEnabled":true`, `"SendingEnabled":false`, 1), "ses.sending", problem},
		{"a review", "ses:GetAccount", strings.Replace(healthy, "HEALTHY", "PROBATION", 1), "ses.reputation", warning},
		{"a shutdown", "ses:GetAccount", strings.Replace(healthy, "HEALTHY", "SHUTDOWN", 1), "ses.reputation", problem},
		{"a state that is not told", "ses:GetAccount", strings.Replace(healthy, "HEALTHY", "", 1), "ses.reputation", unchecked},
		{"a quota nearly used", "ses:GetAccount", strings.Replace(healthy, `Hours":100`, `Hours":40000`, 1), "ses.quota", warning},
		{"a quota used up", "ses:GetAccount", strings.Replace(healthy, `Hours":100`, `Hours":50000`, 1), "ses.quota", problem},
		{"a sender that is not verified", "ses:GetEmailIdentity", `{"VerifiedForSendingStatus":false}`, "ses.sender", problem},
		{"mail that is not signed", "ses:GetEmailIdentity", strings.Replace(verified, `Status":"SUCCESS"},"Mail`, `Status":"PENDING"},"Mail`, 1), "ses.dkim", warning},
		{"a MAIL FROM domain that fails", "ses:GetEmailIdentity", strings.Replace(verified, `DomainStatus":"SUCCESS`, `DomainStatus":"FAILED`, 1), "ses.mailfrom", warning},
		{"no MAIL FROM domain", "ses:GetEmailIdentity", `{"VerifiedForSendingStatus":true}`, "ses.mailfrom", remark},
		{"the SMS sandbox", "sns:GetSMSSandboxAccountStatus", answerOf("GetSMSSandboxAccountStatus", "<IsInSandbox>true</IsInSandbox>"), "sms.sandbox", problem},
		{"a spend limit under the budget", "sns:GetSMSAttributes", answerOf("GetSMSAttributes", "<attributes><entry><key>MonthlySpendLimit</key><value>1</value></entry></attributes>"), "sms.spend", warning},
		{"a spend limit that is not told", "sns:GetSMSAttributes", answerOf("GetSMSAttributes", "<attributes></attributes>"), "sms.spend", unchecked},
		{"no number for the United States", "sns:ListOriginationNumbers", answerOf("ListOriginationNumbers", ""), "sms.country.US", problem},
		{"a number that waits", "sns:ListOriginationNumbers", answerOf("ListOriginationNumbers", "<PhoneNumbers>"+fmt.Sprintf(phoneNumber, "+18005550100", "US", "PENDING")+"</PhoneNumbers>"), "sms.country.US", problem},
		{"an unconfirmed subscription", "sns:ListSubscriptionsByTopic", subscribed("PendingConfirmation"), "alarms", problem},
		{"no subscription", "sns:ListSubscriptionsByTopic", answerOf("ListSubscriptionsByTopic", ""), "alarms", problem},
		{"a CAPTCHA without its secret key", "secretsmanager:DescribeSecret", `{}`, "captcha", problem},
		{"a new account's concurrency", "lambda:GetAccountSettings", `{"AccountLimit":{"ConcurrentExecutions":10}}`, "lambda.concurrency", warning},
		{"low concurrency", "lambda:GetAccountSettings", `{"AccountLimit":{"ConcurrentExecutions":50}}`, "lambda.concurrency", remark},
		{"a limit that is not told", "lambda:GetAccountSettings", `{}`, "lambda.concurrency", unchecked},
	} {
		t.Run(c.name, func(t *testing.T) {
			a.ready()
			a.answer(c.call, c.answer)
			states, x, code := a.examine(t)
			if states[c.check] != c.state || (code == exitFailed) != (c.state == problem) || (x.Problems == 0) == (c.state == problem) {
				t.Errorf("exit code %d, %+v", code, x)
			}
		})
	}
	t.Run("what AWS does not tell is no crash and not in order", func(t *testing.T) {
		a.ready()
		called := slices.DeleteFunc(slices.Clone(doctor.permissions), func(p string) bool {
			return strings.HasPrefix(p, "sms-voice:") // SNS calls these
		})
		for _, permission := range called {
			a.answer(permission, "400 AccessDeniedException")
		}
		states, x, code := a.examine(t)
		for check, state := range states {
			if state != unchecked {
				t.Errorf("%s: %s", check, state)
			}
		}
		if code != exitOK || len(states) != len(called) || !strings.Contains(x.Findings[0].Finding, "may not call SESv2 GetAccount") {
			t.Errorf("exit code %d, %+v", code, x)
		}
	})
}

// TestDoctorOnMoto: with nothing put in its way, doctor works with what moto offers.
func TestDoctorOnMoto(t *testing.T) {
	a := newCloud(t, smsOperations)
	if _, err := sns.NewFromConfig(a.cfg).SetSMSAttributes(ctx, &sns.SetSMSAttributesInput{Attributes: map[string]string{"MonthlySpendLimit": "1"}}); err != nil {
		t.Fatal(err)
	}
	states, _, code := a.examine(t)
	if code != exitFailed || states["ses.sender"] != problem || states["sms.spend"] != warning || states["sms.countries"] != unchecked || states["ses.account"] != unchecked {
		t.Errorf("exit code %d, %v", code, states)
	}
	r := a.run(t, "doctor", "--stack", a.stack)
	if strings.Contains(r.stdout, "ops@example.com") {
		t.Errorf("tells AlarmEmail:\n%s", r.stdout)
	}
}

func TestDoctorWithoutSMSAndAlarms(t *testing.T) {
	a := newCloud(t, map[string]string{"SesFromAddress": "login@example.com", "AllowedCountries": "", "AlarmEmail": "x"})
	a.ready()
	states, _, _ := a.examine(t)
	if states["sms.sandbox"] != remark || states["sms.spend"] != "" || states["sms.countries"] != "" {
		t.Errorf("%v", states)
	}
	var out strings.Builder
	x := &examination{stack: description{parameters: map[string]string{}, outputs: map[string]string{}}}
	if err := x.alarms(ctx); err != nil || x.Findings[0].State != remark || x.write(&out) != nil {
		t.Errorf("%v, %+v", err, x.Findings)
	}
}

// TestDoctorOfUnconfirmedAlarms: the advice names what there is: SNS's mail to AlarmEmail, or the operator's own topic.
func TestDoctorOfUnconfirmedAlarms(t *testing.T) {
	const topic = "arn:aws:sns:us-east-1:123456789012:ops"
	for _, c := range []struct {
		parameters    map[string]string
		want, without string
	}{
		{map[string]string{"AlarmEmail": "ops@example.com"}, "AlarmEmail", topic},
		{map[string]string{"AlarmTopicArn": topic}, topic, "AlarmEmail"},
		{map[string]string{"AlarmEmail": "ops@example.com", "AlarmTopicArn": topic}, topic, "AlarmEmail"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, answerOf("ListSubscriptionsByTopic", "<Subscriptions><member><SubscriptionArn>PendingConfirmation</SubscriptionArn></member></Subscriptions>"))
		}))
		x := &examination{stack: description{parameters: c.parameters, outputs: map[string]string{"AlarmTopicArn": topic}},
			sns: sns.New(sns.Options{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: aws.AnonymousCredentials{}})}
		err := x.alarms(ctx)
		server.Close()
		if err != nil || len(x.Findings) != 1 || x.Findings[0].State != problem ||
			!strings.Contains(x.Findings[0].Advice, c.want) || strings.Contains(x.Findings[0].Advice, c.without) {
			t.Errorf("%v: %v, %+v", c.parameters, err, x.Findings)
		}
	}
}

func TestDoctorOfAVerifiedDomain(t *testing.T) {
	a := newCloud(t, smsOperations)
	a.ready()
	a.answer("ses:GetEmailIdentity example.com", verified)
	a.answer("ses:GetEmailIdentity", "404 NotFoundException")
	states, x, _ := a.examine(t)
	if states["ses.sender"] != fine || states["ses.dkim"] != fine || !strings.Contains(fmt.Sprint(x.Findings), "as example.com is verified") {
		t.Errorf("%+v", x)
	}
}

func TestDoctorOfTheOriginationNumber(t *testing.T) {
	for set, state := range map[string]string{"+18005550100": "", "18005550100": "", "+18005550199": problem} {
		a := newCloud(t, map[string]string{"SesFromAddress": "login@example.com", "AllowedCountries": "US", "AlarmEmail": "x", "SmsOriginationNumber": set})
		a.ready()
		if states, x, _ := a.examine(t); states["sms.number"] != state || states["sms.country.US"] != fine {
			t.Errorf("%s: %+v", set, x)
		}
	}
}

func TestCountry(t *testing.T) {
	for _, c := range []struct {
		country
		state string
	}{
		{country{code: "US"}, problem}, {country{code: "US", number: true}, fine}, {country{code: "PR"}, problem},
		{country{code: "DE"}, fine}, {country{code: "CN"}, warning},
		{country{code: "IN"}, warning}, {country{code: "IN", dlt: true}, fine},
		{country{code: "GB"}, remark}, {country{code: "GB", number: true}, fine}, {country{code: "SG", sender: "ACME"}, remark},
	} {
		if state, found, advice := c.judge(); state != c.state || found == "" || (advice == "") != (state == fine) {
			t.Errorf("%+v: %s, %s, %s", c.country, state, found, advice)
		}
	}
}

func TestNoEndpoint(t *testing.T) {
	x := &examination{}
	_, err := sns.New(sns.Options{Region: "us-east-1", BaseEndpoint: aws.String("http://sns.nowhere.invalid"), RetryMaxAttempts: 1,
		Credentials: aws.AnonymousCredentials{}}).GetSMSSandboxAccountStatus(ctx, &sns.GetSMSSandboxAccountStatusInput{})
	x.cannot("sms.sandbox", err)
	if x.Findings[0].State != problem || !strings.Contains(x.Findings[0].Finding, "there is no sns.nowhere.invalid") {
		t.Errorf("%+v of %v", x.Findings, err)
	}
}
