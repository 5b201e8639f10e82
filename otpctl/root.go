package main

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// facts are what the help of a command has beside what cobra knows, by name:
//
//	permissions  of IAM, separated by white space, beside cloudformation:DescribeStacks; none: the command calls no AWS API
//	document     an example of the data that --json prints; none: the command takes no --json
//	failure      what exit code 1 means beside a failure
type facts = map[string]string

const rootLong = `otpctl operates a StreamOTP stack.

It finds the stack's tables and secrets through its CloudFormation outputs, with your usual AWS credentials. For the
development stack, pass the AWS URL that "make run" prints as --endpoint.`

// root returns the tree of commands.
func (c *console) root() *cobra.Command {
	root := &cobra.Command{Use: "otpctl", Short: "operates a StreamOTP stack", Long: rootLong, Version: buildVersion(),
		SilenceErrors: true, SilenceUsage: true, PersistentPreRunE: c.begin}
	root.SetOut(c.stdout)
	root.SetErr(c.stderr)
	add := func(id, title string, commands ...*cobra.Command) {
		root.AddGroup(&cobra.Group{ID: id, Title: title})
		for _, cmd := range commands {
			cmd.GroupID = id
			root.AddCommand(cmd)
		}
	}
	add("people", "People:",
		group("user", "Manages the accounts.", c.userAddCommand(), c.userImportCommand(), c.userListCommand(), c.userShowCommand(),
			c.userRemoveCommand(), c.userSetPhoneCommand()),
		c.unlockCommand(),
		group("suppressions", "Lists and ends the suppression of e-mail addresses.", c.suppressionsListCommand(), c.suppressionsRemoveCommand()),
		group("test-destinations", "Manages the addresses and numbers with a fixed code.", c.testAddCommand(), c.testListCommand(), c.testRemoveCommand()))
	add("stack", "The stack:", c.doctorCommand(), c.statsCommand(), c.costCommand(),
		group("deadletters", "Lists the messages that could not be sent, and sends them again.", c.deadLettersListCommand(), c.deadLettersRedriveCommand()),
		group("prefixes", "Lists the number prefixes of SMS messages, and ends their pauses.", c.prefixesListCommand(), c.prefixesReleaseCommand()),
		c.rotateSecretCommand(),
		group("captcha", "Stores the CAPTCHA provider's secret key.", c.captchaSetCommand()))
	add("otpctl", "otpctl itself:", manCommand())
	root.SetCompletionCommandGroupID("otpctl")
	root.SetHelpCommand(c.helpCommand())
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	if cmd, _, err := root.Find([]string{"completion"}); err == nil {
		cmd.Short = "Prints a completion script for bash, zsh, fish or PowerShell."
	}

	c.target.declare(root.PersistentFlags())
	root.PersistentFlags().BoolVar(&c.asJSON, "json", false, "print the result as one JSON document; errors still go to stderr as text")
	root.SetVersionTemplate("otpctl {{.Version}}\n")
	root.SetUsageTemplate(usageTemplate)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageErrorf("%v\nSee %s --help", err, cmd.CommandPath())
	})
	c.complete(root)
	return root
}

// group returns a command that only holds others.
func group(name, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: name, Short: short, Long: short}
	cmd.AddCommand(commands...)
	return cmd
}

// complete adds what all commands have alike: the check of their arguments, and the shell's completion.
func (c *console) complete(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		c.complete(sub)
	}
	if cmd.HasSubCommands() {
		cmd.Args, cmd.RunE = cobra.ArbitraryArgs, c.noCommand
	}
	if cmd.Args == nil {
		cmd.Args = checkArity
	}
	if cmd.ValidArgsFunction == nil && !strings.Contains(cmd.Use, "FILE") {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		var values []string
		if name, _ := pflag.UnquoteUsage(f); strings.Contains(name, "|") {
			values = strings.Split(name, "|")
		}
		if f.Value.Type() != "bool" {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)) // fails only for no flag
		}
	})
}

