package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/spf13/cobra"

	"streamotp/otpctl/cmd"
	"streamotp/otpctl/console"
	"streamotp/shared/otp"
	"streamotp/shared/password"
	"streamotp/shared/store"
	"streamotp/shared/store/storetest"
)

const (
	good      = "tulip harbor lantern 42"
	better    = "marble orchard ferry 17"
	mobile    = "+4915112345678"
	landline  = "+493012345678"
	adasEmail = "ada@example.com"
)

var ctx = context.Background()

// stack is a fixture: tables on a real engine, behind a server that also acts as CloudFormation and Secrets Manager.
type stack struct {
	storetest.Tables
	url    string
	users  store.Users
	limits store.Limits

	tests, root *shelf // secrets

	mu     sync.Mutex
	before func(call string) (refusal string) // may do something before a call, or return the error that the call fails with
	bodies strings.Builder                    // of every request
	ahead  time.Duration                      // how far the stack's clock is ahead of this machine's
	slowed func(call, body string)            // may delay a call
}

func newStack(t *testing.T) *stack {
	tables := storetest.New(t)
	for name, value := range map[string]string{
		"AWS_PROFILE":      "",
		"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1", // the flag wins
		"AWS_CONFIG_FILE":             filepath.Join(t.TempDir(), "config"),
		"AWS_SHARED_CREDENTIALS_FILE": filepath.Join(t.TempDir(), "credentials"),
	} {
		t.Setenv(name, value)
	}
	s := &stack{Tables: tables, tests: newShelf(`{"destinations":{}}`), root: newShelf(fmt.Sprintf(`{"index":%q}`, strings.Repeat("k", 64))),
		users:  store.Users{DB: tables.DB, Table: tables.Users},
		limits: store.Limits{DB: tables.DB, Table: tables.Limits, Rule: otp.AttemptLimit{MaxAttempts: 5, Lock: time.Hour}},
	}
	engine, err := url.Parse(*tables.Config.BaseEndpoint)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.handler(httputil.NewSingleHostReverseProxy(engine)))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *stack) handler(engine http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		service, call, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		if service == "" {
			call = "DescribeStacks"
		}
		s.mu.Lock()
		s.bodies.Write(body)
		before, slowed := s.before, s.slowed
		s.mu.Unlock()
		w = s.date(w)
		if before != nil {
			if failure := before(call); failure != "" {
				w.Header().Set("Content-Type", "application/x-amz-json-1.0")
				w.WriteHeader(http.StatusBadRequest)
				if service == "" {
					fmt.Fprintf(w, `<ErrorResponse><Error><Code>%s</Code><Message>User is not authorized</Message></Error></ErrorResponse>`, failure)
					return
				}
				fmt.Fprintf(w, `{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":"User is not authorized"}`, failure)
				return
			}
		}
		if slowed != nil {
			slowed(call, string(body))
		}
		switch {
		case service == "secretsmanager" && strings.Contains(string(body), testsARN):
			s.tests.answer(w, call, body)
		case service == "secretsmanager":
			s.root.answer(w, call, body)
		case service == "":
			s.describe(w, string(body))
		default:
			engine.ServeHTTP(w, r)
		}
	})
}

