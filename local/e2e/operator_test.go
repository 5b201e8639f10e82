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

// otpctl runs the operator's command on the stack and returns its output. A failure fails the test.
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

// TestUnlock: 100 wrong codes in a row lock a subject for 24 hours, or until the operator unlocks it.
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
	for range 3 { // all messages of the hour are available again
		id, code = session(t, s, ask, "ada@example.com")
	}
	expect(t, s, "/api/verify", try(id, wrong(code)), 401, "wrong_code")
	expect(t, s, "/api/verify", try(id, code), 200, "")
}

// TestTestDestinationsSecret: the stack's secret holds what otpctl writes, for this stack's length of codes.
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

// TestLoginDuringAnOperatorsWrite: a login that read the account while otpctl wrote it does not survive the change, and a
// login afterwards works at once.
func TestLoginDuringAnOperatorsWrite(t *testing.T) {
	s := Start(t, "-parameter", "SendsPerIpPerHour=0")
	const grace, oldPhone, newPhone, newPassword = "grace@example.com", "+4915112345678", "+4915187654321", "marble orchard ferry 17"
	for _, c := range []struct {
		action, stdin    string
		args             []string
		email, to        string // the account that logs in meanwhile, and where its code goes
		password, toThen string // of the login afterwards; empty after a removal
	}{
		{"UpdateItem", "", []string{"user", "set-phone", grace, newPhone}, grace, oldPhone, demoPassword, newPhone},
		{"UpdateItem", newPassword, []string{"user", "add", "ada@example.com", "--replace", "--password-stdin"}, "ada@example.com", "ada@example.com", newPassword, "ada@example.com"},
		{"DeleteItem", "", []string{"user", "remove", grace, "--yes"}, grace, newPhone, "", ""},
	} {
		t.Run(strings.Join(c.args[:2], " "), func(t *testing.T) {
			s.Fault(fields{"service": "dynamodb", "action": c.action, "table": "UsersTable", "latencyMs": 2500, "count": 1})
			before := notBefore(s)
			done := make(chan struct{})
			go func() {
				defer close(done)
				if said, err := tryOtpctl(t, s, c.stdin, c.args...); err != nil {
					t.Errorf("otpctl: %v\n%s", err, said)
				}
			}()
			for deadline := time.Now().Add(20 * time.Second); notBefore(s) == before; time.Sleep(20 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("otpctl has ended no session")
				}
			}
			time.Sleep(1200 * time.Millisecond) // longer than the second that DynamoDB's Date cuts off, before the write
			id, code := session(t, s, login(c.email, demoPassword), c.to)
			select {
			case <-done:
				t.Fatal("the write was not slow")
			default:
			}
			<-done
			expect(t, s, "/api/verify", try(id, code), 410, "code_expired")
			if c.password != "" {
				id, code = session(t, s, login(c.email, c.password), c.toThen)
				expect(t, s, "/api/verify", try(id, code), 200, "")
			}
		})
	}
}

// notBefore returns the latest time in the limits table before which sessions have ended.
func notBefore(s *Stack) (latest string) {
	for _, item := range s.Items("LimitsTable") {
		if at, _ := item["notBefore"]["N"].(string); at > latest {
			latest = at
		}
	}
	return latest
}

// TestAccountWithoutPassword: an import creates accounts whose password is unknown to everyone; a reset makes them
// usable.
func TestAccountWithoutPassword(t *testing.T) {
	s := Start(t)
	const paula = "paula@example.com"
	said := otpctl(t, s, "email,name\n"+paula+",Paula\n", "user", "import", "-")
	if !strings.Contains(said, "without a password: 1") {
		t.Errorf("otpctl said:\n%s", said)
	}
	expect(t, s, "/api/generate", login(paula, demoPassword), 401, "invalid_credentials")
	id, code := session(t, s, fields{"email": paula, "purpose": "reset"}, paula)
	const chosen = "marble orchard ferry 17"
	expect(t, s, "/api/reset", fields{"sessionId": id, "code": code, "password": chosen}, 200, "")
	id, code = session(t, s, login(paula, chosen), paula)
	expect(t, s, "/api/verify", try(id, code), 200, "")
}

// TestWrongEndpoint: if --endpoint is the URL of the pages, the error says which URL otpctl needs.
func TestWrongEndpoint(t *testing.T) {
	s := Start(t)
	binary, err := buildOtpctl()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(binary, "--endpoint", s.URL, "user", "list").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "give --endpoint the AWS URL that `make run` prints") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestNumberThatLoginCannotUse: the development stack allows no SMS to France.
func TestNumberThatLoginCannotUse(t *testing.T) {
	s := Start(t)
	said, err := tryOtpctl(t, s, "", "user", "set-phone", "ada@example.com", "+33612345678", "--channel", "sms")
	if err == nil || !strings.Contains(said, "only to US, GB, DE, IN") {
		t.Errorf("%v\n%s", err, said)
	}
	off := Start(t, "-parameter", "AllowedCountries=")
	said, err = tryOtpctl(t, off, "", "user", "set-phone", "ada@example.com", "+4915112345679", "--channel", "sms")
	if err == nil || !strings.Contains(said, "sends no SMS") {
		t.Errorf("%v\n%s", err, said)
	}
}
