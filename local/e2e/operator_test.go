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
	cmd := exec.Command("go", "build", "-o", binary, "streamotp/otpctl")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build streamotp/otpctl: %s", out)
	}
	return binary, nil
})

// otpctl runs the operator's command on the stack and gives what it prints.
func otpctl(t *testing.T, s *Stack, stdin string, args ...string) string {
	t.Helper()
	binary, err := buildOtpctl()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, append([]string{"--endpoint", s.AWSURL}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("otpctl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
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
