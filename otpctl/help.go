package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

const overview = `otpctl operates a StreamOTP stack.

Usage:
  otpctl [flags] COMMAND [arguments] [flags]
`

const footer = `
Tables and keys are found in the outputs of the CloudFormation stack, with your usual AWS credentials; for the
development stack give the AWS endpoint that it prints as --endpoint.
Exit codes: 0 done, 1 failed, 2 called in a wrong way. "otpctl COMMAND --help" tells more of each: examples, the document
that --json prints, and the IAM permissions it takes. "otpctl man" is all of that.
`

// help prints the help of a command, of a group of commands ("user") or, without words, of everything.
func help(w io.Writer, words []string) error {
	if cmd, rest, ok := find(words); ok && len(rest) == 0 {
		cmd.help(w)
		return nil
	}
	var listed []command
	for _, cmd := range commands() {
		if len(words) == 0 || strings.HasPrefix(cmd.name, strings.Join(words, " ")+" ") {
			listed = append(listed, cmd)
		}
	}
	if len(listed) == 0 {
		return noCommand(words)
	}
	fmt.Fprint(w, overview, "\nCommands:\n")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, cmd := range listed {
		fmt.Fprintf(table, "  %s %s\t%s\n", cmd.name, cmd.args, cmd.short)
	}
	flush(table)
	printFlags(w, "Flags of every command:", globalFlags(), nil)
	fmt.Fprint(w, footer)
	return nil
}

func (cmd command) help(w io.Writer) {
	own := newFlags(cmd.name)
	cmd.declare(own)
	call := strings.TrimSpace(cmd.name + " " + cmd.args)
	fmt.Fprintf(w, "%s\n\nUsage:\n  otpctl %s [flags]\n\n%s\n", cmd.short, call, cmd.long)
	fmt.Fprintf(w, "\nExamples:\n  otpctl %s\n", strings.Join(cmd.examples, "\n  otpctl "))
	if cmd.document != "" {
		fmt.Fprintf(w, "\nWith --json it prints a document as this one:\n%s\n", cmd.document)
	}
	if cmd.permissions != nil {
		fmt.Fprintf(w, "\nIAM permissions:\n  %s\n", strings.Join(append([]string{"cloudformation:DescribeStacks"}, cmd.permissions...), "\n  "))
	}
	fmt.Fprintf(w, "\nExit codes:\n  0 done, 1 %s, 2 called in a wrong way\n", strings.Join(append([]string{"failed"}, nonEmpty(cmd.failure)...), " or "))
	printFlags(w, "Flags:", own, nil)
	printFlags(w, "Flags of every command:", globalFlags(), own)
}

func nonEmpty(texts ...string) []string {
	return slices.DeleteFunc(texts, func(text string) bool { return text == "" })
}

func globalFlags() *flag.FlagSet {
	flags := newFlags("otpctl")
	(&console{target: target{stack: "streamotp"}}).declare(flags)
	return flags
}

// printFlags prints a flag set with the two hyphens that the rest of the help uses, but for those of except.
func printFlags(w io.Writer, title string, flags, except *flag.FlagSet) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	flags.VisitAll(func(f *flag.Flag) {
		if except != nil && except.Lookup(f.Name) != nil {
			return
		}
		if title != "" {
			fmt.Fprintf(w, "\n%s\n", title)
			title = ""
		}
		value, usage := flag.UnquoteUsage(f)
		if f.DefValue != "" && f.DefValue != "false" {
			usage += " (default " + defaultOf(f) + ")"
		}
		fmt.Fprintf(table, "  --%s %s\t%s\n", f.Name, value, usage)
	})
	flush(table)
}

// defaultOf returns a flag's default. Package flag would write a million as 1e+06.
func defaultOf(f *flag.Flag) string {
	if n, ok := f.Value.(flag.Getter).Get().(float64); ok {
		return decimal(n)
	}
	return f.DefValue
}

// decimal writes a number as people do, without an exponent.
func decimal(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