func (s *stack) describe(w http.ResponseWriter, form string) {
	values, _ := url.ParseQuery(form)
	switch name := values.Get("StackName"); name {
	case "streamotp", "old": // the old stack was deployed before there were test destinations
		fmt.Fprint(w, `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>streamotp</StackName><Outputs>`)
		for key, value := range map[string]string{"UsersTableName": s.Users, "LimitsTableName": s.Limits,
			"CodesTableName": s.Codes, "KeySecretArn": "arn:secret", "TestDestinationsSecretArn": testsARN} {
			if name == "old" && key == "TestDestinationsSecretArn" {
				continue
			}
			fmt.Fprintf(w, `<member><OutputKey>%s</OutputKey><OutputValue>%s</OutputValue></member>`, key, value)
		}
		fmt.Fprint(w, `</Outputs><Parameters>`)
		for key, value := range map[string]string{"MaxAttempts": "5", "LockSeconds": "3600", "CodeLength": "6", "CodeTtlSeconds": "300",
			"AllowedCountries": "US,DE"} {
			fmt.Fprintf(w, `<member><ParameterKey>%s</ParameterKey><ParameterValue>%s</ParameterValue></member>`, key, value)
		}
		fmt.Fprint(w, `</Parameters></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`)
	case "bare":
		fmt.Fprint(w, `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>bare</StackName>`+
			`<StackStatus>ROLLBACK_COMPLETE</StackStatus></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`)
	default:
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>`+
			`<Message>Stack with id %s does not exist</Message></Error></ErrorResponse>`, name)
	}
}

// on makes f run before each call.
func (s *stack) on(f func(call string) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = f
}

// slow makes f run before a call that writes a table.
func (s *stack) slow(call, table string, f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slowed = func(called, body string) {
		if called == call && strings.Contains(body, table) {
			f()
		}
	}
}

// deny makes the named calls fail.
func (s *stack) deny(calls ...string) {
	s.on(func(call string) string {
		for _, denied := range calls {
			if call == denied {
				return "AccessDeniedException"
			}
		}
		return ""
	})
}

type result struct {
	code           int
	stdout, stderr string
}

func (s *stack) run(stdin string, args ...string) result {
	return runWith(ctx, strings.NewReader(stdin), append([]string{"--endpoint", s.url}, args...)...)
}

func runWith(ctx context.Context, stdin io.Reader, args ...string) result {
	return runAt(ctx, time.Now, stdin, args...)
}

// runAt runs a command with the test's own clock.
func runAt(ctx context.Context, now func() time.Time, stdin io.Reader, args ...string) result {
	var stdout, stderr bytes.Buffer
	c := console.New(stdin, &stdout, &stderr)
	c.Now = now
	code := cmd.Run(ctx, c, args)
	return result{code, stdout.String(), stderr.String()}
}

// want fails the test unless a command ended with this code and printed every text.
func (r result) want(t *testing.T, code int, said ...string) {
	t.Helper()
	if r.code != code {
		t.Fatalf("exit code %d, want %d\n%s%s", r.code, code, r.stdout, r.stderr)
	}
	for _, text := range said {
		if !strings.Contains(r.stdout+r.stderr, text) {
			t.Errorf("did not say %q:\n%s%s", text, r.stdout, r.stderr)
		}
	}
}

// silent fails the test if a command printed or sent one of the texts.
func (s *stack) silent(t *testing.T, r result, texts ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, text := range texts {
		if strings.Contains(r.stdout+r.stderr, text) {
			t.Errorf("said %q:\n%s%s", text, r.stdout, r.stderr)
		}
	}
	for _, secret := range []string{good, better} {
		if strings.Contains(s.bodies.String(), secret) {
			t.Errorf("C1: a password was sent to AWS")
		}
	}
}

func (s *stack) add(t *testing.T, email string, args ...string) {
	t.Helper()
	s.run(good+"\n", append([]string{"user", "add", email, "--password-stdin"}, args...)...).want(t, exitOK)
}

func (s *stack) user(t *testing.T, email string) store.User {
	t.Helper()
	u, err := s.users.Get(ctx, email)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// count returns the number of accounts.
func (s *stack) count(t *testing.T) (n int) {
	t.Helper()
	for _, err := range s.users.List(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func (s *stack) wantPassword(t *testing.T, email, secret string) {
	t.Helper()
	if ok, err := password.Matches(secret, s.user(t, email).PasswordHash); !ok || err != nil {
		t.Errorf("the password of %s is another one (%v)", email, err)
	}
}

// loginsEnded reports whether a login session that was opened before would be rejected (C3).
func (s *stack) loginsEnded(t *testing.T, email string) bool {
	t.Helper()
	session := otp.Session{Subject: s.ring(t).Subject(otp.Login, email), CreatedAt: time.Now().Add(-time.Hour)}
	_, err := s.limits.Reserve(ctx, session, "test", time.Now())
	if err != nil && !errors.Is(err, otp.ErrCodeExpired) {
		t.Fatal(err)
	}
	return err != nil
}

func (s *stack) put(t *testing.T, item map[string]types.AttributeValue) {
	t.Helper()
	if err := putRaw(s, item); err != nil {
		t.Fatal(err)
	}
}

// listedAccount is one entry of user list --json.
type listedAccount struct {
	Email, Name, Phone, Channel string
	PasswordChangedAt           *string
}

func decodeList(t *testing.T, r result) (out []listedAccount) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.data(t)), &out); err != nil {
		t.Fatalf("%v in %s", err, r.stdout)
	}
	return out
}

// data returns the data of a document of --json. The rest of the document is the same for every command.
func (r result) data(t *testing.T) string {
	t.Helper()
	var found map[string]json.RawMessage
	if err := json.Unmarshal([]byte(r.stdout), &found); err != nil || len(found) != 2 || found["command"] == nil || found["data"] == nil {
		t.Fatalf("no document: %v in %s%s", err, r.stdout, r.stderr)
	}
	return string(found["data"])
}

// commands returns the commands that are otpctl's own and do something.
func commands() (all []*cobra.Command) {
	var below func(cmd *cobra.Command)
	below = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			switch {
			case sub.Name() == "completion" || sub.Name() == "help":
			case sub.HasSubCommands():
				below(sub)
			default:
				all = append(all, sub)
			}
		}
	}
	below(cmd.Root(console.New(nil, io.Discard, io.Discard)))
	return all
}

// find returns the command that the words of a command line call.
func find(words ...string) *cobra.Command {
	cmd, _, err := cmd.Root(console.New(nil, io.Discard, io.Discard)).Find(words)
	if err != nil || cmd.HasSubCommands() {
		panic(fmt.Sprintf("there is no command %v: %v", words, err))
	}
	return cmd
}

// permissions returns the permissions that the help of a command names.
func permissions(cmd *cobra.Command) []string { return strings.Fields(cmd.Annotations["permissions"]) }

// name returns the words that call a command, without "otpctl".
func name(cmd *cobra.Command) string { return strings.TrimPrefix(cmd.CommandPath(), "otpctl ") }

const (
	exitOK     = cmd.ExitOK
	exitFailed = cmd.ExitFailed
	exitUsage  = cmd.ExitUsage
)
