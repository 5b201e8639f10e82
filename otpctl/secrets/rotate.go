// Package secrets has the commands that write a secret of the stack: the root key (promise C7 of otpctl), the test
// destinations (C6) and the CAPTCHA provider's key.
package secrets

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"streamotp/otpctl/console"
	"streamotp/otpctl/deployed"
	"streamotp/shared/otp"
)

// RotateSecretCommand returns "otpctl rotate-secret".
func RotateSecretCommand(c *console.Console) *cobra.Command {
	var yes, force bool
	cmd := &cobra.Command{
		Use:   "rotate-secret",
		Short: "Rotates the root key without ending live codes.",
		Long: `Rotates the root key: new sessions use a new random key within a minute, and the previous key stays valid, so that
live codes are still sent and accepted. The command asks first; it prints the names of keys and never a key.

Only one previous key is kept, so a second rotation ends the codes of the key that the first rotation replaced. The
command refuses to rotate until the secret has been unchanged for CodeTtlSeconds and two minutes. After a leak, --force
rotates at once, and people must request new codes. Do not rotate a second time during an SES or SNS outage: security
notifications that are still waiting would be lost.

To remove a leaked key, rotate twice. The secret's member "index" never changes, because locks and limits are stored
under hashes made with it. Anybody who has "index" can compare an address with the hashes in the tables and the log.
Secrets Manager keeps the secret's previous value as AWSPREVIOUS. If two operators rotate at once, one succeeds and the
other gets an error. A function instance that was idle during a rotation makes one more session with the replaced key;
the code of that session works until the next rotation.`,
		Example: "  otpctl rotate-secret\n  otpctl rotate-secret --yes --json",
		Annotations: console.Facts("secretsmanager:GetSecretValue secretsmanager:PutSecretValue",
			`{"newKey":"c1f0","oldKey":"8a2b","forgottenKey":"","codesEnded":false,"oldKeyNeededUntil":"2026-11-21T15:16:39Z"}`),
		RunE: deployed.Run(c, func(ctx context.Context, d *deployed.Stack, _ []string) error {
			return rotateSecret(ctx, c, d, yes, force)
		}),
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "rotate without asking")
	cmd.Flags().BoolVar(&force, "force", false, "rotate even if the rotation ends live codes")
	return cmd
}

// settling is how long after a rotation the last session may still be made with the old key. Functions read the secret
// again every minute; the second minute is for requests that are in progress then.
const settling = 2 * time.Minute

// rootSecret is the secret that every key is derived from.
type rootSecret struct {
	deployed.Secret
	clock *deployed.Clock
	life  time.Duration // how long after the replacement of a key its last code can live
	force bool
}

// rotation is a new value of the secret, made for the version that it follows.
type rotation struct {
	otp.Rotation
	document, after string
	ends            bool // the rotation ends codes that have not expired
}

func rotateSecret(ctx context.Context, c *console.Console, d *deployed.Stack, yes, force bool) error {
	life, err := d.Seconds("CodeTtlSeconds")
	if err != nil {
		return err
	}
	root := rootSecret{d.Secret("KeySecretArn"), d.Clock, life + settling, force}
	next, err := root.prepare(ctx)
	if err != nil {
		return err
	}
	ending := ""
	if next.ends {
		ending = " and end the codes made with the key " + next.Forgets
	}
	if err := c.Confirm(ctx, yes, fmt.Sprintf("Rotate the root key of the stack %q%s?", d.Name, ending), "nothing was rotated"); err != nil {
		return err
	}
	if !yes { // the question may have been open for long
		if next, err = root.prepare(ctx); err != nil {
			return err
		}
	}
	err = root.Replace(ctx, next.document, next.after)
	if err == deployed.ErrSuperseded { // C7
		return fmt.Errorf("%w, perhaps by another rotation: this one wrote nothing. Run it again without --force: it is refused if that "+
			"was a rotation. If nobody changed it, it was set back to an older version: write its value once more with "+
			"`aws secretsmanager put-secret-value`", err)
	}
	if err != nil {
		return err
	}
	safe := written(d.Clock.Now().Add(root.life + time.Second)) // the clock is late by up to a second
	return c.Answer(console.Object{"newKey": next.New, "oldKey": next.Old, "forgottenKey": next.Forgets, "codesEnded": next.ends, "oldKeyNeededUntil": safe},
		func(w io.Writer) { next.write(w, safe) })
}

// prepare reads the secret and makes its next value, unless that would end codes.
func (s rootSecret) prepare(ctx context.Context) (next rotation, err error) {
	held, err := s.Current(ctx)
	if err != nil {
		return next, err
	}
	document, rotated, err := otp.Rotate([]byte(held.Text), rand.Reader)
	if err != nil {
		return next, fmt.Errorf("%w: fix the secret %s, or set it back to its version AWSPREVIOUS", err, s.ARN)
	}
	safe := held.Written.Add(s.life)
	ends := rotated.Forgets != "" && s.clock.Now().Before(safe)
	if ends && !s.force {
		return next, console.Refusalf("the secret was changed at %s: rotating it before %s would end the codes that were made with "+
			"the key %s. Wait until then; --force rotates now and ends them. Nothing was changed",
			written(held.Written), written(safe), rotated.Forgets)
	}
	return rotation{rotated, string(document), held.ID, ends}, nil
}

// write reports what a rotation means. safe is when the replaced key may be deleted.
func (next rotation) write(w io.Writer, safe string) {
	fmt.Fprintf(w, "Rotated: new codes get the key %s within a minute. The key %s stays known.\n", next.New, next.Old)
	switch {
	case next.ends:
		fmt.Fprintf(w, "The key %s is forgotten, and its codes are ended; no other live code breaks, no lock is forgotten.\n", next.Forgets)
	case next.Forgets != "":
		fmt.Fprintf(w, "The key %s is forgotten, and its codes had expired: no live code breaks, no lock is forgotten.\n", next.Forgets)
	default:
		fmt.Fprintln(w, "No live code breaks, no lock is forgotten.")
	}
	fmt.Fprintf(w, "The key %s may be forgotten from %s on, by another rotation.\n", next.Old, safe)
}

// written returns a time in words, rounded up, so that the time from which something is safe is never too early.
func written(t time.Time) string { return console.UTC(t.Add(time.Second - 1)) }
