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

// Run runs one command line, reports its error and returns the exit code.
func Run(ctx context.Context, c *console.Console, args []string) int {
	err := refuseSecrets(args)
	if err == nil {
		root := Root(c)
		root.SetArgs(append([]string{}, args...)) // for nil, cobra would read the process's own arguments
		err = root.ExecuteContext(ctx)
	}
	var wrong console.UsageError
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

// refuseSecrets stops a command that passes a password, code or key as a flag, before an error quotes its value (C1). By
// then the value is in the shell's history and in the process list, so the error warns about that.
func refuseSecrets(args []string) error {
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		return nil // a flag that is only half typed
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
