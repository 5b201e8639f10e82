package storetest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Account is MiniStack's AWS account. As an access key it stands for the account's root user, with any secret key.
const Account = "123456789012"

// MiniStack returns the configuration of clients that call MiniStack, an imitation of AWS, as its account's root user. IAM
// is on: see Restricted.
//
// The server in .tools/ministack, which the Makefile installs, is started once for the test process. If it is missing, the
// test fails. Tests share the account, so each needs names of its own for what it creates.
func MiniStack(t testing.TB) aws.Config {
	t.Helper()
	url, err := ministack()
	if err != nil {
		t.Fatalf("%v: `make .tools/ministack/.done` installs MiniStack", err)
	}
	return aws.Config{Region: "us-east-1", BaseEndpoint: &url, HTTPClient: smithyhttp.ClientDoFunc(do),
		Credentials: credentials.NewStaticCredentialsProvider(Account, "test", "")}
}

// do sends a request with a body that the SDK cannot close. The SDK closes a request's body as soon as the response begins. If Go
// has not noticed yet that it has sent all of the body, it then closes the connection; the rest of the response is lost, and
// the SDK repeats a call that has succeeded. MiniStack responds fast enough for that.
func do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return http.DefaultClient.Do(r)
}

// Restricted returns the configuration of clients that have only the permissions of the policy, an IAM policy document in
// JSON.
func Restricted(t testing.TB, policy string) aws.Config {
	t.Helper()
	cfg := MiniStack(t)
	out, err := sts.NewFromConfig(cfg).GetFederationToken(t.Context(), &sts.GetFederationTokenInput{
		Name: aws.String("restricted"), Policy: &policy})
	if err != nil {
		t.Fatal(err)
	}
	c := out.Credentials
	cfg.Credentials = credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
	return cfg
}

var ministack = sync.OnceValues(func() (string, error) {
	root, port, err := place()
	if err != nil {
		return "", err
	}
	// The server writes its process id here when it starts, and later only the code of Lambda functions, which these tests
	// do not run. So the folder can go as soon as the server is ready, and no end of the tests leaves it behind.
	dir, err := os.MkdirTemp("", "ministack-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program := filepath.Join(root, ".tools/ministack")
	cmd := exec.Command(filepath.Join(program, "bin/ministack"))
	cmd.Env = []string{"BIND_HOST=127.0.0.1", "GATEWAY_PORT=" + port, "TMPDIR=" + dir, "MINISTACK_ACCOUNT_ID=" + Account,
		"AUTH=true",
		"STATE_DIR=" + filepath.Join(program, "state"), // for a key of Cognito's, which all processes share
		"IOT_MTLS_ENABLED=false",                       // it would listen on port 8883
		"LAMBDA_ACCOUNT_CONCURRENCY=1000"}              // instead of a number that depends on the machine's memory
	url := "http://127.0.0.1:" + port
	return url, run(cmd, func() error { return healthy(url) })
})

func healthy(url string) error {
	r, err := http.Get(url + "/_ministack/health")
	if err != nil {
		return err
	}
	defer func() { _ = r.Body.Close() }()
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("MiniStack's health check returned %s", r.Status)
	}
	return nil
}
