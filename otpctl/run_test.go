package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go"
	"github.com/spf13/pflag"

	"streamotp/otpctl/deployed"
)

func TestEachCommandExplainsItself(t *testing.T) {
	for _, cmd := range commands() {
		for _, args := range [][]string{append(strings.Fields(name(cmd)), "--help"), append([]string{"help"}, strings.Fields(name(cmd))...),
			append([]string{"--stack", "x"}, append(strings.Fields(name(cmd)), "a", "-h")...)} {
			r := runWith(ctx, nil, args...)
			r.want(t, exitOK, cmd.CommandPath(), cmd.Long, cmd.Example, "--endpoint URL", "Exit codes: 0 success")
			for _, fact := range cmd.Annotations {
				for _, line := range strings.Split(fact, "\n") {
					r.want(t, exitOK, line)
				}
			}
			if r.stderr != "" {
				t.Errorf("%v: %s", args, r.stderr)
			}
			cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { r.want(t, exitOK, "--"+f.Name+" ") })
		}
		for group := cmd.Parent(); group.HasParent(); group = cmd.Parent() {
			runWith(ctx, nil, append(strings.Fields(name(group)), "--help")...).want(t, exitOK, cmd.Use, cmd.Short)
			cmd = group
		}
		runWith(ctx, nil, "--help").want(t, exitOK, cmd.Name(), cmd.Short)
	}
}

func TestWrongUse(t *testing.T) {
	for line, says := range map[string]string{
		"":                         "a command is missing",
		"user":                     "a command is missing",
		"usr list":                 `no command "usr"; similar: user.`,
		"user lst":                 `no command "user lst"; similar: list.`,
		"unlok ada@example.com":    `no command "unlok"; similar: unlock.`,
		"nonsense":                 `no command "nonsense". See otpctl --help`,
		"help usr":                 "no command",
		"help user lst":            "no command",
		"--stak x user list":       "unknown flag: --stak",
		"user list --stack":        "needs an argument",
		"user list extra":          "got 1 arguments",
		"user list -- --json":      "got 1 arguments",
		"--endpoint x user list":   "--endpoint must be a URL",
		"user list --endpoint f:/": "--endpoint must be a URL",
	} {
		t.Run(line, func(t *testing.T) {
			r := runWith(ctx, nil, strings.Fields(line)...)
			r.want(t, exitUsage, says)
			if r.stdout != "" {
				t.Errorf("stdout has %s", r.stdout)
			}
		})
	}
	runWith(ctx, nil, "user", "--help").want(t, exitOK, "add EMAIL", "set-phone EMAIL [PHONE]")
}

func TestFailuresAreExplained(t *testing.T) {
	s := newStack(t)
	for name, value := range map[string]string{ // on a bare machine: --endpoint works there too
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": "", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "",
	} {
		t.Setenv(name, value)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	_ = l.Close()
	s.run("", "--stack", "other", "user", "list").want(t, exitFailed, `no stack "other" in us-east-1`, "--stack", "sam deploy")
	s.run("", "user", "list", "--stack", "bare").want(t, exitFailed, "ROLLBACK_COMPLETE", "UsersTableName", "KeySecretArn")
	s.run("", "user", "list", "--profile", "none").want(t, exitFailed, `no AWS profile "none"`)
	runWith(ctx, nil, "user", "list").want(t, exitUsage, "no region is set", "--region")
	runWith(ctx, nil, "user", "list", "--region", "eu-central-1").want(t, exitFailed, "no AWS credentials", "--endpoint")
	runWith(ctx, nil, "--endpoint", "http://"+nobody, "user", "list").want(t, exitFailed, "cannot reach "+nobody, "make run")
	s.deny("DescribeStacks")
	s.run("", "user", "list").want(t, exitFailed, "CloudFormation DescribeStacks")
	s.on(nil)
	t.Setenv("AWS_REGION", "us-east-1") // DynamoDB Local keeps tables by region and key
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	if _, err := s.DB.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &s.Users}); err != nil {
		t.Fatal(err)
	}
	s.run("", "user", "list").want(t, exitFailed, "a table, function or secret that the stack names is not there")
}

