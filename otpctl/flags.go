package main

import (
	"errors"
	"flag"
	"io"
	"slices"
	"strings"
)

// newFlags makes a flag set that says nothing by itself.
func newFlags(name string) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	return flags
}

// parse reads flags, and the arguments that are none. Package flag stops at the first argument; anywhere lets flags
// follow, as in "user add EMAIL --name N", up to a "--".
func parse(flags *flag.FlagSet, args []string, anywhere bool) (operands []string, err error) {
	if err := refuseSecrets(args); err != nil {
		return nil, err
	}
	for {
		if err := flags.Parse(args); err != nil {
			return nil, flagError(err)
		}
		read := args[:len(args)-flags.NArg()]
		ended := len(read) > 0 && read[len(read)-1] == "--"
		if flags.NArg() == 0 || ended || !anywhere {
			return append(operands, flags.Args()...), nil
		}
		operands = append(operands, flags.Arg(0))
		args = flags.Args()[1:]
	}
}

func flagError(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	return usageErrorf("%s", strings.NewReplacer(": -", ": --", "flag -", "flag --").Replace(err.Error()))
}

// refuseSecrets stops whoever tries to pass a password or code as a flag, before package flag quotes its value in an
// error (C1). It is in the shell's history and the list of processes by then; that much they should know.
func refuseSecrets(args []string) error {
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
