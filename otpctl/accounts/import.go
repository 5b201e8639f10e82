package accounts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"streamotp/otpctl/console"
	"streamotp/otpctl/deployed"
)

// UserImportCommand returns "otpctl user import".
func UserImportCommand(c *console.Console) *cobra.Command {
	var replace, dryRun, ignoreUnknown bool
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Adds the accounts of a CSV file.",
		Long: `Adds the accounts of a CSV file in UTF-8, or of stdin if FILE is -. Its first line names the columns: email, and
optionally name, phone, channel, and either password or password_hash.

    email,name,phone,channel,password
    ada@example.com,Ada Lovelace,,email,tulip harbor lantern 42
    grace@example.com,"Hopper, Grace",+4915112345678,sms,marble orchard ferry 17

A line without a password gives an account without one, and so does a password_hash of another kind than StreamOTP's
own, Argon2id in PHC format with its parameters: with another kind (such as bcrypt), the time of a login would reveal
who has an account. The owner sets a password by "Forgot password".

A line that cannot be imported is skipped. The report gives its number and the reason, and quotes no address, number
or password. Existing accounts are skipped too; with --replace they get what the line has, and an empty field changes
nothing. An import that stopped can be run again.`,
		Example: "  otpctl user import accounts.csv --dry-run\n  otpctl user import - --replace < accounts.csv",
		Annotations: console.Facts{
			"permissions": "dynamodb:GetItem dynamodb:PutItem dynamodb:UpdateItem secretsmanager:GetSecretValue",
			"failure":     "a line was skipped",
			"document": `{"imported":2,"withoutPassword":1,"foreignHashes":1,"skipped":1,"total":3,"dryRun":false,
"errors":[{"line":4,"error":"phone: must be a mobile number, since login codes go to it by SMS"}]}`,
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return importUsers(cmd.Context(), c, args[0], replace, dryRun, ignoreUnknown)
		},
	}
	cmd.Flags().BoolVar(&replace, "replace", false, "change existing accounts to what their lines have")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "check everything and write nothing")
	cmd.Flags().BoolVar(&ignoreUnknown, "ignore-unknown", false, "ignore other columns, as in exports of other services")
	return cmd
}

func importUsers(ctx context.Context, c *console.Console, path string, replace, dryRun, ignoreUnknown bool) error {
	source := c.Stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close() //nolint:errcheck // it is only read
		source = file
	}
	reading, stop := context.WithCancel(ctx)
	defer stop()
	in := newLines(console.Interruptible(reading, source))
	cols, err := readHeader(in, ignoreUnknown)
	if err != nil {
		return err
	}
	d, err := deployed.Connect(ctx, c)
	if err != nil {
		return err
	}
	t := newTally(c.Stderr, c.Now, dryRun)
	for o := range newImporter(d, cols, replace, dryRun).start(reading, in) {
		<-o.done
		t.count(o)
		if t.fatal != nil {
			stop() // lines that have begun are finished; no more are begun
		}
	}
	d.Clock.Settle(ctx)
	err = t.finish(ctx)
	if e := c.Answer(t.data(), console.Say("")); err == nil {
		err = e
	}
	return err
}

// tally counts the outcomes of the lines and reports them on stderr.
type tally struct {
	console.Progress
	dryRun                      bool
	imported, skipped, notTried int
	passwordless, foreignHashes int   // of the imported accounts
	fatal                       error // what stopped the import
	errors                      []lineError
}

// lineError is the reason why a line was not imported. Like the report, it quotes nothing of the line.
type lineError struct {
	Line  int    `json:"line"`
	Error string `json:"error"`
}

func newTally(w io.Writer, now console.NowFunc, dryRun bool) *tally {
	return &tally{Progress: console.NewProgress(w, now), dryRun: dryRun, errors: []lineError{}}
}

func (t *tally) count(o *outcome) {
	switch {
	case o.err == nil:
		t.imported++
		if o.passwordless {
			t.passwordless++
		}
		if o.foreignHash {
			t.foreignHashes++
		}
	case isRefusal(o.err):
		t.skipped++
		t.errors = append(t.errors, lineError{o.line, o.err.Error()})
		t.Say("line %d: %v", o.line, o.err)
	default: // not the line's fault, and the next lines would fail too
		t.notTried++
		if t.fatal == nil {
			t.errors = append(t.errors, lineError{o.line, deployed.Explain(o.err)})
			t.fatal = fmt.Errorf("stopped at line %d: %s", o.line, deployed.Explain(o.err))
		}
	}
	t.Step()
}

// data returns the tally for --json. Its text, like the errors of the lines, goes to stderr.
func (t *tally) data() console.Object {
	return console.Object{"imported": t.imported, "withoutPassword": t.passwordless, "foreignHashes": t.foreignHashes, "skipped": t.skipped,
		"total": t.imported + t.skipped + t.notTried, "dryRun": t.dryRun, "errors": t.errors}
}

func (t *tally) finish(ctx context.Context) error {
	if t.fatal == nil && ctx.Err() != nil {
		t.fatal = errors.New("interrupted")
	}
	total := t.imported + t.skipped + t.notTried
	words := "imported %d, skipped %d of %d"
	if t.dryRun {
		words = "dry run, nothing was written: would import %d, skip %d of %d"
	}
	t.Say(words, t.imported, t.skipped, total)
	if t.passwordless > 0 {
		t.Say("without a password: %d; their owners set one by \"Forgot password\"", t.passwordless)
	}
	if t.foreignHashes > 0 {
		t.Say("with a password_hash of another kind than StreamOTP's, which was left out: %d", t.foreignHashes)
	}
	if t.fatal != nil {
		return fmt.Errorf("%w\nThe rest of the file was not imported: run it again once that is solved; "+
			"accounts that exist by then are left alone", t.fatal)
	}
	if t.skipped > 0 {
		return console.ErrReported
	}
	return nil
}
