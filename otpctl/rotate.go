package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"streamotp/shared/otp"
)

var rotateSecret = command{
	name: "rotate-secret", args: "",
	short: "Gives the stack a new root key for its codes, without ending one.",
	long: `New sessions get a new random key within a minute, when the functions read the secret again. The key that they had so
far stays known, so that a code under way is still sent, resent and accepted. Locks, limits and accounts do not depend on
these keys: they hang on the secret's member "index", which stays as it is and never rotates. A function's instance that
was idle makes one more session with the key it had; two rotations during its idle time end that code.

One older key is kept. A second rotation forgets it, and would end the codes that were made with it. So that none is
ended, a rotation that forgets a key is refused until the secret has stood unchanged for CodeTtlSeconds and two minutes,
by the clock of Secrets Manager, whoever changed it. --force does it all the same: after a leak, where it is better that
people ask for new codes. A notice to an owner that waits for a provider which is out, when the key of its session is
forgotten, is lost: do not rotate a second time during an outage.

To have a key forgotten that others may know, rotate twice, that far apart. Secrets Manager keeps one value before the
current one, the version AWSPREVIOUS, for those who may read the secret. Who knows a whole secret knows "index", with
which an address can be compared with what tables and log have of it: no rotation changes that.

Of two operators who rotate at once one does it, and the other is told. A change by other means between otpctl's read
and its write, some tenths of a second, is lost, but stays as AWSPREVIOUS. No key is ever shown: what is printed are
their names. forgottenKey is empty where none is forgotten.`,
	examples:    []string{"rotate-secret", "rotate-secret --yes --json"},
	permissions: []string{"secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"},
	document:    `{"newKey":"c1f0","oldKey":"8a2b","forgottenKey":"","codesEnded":false,"oldKeyNeededUntil":"2026-11-21T15:16:39Z"}`,
	declare: func(flags *flag.FlagSet) action {
		yes := flags.Bool("yes", false, "do not ask")
		force := flags.Bool("force", false, "rotate even where that ends codes")
		return func(ctx context.Context, c *console, _ []string) error { return c.rotateSecret(ctx, *yes, *force) }
	},
}

// settling is how long after a rotation the last session is made with the old key: functions read the secret again
// every minute, and another one is for what is under way then.
const settling = 2 * time.Minute

// errRotatedElsewhere says that the version that was judged has another successor (C7).
var errRotatedElsewhere = errors.New("the secret was changed at the same time, perhaps by another rotation: this one wrote nothing. " +
	"Run it again without --force: it is refused if that was a rotation. If nobody changed it, it was set back to an older " +
	"version: write its value once more with `aws secretsmanager put-secret-value`")

// rootSecret is the secret that every key derives from.
type rootSecret struct {
	secret
	life  time.Duration // of a key's last code after the key was replaced
	force bool
}

// rotation is a new value of the secret, judged by the one that it follows.
type rotation struct {
	otp.Rotation
	document, after string
	ends            bool // codes that have not expired
}

func (c *console) rotateSecret(ctx context.Context, yes, force bool) error {
	d, err := c.connect(ctx)
	if err != nil {
		return err
	}
	seconds, err := d.stack.number("CodeTtlSeconds")
	if err != nil {
		return err
	}
	root := rootSecret{d.secret("KeySecretArn"), time.Duration(seconds*float64(time.Second)) + settling, force}
	next, err := root.prepare(ctx, c.now())
	if err != nil {
		return err
	}
	if !yes {
		question := fmt.Sprintf("Rotate the root key of the stack %q?", d.stack.name)
		if next.ends {
			question = fmt.Sprintf("Rotate the root key of the stack %q and end the codes made with the key %s?", d.stack.name, next.Forgets)
		}
		sure, err := c.confirm(ctx, question)
		if err != nil {
			return err
		}
		if !sure {
			return refusal("nothing was rotated")
		}
		if next, err = root.prepare(ctx, c.now()); err != nil { // the question may have stood for long
			return err
		}
	}
	return c.rotate(ctx, root, next)
}

// prepare reads the secret and makes its next value, unless that ends codes.
func (s rootSecret) prepare(ctx context.Context, now time.Time) (next rotation, err error) {
	held, err := s.current(ctx)
	if err != nil {
		return next, err
	}
	document, rotated, err := otp.Rotate([]byte(held.text), rand.Reader)
	if err != nil {
		return next, fmt.Errorf("%w: mend the secret %s, or set it back to its version AWSPREVIOUS", err, s.arn)
	}
	if !held.read.IsZero() {
		now = held.read
	}
	safe := held.written.Add(s.life)
	ends := rotated.Forgets != "" && now.Before(safe)
	if ends && !s.force {
		return next, refusal(fmt.Sprintf("the secret was changed at %s: rotating it before %s would end the codes that were made with "+
			"the key %s. Wait until then; --force rotates now and ends them. Nothing was changed",
			written(held.written), written(safe), rotated.Forgets))
	}
	return rotation{rotated, string(document), held.id, ends}, nil
}

// rotate writes a prepared value and tells what that means.
func (c *console) rotate(ctx context.Context, root rootSecret, next rotation) error {
	at, err := root.replace(ctx, next.document, next.after)
	var lost *types.ResourceExistsException
	if errors.As(err, &lost) {
		return errRotatedElsewhere
	}
	if err != nil {
		return err
	}
	if at.IsZero() {
		at = c.now()
	}
	safe := written(at.Add(root.life + time.Second)) // an answer's clock has whole seconds, a version's has more
	return c.answer(object{"newKey": next.New, "oldKey": next.Old, "forgottenKey": next.Forgets, "codesEnded": next.ends, "oldKeyNeededUntil": safe},
		func(w io.Writer) error { return next.write(w, safe) })
}

// write tells what a rotation means; safe is when the replaced key may be forgotten.
func (next rotation) write(w io.Writer, safe string) error {
	fmt.Fprintf(w, "Rotated: new codes get the key %s within a minute. The key %s stays known.\n", next.New, next.Old)
	switch {
	case next.ends:
		fmt.Fprintf(w, "The key %s is forgotten, and its codes are ended; no other live code breaks, no lock is forgotten.\n", next.Forgets)
	case next.Forgets != "":
		fmt.Fprintf(w, "The key %s is forgotten, and its codes had expired: no live code breaks, no lock is forgotten.\n", next.Forgets)
	default:
		fmt.Fprintln(w, "No live code breaks, no lock is forgotten.")
	}
	_, err := fmt.Fprintf(w, "The key %s may be forgotten from %s on, by another rotation.\n", next.Old, safe)
	return err
}

// written puts a time in words, rounded up: what is said to be safe from then on is.
func written(t time.Time) string {
	return t.Add(time.Second - 1).UTC().Truncate(time.Second).Format(time.RFC3339)
}
