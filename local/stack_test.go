package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestLambda tests the promises of package lambda from outside.
func TestLambda(t *testing.T) {
	t.Parallel()
	s := startTest(t, testTemplate(t, "Timeout: 3\n", "Timeout: 1\n"), nil)
	post := func(body string) answer { return send(t, "POST", s.url+"/api/echo", body) }

	t.Run("a process stays for the next invocation, and inherits nothing", func(t *testing.T) {
		a, b := s.echo(t, "{}"), s.echo(t, "{}")
		if a.Pid != b.Pid {
			t.Error("two processes")
		}
		if a.Env["HOME"] != "" || a.Env["GOPATH"] != "" || a.Env["TZ"] != ":UTC" || a.Env["AWS_ENDPOINT_URL"] != s.awsURL {
			t.Errorf("%v", a.Env)
		}
		if a.Header.Get("Lambda-Runtime-Deadline-Ms") == "" || a.Header.Get("Lambda-Runtime-Trace-Id") == "" ||
			!strings.Contains(a.Header.Get("Lambda-Runtime-Invoked-Function-Arn"), "EchoFunction") {
			t.Errorf("%v", a.Header)
		}
	})
	t.Run("an error is a 500, and the process lives on", func(t *testing.T) {
		before := s.echo(t, "{}").Pid
		if a := post(`{"do":"fail"}`); a.status != 500 || a.body != `{"message":"Internal Server Error"}` {
			t.Error(a)
		}
		if s.echo(t, "{}").Pid != before {
			t.Error("another process")
		}
	})
	t.Run("an exit is a 500, and the next invocation gets a fresh process", func(t *testing.T) {
		before := s.echo(t, "{}").Pid
		if a := post(`{"do":"exit"}`); a.status != 500 {
			t.Error(a)
		}
		if s.echo(t, "{}").Pid == before {
			t.Error("the same process")
		}
	})
	t.Run("a timeout is a 503, and kills the process", func(t *testing.T) {
		before := s.echo(t, "{}").Pid
		if a := post(`{"do":"sleep","ms":5000}`); a.status != 503 || a.body != `{"message":"Service Unavailable"}` {
			t.Error(a)
		}
		if s.echo(t, "{}").Pid == before {
			t.Error("the same process")
		}
	})
	t.Run("kill reports how many it ended, and rejects an unknown function", func(t *testing.T) {
		s.echo(t, "{}")
		if a := send(t, "POST", s.url+"/_local/kill", `{"function":"EchoFunction"}`); !strings.Contains(a.body, `"killed":1`) {
			t.Error(a)
		}
		if a := send(t, "POST", s.url+"/_local/kill", `{"function":"None"}`); a.status != 400 {
			t.Error(a)
		}
		s.echo(t, "{}")
	})
}

