package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

var userImport = command{
	name: "user import", args: "FILE",
	short: "Adds the accounts of a CSV file.",
	long: `FILE is CSV in UTF-8, or - for stdin. Its first line names the columns: email; name, phone, channel, and either password
or password_hash where you have them. --ignore-unknown ignores other columns, as exports of other services have them.

  email,name,phone,channel,password
  ada@example.com,Ada Lovelace,,email,tulip harbor lantern 42
  grace@example.com,"Hopper, Grace",+4915112345678,sms,marble orchard ferry 17

An account may have no password: until its owner sets one by "Forgot password", a login for it is answered as with a wrong
password. A line without a password gives such an account, and so does a password_hash of another kind than StreamOTP's
own, Argon2id in PHC format with its parameters (bcrypt, for one): with others, the time of a login would reveal who has
an account. The last lines of the report count both.

A line that cannot be imported is reported with its number and skipped; the report quotes no address, number or
password. A line that wants login codes by SMS needs a mobile number of the stack's AllowedCountries. Accounts that exist
are reported and left alone, unless --replace gives them the line's password and whatever else the line names (an empty
field changes nothing). An import that was stopped can be run again.`,
	examples:    []string{"user import accounts.csv --dry-run", "user import - --replace < accounts.csv"},
	permissions: []string{"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "secretsmanager:GetSecretValue"},
	failure:     "a line was skipped",
	document:    `{"imported":2,"withoutPassword":1,"foreignHashes":1,"skipped":0,"total":2,"dryRun":false}`,
	declare: func(flags *flag.FlagSet) action {
		replace := flags.Bool("replace", false, "give accounts that exist the password of their line")
		dryRun := flags.Bool("dry-run", false, "check everything and write nothing")
		ignoreUnknown := flags.Bool("ignore-unknown", false, "ignore columns that an import does not know")
		return func(ctx context.Context, c *console, args []string) error {
			return c.importUsers(ctx, args[0], *replace, *dryRun, *ignoreUnknown)
		}
	},
}

func (c *console) importUsers(ctx context.Context, path string, replace, dryRun, ignoreUnknown bool) error {
	source := c.stdin
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
	in := newLines(interruptible(reading, source))
	cols, err := readHeader(in, ignoreUnknown)
	if err != nil {
		return err
	}
	d, err := c.connect(ctx)
	if err != nil {
		return err
	}
	t := newTally(c.stderr, c.now, dryRun)
	for o := range newImporter(d, cols, replace, dryRun).start(reading, in) {
		<-o.done
		t.count(o)
		if t.fatal != nil {
			stop() // what is begun ends by itself; nothing more is begun
		}
	}
	d.clock.settle(ctx)
	err = t.finish(ctx)
	if e := c.answer(t.document(), say("")); err == nil {
		err = e
	}
	return err
}

// tally counts what became of the lines and tells it on stderr.
type tally struct {
	progress
	dryRun                      bool
	imported, skipped, notTried int
	passwordless, foreignHashes int   // of the imported
	fatal                       error // what stopped the import
}

func newTally(w io.Writer, now nowFunc, dryRun bool) *tally {
	return &tally{progress: newProgress(w, now), dryRun: dryRun}
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
		t.say("line %d: %v", o.line, o.err)
	default: // not the line's fault, and the next ones would meet it too
		t.notTried++
		if t.fatal == nil {
			t.fatal = fmt.Errorf("stopped at line %d: %s", o.line, explain(o.err))
		}
	}
	t.step()
}

// document is the tally for --json; its words are on stderr, as the lines are.
func (t *tally) document() object {
	return object{"imported": t.imported, "withoutPassword": t.passwordless, "foreignHashes": t.foreignHashes, "skipped": t.skipped, "total": t.imported + t.skipped + t.notTried, "dryRun": t.dryRun}
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
	t.say(words, t.imported, t.skipped, total)
	if t.passwordless > 0 {
		t.say("without a password: %d; their owners set one by \"Forgot password\"", t.passwordless)
	}
	if t.foreignHashes > 0 {
		t.say("with a password_hash of another kind than StreamOTP's, which was left out: %d", t.foreignHashes)
	}
	if t.fatal != nil {
		return fmt.Errorf("%w\nThe rest of the file was not imported: run it again once that is solved; "+
			"accounts that exist by then are left alone", t.fatal)
	}
	if t.skipped > 0 {
		return errReported
	}
	return nil
}