func TestExplain(t *testing.T) {
	for code, says := range map[string]string{
		"ProvisionedThroughputExceededException": "throttled",
		"ThrottlingException":                    "throttled",
		"AccessDeniedException":                  "may not call DynamoDB PutItem",
		"AuthorizationError":                     "may not call DynamoDB PutItem",
		"ExpiredTokenException":                  "have expired",
		"UnrecognizedClientException":            "does not know these credentials",
		"ResourceNotFoundException":              "is not there",
		"TransactionConflictException":           "run it again",
		"InternalServerError":                    "failed (InternalServerError)",
	} {
		err := &smithy.OperationError{ServiceID: "DynamoDB", OperationName: "PutItem", Err: &smithy.GenericAPIError{Code: code}}
		if got := deployed.Explain(err); !strings.Contains(got, says) {
			t.Errorf("%s is explained as %q", code, got)
		}
	}
	if got := deployed.Explain(errors.Join(context.Canceled)); got != "interrupted" {
		t.Errorf("explained as %q", got)
	}
}

// TestAWrongClockIsNamed: AWS rejects a signature that is more than five minutes old or early. The Date header of that
// response gives the difference, which otpctl reports.
func TestAWrongClockIsNamed(t *testing.T) {
	newStack(t) // its environment
	for name, c := range map[string]struct {
		ahead time.Duration // of AWS
		error string
		says  string
	}{
		"slow":            {20 * time.Minute, "SignatureDoesNotMatch|Signature expired: 20261128T100000Z is now earlier than 20261128T101500Z", "it is 20m0s slow"},
		"fast":            {-2 * time.Hour, "SignatureDoesNotMatch|Signature not yet current: 20261128T120000Z is still later than 20261128T100500Z", "it is 2h0m0s fast"},
		"too late":        {20 * time.Minute, "RequestExpired|Request has expired.", "it is 20m0s slow"},
		"right":           {0, "SignatureDoesNotMatch|The request signature we calculated does not match", "does not know these credentials"},
		"another failure": {20 * time.Minute, "AccessDenied|User is not authorized", "may not call"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				// Half a second before the next second, so that the test sees the same difference whenever it runs.
				w.Header().Set("Date", time.Now().Add(c.ahead+time.Second/2).UTC().Format(http.TimeFormat))
				w.WriteHeader(http.StatusForbidden)
				code, message, _ := strings.Cut(c.error, "|")
				fmt.Fprintf(w, "<ErrorResponse><Error><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>", code, message)
			}))
			t.Cleanup(server.Close)
			r := runWith(ctx, nil, "--endpoint", server.URL, "user", "list")
			r.want(t, exitFailed, c.says)
			if named := strings.Contains(r.stderr, "clock is wrong"); named != strings.Contains(c.says, "it is") {
				t.Errorf("the clock is named: %v\n%s", named, r.stderr)
			}
		})
	}
}

func TestAWrongEndpointIsNamed(t *testing.T) {
	newStack(t) // its environment
	for _, status := range []int{http.StatusOK, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(status)
			fmt.Fprint(w, "<!doctype html><title>Log in</title><p>Log in<br>")
		}))
		t.Cleanup(server.Close)
		runWith(ctx, nil, "--endpoint", server.URL, "user", "list").want(t, exitFailed, server.URL+" answers, but not as AWS does", "the AWS URL that `make run` prints")
	}
}

func TestNumbersAreDecimal(t *testing.T) {
	for _, cmd := range commands() {
		r := runWith(ctx, nil, append(strings.Fields(name(cmd)), "--help")...)
		if r.want(t, exitOK); regexp.MustCompile(`\de[+-]\d`).MatchString(r.stdout) {
			t.Errorf("%s has an exponent:\n%s", name(cmd), r.stdout)
		}
	}
	runWith(ctx, nil, "cost", "--help").want(t, exitOK, "(default 1000000)")
}
