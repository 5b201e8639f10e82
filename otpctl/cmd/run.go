package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"streamotp/otpctl/console"
	"streamotp/otpctl/deployed"
)

// Exit codes.
const (
	ExitOK     = 0
	ExitFailed = 1
	ExitUsage  = 2
)

// Run runs one command line, reports an error of it and returns the exit code.
func Run(ctx context.Context, c *console.Console, args []string) int {
	err := refuseSecrets(args)
	if err == nil {
		root := Root(c)
		root.SetArgs(append([]string{}, args...)) // cobra would read the process's own in place of nil
		err = root.ExecuteContext(ctx)
	}
	var wrong *console.UsageError
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, console.ErrReported):
		return ExitFailed
	case errors.As(err, &wrong):
		fmt.Fprintf(c.Stderr, "otpctl: %v\n", err)
		return ExitUsage
	}
	fmt.Fprintf(c.Stderr, "otpctl: %s\n", deployed.Explain(err))
	return ExitFailed
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
		fromStdin := slices.Contains([]string{console.TypedPassword.Flag, console.TypedCode.Flag, console.TypedKey.Flag}, "--"+name) && (!valued || value == "true" || value == "false")
		if strings.HasPrefix(arg, "-") && secret && !fromStdin {
			return console.UsageErrorf("a password, code or key is never an argument, where the list of processes and the shell's history show it: " +
				"leave it out to be asked, or pipe it in with --password-stdin, --code-stdin or --secret-stdin. Do not use the one you typed any more.")
		}
	}
	return nil
}
