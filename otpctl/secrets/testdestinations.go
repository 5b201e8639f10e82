package secrets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"streamotp/otpctl/console"
	"streamotp/otpctl/deployed"
	"streamotp/shared/otp"
)

// TestAddCommand returns "otpctl test-destinations add".
func TestAddCommand(c *console.Console) *cobra.Command {
	var until string
	var fromStdin bool
	cmd := &cobra.Command{
		Use:   "add DESTINATION",
		Short: "Gives an address or number a fixed code that is never sent.",
		Long: `Gives an e-mail address or a mobile number a fixed code that is never sent, for users who cannot read the messages,
such as an app's reviewer or an end-to-end test. The code begins to work within a minute and ends at the time of
--until, at most a year ahead. Locks and the limits on wrong passwords still apply. If DESTINATION has a fixed code
already, DESTINATION gets the new code and the new end.

To log in to an account whose codes go to DESTINATION, somebody needs this code and the password. If DESTINATION is an
address, the code alone is enough to set a new password. Use an address that belongs to nobody, a code that is hard to
guess, and the earliest possible end.
otpctl asks for the code twice without showing it, or reads it from stdin with --code-stdin, as in a pipeline:

    printf %s "$REVIEW_CODE" | otpctl test-destinations add reviewer@example.com --until 2026-12-31 --code-stdin

The entries are in one secret, which Secrets Manager lets you change about a hundred times a day: add an entry once, not
for each run of a test. If several operators use otpctl at once, all their changes are made. A change by other means at
the same moment may be lost, but stays as the version AWSPREVIOUS.`,
		Example: "  otpctl test-destinations add reviewer@example.com --until 2026-12-31",
		Annotations: console.Facts("secretsmanager:GetSecretValue secretsmanager:PutSecretValue",
			`{"destination":"reviewer@example.com","until":"2026-12-31T00:00:00Z","existed":false}`),
		RunE: func(cmd *cobra.Command, args []string) error {
			return addTest(cmd.Context(), c, args[0], until, fromStdin)
		},
	}
	cmd.Flags().StringVar(&until, "until", "", "the `DATE` (00:00 UTC) or time, such as 2026-12-31T18:00:00Z, at which the code ends; required")
	cmd.Flags().BoolVar(&fromStdin, "code-stdin", false, "read the code from stdin, one line")
	return cmd
}

// addTest checks everything that it can before it asks for a code.
func addTest(ctx context.Context, c *console.Console, typed, typedUntil string, fromStdin bool) error {
	to, err := console.ReadDestination(typed)
	if err != nil {
		return err
	}
	if to.Number != "" && !to.Mobile {
		return console.UsageErrorf("phone: must be a mobile number: no other is ever asked for a code")
	}
	until, err := readUntil(typedUntil, c.Now())
	if err != nil {
		return err
	}
	d, err := deployed.Connect(ctx, c)
	if err != nil {
		return err
	}
	secret, err := tests(d)
	if err != nil {
		return err
	}
	code, err := c.ReadSecret(ctx, console.TypedCode, fromStdin)
	if err != nil {
		return err
	}
	if code, err = checkCode(code, secret.digits); err != nil {
		return err
	}
	entry, existed := otp.TestDestination{Code: code, Until: console.UTC(until)}, false
	err = secret.change(ctx, func(all otp.TestDestinations) (otp.TestDestinations, error) {
		existed = all.Has(to.String())
		return all.With(to.String(), entry)
	})
	if err != nil {
		return err
	}
	done := "Added"
	if existed {
		done = "Changed"
	}
	return c.Answer(console.Object{"destination": to.String(), "until": entry.Until, "existed": existed},
		console.Say("%s %s: within a minute its code is the fixed one, until %s.\n", done, to.String(), entry.Until))
}

// readUntil reads a time, or a day, which means the beginning of that day (UTC).
//
// Errors: console.UsageError.
func readUntil(typed string, now time.Time) (until time.Time, err error) {
	if typed == "" {
		return until, console.UsageErrorf("--until is missing: a test destination must have an end, as --until %s", now.AddDate(0, 1, 0).Format(time.DateOnly))
	}
	if until, err = time.Parse(time.DateOnly, typed); err != nil {
		until, err = time.Parse(time.RFC3339, typed)
	}
	latest := otp.LatestTest(now).UTC()
	switch {
	case err != nil:
		return until, console.UsageErrorf("--until must be a date or a time, as 2026-12-31 or 2026-12-31T18:00:00Z")
	case !until.After(now):
		return until, console.UsageErrorf("--until %s is past: it is %s", typed, console.UTC(now))
	case until.After(latest):
		return until, console.UsageErrorf("--until %s is over a year ahead: the latest is %s", typed, latest.Format(time.DateOnly))
	}
	return until.UTC(), nil
}

// checkCode reads a fixed code in the form in which people type codes. Its error does not quote the code.
//
// Errors: console.Refusal.
func checkCode(typed string, length int) (string, error) {
	code, ok := otp.NormalizeCode(typed)
	if !ok || len(code) != length {
		return "", console.Refusalf("code: must be %d digits, as the codes of this stack", length)
	}
	if isRun(code) {
		return "", console.Refusal("code: choose another, this one is among the first that anybody tries")
	}
	return code, nil
}

// isRun reports whether the digits continue as the first two begin: 000000, 123456, 987654.
func isRun(code string) bool {
	for i := 2; i < len(code); i++ {
		if code[i]-code[i-1] != code[1]-code[0] {
			return false
		}
	}
	return true
}