// TestAWS tests the promises of package aws.
func TestAWS(t *testing.T) {
	t.Parallel()
	s := startTest(t, testTemplate(t, "", ""), nil)
	table := s.spec.Tables[0].Name
	dynamo := func(action, body string) answer {
		return s.call(t, "dynamodb", "DynamoDB_20120810."+action, "/", strings.ReplaceAll(body, "THINGS", table))
	}
	fault := func(t *testing.T, body string) {
		t.Helper()
		if a := send(t, "POST", s.url+"/_local/faults", body); a.status != http.StatusNoContent {
			t.Fatal(a)
		}
		t.Cleanup(func() { send(t, "DELETE", s.url+"/_local/faults", "") })
	}
	const put = `{"TableName":"THINGS","Item":{"id":{"S":"x"}}}`

	t.Run("an unsigned request is refused", func(t *testing.T) {
		a := send(t, "POST", s.awsURL+"/", "{}", "X-Amz-Target: DynamoDB_20120810.ListTables")
		if a.status != 400 || !strings.Contains(a.body, "MissingAuthenticationToken") {
			t.Error(a)
		}
	})
	t.Run("consumed capacity is returned only on request", func(t *testing.T) {
		if a := dynamo("PutItem", put); a.status != 200 || a.body != "{}" {
			t.Error(a)
		}
		if a := dynamo("PutItem", strings.Replace(put, "{", `{"ReturnConsumedCapacity":"TOTAL",`, 1)); !strings.Contains(a.body, "CapacityUnits") {
			t.Error(a)
		}
	})
	t.Run("faults have each service's shape", func(t *testing.T) {
		fault(t, `{"service":"dynamodb","action":"PutItem","error":"ThrottlingException","count":1}`)
		fault(t, `{"service":"dynamodb","action":"TransactWriteItems","error":"TransactionCanceledException","reasons":["ConditionalCheckFailed","None"],"count":1}`)
		fault(t, `{"service":"ses","action":"SendEmail","error":"TooManyRequestsException","count":1}`)
		fault(t, `{"service":"sns","action":"Publish","error":"ThrottledException","count":1}`)
		fault(t, `{"service":"sns","action":"Publish","error":"OptedOutException","count":1}`)
		fault(t, `{"service":"secretsmanager","action":"GetSecretValue","error":"InternalServiceError","count":1}`)
		fault(t, `{"service":"ssm","action":"GetParameter","error":"ParameterNotFound","count":1}`)
		place := func() answer { return s.call(t, "ssm", "AmazonSSM.GetParameter", "/", `{"Name":"/mine/place"}`) }
		for _, c := range []struct {
			got    answer
			status int
			want   string
		}{
			{place(), 400, `"__type":"ParameterNotFound"`},
			{place(), 200, `"Parameter":{`},
			{dynamo("PutItem", put), 400, `#ThrottlingException"`},
			{dynamo("PutItem", put), 200, ""},
			{dynamo("TransactWriteItems", `{}`), 400, `"CancellationReasons":[{"Code":"ConditionalCheckFailed"`},
			{s.call(t, "ses", "", "/v2/email/outbound-emails", mail(nil)), 429, "message"},
			{s.call(t, "ses", "", "/v2/email/outbound-emails", mail(nil)), 200, "MessageId"},
			{s.call(t, "sns", "", "/", "Action=Publish"), 429, "<Code>Throttled</Code>"},
			{s.call(t, "sns", "", "/", "Action=Publish"), 400, "<Code>OptedOut</Code>"},
			{s.call(t, "secretsmanager", "secretsmanager.GetSecretValue", "/", `{}`), 500, "InternalServiceError"},
		} {
			if c.got.status != c.status || !strings.Contains(c.got.body, c.want) {
				t.Errorf("%d %s; want %d %s", c.got.status, c.got.body, c.status, c.want)
			}
		}
	})
	t.Run("a fault that cannot be is refused in words", func(t *testing.T) {
		for body, want := range map[string]string{
			`{"service":"s3","action":"x","error":"y"}`:                                                  "service must be",
			`{"service":"ses","action":"Send","error":"y"}`:                                              "action must be",
			`{"service":"ses","action":"SendEmail"}`:                                                     "needs error",
			`{"service":"ses","action":"SendEmail","error":"Nope"}`:                                      "has no error",
			`{"service":"ses","action":"SendEmail","latencyMs":1,"cuont":1}`:                             "cuont",
			`{"service":"ses","action":"SendEmail","latencyMs":1,"perSecond":1}`:                         "perSecond",
			`{"service":"dynamodb","action":"PutItem","error":"ThrottlingException","reasons":["None"]}`: "reasons",
		} {
			if a := send(t, "POST", s.url+"/_local/faults", body); a.status != 400 || !strings.Contains(a.body, want) {
				t.Errorf("%s: %v; want %s", body, a, want)
			}
		}
	})
	t.Run("perSecond lets so many calls through in any second, and fails those beyond", func(t *testing.T) {
		fault(t, `{"service":"ses","action":"SendEmail","error":"TooManyRequestsException","perSecond":2}`)
		mailed := func() int { return s.call(t, "ses", "", "/v2/email/outbound-emails", mail(nil)).status }
		begin, accepted := time.Now(), []time.Time{}
		for len(accepted) < 5 {
			switch status := mailed(); {
			case status == 200:
				accepted = append(accepted, time.Now())
			case status != 429 || time.Since(begin) > 20*time.Second:
				t.Fatalf("%d after %s", status, time.Since(begin))
			}
		}
		if took := accepted[1].Sub(begin); took > time.Second {
			t.Skipf("the machine is too slow to see it: two calls took %s", took)
		}
		if took := accepted[4].Sub(accepted[0]); took < 1900*time.Millisecond {
			t.Errorf("five calls went through in %s", took)
		}
	})
	t.Run("a caller who gives up before the provider accepts sends nothing", func(t *testing.T) {
		before := len(s.mailbox.List())
		fault(t, `{"service":"ses","action":"SendEmail","latencyMs":300,"count":1}`)
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		if err := signed(ctx, s.awsURL+"/v2/email/outbound-emails", "ses", mail(nil)); err == nil {
			t.Error("an answer")
		}
		// The second e-mail is accepted later than the first one would have been. If the first had been accepted, the
		// mailbox would have both.
		fault(t, `{"service":"ses","action":"SendEmail","latencyMs":400,"count":1}`)
		s.call(t, "ses", "", "/v2/email/outbound-emails", mail(nil))
		if n := len(s.mailbox.List()) - before; n != 1 {
			t.Errorf("%d messages", n)
		}
	})
	t.Run("a lost answer is of a call that was done", func(t *testing.T) {
		before := len(s.mailbox.List())
		fault(t, `{"service":"ses","action":"SendEmail","dropResponse":true,"count":1}`)
		if err := signed(context.Background(), s.awsURL+"/v2/email/outbound-emails", "ses", mail(nil)); err == nil {
			t.Error("an answer")
		}
		if n := len(s.mailbox.List()) - before; n != 1 {
			t.Errorf("%d messages", n)
		}
	})
	t.Run("providers refuse what they would", func(t *testing.T) {
		for what, a := range map[string]answer{
			"an address that is invalid": s.call(t, "ses", "", "/v2/email/outbound-emails", mail(map[string]any{"Destination": map[string]any{"ToAddresses": []string{"ä@example.com"}}})),
			"a header name with a colon": s.call(t, "ses", "", "/v2/email/outbound-emails", mailWithHeader("X:Y", "z")),
			"a header of two lines":      s.call(t, "ses", "", "/v2/email/outbound-emails", mailWithHeader("X-Y", "z\r\nBcc: eve@example.com")),
			"a raw mail":                 s.call(t, "ses", "", "/v2/email/outbound-emails", mail(map[string]any{"Content": map[string]any{"Raw": "x"}})),
			"a number that is invalid":   s.call(t, "sns", "", "/", "Action=Publish&Message=x&PhoneNumber=12"),
			"a topic":                    s.call(t, "sns", "", "/", "Action=Publish&Message=x&TopicArn=x"),
			"an unknown stack":           s.call(t, "cloudformation", "", "/", "Action=DescribeStacks&StackName=x"),
			"an unknown secret":          s.call(t, "secretsmanager", "secretsmanager.GetSecretValue", "/", `{"SecretId":"x"}`),
			"an unknown parameter":       s.call(t, "ssm", "AmazonSSM.GetParameter", "/", `{"Name":"/mine/none"}`),
			"another call of SSM":        s.call(t, "ssm", "AmazonSSM.GetParameters", "/", `{"Names":["/mine/place"]}`),
			"an unknown service":         s.call(t, "s3", "", "/", ""),
		} {
			if a.status < 400 {
				t.Errorf("%s: %v", what, a)
			}
		}
	})
	t.Run("a new version of a secret leaves the last one as the previous", func(t *testing.T) {
		arn := s.spec.Secrets[0].ARN
		secrets := func(action, more string) string {
			return s.call(t, "secretsmanager", "secretsmanager."+action, "/", `{"SecretId":"`+arn+`"`+more+`}`).body
		}
		old := value(secrets("GetSecretValue", ""))
		secrets("PutSecretValue", `,"SecretString":"new","ClientRequestToken":"t"`)
		if now, last := value(secrets("GetSecretValue", "")), value(secrets("GetSecretValue", `,"VersionStage":"AWSPREVIOUS"`)); now != "new" || last != old {
			t.Errorf("%q, %q", now, last)
		}
		secrets("PutSecretValue", `,"SecretString":"new","ClientRequestToken":"t"`) // a repeated call
		if again := secrets("PutSecretValue", `,"SecretString":"other","ClientRequestToken":"t"`); !strings.Contains(again, "ResourceExistsException") {
			t.Errorf("a token's second value: %s", again)
		}
		if now := value(secrets("GetSecretValue", "")); now != "new" {
			t.Errorf("%q", now)
		}
		if d := secrets("DescribeSecret", ""); !strings.Contains(d, `"t":["AWSCURRENT"]`) || !strings.Contains(d, "AWSPREVIOUS") {
			t.Error(d)
		}
	})
}

