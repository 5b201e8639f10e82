package accounts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"

	"github.com/spf13/cobra"

	"streamotp/otpctl/console"
	"streamotp/otpctl/deployed"
	"streamotp/shared/password"
	"streamotp/shared/store"
)

// UserImportCommand returns "otpctl user import".
func UserImportCommand(c *console.Console) *cobra.Command {
	im := importer{first: map[string]int{}, hashing: make(chan struct{}, runtime.NumCPU())}
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Adds the accounts of a CSV file.",
		Long: `Adds the accounts of a CSV file in UTF-8, or of stdin if FILE is -. The file's first line names the columns: email,
and optionally name, phone, channel, and either password or password_hash.

    email,name,phone,channel,password
    ada@example.com,Ada Lovelace,,email,tulip harbor lantern 42
    grace@example.com,"Hopper, Grace",+4915112345678,sms,marble orchard ferry 17

If a line has no password, the account has none until its owner uses "Forgot password". A password_hash is imported
only if StreamOTP could have made it: Argon2id in PHC format, with StreamOTP's parameters. With any other hash, such
as bcrypt, the account is created without a password, because the time to check it would reveal who has an account.

A line that cannot be imported is skipped. The report gives the line's number and the reason, and quotes no address,
number or password. Existing accounts are skipped too. With --replace they get the values of their line, and an empty
field changes nothing. If an import stopped, run it again.`,
		Example: "  otpctl user import accounts.csv --dry-run\n  otpctl user import - --replace < accounts.csv",
		Annotations: console.Facts("dynamodb:GetItem dynamodb:PutItem dynamodb:UpdateItem secretsmanager:GetSecretValue",
			`{"imported":2,"withoutPassword":1,"foreignHashes":1,"skipped":1,"total":3,"dryRun":false,
"errors":[{"line":4,"error":"phone: must be a mobile number, since login codes go to it by SMS"}]}`, "a line was skipped"),
		RunE: func(cmd *cobra.Command, args []string) error { return im.run(cmd.Context(), c, args[0]) },
	}
	cmd.Flags().BoolVar(&im.replace, "replace", false, "change existing accounts to the values of their lines")
	cmd.Flags().BoolVar(&im.dryRun, "dry-run", false, "check everything and write nothing")
	cmd.Flags().BoolVar(&im.ignoreUnknown, "ignore-unknown", false, "ignore columns with other names, such as those in exports of other services")
	return cmd
}

func (im *importer) run(ctx context.Context, c *console.Console, path string) (err error) {
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
	if im.columns, err = readHeader(in, im.ignoreUnknown); err != nil {
		return err
	}
	if im.d, err = deployed.Connect(ctx, c); err != nil {
		return err
	}
	t := &tally{DryRun: im.dryRun, Errors: []lineError{}, progress: console.NewProgress(c.Stderr, c.Now)}
	for o := range im.start(reading, in) {
		<-o.done
		t.count(o)
		if t.fatal != nil {
			stop() // lines that have begun are finished; no more are begun
		}
	}
	im.d.Clock.Settle(ctx)
	return cmp.Or(t.finish(ctx), c.Answer(t, console.Say(""))) // the text of the report is on stderr
}

// tally counts the outcomes of the lines and reports them on stderr. It is the document of --json too.
type tally struct {
	Imported        int         `json:"imported"`
	WithoutPassword int         `json:"withoutPassword"` // of the imported accounts
	ForeignHashes   int         `json:"foreignHashes"`   // of the imported accounts
	Skipped         int         `json:"skipped"`
	Total           int         `json:"total"`
	DryRun          bool        `json:"dryRun"`
	Errors          []lineError `json:"errors"`

	progress console.Progress
	fatal    error // what stopped the import
}

// lineError is the reason why a line was not imported. Like the report, it quotes nothing of the line.
type lineError struct {
	Line  int    `json:"line"`
	Error string `json:"error"`
}

func (t *tally) count(o *outcome) {
	t.Total++
	switch {
	case o.err == nil:
		t.Imported++
		if o.passwordless {
			t.WithoutPassword++
		}
		if o.foreignHash {
			t.ForeignHashes++
		}
	case isRefusal(o.err):
		t.Skipped++
		t.Errors = append(t.Errors, lineError{o.line, o.err.Error()})
		t.progress.Say("line %d: %v", o.line, o.err)
	case t.fatal == nil: // not the line's fault, and the next lines would fail too
		t.Errors = append(t.Errors, lineError{o.line, deployed.Explain(o.err)})
		t.fatal = fmt.Errorf("stopped at line %d: %s", o.line, deployed.Explain(o.err))
	}
	t.progress.Step()
}