// TestListCommand returns "otpctl test-destinations list".
func TestListCommand(c *console.Console) *cobra.Command {
	var codes bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "Lists the addresses and numbers with a fixed code.",
		Long:    `Lists the addresses and numbers with a fixed code, with the time until which each code works, or why it does not work.`,
		Example: "  otpctl test-destinations list",
		Annotations: console.Facts("secretsmanager:GetSecretValue",
			`[{"destination":"reviewer@example.com","until":"2026-12-31T00:00:00Z","state":"works"}]`),
		RunE: deployed.Run(c, func(ctx context.Context, d *deployed.Stack, _ []string) error {
			secret, err := tests(d)
			if err != nil {
				return err
			}
			all, _, err := secret.read(ctx)
			if err != nil {
				return err
			}
			header := []any{"DESTINATION", "UNTIL", "STATE"}
			if codes {
				header = append(header, "CODE")
			}
			list, rows := []console.Object{}, [][]any{}
			for destination, entry := range all.All() {
				state := testState(destination, entry, secret.digits, c.Now())
				shown, row := console.Object{"destination": destination, "until": entry.Until, "state": state}, []any{destination, entry.Until, state}
				if codes {
					shown["code"], row = entry.Code, append(row, entry.Code)
				}
				list, rows = append(list, shown), append(rows, row)
			}
			return c.Answer(list, func(w io.Writer) {
				t := console.NewTable(w, header...)
				for _, row := range rows {
					t.Row(row...)
				}
				t.End("There are no test destinations.")
			})
		}),
	}
	cmd.Flags().BoolVar(&codes, "codes", false, "show the codes, in the document as the member code")
	return cmd
}

// testState reports whether an entry works, and if not, why.
func testState(destination string, entry otp.TestDestination, length int, now time.Time) string {
	until, err := time.Parse(time.RFC3339, entry.Until)
	to, misspelt := console.ReadDestination(destination)
	switch {
	case misspelt != nil || to.String() != destination:
		return "does not work: not spelled as otpctl does, add it anew"
	case err != nil:
		return "does not work: no end"
	case !now.Before(until):
		return "over"
	case until.After(otp.LatestTest(now)):
		return "does not work: the end is over a year ahead"
	case !entry.Live(length, now):
		return fmt.Sprintf("does not work: the code is not %d digits", length)
	}
	return "works"
}

// TestRemoveCommand returns "otpctl test-destinations remove".
func TestRemoveCommand(c *console.Console) *cobra.Command {
	return &cobra.Command{
		Use:   "remove DESTINATION",
		Short: "Ends the fixed code of an address or number.",
		Long: `Ends the fixed code of an address or number: within a minute its codes are random again, and are sent. A session that
was opened before keeps the fixed code until the session expires.`,
		Example: "  otpctl test-destinations remove reviewer@example.com",
		Annotations: console.Facts("secretsmanager:GetSecretValue secretsmanager:PutSecretValue",
			`{"destination":"reviewer@example.com"}`),
		RunE: deployed.Run(c, func(ctx context.Context, d *deployed.Stack, args []string) error {
			secret, err := tests(d)
			if err != nil {
				return err
			}
			var name string
			err = secret.change(ctx, func(all otp.TestDestinations) (otp.TestDestinations, error) {
				name = args[0] // an entry that otpctl did not write may have a wrong spelling
				if to, err := console.ReadDestination(args[0]); err == nil && !all.Has(args[0]) {
					name = to.String()
				}
				if !all.Has(name) {
					return all, fmt.Errorf("%s is no test destination: see otpctl test-destinations list", name)
				}
				return all.Without(name), nil
			})
			if err != nil {
				return err
			}
			return c.Answer(console.Object{"destination": name}, console.Say("Removed %s.\n", name))
		}),
	}
}

// testSecret is the secret that holds the test destinations.
type testSecret struct {
	deployed.Secret
	digits int // of the stack's codes
}

func tests(d *deployed.Stack) (s testSecret, err error) {
	if err := d.Need("TestDestinationsSecretArn"); err != nil {
		return s, err
	}
	digits, err := d.Number("CodeLength")
	return testSecret{d.Secret("TestDestinationsSecretArn"), int(digits)}, err
}

const (
	testRounds = 5                      // how often a change is attempted if others keep changing the entries
	testsPause = 200 * time.Millisecond // until a value that another command wrote can be read
)

// read returns the entries, and the version of the secret that has them.
func (s testSecret) read(ctx context.Context) (all otp.TestDestinations, version string, err error) {
	held, err := s.Current(ctx)
	if err != nil {
		return all, "", err
	}
	if all, err = otp.ParseTestDestinations([]byte(held.Text)); err != nil {
		return all, "", fmt.Errorf(`%w, and none of them works: mend the secret %s, or begin anew: `+
			`aws secretsmanager put-secret-value --secret-id %s --secret-string '{"destinations":{}}'`, err, s.ARN, s.ARN)
	}
	return all, held.ID, nil
}

// change writes the result of edit, if the entries are still as edit saw them. Otherwise it calls edit again with the new
// entries (C6).
func (s testSecret) change(ctx context.Context, edit func(otp.TestDestinations) (otp.TestDestinations, error)) error {
	for range testRounds {
		held, version, err := s.read(ctx)
		if err != nil {
			return err
		}
		wanted, err := edit(held)
		if err != nil {
			return err
		}
		document, err := json.Marshal(wanted)
		if err != nil {
			return err
		}
		if err = s.Replace(ctx, string(document), version); err != deployed.ErrSuperseded {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(testsPause):
		}
	}
	return errors.New("somebody else keeps changing the test destinations: run it again. If nobody does, the secret was " +
		"set back to an older version: write its value once more with `aws secretsmanager put-secret-value`")
}
