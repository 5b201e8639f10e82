package doctor

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"streamotp/otpctl/deployed"
)

// TestDoctorOfUnconfirmedAlarms: the advice fits the case: SNS's e-mail to AlarmEmail, or the operator's own topic.
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
			fmt.Fprint(w, `<ListSubscriptionsByTopicResponse><ListSubscriptionsByTopicResult><Subscriptions><member>`+
				`<SubscriptionArn>PendingConfirmation</SubscriptionArn></member></Subscriptions></ListSubscriptionsByTopicResult></ListSubscriptionsByTopicResponse>`)
		}))
		x := &examination{stack: deployed.Description{Parameters: c.parameters, Outputs: map[string]string{"AlarmTopicArn": topic}},
			sns: sns.New(sns.Options{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: aws.AnonymousCredentials{}})}
		err := x.alarms(t.Context())
		server.Close()
		if err != nil || len(x.Findings) != 1 || x.Findings[0].State != problem ||
			!strings.Contains(x.Findings[0].Advice, c.want) || strings.Contains(x.Findings[0].Advice, c.without) {
			t.Errorf("%v: %v, %+v", c.parameters, err, x.Findings)
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
		{country{code: "AT"}, remark}, {country{code: "ES"}, remark},
	} {
		if state, found, advice := c.judge(); state != c.state || found == "" || (advice == "") != (state == fine) {
			t.Errorf("%+v: %s, %s, %s", c.country, state, found, advice)
		}
	}
}

func TestNoEndpoint(t *testing.T) {
	x := &examination{}
	_, err := sns.New(sns.Options{Region: "us-east-1", BaseEndpoint: aws.String("http://sns.nowhere.invalid"), RetryMaxAttempts: 1,
		Credentials: aws.AnonymousCredentials{}}).GetSMSSandboxAccountStatus(t.Context(), &sns.GetSMSSandboxAccountStatusInput{})
	x.cannot("sms.sandbox", err)
	if x.Findings[0].State != problem || !strings.Contains(x.Findings[0].Finding, "there is no sns.nowhere.invalid") {
		t.Errorf("%+v of %v", x.Findings, err)
	}
}

func TestNoAlarms(t *testing.T) {
	var out strings.Builder
	x := &examination{stack: deployed.Description{Parameters: map[string]string{}, Outputs: map[string]string{}}}
	if err := x.alarms(t.Context()); err != nil || x.Findings[0].State != remark {
		t.Errorf("%v, %+v", err, x.Findings)
	}
	x.write(&out)
}
