package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// console is what a command sees of the world.
type console struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	now            func() time.Time
	target         target
	asJSON         bool
	command        string // the command that runs, such as "user add"
}

// usageError says that otpctl was called in a wrong way; what was typed must be corrected.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// usageErrorf returns a usageError with a formatted text.
func usageErrorf(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// errReported says that something failed and that the operator was told what.
var errReported = errors.New("reported")

// Run runs one command line and returns its exit code.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return newConsole(stdin, stdout, stderr).execute(ctx, args)
}

func newConsole(stdin io.Reader, stdout, stderr io.Writer) *console {
	return &console{stdin: stdin, stdout: plain{stdout}, stderr: plain{stderr}, now: time.Now}
}

// execute runs one command line, reports an error of it and returns the exit code.
func (c *console) execute(ctx context.Context, args []string) int {
	err := refuseSecrets(args)
	if err == nil {
		root := c.root()
		root.SetArgs(append([]string{}, args...)) // cobra would read the process's own in place of nil
		err = root.ExecuteContext(ctx)
	}
	var wrong *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errReported):
		return exitFailed
	case errors.As(err, &wrong):
		fmt.Fprintf(c.stderr, "otpctl: %v\n", err)
		return exitUsage
	}
	fmt.Fprintf(c.stderr, "otpctl: %s\n", explain(err))
	return exitFailed
}

// refuseSecrets stops whoever tries to pass a password, code or key as a flag, before an error quotes its value (C1). It is
// in the shell's history and the list of processes by then; that much they should know.
func refuseSecrets(args []string) error {
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		return nil // a flag that is half typed
	}
	for _, arg := range args {
		name, value, valued := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		secret := strings.HasPrefix(name, "pass") || name == "code" || name == "code-stdin" || strings.HasPrefix(name, "secret")
		fromStdin := slices.Contains([]string{typedPassword.flag, typedCode.flag, typedKey.flag}, "--"+name) && (!valued || value == "true" || value == "false")
		if strings.HasPrefix(arg, "-") && secret && !fromStdin {
			return usageErrorf("a password, code or key is never an argument, where the list of processes and the shell's history show it: " +
				"leave it out to be asked, or pipe it in with --password-stdin, --code-stdin or --secret-stdin. Do not use the one you typed any more.")
		}
	}
	return nil
}
