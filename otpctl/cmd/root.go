// Package cmd is otpctl's command tree: groups, help, completion and manual pages, the checks that all commands share,
// and the exit codes. The code of each command is in the package of the command's subject.
package cmd

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"

	"streamotp/otpctl/accounts"
	"streamotp/otpctl/clients"
	"streamotp/otpctl/console"
	"streamotp/otpctl/cost"
	"streamotp/otpctl/deadletters"
	"streamotp/otpctl/doctor"
	"streamotp/otpctl/prefixes"
	"streamotp/otpctl/secrets"
	"streamotp/otpctl/signups"
	"streamotp/otpctl/stats"
)

const rootLong = `otpctl operates a StreamOTP stack. It finds the stack's tables and secrets through the stack's CloudFormation outputs,
with your usual AWS credentials. For the development stack, set --endpoint to the AWS URL that "make run" prints.`

// Root returns the command tree.
func Root(c *console.Console) *cobra.Command {
	root := &cobra.Command{Use: "otpctl", Short: "operates a StreamOTP stack", Long: rootLong, Version: buildVersion(),
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			c.Command = name(cmd)
			if c.AsJSON && cmd.Annotations["document"] == "" {
				return console.UsageErrorf("%s prints no JSON: leave --json out", c.Command)
			}
			return nil
		}}
	root.SetOut(c.Stdout)
	root.SetErr(c.Stderr)
	add := func(id, title string, commands ...*cobra.Command) {
		root.AddGroup(&cobra.Group{ID: id, Title: title})
		for _, cmd := range commands {
			cmd.GroupID = id
			root.AddCommand(cmd)
		}
	}
	add("people", "People and applications:",
		group("user", "Manages the accounts.", accounts.UserAddCommand(c), accounts.UserImportCommand(c), accounts.UserListCommand(c), accounts.UserShowCommand(c),
			accounts.UserRemoveCommand(c), accounts.UserSetPhoneCommand(c)),
		accounts.UnlockCommand(c),
		group("suppressions", "Lists and ends the suppression of e-mail addresses.", accounts.SuppressionsListCommand(c), accounts.SuppressionsRemoveCommand(c)),
		group("test-destinations", "Manages the addresses and numbers with a fixed code.", secrets.TestAddCommand(c), secrets.TestListCommand(c), secrets.TestRemoveCommand(c)),
		group("client", "Manages the applications that rely on StreamOTP.", clients.AddCommand(c), clients.ListCommand(c), clients.ShowCommand(c),
			clients.SetCommand(c), clients.RotateSecretCommand(c), clients.RemoveCommand(c)),
		group("signup", "Manages who may create an account.",
			group("block", "Manages the domains whose addresses create no account.", signups.BlockAddCommand(c), signups.BlockListCommand(c), signups.BlockRemoveCommand(c))))
	add("stack", "The stack:", doctor.Command(c), stats.Command(c), cost.Command(c),
		group("deadletters", "Lists the messages that could not be sent, and sends them again.", deadletters.ListCommand(c), deadletters.RedriveCommand(c)),
		group("prefixes", "Lists the number prefixes of SMS messages, and ends their pauses.", prefixes.ListCommand(c), prefixes.ReleaseCommand(c)),
		secrets.RotateSecretCommand(c),
		group("signing-key", "Replaces the key that signs proofs.", clients.RotateSigningKeyCommand(c)),
		group("captcha", "Stores the CAPTCHA provider's secret key.", secrets.CaptchaSetCommand(c)))
	add("otpctl", "otpctl itself:", manCommand())
	root.SetCompletionCommandGroupID("otpctl")
	root.SetHelpCommand(helpCommand(c))
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	if cmd, _, err := root.Find([]string{"completion"}); err == nil {
		cmd.Short = "Prints a completion script for bash, zsh, fish or PowerShell."
	}

	c.Declare(root.PersistentFlags())
	root.SetVersionTemplate("otpctl {{.Version}}\n")
	root.SetUsageTemplate(usageTemplate)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return console.UsageErrorf("%v\nSee %s --help", err, cmd.CommandPath())
	})
	complete(c, root)
	return root
}