func value(body string) string {
	var out struct{ SecretString string }
	_ = json.Unmarshal([]byte(body), &out)
	return out.SecretString
}

// signed posts to the AWS endpoint. An error means that no response came.
func signed(ctx context.Context, url, service, body string) error {
	req, err := http.NewRequestWithContext(ctx, "POST", url, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	_, err = io.ReadAll(res.Body)
	return err
}

func TestMappingFailures(t *testing.T) {
	t.Parallel()
	s := startTest(t, testTemplate(t, "", ""), nil)
	open := gated(t, s)
	s.put(t, "good")
	s.put(t, "bad", "do=partial")
	s.put(t, "after")
	s.settle(t, 4)
	open()
	await(t, "the bad record is given up", func() bool { return len(s.deadLetters()) == 1 && len(s.logged("END ")) >= 4 })
	if got := fmt.Sprint(s.logged("END ")); got != "[END gate END good,bad,after END bad,after END bad,after]" {
		t.Errorf("retried from elsewhere than the lowest failed record: %s", got)
	}
	var letter struct {
		DDBStreamBatchInfo struct {
			ShardID, StartSequenceNumber string
			BatchSize                    int
		}
		RequestContext struct{ Condition string }
	}
	raw := s.deadLetters()[0]
	if err := json.Unmarshal(raw, &letter); err != nil || letter.DDBStreamBatchInfo.ShardID == "" ||
		letter.DDBStreamBatchInfo.BatchSize != 2 || letter.RequestContext.Condition != "RetryAttemptsExhausted" || strings.Contains(string(raw), "bad") {
		t.Errorf("%s", raw)
	}
	s.put(t, "odd", "do=empty")
	await(t, "an empty identifier fails the batch", func() bool { return len(s.logged("END odd")) == 2 })
}

func TestGuard(t *testing.T) {
	t.Parallel()
	s := startTest(t, testTemplate(t, "", ""), nil)
	for _, c := range []struct {
		name, method, path, header string
		want                       int
	}{
		{"this machine", "GET", "/_local/messages", "", 200},
		{"the mailbox page's own requests", "DELETE", "/_local/messages", "Origin: " + s.url, 204},
		{"a name that was rebound", "GET", "/_local/messages", "Host: evil.example", 403},
		{"a page from elsewhere", "POST", "/_local/faults", "Origin: https://evil.example", 403},
		{"another port's page", "POST", "/_local/faults", "Origin: http://127.0.0.1:1", 403},
		{"a link from elsewhere", "GET", "/_local/messages", "Sec-Fetch-Site: cross-site", 403},
		{"the mailbox page", "GET", "/_local/", "", 200},
		{"no such thing", "GET", "/_local/none", "", 404},
	} {
		if a := send(t, c.method, s.url+c.path, "", c.header); a.status != c.want {
			t.Errorf("%s: %d, want %d", c.name, a.status, c.want)
		}
	}
	if a := send(t, "GET", s.url+examplePath, "", "Sec-Fetch-Site: cross-site"); a.status == 403 || a.status == 404 {
		t.Errorf("a link from elsewhere to the example application: %d", a.status)
	}
}

func TestFlags(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:3000", ":3000", "192.0.2.1:80", "[::]:0", "example.com:80", "3000"} {
		if err := (config{Addr: addr}).check(); err == nil {
			t.Errorf("-addr %s is taken", addr)
		}
	}
	if err := (config{Addr: "127.0.0.1:0", DynamoDB: "localhost"}).check(); err == nil {
		t.Error("-dynamodb localhost is taken")
	}
}

