// Package console is the terminal that a command talks to: its flags, the prompts for secrets (promise C1 of otpctl), and the tables and
// JSON documents that it prints. It does not use AWS.
package console

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// Console is a command's view of its surroundings.
type Console struct {
	Stdin          io.Reader
	Stdout, Stderr *plain
	Now            func() time.Time
	Target         Target
	AsJSON         bool
	Command        string // the command that runs, such as "user add"
}

// New returns a console for the stack "streamotp", unless flags name another.
func New(stdin io.Reader, stdout, stderr io.Writer) *Console {
	return &Console{Stdin: stdin, Stdout: &plain{w: stdout}, Stderr: &plain{w: stderr}, Now: time.Now}
}

// Target is the deployment that a command works on.
type Target struct {
	Stack    string
	Region   string // empty: that of the profile or of AWS_REGION
	Profile  string // empty: that of AWS_PROFILE or the default one
	Endpoint string // empty: AWS itself
}

// Declare adds the flags of every command.
func (c *Console) Declare(flags *pflag.FlagSet) {
	flags.StringVar(&c.Target.Stack, "stack", "streamotp", "`NAME` of the CloudFormation stack")
	flags.StringVar(&c.Target.Region, "region", "", "AWS `REGION` of the stack")
	flags.StringVar(&c.Target.Profile, "profile", "", "`NAME` of the AWS profile to use")
	flags.StringVar(&c.Target.Endpoint, "endpoint", "", "send all AWS calls to this `URL`, such as the URL that the development stack prints")
	flags.BoolVar(&c.AsJSON, "json", false, "print the result as one JSON document; errors still go to stderr as text")
}

// UsageError means that otpctl was called wrongly: the operator must correct the command line.
type UsageError string

func (e UsageError) Error() string { return string(e) }

// UsageErrorf returns a UsageError with a formatted text.
func UsageErrorf(format string, args ...any) error { return UsageError(fmt.Sprintf(format, args...)) }

// ErrReported means that something failed and that the failure has already been reported to the operator.
var ErrReported = errors.New("reported")

// Refusal is the reason why an account or a line is rejected. It quotes nothing of it: the report of an import may be
// passed on, but the addresses, numbers and passwords in the import must not be.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// Refusalf returns a Refusal with a formatted text.
func Refusalf(format string, args ...any) error { return Refusal(fmt.Sprintf(format, args...)) }

// Facts returns the annotations of a command, which are the parts of its help that cobra does not know: the IAM permissions
// that it needs beside cloudformation:DescribeStacks, separated by white space, or "" if it calls no AWS API; an example of
// the data that --json prints; and what exit code 1 means beside a failure. A command without facts takes no --json.
func Facts(permissions, document string, failure ...string) map[string]string {
	return map[string]string{"permissions": permissions, "document": document, "failure": strings.Join(failure, "")}
}

// ShownTime returns a time as a document shows it, nil for the zero time.
func ShownTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}

// Plural returns a count with its noun, such as "2 messages".
func Plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// UTC returns a time as otpctl prints it, such as "2026-11-21T16:09:39Z", and "-" for the zero time.
func UTC(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

// Decimal returns a number without an exponent.
func Decimal(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