func (t *tally) finish(ctx context.Context) error {
	if t.fatal == nil && ctx.Err() != nil {
		t.fatal = errors.New("interrupted")
	}
	words := "imported %d, skipped %d of %d"
	if t.DryRun {
		words = "dry run, nothing was written: would import %d, skip %d of %d"
	}
	t.progress.Say(words, t.Imported, t.Skipped, t.Total)
	if t.WithoutPassword > 0 {
		t.progress.Say("without a password: %d; their owners set one by \"Forgot password\"", t.WithoutPassword)
	}
	if t.ForeignHashes > 0 {
		t.progress.Say("with a password_hash of another kind than StreamOTP's, which was left out: %d", t.ForeignHashes)
	}
	if t.fatal != nil {
		return fmt.Errorf("%w\nThe rest of the file was not imported: run it again once that is solved; "+
			"accounts that exist by then are left alone", t.fatal)
	}
	if t.Skipped > 0 {
		return console.ErrReported
	}
	return nil
}

// inFlight is the number of lines that are handled at once. It is large enough to hide the network latency to the region.
// Hashing runs on this machine, so its processors limit it.
const inFlight = 16

// importer reads lines and writes accounts.
type importer struct {
	replace, dryRun, ignoreUnknown bool

	d       *deployed.Stack
	columns columns
	hashing chan struct{}  // one slot per processor
	first   map[string]int // number of the first line that an address occurred in
}

// outcome is how a line ended, once done is closed.
type outcome struct {
	line         int
	passwordless bool // the account has no password now
	foreignHash  bool // because its hash is not of StreamOTP's own kind
	err          error
	done         chan struct{}
}

// start handles the lines until they or ctx end, and returns their outcomes in the order of the file. Lines that have
// begun are finished even then. A line begins when the channel takes its outcome, so the channel's size limits them.
func (im *importer) start(ctx context.Context, in *lines) <-chan *outcome {
	outcomes := make(chan *outcome, inFlight)
	go func() {
		defer close(outcomes)
		for ctx.Err() == nil {
			a, secret, err := im.next(in)
			if err == io.EOF || ctx.Err() != nil {
				return
			}
			o := &outcome{line: in.number, err: err, done: make(chan struct{})}
			outcomes <- o
			if err == nil {
				go im.write(context.WithoutCancel(ctx), a, secret, o)
				continue
			}
			close(o.done)
			if !isRefusal(err) {
				return // the file cannot be read any further
			}
		}
	}()
	return outcomes
}

func isRefusal(err error) bool {
	var wrong console.Refusal
	return errors.As(err, &wrong)
}

// next reads the next line that is not blank.
//
// Errors: console.Refusal, io.EOF, and those of the reader.
func (im *importer) next(in *lines) (a account, secret string, err error) {
	var found []string
	for blank(found) {
		line, err := in.next()
		if err != nil {
			return a, "", err
		}
		if found, err = fields(line); err != nil {
			return a, "", err
		}
	}
	t, secret, err := im.columns.read(found)
	if err != nil {
		return a, "", err
	}
	a, err = t.read()
	if line, twice := im.first[a.email]; twice && a.email != "" {
		return a, "", console.Refusalf("it has the same address as line %d", line)
	}
	im.first[a.email] = in.number
	return a, secret, err
}

// write stores the account of one line and notes the outcome. If the line has no password, an existing account keeps its
// own.
func (im *importer) write(ctx context.Context, a account, secret string, o *outcome) {
	defer close(o.done)
	p := putting{replace: im.replace, dryRun: im.dryRun}
	switch {
	case secret == "":
	case !im.columns.hashed:
		if o.err = checkPassword(secret, a.email); o.err != nil {
			return
		}
		p.hash = sync.OnceValues(func() (string, error) { return im.hash(secret) }) // a second round of put needs no second hash
	case password.CheckHash(secret) == nil:
		p.hash = func() (string, error) { return secret, nil }
	default: // with another kind of hash, the time of a login would reveal who has an account
		o.foreignHash = true
	}
	held, err := put(ctx, im.d, a, p)
	o.passwordless = p.hash == nil && held.PasswordHash == ""
	switch err {
	case store.ErrAccountExists:
		err = console.Refusal("the account exists already and was left alone; --replace changes it to what this line says")
	case errBusy:
		err = console.Refusal(errBusy.Error())
	}
	o.err = err
}

func (im *importer) hash(secret string) (string, error) {
	im.hashing <- struct{}{}
	defer func() { <-im.hashing }()
	return password.Hash(secret)
}
