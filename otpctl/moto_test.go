package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"streamotp/shared/store/storetest"
)

// motoTemplate is of this stack what operators' commands look at.
const motoTemplate = `
Parameters:
  SesFromAddress: { Type: String }
  AllowedCountries: { Type: String }
  MonthlySmsBudgetUsd: { Type: Number, Default: 10 }
  AlarmEmail: { Type: String }
  SmsOriginationNumber: { Type: String, Default: "" }
  CaptchaProvider: { Type: String, Default: none }
Resources:
  Codes:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: sessionId, AttributeType: S }, { AttributeName: code, AttributeType: S }]
      KeySchema: [{ AttributeName: sessionId, KeyType: HASH }, { AttributeName: code, KeyType: RANGE }]
  Letters: { Type: AWS::SQS::Queue }
  Retries: { Type: AWS::SQS::Queue }
  Alarms:
    Type: AWS::SNS::Topic
    Properties: { Subscription: [{ Protocol: email, Endpoint: !Ref AlarmEmail }] }
Outputs:
  UsersTableName: { Value: none }
  LimitsTableName: { Value: none }
  KeySecretArn: { Value: none }
  CodesTableName: { Value: !Ref Codes }
  DeadLetterQueueUrl: { Value: !Ref Letters }
  RetryQueueUrl: { Value: !Ref Retries }
  AlarmTopicArn: { Value: !Ref Alarms }
  CaptchaSecretArn: { Value: none }
`

// cloud is an AWS of moto's with a stack in it, behind a server that notes what is called, and answers what moto does
// not offer by what a test has put there.
type cloud struct {
	cfg     aws.Config // of clients that talk to moto
	url     string     // of the server
	stack   string
	outputs map[string]string

	mu      sync.Mutex
	called  []string          // as "ses:GetAccount"
	answers map[string]string // bodies by call, with a space and the path's last part where that matters; "400 Code" is an error
}

func newCloud(t *testing.T, parameters map[string]string) *cloud {
	t.Helper()
	moto := storetest.Moto(t)
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "credentials"))
	a := &cloud{stack: fmt.Sprintf("stack-%d", time.Now().UnixNano()), outputs: map[string]string{}, answers: map[string]string{},
		cfg: aws.Config{Region: "us-east-1", BaseEndpoint: &moto, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}}
	engine, err := url.Parse(moto)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(a.handler(httputil.NewSingleHostReverseProxy(engine)))
	t.Cleanup(server.Close)
	a.url = server.URL
	a.deploy(t, parameters)
	return a
}

func (a *cloud) deploy(t *testing.T, parameters map[string]string) {
	t.Helper()
	client := cloudformation.NewFromConfig(a.cfg)
	in := &cloudformation.CreateStackInput{StackName: &a.stack, TemplateBody: aws.String(motoTemplate)}
	for key, value := range parameters {
		in.Parameters = append(in.Parameters, types.Parameter{ParameterKey: &key, ParameterValue: &value})
	}
	if _, err := client.CreateStack(ctx, in); err != nil {
		t.Fatal(err)
	}
	out, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &a.stack})
	if err != nil {
		t.Fatal(err)
	}
	a.outputs = readStack(out.Stacks[0]).outputs
}

func (a *cloud) handler(engine http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		call := callOf(r, string(body))
		a.mu.Lock()
		a.called = append(a.called, call)
		answer, ok := a.answers[call+" "+path.Base(r.URL.Path)]
		if !ok {
			answer, ok = a.answers[call]
		}
		a.mu.Unlock()
		if status, code, refused := strings.Cut(answer, " "); refused && (status == "400" || status == "404") {
			w.Header().Set("X-Amzn-Errortype", code)
			w.WriteHeader(map[string]int{"400": 400, "404": 404}[status])
			answer = fmt.Sprintf(`{"__type":%q,"message":"User is not authorized"}`, code)
			if r.Header.Get("X-Amz-Target") == "" && strings.Contains(string(body), "Action=") {
				answer = "<ErrorResponse><Error><Code>" + code + "</Code><Message>User is not authorized</Message></Error></ErrorResponse>"
			}
		}
		if !ok {
			engine.ServeHTTP(w, r)
			return
		}
		_, _ = io.WriteString(w, answer)
	})
}

// callOf names a call as a policy does.
func callOf(r *http.Request, body string) string {
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	scope := append(strings.Split(credential, "/"), "", "", "", "")
	service := map[string]string{"monitoring": "cloudwatch"}[scope[3]]
	if service == "" {
		service = scope[3]
	}
	form, _ := url.ParseQuery(body)
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	for pattern, name := range map[string]string{"/v2/email/account": "GetAccount", "/v2/email/identities/*": "GetEmailIdentity",
		"/2016-08-19/account-settings": "GetAccountSettings"} {
		if ok, _ := path.Match(pattern, path.Clean(r.URL.Path)); ok && action == "" {
			action = name
		}
	}
	return service + ":" + cmp.Or(action, form.Get("Action"))
}

// answer has a call answered so.
func (a *cloud) answer(call, body string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers[call] = body
}

// forget has moto answer a call again.
func (a *cloud) forget(call string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.answers, call)
}

// run runs otpctl and fails the test if it calls what its help does not name.
func (a *cloud) run(t *testing.T, args ...string) result {
	t.Helper()
	a.mu.Lock()
	a.called = nil
	a.mu.Unlock()
	r := runWith(ctx, nil, append([]string{"--endpoint", a.url, "--stack", a.stack}, args...)...)
	cmd, _, _ := find(args)
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, call := range a.called {
		named := strings.Replace(call, "VisibilityBatch", "Visibility", 1)
		if call != "cloudformation:DescribeStacks" && !slices.Contains(cmd.permissions, named) {
			t.Errorf("%s calls %s, of which its help does not tell", cmd.name, call)
		}
	}
	return r
}
