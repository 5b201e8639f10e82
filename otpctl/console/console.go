// Package console is the terminal that a command talks to: its flags, the prompts for secrets (C1), and the tables and JSON
// documents that it prints. It knows nothing of AWS.
package console

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// Console is what a command sees of the world.
type Console struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Now            func() time.Time
	Target         Target
	AsJSON         bool
	Command        string // the command that runs, such as "user add"
}

// UsageError says that otpctl was called in a wrong way; what was typed must be corrected.
type UsageError struct{ text string }

func (e *UsageError) Error() string { return e.text }

// UsageErrorf returns a UsageError with a formatted text.
func UsageErrorf(format string, args ...any) error { return &UsageError{fmt.Sprintf(format, args...)} }

// ErrReported says that something failed and that the operator was told what.
var ErrReported = errors.New("reported")

// New returns a console that works on the stack "streamotp" until flags say otherwise.
func New(stdin io.Reader, stdout, stderr io.Writer) *Console {
	return &Console{Stdin: stdin, Stdout: plain{stdout}, Stderr: plain{stderr}, Now: time.Now}
}

// Refusal is why an account or a line is not taken, in words that quote nothing of it: an import's report may be passed
// on, the addresses, numbers and passwords in it may not.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// About returns a Refusal of one field for the reason that err gives.
func About(field string, err error) error { return Refusal(field + ": " + err.Error()) }

// Facts are what the help of a command has beside what cobra knows, by name:
//
//	permissions  of IAM, separated by white space, beside cloudformation:DescribeStacks; none: the command calls no AWS API
//	document     an example of the data that --json prints; none: the command takes no --json
//	failure      what exit code 1 means beside a failure
type Facts = map[string]string

// ShownTime is a time as a document has it, nil for none.
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

// UTC returns a time as otpctl prints it, such as "2026-11-21T16:09:39Z".
func UTC(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Decimal writes a number without an exponent.
func Decimal(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
