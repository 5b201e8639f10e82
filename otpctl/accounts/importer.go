package accounts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"streamotp/otpctl/console"
	"streamotp/otpctl/deployed"
	"streamotp/shared/password"
	"streamotp/shared/store"
)

// inFlight is the number of lines that are handled at once. It is large enough to hide the network latency to the region.
// Hashing runs on this machine, so its processors limit it.
const inFlight = 16

// importer reads lines and writes accounts.
type importer struct {
	d       *deployed.Stack
	columns columns
	replace bool
	dryRun  bool
	hashing chan struct{}  // one slot per processor
	first   map[string]int // number of the first line that an address occurred in
}

func newImporter(d *deployed.Stack, cols columns, replace, dryRun bool) *importer {
	return &importer{d: d, columns: cols, replace: replace, dryRun: dryRun,
		hashing: make(chan struct{}, runtime.NumCPU()), first: map[string]int{}}
}

// outcome is how a line ended, once done is closed.
type outcome struct {
	line int
	imported
	err  error
	done chan struct{}
}

// imported is what an import reports about an account besides that it was written.
type imported struct {
	passwordless bool // the account has no password now
	foreignHash  bool // because its hash is not of StreamOTP's own kind
}

func (o *outcome) end(err error) {
	o.err = err
	close(o.done)
}

// start handles the lines until they or ctx end, and returns their outcomes in the order of the file. Lines that have
// begun are finished even then.
func (im *importer) start(ctx context.Context, in *lines) <-chan *outcome {
	outcomes := make(chan *outcome, inFlight)
	slots := make(chan struct{}, inFlight)
	go func() {
		defer close(outcomes)
		for ctx.Err() == nil {
			a, secret, err := im.next(in)
			if err == io.EOF || ctx.Err() != nil {
				return
			}
			o := &outcome{line: in.number, done: make(chan struct{})}
			outcomes <- o
			if err != nil {
				o.end(err)
				if !isRefusal(err) {
					return // the file cannot be read any further
				}
				continue
			}
			slots <- struct{}{}
			go func() {
				var err error
				o.imported, err = im.write(context.WithoutCancel(ctx), a, secret)
				o.end(err)
				<-slots
			}()
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
	r, err := im.columns.read(found)
	if err != nil {
		return a, "", err
	}
	a, err = r.typed.read()
	if line, twice := im.first[a.email]; twice && a.email != "" {
		return a, "", console.Refusal(fmt.Sprintf("it has the same address as line %d", line))
	}
	im.first[a.email] = in.number
	return a, r.secret, err
}

// write stores the account of one line. If the line has no password, an existing account keeps its own.
//
// Errors: console.Refusal, and any error that stops the import.
func (im *importer) write(ctx context.Context, a account, secret string) (done imported, err error) {
	p := putting{replace: im.replace, dryRun: im.dryRun}
	switch {
	case secret == "":
	case !im.columns.hashed():
		if err := checkPassword(secret, a.email); err != nil {
			return done, err
		}
		p.hash = sync.OnceValues(func() (string, error) { return im.hash(secret) }) // a second round of put needs no second hash
	case password.CheckHash(secret) == nil:
		p.hash = func() (string, error) { return secret, nil }
	default: // with another kind of hash, the time of a login would reveal who has an account
		done.foreignHash = true
	}
	held, err := put(ctx, im.d, a, p)
	done.passwordless = p.hash == nil && held.PasswordHash == ""
	switch err {
	case store.ErrAccountExists:
		return done, console.Refusal("the account exists already and was left alone; --replace changes it to what this line says")
	case errBusy:
		return done, console.Refusal(errBusy.Error())
	}
	return done, err
}

func (im *importer) hash(secret string) (string, error) {
	im.hashing <- struct{}{}
	defer func() { <-im.hashing }()
	return password.Hash(secret)
}
