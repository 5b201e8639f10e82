package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/spf13/cobra"

	"streamotp/shared/store/storetest"
)

// cloudTemplate has the parts of a stack that the operator's commands read.
const cloudTemplate = `
Parameters:
  SesFromAddress: { Type: String }
  AllowedCountries: { Type: String }
  MonthlySmsBudgetUsd: { Type: Number, Default: 10 }
  AlarmEmail: { Type: String }
  SmsOriginationNumber: { Type: String, Default: "" }
  CaptchaProvider: { Type: String, Default: none }
  AllowedOrigins: { Type: String, Default: "https://old.example" }
  ProofTtlSeconds: { Type: Number, Default: 120 }
Resources:
  Codes:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: sessionId, AttributeType: S }, { AttributeName: code, AttributeType: S }]
      KeySchema: [{ AttributeName: sessionId, KeyType: HASH }, { AttributeName: code, KeyType: RANGE }]
  Clients:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]
      KeySchema: [{ AttributeName: id, KeyType: HASH }]
  SigningKey: { Type: AWS::KMS::Key, Properties: { KeySpec: RSA_2048, KeyUsage: SIGN_VERIFY } }
  SigningKeyAlias:
    Type: AWS::KMS::Alias
    Properties: { AliasName: !Sub "alias/streamotp-${AWS::StackName}-current", TargetKeyId: !Ref SigningKey }
  Letters: { Type: AWS::SQS::Queue }
  Retries:
    Type: AWS::SQS::Queue
    Properties: { RedrivePolicy: { deadLetterTargetArn: !GetAtt Letters.Arn, maxReceiveCount: 1 } }
  Alarms:
    Type: AWS::SNS::Topic
    Properties: { Subscription: [{ Protocol: email, Endpoint: !Ref AlarmEmail }] }
  CaptchaKey: { Type: AWS::SecretsManager::Secret, Properties: { SecretString: secret-key } }
Outputs:
  UsersTableName: { Value: none }
  LimitsTableName: { Value: none }
  KeySecretArn: { Value: none }
  CodesTableName: { Value: !Ref Codes }
  ClientsTableName: { Value: !Ref Clients }
  SiteUrl: { Value: "https://login.example.com" }
  SigningKeyAlias: { Value: !Ref SigningKeyAlias }
  DeadLetterQueueUrl: { Value: !Ref Letters }
  RetryQueueUrl: { Value: !Ref Retries }
  AlarmTopicArn: { Value: !Ref Alarms }
  CaptchaSecretArn: { Value: !Ref CaptchaKey }
`

// cloud is MiniStack with a stack in it, behind a server that records the calls. For some calls the server gives a test's
// own responses: calls that MiniStack does not know, or does not answer as AWS does for an account in the state that the
// test needs.
type cloud struct {
	cfg     aws.Config // of the account's root user, without the server in between
	url     string     // of the server
	stack   string
	outputs map[string]string
	denied  []string         // permissions that otpctl lacks
	now     func() time.Time // otpctl's clock

	mu      sync.Mutex
	older   time.Duration     // how much older the aliases of keys seem than they are
	called  []string          // such as "ses:GetAccount"
	answers map[string]string // bodies by call, followed by a space and the path's last element if that matters
}

func newCloud(t *testing.T, parameters map[string]string) *cloud {
	t.Helper()
	t.Setenv("AWS_PROFILE", "")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "credentials"))
	a := &cloud{stack: fmt.Sprintf("stack-%d", time.Now().UnixNano()), outputs: map[string]string{}, answers: map[string]string{},
		cfg: storetest.MiniStack(t), now: time.Now}
	ministack, err := url.Parse(*a.cfg.BaseEndpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(ministack)
	proxy.ModifyResponse = a.age
	server := httptest.NewServer(a.handler(proxy))
	t.Cleanup(server.Close)
	a.url = server.URL
	a.deploy(t, parameters)
	return a
}