// begin runs before each command.
func (c *console) begin(cmd *cobra.Command, _ []string) error {
	c.command = name(cmd)
	if c.asJSON && cmd.Annotations["document"] == "" {
		return usageErrorf("%s prints no JSON: leave --json out", c.command)
	}
	return nil
}

// name returns the words that call a command, without otpctl.
func name(cmd *cobra.Command) string { return strings.TrimPrefix(cmd.CommandPath(), "otpctl ") }

// checkArity compares the number of arguments with those that the command's Use names; an argument in brackets is optional.
//
// Errors: *usageError.
func checkArity(cmd *cobra.Command, args []string) error {
	_, takes, _ := strings.Cut(cmd.Use, " ")
	most := len(strings.Fields(takes))
	least := most - strings.Count(takes, "[")
	if len(args) >= least && len(args) <= most {
		return nil
	}
	if takes == "" {
		takes = "none"
	}
	return usageErrorf("%s takes %s, and got %d arguments.\nSee %s --help", name(cmd), takes, len(args), cmd.CommandPath())
}

// noCommand answers words that end before a command, or that are none.
func (c *console) noCommand(cmd *cobra.Command, words []string) error {
	if len(words) == 0 {
		cmd.SetOut(c.stderr)
		if err := cmd.Help(); err != nil {
			return err
		}
		return usageErrorf("a command is missing")
	}
	similar := ""
	cmd.SuggestionsMinimumDistance = 2
	if names := cmd.SuggestionsFor(words[0]); len(names) > 0 {
		similar = "; similar: " + strings.Join(names, ", ")
	}
	return usageErrorf("there is no command %q%s. See %s --help", strings.TrimPrefix(cmd.CommandPath()+" "+words[0], "otpctl "), similar, cmd.CommandPath())
}

func (c *console) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Prints the help of a command.", Args: cobra.ArbitraryArgs, GroupID: "otpctl",
		RunE: func(cmd *cobra.Command, words []string) error {
			found, rest, err := cmd.Root().Find(words)
			if err != nil {
				return usageErrorf("%v", err)
			}
			if len(rest) > 0 && found.HasSubCommands() {
				return c.noCommand(found, rest)
			}
			return found.Help()
		},
	}
}

// buildVersion returns the version of the module, "(devel)" for a build from a working tree.
func buildVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}

func init() { cobra.AddTemplateFunc("details", details) }

const usageTemplate = `Usage:
  {{if .HasAvailableSubCommands}}{{.CommandPath}} COMMAND [arguments] [flags]{{else}}{{.UseLine}}{{end}}
{{- $cmd := .}}{{range $group := .Groups}}

{{.Title}}{{range $cmd.Commands}}{{if eq .GroupID $group.ID}}
  {{rpad .Name 19}}{{.Short}}{{end}}{{end}}{{end}}
{{- if and .HasAvailableSubCommands (not .Groups)}}

Commands:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Use 26}}{{.Short}}{{end}}{{end}}{{end}}
{{- with .Example}}

Examples:
{{.}}{{end}}
{{- with details .}}

{{.}}{{end}}
{{- if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}
{{- if .HasParent}}

Flags of every command (see otpctl --help):
  --endpoint URL, --json, --profile NAME, --region REGION, --stack NAME{{end}}
`

// details returns what the help of a command has beside what cobra knows.
func details(cmd *cobra.Command) string {
	if cmd.HasSubCommands() {
		return `Exit codes: 0 success, 1 failure, 2 wrong usage. "` + cmd.CommandPath() + ` COMMAND --help" shows the rest.`
	}
	var parts []string
	if example := cmd.Annotations["document"]; example != "" {
		parts = append(parts, "The data of --json, by an example:\n"+example)
	}
	if granted := cmd.Annotations["permissions"]; granted != "" {
		parts = append(parts, "IAM permissions:\n  cloudformation:DescribeStacks "+strings.ReplaceAll(granted, "\n", "\n  "))
	}
	failed := cmd.Annotations["failure"]
	if failed != "" {
		failed = " or " + failed
	}
	return strings.Join(append(parts, fmt.Sprintf("Exit codes: 0 success, 1 failure%s, 2 wrong usage", failed)), "\n\n")
}