// group returns a command that only holds other commands.
func group(name, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: name, Short: short, Long: short}
	cmd.AddCommand(commands...)
	return cmd
}

// complete adds what all commands share: the check of their arguments, and shell completion.
func complete(c *console.Console, cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		complete(c, sub)
	}
	if cmd.HasSubCommands() {
		cmd.Args = cobra.ArbitraryArgs
		cmd.RunE = func(cmd *cobra.Command, words []string) error { return noCommand(c, cmd, words) }
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
			_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)) // fails only if there is no such flag
		}
	})
}

// name returns the words that call a command, without "otpctl".
func name(cmd *cobra.Command) string { return strings.TrimPrefix(cmd.CommandPath(), "otpctl ") }

// checkArity compares the number of arguments with the command's Use. An argument in brackets is optional.
//
// Errors: console.UsageError.
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
	return console.UsageErrorf("%s takes %s, and got %d arguments.\nSee %s --help", name(cmd), takes, len(args), cmd.CommandPath())
}

// noCommand responds to words that name only a group of commands, or no command at all.
func noCommand(c *console.Console, cmd *cobra.Command, words []string) error {
	if len(words) == 0 {
		cmd.SetOut(c.Stderr)
		if err := cmd.Help(); err != nil {
			return err
		}
		return console.UsageErrorf("a command is missing")
	}
	similar := ""
	cmd.SuggestionsMinimumDistance = 2
	if names := cmd.SuggestionsFor(words[0]); len(names) > 0 {
		similar = "; similar: " + strings.Join(names, ", ")
	}
	return console.UsageErrorf("there is no command %q%s. See %s --help", strings.TrimPrefix(cmd.CommandPath()+" "+words[0], "otpctl "), similar, cmd.CommandPath())
}

func helpCommand(c *console.Console) *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Prints the help of a command.", Args: cobra.ArbitraryArgs, GroupID: "otpctl",
		RunE: func(cmd *cobra.Command, words []string) error {
			found, rest, err := cmd.Root().Find(words)
			if err != nil {
				return console.UsageErrorf("%v", err)
			}
			if len(rest) > 0 && found.HasSubCommands() {
				return noCommand(c, found, rest)
			}
			return found.Help()
		},
	}
}

func manCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "man",
		Short:   "Prints the manual pages, in roff.",
		Long:    "Prints the manual pages of otpctl and of each command, in roff. The command calls no AWS API.",
		Example: "  otpctl man | man -l -\n  otpctl man > /usr/local/share/man/man1/otpctl.1",
		RunE:    func(cmd *cobra.Command, _ []string) error { return writeMan(cmd.Root()) },
	}
}

// writeMan prints the manual pages of a command and of its subcommands.
func writeMan(cmd *cobra.Command) error {
	cmd.Long += "\n\n```\n" + details(cmd) + "\n```"
	cmd.DisableAutoGenTag = true
	if err := doc.GenMan(cmd, &doc.GenManHeader{Section: "1", Source: "otpctl " + buildVersion()}, cmd.OutOrStdout()); err != nil {
		return err
	}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			if err := writeMan(sub); err != nil {
				return err
			}
		}
	}
	return nil
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

// details returns the parts of a command's help that cobra does not know.
func details(cmd *cobra.Command) string {
	if cmd.HasSubCommands() {
		return `Exit codes: 0 success, 1 failure, 2 wrong usage. "` + cmd.CommandPath() + ` COMMAND --help" shows the rest.`
	}
	var parts []string
	if example := cmd.Annotations["document"]; example != "" {
		parts = append(parts, "The data of --json, by an example:\n"+example)
	}
	if granted := cmd.Annotations["permissions"]; granted != "" {
		parts = append(parts, "IAM permissions:\n  cloudformation:DescribeStacks\n  "+strings.ReplaceAll(granted, "\n", "\n  "))
	}
	failed := cmd.Annotations["failure"]
	if failed != "" {
		failed = ", or " + failed
	}
	return strings.Join(append(parts, fmt.Sprintf("Exit codes: 0 success, 1 failure%s, 2 wrong usage", failed)), "\n\n")
}