// TestStartFails: an error in the command line or on the machine is reported, and nothing stays behind.
func TestStartFails(t *testing.T) {
	free := config{Addr: "127.0.0.1:0", Template: testTemplate(t, "", ""), Out: io.Discard, Now: time.Now}
	for want, change := range map[string]func(*config){
		"must be small letters":      func(c *config) { c.Parameters = map[string]string{"Word": "ONE"} },
		"has no such parameter":      func(c *config) { c.Parameters = map[string]string{"Wrod": "x"} },
		"no such file":               func(c *config) { c.Template = "none.yaml" },
		"does not know this propert": func(c *config) { c.Template = testTemplate(t, "BillingMode:", "BilingMode:") },
		"address already in use": func(c *config) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
			c.Addr = l.Addr().String()
		},
	} {
		c := free
		change(&c)
		if s, err := start(context.Background(), c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v; want %q", s, err, want)
		}
	}
}

func TestServable(t *testing.T) {
	for name, want := range map[string]bool{
		"index.html": true, "client.js": true, "logo.svg": true, "style.css": true, "test/client.test.js": false, "embed.go": false,
		"go.mod": false, "package.json": false, "README.md": false, ".env": false, ".js": false, ".git/config": false,
	} {
		if servable(name) != want {
			t.Errorf("%s: %t", name, !want)
		}
	}
}
