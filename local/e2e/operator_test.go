package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var buildOtpctl = sync.OnceValues(func() (binary string, err error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	binary = filepath.Join(root, ".tools", "e2e", "otpctl")
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "streamotp/otpctl")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build streamotp/otpctl: %s", out)
	}
	return binary, nil
})

// otpctl runs the operator's command on the stack and gives what it prints; a failure fails the test.
func otpctl(t *testing.T, s *Stack, stdin string, args ...string) string {
	t.Helper()
	out, err := tryOtpctl(t, s, stdin, args...)
	if err != nil {
		t.Fatalf("otpctl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func tryOtpctl(t *testing.T, s *Stack, stdin string, args ...string) (string, error) {
	t.Helper()
	binary, err := buildOtpctl()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, append([]string{"--endpoint", s.AWSURL}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestUnlock: at 100 wrong codes in a row a subject closes for a day, or until the operator unlocks it.
func TestUnlock(t *testing.T) {
	s := Start(t, "-parameter", "SendsPerIpPerHour=0", "-parameter", "SendsPerHour=3", "-parameter", "MaxAttempts=2")
	ask := login("ada@example.com", demoPassword)
	id, code := session(t, s, ask, "ada@example.com")
	for range 2 {
		expect(t, s, "/api/verify", try(id, wrong(code)), 401, "wrong_code")
	}
	for _, item := range s.Items("LimitsTable") {
		if item["tries"] != nil {
			item["tries"], item["ceiling"] = map[string]any{"N": "100"}, map[string]any{"N": "100"}
			s.PutItem("LimitsTable", item)
		}
	}
	expect(t, s, "/api/verify", try(id, code), 403, "locked")
	expect(t, s, "/api/generate", ask, 403, "locked")

	said := otpctl(t, s, "", "unlock", "ada@example.com")
	day := time.Now().Add(24 * time.Hour).UTC().Format("2006-01-02")
	if !strings.Contains(said, "locked until "+day) || !strings.Contains(said, "100 wrong codes") || !strings.Contains(said, "Unlocked ada@example.com") {
		t.Errorf("otpctl said:\n%s", said)
	}
	for range 3 { // all of the hour's messages are there again
		id, code = session(t, s, ask, "ada@example.com")
	}
	expect(t, s, "/api/verify", try(id, wrong(code)), 401, "wrong_code")
	expect(t, s, "/api/verify", try(id, code), 200, "")
}

// TestTestDestinationsSecret: what otpctl writes is what the stack's secret holds, for this stack's length of codes.
func TestTestDestinationsSecret(t *testing.T) {
	s := Start(t, "-parameter", "CodeLength=8")
	end := time.Now().UTC().AddDate(0, 1, 0).Format(time.DateOnly)
	add := []string{"test-destinations", "add", "reviewer@example.com", "--until", end, "--code-stdin"}
	if said, err := tryOtpctl(t, s, "171939", add...); err == nil || !strings.Contains(said, "must be 8 digits") {
		t.Errorf("six digits: %v\n%s", err, said)
	}
	otpctl(t, s, "17193928", add...)
	if said := otpctl(t, s, "", "test-destinations", "list"); !strings.Contains(said, "works") || strings.Contains(said, "17193928") {
		t.Errorf("otpctl said:\n%s", said)
	}
	read := func() any {
		return aws(t, s, "secretsmanager.GetSecretValue", fields{"SecretId": stackOutput(t, s, "TestDestinationsSecretArn")})["SecretString"]
	}
	if got, want := read(), `{"destinations":{"reviewer@example.com":{"code":"17193928","until":"`+end+`T00:00:00Z"}}}`; got != want {
		t.Errorf("the secret is %v", got)
	}
	otpctl(t, s, "", "test-destinations", "remove", "reviewer@example.com")
	if got := read(); got != `{"destinations":{}}` {
		t.Errorf("the secret is %v", got)
	}
}