func (a *cloud) deploy(t *testing.T, parameters map[string]string) {
	t.Helper()
	client := cloudformation.NewFromConfig(a.cfg)
	in := &cloudformation.CreateStackInput{StackName: &a.stack, TemplateBody: aws.String(cloudTemplate)}
	for key, value := range parameters {
		in.Parameters = append(in.Parameters, types.Parameter{ParameterKey: &key, ParameterValue: &value})
	}
	if _, err := client.CreateStack(ctx, in); err != nil {
		t.Fatal(err)
	}
	created := cloudformation.NewStackCreateCompleteWaiter(client, func(o *cloudformation.StackCreateCompleteWaiterOptions) {
		o.MinDelay, o.MaxDelay = 20*time.Millisecond, 200*time.Millisecond
	})
	out, err := created.WaitForOutput(ctx, &cloudformation.DescribeStacksInput{StackName: &a.stack}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range out.Stacks[0].Outputs {
		a.outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
}

// age makes the aliases of keys older in a response.
func (a *cloud) age(r *http.Response) error {
	if r.Request.Header.Get("X-Amz-Target") != "TrentService.ListAliases" {
		return nil
	}
	var body struct{ Aliases []map[string]any }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, alias := range body.Aliases {
		for _, date := range []string{"CreationDate", "LastUpdatedDate"} {
			if at, ok := alias[date].(float64); ok {
				alias[date] = at - a.older.Seconds()
			}
		}
	}
	text, err := json.Marshal(body)
	r.Body = io.NopCloser(bytes.NewReader(text))
	r.ContentLength = int64(len(text))
	r.Header.Set("Content-Length", strconv.Itoa(len(text)))
	return err
}

func (a *cloud) handler(ministack http.Handler) http.Handler {
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
		if answer == denial {
			w.WriteHeader(http.StatusForbidden)
		}
		if !ok {
			ministack.ServeHTTP(w, r)
			return
		}
		_, _ = io.WriteString(w, answer)
	})
}

// callOf returns the name of a call as a policy spells it.
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

// answer sets the response to a call.
func (a *cloud) answer(call, body string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers[call] = body
}

// forget makes MiniStack answer a call again.
func (a *cloud) forget(call string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.answers, call)
}

// denial is the response of a service that speaks JSON when IAM denies a call.
const denial = `{"__type":"AccessDeniedException","message":"User is not authorized"}`

// deny removes these permissions from otpctl, and no others.
func (a *cloud) deny(permissions ...string) { a.denied = permissions }

// permit gives otpctl the permissions that the command's help names, except those that are denied.
func (a *cloud) permit(t *testing.T, cmd *cobra.Command) {
	t.Helper()
	allowed := append([]string{"cloudformation:DescribeStacks"}, permissions(cmd)...)
	allowed = slices.DeleteFunc(allowed, func(p string) bool { return slices.Contains(a.denied, p) })
	allowed = append(allowed, "sqs:ChangeMessageVisibilityBatch") // in AWS, sqs:ChangeMessageVisibility is the permission for this too
	policy, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": map[string]any{"Effect": "Allow", "Action": allowed, "Resource": "*"}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := storetest.Restricted(t, string(policy)).Credentials.Retrieve(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", c.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", c.SecretAccessKey)
	t.Setenv("AWS_SESSION_TOKEN", c.SessionToken)
}

// run runs otpctl with only the permissions that its help names. It also fails the test if otpctl makes a call that the
// help does not name, as IAM does not see the calls that the test answers.
func (a *cloud) run(t *testing.T, args ...string) result {
	t.Helper()
	a.mu.Lock()
	a.called = nil
	a.mu.Unlock()
	cmd := find(args...)
	a.permit(t, cmd)
	r := runAt(ctx, a.now, nil, append([]string{"--endpoint", a.url, "--stack", a.stack}, args...)...)
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, call := range a.called {
		named := strings.Replace(call, "VisibilityBatch", "Visibility", 1)
		if call != "cloudformation:DescribeStacks" && !slices.Contains(permissions(cmd), named) {
			t.Errorf("%s calls %s, which its help does not name", name(cmd), call)
		}
	}
	return r
}
