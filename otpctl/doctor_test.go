package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sesv2"
)

// AWS's responses, in the services' own words.
const (
	healthy     = `{"ProductionAccessEnabled":true,"SendingEnabled":true,"EnforcementStatus":"HEALTHY","SendQuota":{"Max24HourSend":50000,"MaxSendRate":14,"SentLast24Hours":100}}`
	verified    = `{"VerifiedForSendingStatus":true,"VerificationStatus":"SUCCESS","DkimAttributes":{"SigningEnabled":true,"Status":"SUCCESS"},"MailFromAttributes":{"MailFromDomain":"mail.example.com","MailFromDomainStatus":"SUCCESS"}}`
	phoneNumber = `<member><PhoneNumber>%s</PhoneNumber><Iso2CountryCode>%s</Iso2CountryCode><Status>%s</Status></member>`
)

func answerOf(action, inner string) string {
	return fmt.Sprintf(`<%[1]sResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>`, action, inner)
}

// ready sets the account to a state without problems. MiniStack never verifies an identity's DKIM or MAIL FROM domain,
// and does not know SNS's calls about SMS. It answers the other calls as for an account without problems.
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

// The states of a finding.
const (
	isFine      = "ok"
	isRemark    = "note"
	isWarning   = "warning"
	isProblem   = "problem"
	isUnchecked = "unchecked"
)

// diagnosis is the output of doctor --json.
type diagnosis struct {
	Problems int
	Findings []struct{ Check, State, Finding, Advice string }
}

