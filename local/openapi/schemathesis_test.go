package openapi

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"streamotp/local/e2e"
)

// checks are Schemathesis's checks of each response. They do not include those of methods and credentials that the document does not
// describe: API Gateway answers these calls.
const checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance," +
	"response_schema_conformance,negative_data_rejection,positive_data_acceptance"

// hostedLogin is the tag of calls that need a browser's cookie, a registered URL or a code that was just made: no generated request has
// them. local/e2e checks each response of theirs.
const hostedLogin = "Hosted login"

// TestStack sends valid and invalid requests, which Schemathesis makes from the document, to a stack without limits, and checks the
// responses. The seed is fixed, so each run sends the same requests.
func TestStack(t *testing.T) {
	limits := map[string]string{"SendsPerHour": "0", "SendsPerIpPerHour": "0", "PasswordTriesPerHour": "0", "PasswordTriesPerIpPerHour": "0",
		"SmsPerDay": "0", "SmsPrefixSends": "0", "ThrottleRate": "10000", "ThrottleBurst": "10000", "ResendCooldownSeconds": "1", "MaxAttempts": "10"}
	var args []string
	for name, value := range limits {
		args = append(args, "-parameter", name+"="+value)
	}
	s := e2e.Start(t, args...)
	secret := regexp.MustCompile(`Secret +(\S+)`).FindStringSubmatch(s.Log())
	if secret == nil {
		t.Fatal("the log has no secret of demo-server")
	}
	here := filepath.Join(root(t), "local", "openapi")
	cmd := exec.Command(filepath.Join(root(t), ".tools", "openapi", "python", "bin", "schemathesis"),
		"--config-file", filepath.Join(here, "schemathesis.toml"), "run", filepath.Join(root(t), "docs", "openapi.yaml"),
		"--url", s.URL+"/api", "--checks", checks, "--seed", "1", "--max-examples", "150", "--generation-database", "none",
		"--exclude-tag", hostedLogin, "--no-color", "--warnings", "off", "--report", "har", "--report-har-path", "requests.har")
	cmd.Dir = t.TempDir() // it keeps failures where it runs
	cmd.Env = append(os.Environ(), "STREAMOTP_URL="+s.URL, "STREAMOTP_SECRET="+secret[1], "SCHEMATHESIS_HOOKS=hooks", "PYTHONPATH="+here,
		"PYTHONDONTWRITEBYTECODE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v (make openapi installs it)\n%s", err, out)
	}
	reached(t, filepath.Join(cmd.Dir, "requests.har"))
}

// reached fails unless each call succeeded, and each call with a body rejected requests. Otherwise the checks above would have checked
// little.
func reached(t *testing.T, har string) {
	t.Helper()
	var report struct {
		Log struct {
			Entries []struct {
				Request  struct{ Method, URL string }
				Response struct{ Status int }
			}
		}
	}
	text, err := os.ReadFile(har)
	must(t, err)
	must(t, json.Unmarshal(text, &report))
	responses := map[string]map[int]int{}
	for _, e := range report.Log.Entries {
		address, err := url.Parse(e.Request.URL)
		must(t, err)
		call := e.Request.Method + " " + strings.TrimPrefix(address.Path, "/api")
		if responses[call] == nil {
			responses[call] = map[int]int{}
		}
		responses[call][e.Response.Status]++
	}
	d := document(t)
	for _, path := range d.At("paths").Keys() {
		for _, method := range d.At("paths", path).Keys() {
			if tags, _ := d.At("paths", path, method, "tags").Value.([]any); slices.Contains(tags, any(hostedLogin)) {
				continue
			}
			call := strings.ToUpper(method) + " " + path
			t.Logf("%s: responses by status: %v", call, responses[call])
			rejects := responses[call][http.StatusBadRequest] >= 10 && responses[call][http.StatusUnsupportedMediaType] > 0
			if responses[call][http.StatusOK] < 2 || d.At("paths", path, method, "requestBody").Value != nil && !rejects {
				t.Errorf("%s was hardly tested: responses by status %v", call, responses[call])
			}
		}
	}
}
