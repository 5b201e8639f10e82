// Package signups has the commands for the domains whose addresses may not create an account.
package signups

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"streamotp/otpctl/console"
	"streamotp/otpctl/deployed"
	"streamotp/shared/email"
	"streamotp/shared/otp"
	"streamotp/shared/store"
)

// BlockAddCommand returns "otpctl signup block add".
func BlockAddCommand(c *console.Console) *cobra.Command {
	return &cobra.Command{
		Use:   "add DOMAIN",
		Short: "Blocks a domain: its addresses create no account.",
		Long: `Blocks a domain and all domains below it. Nobody can create an account with an address there any more, and a person who
tries sees no difference. Accounts that exist can still log in. If DOMAIN is -, the command blocks the domain in each
line of stdin. It ignores empty lines and lines that begin with #.`,
		Example: "  otpctl signup block add mailinator.com\n  otpctl signup block add - < disposable-domains.txt",
		Annotations: console.Facts("dynamodb:PutItem",
			`{"blocked":1}`),
		RunE: deployed.Run(c, func(ctx context.Context, d *deployed.Stack, args []string) error {
			domains, err := read(ctx, c, args[0])
			if err != nil {
				return err
			}
			for i, domain := range domains {
				if err := table(d).Block(ctx, domain); err != nil {
					return fmt.Errorf("%d of %d were blocked: %w", i, len(domains), err)
				}
			}
			said := console.Say("Blocked %d domains.\n", len(domains))
			if len(domains) == 1 {
				said = console.Say("Blocked %s.\n", domains[0])
			}
			return c.Answer(console.Object{"blocked": len(domains)}, said)
		}),
	}
}

// BlockListCommand returns "otpctl signup block list".
func BlockListCommand(c *console.Console) *cobra.Command {
	return &cobra.Command{
		Use:         "list",
		Short:       "Lists the blocked domains.",
		Long:        "Lists the domains whose addresses create no account. The command reads the whole table of limits.",
		Example:     "  otpctl signup block list",
		Annotations: console.Facts("dynamodb:Scan", `[{"domain":"mailinator.com"}]`),
		RunE: deployed.Run(c, func(ctx context.Context, d *deployed.Stack, _ []string) error {
			all := console.Sorted(table(d).Blocked(ctx), func(string) bool { return true }, strings.Compare)
			return console.List(c, "No domain is blocked.", []any{"DOMAIN"}, all, func(domain string) (any, []any) {
				return console.Object{"domain": domain}, []any{domain}
			})
		}),
	}
}

// BlockRemoveCommand returns "otpctl signup block remove".
func BlockRemoveCommand(c *console.Console) *cobra.Command {
	return &cobra.Command{
		Use:         "remove DOMAIN",
		Short:       "Ends the block of a domain.",
		Long:        "Ends the block of a domain: its addresses may create accounts again, if no domain above it is blocked.",
		Example:     "  otpctl signup block remove mailinator.com",
		Annotations: console.Facts("dynamodb:DeleteItem", `{"domain":"mailinator.com"}`),
		RunE: deployed.Run(c, func(ctx context.Context, d *deployed.Stack, args []string) error {
			domain, err := normalize(args[0])
			if err != nil {
				return err
			}
			was, err := table(d).Unblock(ctx, domain)
			if err != nil {
				return err
			}
			if !was {
				return fmt.Errorf("%s is not blocked: see otpctl signup block list", domain)
			}
			return c.Answer(console.Object{"domain": domain}, console.Say("Ended the block of %s.\n", domain))
		}),
	}
}

func table(d *deployed.Stack) store.SignUps {
	return store.SignUps{DB: d.Limits.DB, Table: d.Limits.Table}
}

// read returns the domains that an argument names. It checks all of them before any is blocked.
//
// Errors: console.UsageError.
func read(ctx context.Context, c *console.Console, arg string) (domains []string, err error) {
	if arg != "-" {
		domain, err := normalize(arg)
		return []string{domain}, err
	}
	lines := bufio.NewScanner(console.Interruptible(ctx, c.Stdin))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		domain, err := normalize(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		domains = append(domains, domain)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(domains) == 0 {
		return nil, console.UsageErrorf("stdin names no domain")
	}
	return domains, nil
}

// normalize returns the one spelling of a domain that addresses have too.
//
// Errors: console.UsageError.
func normalize(typed string) (string, error) {
	address, err := email.Normalize("a@" + strings.TrimPrefix(otp.FoldAddress(typed), "@"))
	_, domain, _ := strings.Cut(address, "@")
	if err != nil {
		return "", console.UsageErrorf("must be a domain, as mailinator.com")
	}
	return domain, nil
}