// examine runs doctor and returns the states by check.
func (a *cloud) examine(t *testing.T) (states map[string]string, x diagnosis, code int) {
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
		if f.State != isFine && f.State != isUnchecked && f.Advice == "" {
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
			if state != isFine {
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
		{"SES's sandbox", "ses:GetAccount", strings.Replace(healthy, "true", "false", 1), "ses.sandbox", isProblem},
		{"paused sending", "ses:GetAccount", strings.Replace(healthy, `"SendingEnabled":true`, `"SendingEnabled":false`, 1), "ses.sending", isProblem},
		{"a review", "ses:GetAccount", strings.Replace(healthy, "HEALTHY", "PROBATION", 1), "ses.reputation", isWarning},
		{"a shutdown", "ses:GetAccount", strings.Replace(healthy, "HEALTHY", "SHUTDOWN", 1), "ses.reputation", isProblem},
		{"a state that SES does not report", "ses:GetAccount", strings.Replace(healthy, "HEALTHY", "", 1), "ses.reputation", isUnchecked},
		{"a quota nearly used", "ses:GetAccount", strings.Replace(healthy, `Hours":100`, `Hours":40000`, 1), "ses.quota", isWarning},
		{"a quota used up", "ses:GetAccount", strings.Replace(healthy, `Hours":100`, `Hours":50000`, 1), "ses.quota", isProblem},
		{"a sender that is not verified", "ses:GetEmailIdentity", `{"VerifiedForSendingStatus":false}`, "ses.sender", isProblem},
		{"mail that is not signed", "ses:GetEmailIdentity", strings.Replace(verified, `Status":"SUCCESS"},"Mail`, `Status":"PENDING"},"Mail`, 1), "ses.dkim", isWarning},
		{"a MAIL FROM domain that fails", "ses:GetEmailIdentity", strings.Replace(verified, `DomainStatus":"SUCCESS`, `DomainStatus":"FAILED`, 1), "ses.mailfrom", isWarning},
		{"no MAIL FROM domain", "ses:GetEmailIdentity", `{"VerifiedForSendingStatus":true}`, "ses.mailfrom", isRemark},
		{"the SMS sandbox", "sns:GetSMSSandboxAccountStatus", answerOf("GetSMSSandboxAccountStatus", "<IsInSandbox>true</IsInSandbox>"), "sms.sandbox", isProblem},
		{"a spend limit under the budget", "sns:GetSMSAttributes", answerOf("GetSMSAttributes", "<attributes><entry><key>MonthlySpendLimit</key><value>1</value></entry></attributes>"), "sms.spend", isWarning},
		{"a spend limit that SNS does not report", "sns:GetSMSAttributes", answerOf("GetSMSAttributes", "<attributes></attributes>"), "sms.spend", isUnchecked},
		{"no number for the United States", "sns:ListOriginationNumbers", answerOf("ListOriginationNumbers", ""), "sms.country.US", isProblem},
		{"a number that waits", "sns:ListOriginationNumbers", answerOf("ListOriginationNumbers", "<PhoneNumbers>"+fmt.Sprintf(phoneNumber, "+18005550100", "US", "PENDING")+"</PhoneNumbers>"), "sms.country.US", isProblem},
		{"an unconfirmed subscription", "sns:ListSubscriptionsByTopic", subscribed("PendingConfirmation"), "alarms", isProblem},
		{"no subscription", "sns:ListSubscriptionsByTopic", answerOf("ListSubscriptionsByTopic", ""), "alarms", isProblem},
		{"a CAPTCHA without its secret key", "secretsmanager:DescribeSecret", `{}`, "captcha", isProblem},
		{"a new account's concurrency", "lambda:GetAccountSettings", `{"AccountLimit":{"ConcurrentExecutions":10}}`, "lambda.concurrency", isWarning},
		{"low concurrency", "lambda:GetAccountSettings", `{"AccountLimit":{"ConcurrentExecutions":50}}`, "lambda.concurrency", isRemark},
		{"a limit that Lambda does not report", "lambda:GetAccountSettings", `{}`, "lambda.concurrency", isUnchecked},
	} {
		t.Run(c.name, func(t *testing.T) {
			a.ready()
			a.answer(c.call, c.answer)
			states, x, code := a.examine(t)
			if states[c.check] != c.state || (code == exitFailed) != (c.state == isProblem) || (x.Problems == 0) == (c.state == isProblem) {
				t.Errorf("exit code %d, %+v", code, x)
			}
		})
	}
	t.Run("an issuer that a domain would change, once there are clients", func(t *testing.T) {
		a.ready()
		added := a.run(t, "client", "add", "Shop", "--redirect-uri", "https://shop.example/cb", "--json").client(t)
		if states, x, code := a.examine(t); states["issuer"] != isWarning || code != exitOK {
			t.Errorf("exit code %d, %+v", code, x)
		}
		a.run(t, "client", "remove", added.ID, "--yes").want(t, exitOK)
	})
	t.Run("a value that AWS does not report is neither a crash nor ok", func(t *testing.T) {
		called := slices.DeleteFunc(permissions(find("doctor")), func(p string) bool {
			return strings.HasPrefix(p, "sms-voice:") // SNS makes these calls
		})
		for _, permission := range called {
			a.forget(permission)
		}
		a.deny(called...)
		a.answer("lambda:GetAccountSettings", denial) // MiniStack allows this call to everybody
		states, x, code := a.examine(t)
		for _, f := range x.Findings {
			if f.State != isUnchecked || !strings.Contains(f.Finding, "may not call ") {
				t.Errorf("%+v", f)
			}
		}
		if code != exitOK || len(states) != len(called) || !strings.Contains(x.Findings[0].Finding, "may not call SESv2 GetAccount") {
			t.Errorf("exit code %d, %+v", code, x)
		}
	})
}

// TestDoctorOnMiniStack: doctor understands MiniStack's own responses, without any from the test.
func TestDoctorOnMiniStack(t *testing.T) {
	domain := fmt.Sprintf("d%d.example.com", time.Now().UnixNano())
	parameters := maps.Clone(smsOperations)
	parameters["SesFromAddress"] = "login@" + domain
	a := newCloud(t, parameters)
	wantStates := func(want map[string]string) {
		t.Helper()
		states, _, code := a.examine(t)
		if (code == exitFailed) != (want["ses.sender"] == isProblem) || !maps.Equal(states, want) {
			t.Errorf("exit code %d, %v, want %v", code, states, want)
		}
	}
	want := map[string]string{"ses.sandbox": isFine, "ses.sending": isFine, "ses.reputation": isFine, "ses.quota": isFine, "ses.sender": isProblem,
		"sms.sandbox": isUnchecked, "sms.spend": isUnchecked, "sms.countries": isUnchecked, // MiniStack does not know these
		"captcha": isFine, "alarms": isFine, "lambda.concurrency": isFine}
	wantStates(want)
	r := a.run(t, "doctor", "--stack", a.stack)
	if strings.Contains(r.stdout, "ops@example.com") {
		t.Errorf("shows AlarmEmail:\n%s", r.stdout)
	}

	mail := sesv2.NewFromConfig(a.cfg)
	if _, err := mail.CreateEmailIdentity(ctx, &sesv2.CreateEmailIdentityInput{EmailIdentity: &domain}); err != nil {
		t.Fatal(err)
	}
	want["ses.sender"], want["ses.dkim"], want["ses.mailfrom"] = isFine, isWarning, isRemark
	wantStates(want)
}

func TestDoctorWithoutSMSAndAlarms(t *testing.T) {
	a := newCloud(t, map[string]string{"SesFromAddress": "login@example.com", "AllowedCountries": "", "AlarmEmail": "x"})
	a.ready()
	states, _, _ := a.examine(t)
	if states["sms.sandbox"] != isRemark || states["sms.spend"] != "" || states["sms.countries"] != "" {
		t.Errorf("%v", states)
	}
}

func TestDoctorOfAVerifiedDomain(t *testing.T) {
	a := newCloud(t, smsOperations)
	a.ready()
	a.forget("ses:GetEmailIdentity") // MiniStack has no identity of the sender's address
	a.answer("ses:GetEmailIdentity example.com", verified)
	states, x, _ := a.examine(t)
	if states["ses.sender"] != isFine || states["ses.dkim"] != isFine || !strings.Contains(fmt.Sprint(x.Findings), "as example.com is verified") {
		t.Errorf("%+v", x)
	}
}

func TestDoctorOfTheOriginationNumber(t *testing.T) {
	for set, state := range map[string]string{"+18005550100": "", "18005550100": "", "+18005550199": isProblem} {
		a := newCloud(t, map[string]string{"SesFromAddress": "login@example.com", "AllowedCountries": "US", "AlarmEmail": "x", "SmsOriginationNumber": set})
		a.ready()
		if states, x, _ := a.examine(t); states["sms.number"] != state || states["sms.country.US"] != isFine {
			t.Errorf("%s: %+v", set, x)
		}
	}
}
