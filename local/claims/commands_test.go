package claims_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var (
	commandLine   = regexp.MustCompile(`(?m)^ {4,}(?:\$ )?(?:\.tools/)?((?:aws|otpctl) [a-z].*)$`)
	commandInline = regexp.MustCompile("`((?:aws|otpctl) [a-z][^`]*)`")
	lineEnd       = regexp.MustCompile(`( \||  +#.*)$`) // a pipe that goes on, a remark
)

// TestDocumentedCommands: each aws and otpctl command in the documents has a name, options and values that the program takes.
func TestDocumentedCommands(t *testing.T) {
	o := newOtpctl(t)
	found := map[string]int{}
	docs, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(docs, filepath.Join(root, "README.md")) {
		for _, line := range documented(read(t, strings.TrimPrefix(path, root))) {
			found[strings.Fields(line)[0]]++
			if err := o.takes(line); err != nil {
				t.Errorf("%s: %s: %v", filepath.Base(path), line, err)
			}
		}
	}
	if found["aws"] < 20 || found["otpctl"] < 20 {
		t.Errorf("%v: hardly anything was tried", found)
	}
}

// TestWrongCommands: the comparison above can fail.
func TestWrongCommands(t *testing.T) {
	o := newOtpctl(t)
	for line, want := range map[string]string{
		"aws dynamodb scam --table-name codes":                     "Invalid choice",
		"aws dynamodb scan":                                        "--table-name",
		"aws dynamodb scan --table-name codes --limits 3":          "Unknown options",
		"aws sesv2 put-account-details --mail-type X --production": "--website-url",
		"aws sesv2 put-account-pricing-attributes":                 "--plan",
		"aws dynamodb delete-table --table-name ''":                "Invalid length",
		"otpctl user nosuch EMAIL":                                 "no such command",
		"otpctl unlock ada@example.com --nosuch":                   "not defined",
	} {
		if err := o.takes(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
}

// documented are the commands of a document: one a line in indented blocks, or between backquotes, where "a b | c"
// stands for "a b" and "a c".
func documented(doc string) (lines []string) {
	for _, match := range commandLine.FindAllStringSubmatch(doc, -1) {
		lines = append(lines, lineEnd.ReplaceAllString(match[1], ""))
	}
	for _, match := range commandInline.FindAllStringSubmatch(doc, -1) {
		first, others, _ := strings.Cut(match[1], " | ")
		lines = append(lines, first)
		for other := range strings.SplitSeq(others, " | ") {
			if other != "" {
				lines = append(lines, first[:strings.LastIndex(first, " ")+1]+other)
			}
		}
	}
	return lines
}

// takes returns what the program says against a command line.
func (o *otpctl) takes(line string) error {
	if strings.HasPrefix(line, "aws ") {
		return awsTakes(o.t, line)
	}
	out, err := exec.Command(o.binary, append(strings.Fields(line)[1:], "--help")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	if strings.HasPrefix(string(out), "otpctl operates ") {
		return errors.New("no such command: its help is the list of all")
	}
	return nil
}

// awsTakes lets the AWS CLI call a server that refuses everything: what it does not take never gets there.
func awsTakes(t *testing.T, line string) error {
	var called atomic.Bool
	refuse := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		called.Store(true)
		w.WriteHeader(http.StatusBadRequest)
	}))
	defer refuse.Close()
	bin, err := filepath.Abs(filepath.Join(root, ".tools", "venv", "bin"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", line)
	cmd.Env = []string{
		"PATH=" + bin + ":/usr/bin:/bin", "HOME=" + t.TempDir(), "AWS_ENDPOINT_URL=" + refuse.URL, "AWS_DEFAULT_REGION=eu-central-1",
		"AWS_ACCESS_KEY_ID=none", "AWS_SECRET_ACCESS_KEY=none", "AWS_MAX_ATTEMPTS=1", "AWS_EC2_METADATA_DISABLED=true",
		`account={"email":{"S":"ada@example.com"}}`, // what docs/operations.md reads from a table
	}
	if out, err := cmd.CombinedOutput(); !called.Load() {
		return fmt.Errorf("%v: %s", err, out)
	}
	return nil
}
