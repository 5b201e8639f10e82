package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// command is one row of the table of commands.
type command struct {
	name    string                     // the words that call it, as "user add"
	args    string                     // its arguments, as "EMAIL [PHONE]": one in brackets may be left out
	short   string                     // one line for the overview
	long    string                     // for its own --help
	declare func(*flag.FlagSet) action // declares its flags

	examples    []string // command lines, without "otpctl"
	document    string   // what --json prints, by an example; empty: nothing
	permissions []string // of IAM, beside cloudformation:DescribeStacks; nil: it calls nobody
	failure     string   // what exit code 1 means beside a failure
}

// action is what a command does once its flags and the number of its arguments are right.
type action func(ctx context.Context, c *console, args []string) error

// commands is the table of commands. A function, since help reads it.
func commands() []command {
	return []command{userAdd, userImport, userList, userRemove, userSetPhone, unlock, prefixesList, prefixesRelease,
		testAdd, testList, testRemove, suppressionsList, suppressionsRemove, rotateSecret, captchaSet, cost, deadLettersList, deadLettersRedrive, doctor, stats, completion(), man()}
}

// console is what a command sees of the world.
type console struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	now            func() time.Time
	target         target
	asJSON         bool
}

// declare adds the flags of every command.
func (c *console) declare(flags *flag.FlagSet) {
	c.target.declare(flags)
	flags.BoolVar(&c.asJSON, "json", c.asJSON, "print one JSON document; what went wrong is told on stderr in words")
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
	return &console{stdin: stdin, stdout: plain{stdout}, stderr: plain{stderr}, now: time.Now, target: target{stack: "streamotp"}}
}

// execute runs one command line, reports an error of it and returns the exit code.
func (c *console) execute(ctx context.Context, args []string) int {
	err := c.run(ctx, args)
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

func (c *console) run(ctx context.Context, args []string) error {
	global := newFlags("otpctl")
	c.declare(global)
	words, err := parse(global, args, false)
	if errors.Is(err, flag.ErrHelp) {
		return help(c.stdout, nil)
	}
	if err != nil {
		return err
	}
	if len(words) > 0 && words[0] == "help" {
		return help(c.stdout, words[1:])
	}
	cmd, rest, ok := find(words)
	if !ok {
		return c.unknown(words)
	}
	flags := newFlags(cmd.name)
	do := cmd.declare(flags)
	c.declare(flags)
	operands, err := parse(flags, rest, true)
	if errors.Is(err, flag.ErrHelp) {
		return help(c.stdout, strings.Fields(cmd.name))
	}
	if err != nil {
		return fmt.Errorf("%w\nSee otpctl %s --help", err, cmd.name)
	}
	if least, most := arity(cmd.args); len(operands) < least || len(operands) > most {
		takes := cmd.args
		if takes == "" {
			takes = "none"
		}
		return usageErrorf("%s takes %s, and got %d arguments.\nSee otpctl %s --help", cmd.name, takes, len(operands), cmd.name)
	}
	if c.asJSON && cmd.document == "" {
		return usageErrorf("%s prints no JSON: leave --json out", cmd.name)
	}
	return do(ctx, c, operands)
}

// find returns the command that words begin with, and the words after it.
func find(words []string) (cmd command, rest []string, ok bool) {
	for _, cmd := range commands() {
		name := strings.Fields(cmd.name)
		if len(words) >= len(name) && slices.Equal(words[:len(name)], name) {
			return cmd, words[len(name):], true
		}
	}
	return cmd, nil, false
}

// unknown answers words that are no command: none at all, a group ("user"), or a mistake.
func (c *console) unknown(words []string) error {
	if len(words) > 1 && slices.ContainsFunc(words[1:], isHelpFlag) {
		return help(c.stdout, words[:1])
	}
	if len(words) < 2 && help(c.stderr, words) == nil {
		return usageErrorf("a command is missing")
	}
	return noCommand(words)
}

func noCommand(words []string) error {
	return usageErrorf("there is no command %q: see otpctl --help", strings.Join(words[:min(2, len(words))], " "))
}

func isHelpFlag(word string) bool {
	return slices.Contains([]string{"-h", "--h", "-help", "--help"}, word)
}

// arity counts a command's arguments.
func arity(args string) (least, most int) {
	for _, arg := range strings.Fields(args) {
		most++
		if !strings.HasPrefix(arg, "[") {
			least++
		}
	}
	return least, most
}
