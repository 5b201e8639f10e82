package cmd

import (
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func manCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "man",
		Short:   "Prints the manual pages, in roff.",
		Long:    "Prints the manual pages of otpctl and of each command, in roff. It calls no AWS API.",
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
