package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
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

// ready makes the account one in which nothing is missing. MiniStack never verifies an identity's DKIM or MAIL FROM domain, and
// does not know SNS's calls about SMS; it answers the other calls as for an account without problems.
func (a *cloud) ready() {
	a.deny()
	a.mu.Lock()
	a.answers = map[string]string{}
	a.mu.Unlock()
	a.answer("ses:GetEmailIdentity", verified)
	a.answer("sns:GetSMSSandboxAccountStatus", answerOf("GetSMSSandboxAccountStatus", "<IsInSandbox>false</IsInSandbox>"))
	a.answer("sns:GetSMSAttributes", answerOf("GetSMSAttributes", "<attributes><entry><key>MonthlySpendLimit</key><value>50</value></entry></attributes>"))
	a.answer("sns:ListOriginationNumbers", answerOf("ListOriginationNumbers", "<PhoneNumbers>"+fmt.Sprintf(phoneNumber, "+18005550100", "US", "ACTIVE")+"</PhoneNumbers>"))
}

// examine runs doctor and gives the states by check.
func (a *cloud) examine(t *testing.T) (states map[string]string, x examination, code int) {
	t.Helper()
	r := a.run(t, "doctor", "--json")
	if err := json.Unmarshal([]byte(r.data(t)), &x); err != nil {
		t.Fatalf("%v: %s%s", err, r.stdout, r.stderr)
	}
	if got, want := shape(t, r.data(t)), shape(t, find("doctor").Annotations["document"]); got != want {
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
		called := slices.DeleteFunc(permissions(find("doctor")), func(p string) bool {
			return strings.HasPrefix(p, "sms-voice:") // SNS calls these
		})
		for _, permission := range called {
			a.forget(permission)
		}
		a.deny(called...)
		a.answer("lambda:GetAccountSettings", denial) // MiniStack allows everybody this call
		states, x, code := a.examine(t)
		for _, f := range x.Findings {
			if f.State != unchecked || !strings.Contains(f.Finding, "may not call ") {
				t.Errorf("%+v", f)
			}
		}
		if code != exitOK || len(states) != len(called) || !strings.Contains(x.Findings[0].Finding, "may not call SESv2 GetAccount") {
			t.Errorf("exit code %d, %+v", code, x)
		}
	})
}

// TestDoctorOnMiniStack: doctor understands what MiniStack answers to it, without any answer of the test's own.
func TestDoctorOnMiniStack(t *testing.T) {
	domain := fmt.Sprintf("d%d.example.com", time.Now().UnixNano())
	parameters := maps.Clone(smsOperations)
	parameters["SesFromAddress"] = "login@" + domain
	a := newCloud(t, parameters)
	wantStates := func(want map[string]string) {
		t.Helper()
		states, _, code := a.examine(t)
		if (code == exitFailed) != (want["ses.sender"] == problem) || !maps.Equal(states, want) {
			t.Errorf("exit code %d, %v, want %v", code, states, want)
		}
	}
	want := map[string]string{"ses.sandbox": fine, "ses.sending": fine, "ses.reputation": fine, "ses.quota": fine, "ses.sender": problem,
		"sms.sandbox": unchecked, "sms.spend": unchecked, "sms.countries": unchecked, // unknown to MiniStack
		"captcha": fine, "alarms": fine, "lambda.concurrency": fine}
	wantStates(want)
	r := a.run(t, "doctor", "--stack", a.stack)
	if strings.Contains(r.stdout, "ops@example.com") {
		t.Errorf("tells AlarmEmail:\n%s", r.stdout)
	}

	mail := sesv2.NewFromConfig(a.cfg)
	if _, err := mail.CreateEmailIdentity(ctx, &sesv2.CreateEmailIdentityInput{EmailIdentity: &domain}); err != nil {
		t.Fatal(err)
	}
	want["ses.sender"], want["ses.dkim"], want["ses.mailfrom"] = fine, warning, remark
	wantStates(want)
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
	a.forget("ses:GetEmailIdentity") // MiniStack has no identity of the sender's address
	a.answer("ses:GetEmailIdentity example.com", verified)
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
