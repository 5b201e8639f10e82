package clients

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/spf13/cobra"

	"streamotp/otpctl/console"
	"streamotp/otpctl/deployed"
	"streamotp/shared/otp"
)

const (
	// A new key signs only when every reader knows it: CloudFront keeps the keys for an hour, API Gateway's authorizers for two, and
	// an alias takes minutes.
	publishedFirst = 3*time.Hour + 10*time.Minute
	// Functions may sign with the old key for ten minutes: an alias takes minutes, and a function knows its key for one. Of all that the key
	// signs an access token lives longest.
	oldKeyNeeded = 10*time.Minute + otp.AccessTokenLife
	deletionDays = 30 // KMS's longest: until then a deletion can be cancelled
)

// RotateSigningKeyCommand returns "otpctl signing-key rotate".
func RotateSigningKeyCommand(c *console.Console) *cobra.Command {
	return &cobra.Command{
		Use:   "rotate",
		Short: "Takes the next step of replacing the key that signs proofs.",
		Long: `Takes the next step of replacing the key that signs proofs and the tokens of hosted login. None of them fails
meanwhile, except that a logout with an ID token of the old key needs client_id. Run the command three times:

  1. The first run makes and publishes a new key, so that back ends learn of it.
  2. The second run, three hours and ten minutes later, makes the new key sign. The old key stays published.
  3. The third run is possible 25 minutes later, when everything that the old key signed has expired. AWS deletes the
     old key 30 days later.

Each run prints the time of the next step. A run before that time changes nothing and fails.`,
		Example: "  otpctl signing-key rotate",
		Annotations: console.Facts("kms:CreateKey kms:CreateAlias kms:UpdateAlias kms:DeleteAlias kms:ListAliases kms:DescribeKey kms:ScheduleKeyDeletion",
			`{"step":"published","key":"arn:aws:kms:us-east-1:123456789012:key/6f2a9d0c","nextStepAt":"2026-11-28T18:10:00Z"}`),
		RunE: deployed.Run(c, func(ctx context.Context, d *deployed.Stack, _ []string) error {
			if err := d.Need("SigningKeyAlias"); err != nil {
				return err
			}
			r := rotation{kms: kms.NewFromConfig(d.Config), prefix: strings.TrimSuffix(d.Outputs["SigningKeyAlias"], "current"), clock: d.Clock}
			step, err := r.next(ctx)
			if err != nil {
				return err
			}
			return c.Answer(step, func(w io.Writer) { console.Say(step.words+"\n", step.Key, console.UTC(step.At))(w) })
		}),
	}
}

// rotation replaces the key that the alias PREFIXcurrent names. Its state is in the aliases alone: PREFIXnext names a key that is
// published and does not sign yet, PREFIXprevious one that does not sign any more.
type rotation struct {
	kms    *kms.Client
	prefix string
	clock  *deployed.Clock
}

type step struct {
	Step  string    `json:"step"` // published, used or retired
	Key   string    `json:"key"`  // ARN or id of the key that it is about
	At    time.Time `json:"nextStepAt,omitzero"`
	words string
}

// named is a key as an alias names it.
type named struct {
	key   string
	since time.Time // when the alias was last pointed
}

func (r rotation) next(ctx context.Context) (step, error) {
	aliases, err := r.aliases(ctx)
	if err != nil {
		return step{}, err
	}
	current, next, previous := aliases["current"], aliases["next"], aliases["previous"]
	switch {
	case current.key == "":
		return step{}, fmt.Errorf("there is no key %scurrent: deploy the stack again", r.prefix)
	case next.key != "" && next.key != current.key:
		return r.use(ctx, current, next, previous)
	case next.key != "": // an earlier run ended before this
		return r.used(ctx, current)
	case previous.key != "":
		return r.retire(ctx, current, previous)
	}
	return r.publish(ctx)
}

// aliases returns the keys by the last word of their aliases.
func (r rotation) aliases(ctx context.Context) (map[string]named, error) {
	found := map[string]named{}
	pages := kms.NewListAliasesPaginator(r.kms, &kms.ListAliasesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, a := range page.Aliases {
			if word, ok := strings.CutPrefix(aws.ToString(a.AliasName), r.prefix); ok {
				since := aws.ToTime(a.CreationDate)
				if updated := aws.ToTime(a.LastUpdatedDate); updated.After(since) {
					since = updated
				}
				found[word] = named{aws.ToString(a.TargetKeyId), since}
			}
		}
	}
	return found, nil
}

func (r rotation) publish(ctx context.Context) (step, error) {
	made, err := r.kms.CreateKey(ctx, &kms.CreateKeyInput{KeySpec: types.KeySpecRsa2048, KeyUsage: types.KeyUsageTypeSignVerify,
		Description: aws.String("Signs StreamOTP's proofs.")})
	if err != nil {
		return step{}, err
	}
	_, err = r.kms.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String(r.prefix + "next"), TargetKeyId: made.KeyMetadata.KeyId})
	if err != nil {
		return step{}, fmt.Errorf("a new key was made, and could not be published: delete it with `aws kms schedule-key-deletion --key-id %s`: %w",
			aws.ToString(made.KeyMetadata.KeyId), err)
	}
	return step{"published", aws.ToString(made.KeyMetadata.Arn), r.clock.Now().Add(publishedFirst).UTC().Truncate(time.Second),
		"Published the new key %s. It does not sign yet: run this again from %s on."}, nil
}

func (r rotation) use(ctx context.Context, current, next, previous named) (step, error) {
	if at := next.since.Add(publishedFirst); r.clock.Now().Before(at) {
		return step{}, console.Refusalf("back ends may not know the new key before %s: run this again then. Nothing was changed", console.UTC(at))
	}
	if err := r.point(ctx, "previous", current.key, previous.key != ""); err != nil { // first, so that it stays published
		return step{}, err
	}
	if err := r.point(ctx, "current", next.key, true); err != nil {
		return step{}, err
	}
	return r.used(ctx, next)
}

// used ends the second step: the alias of the new key is not needed any more.
func (r rotation) used(ctx context.Context, current named) (step, error) {
	if _, err := r.kms.DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: aws.String(r.prefix + "next")}); err != nil {
		return step{}, err
	}
	return step{"used", current.key, r.clock.Now().Add(oldKeyNeeded).UTC().Truncate(time.Second),
		"The key %s signs now. The old one stays published: run this again from %s on."}, nil
}

func (r rotation) point(ctx context.Context, word, key string, exists bool) (err error) {
	name := aws.String(r.prefix + word)
	if exists {
		_, err = r.kms.UpdateAlias(ctx, &kms.UpdateAliasInput{AliasName: name, TargetKeyId: &key})
	} else {
		_, err = r.kms.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: name, TargetKeyId: &key})
	}
	return err
}

func (r rotation) retire(ctx context.Context, current, previous named) (step, error) {
	if at := current.since.Add(oldKeyNeeded); r.clock.Now().Before(at) {
		return step{}, console.Refusalf("proofs and tokens of the old key may be valid until %s: run this again then. Nothing was changed", console.UTC(at))
	}
	if previous.key != current.key { // otherwise an earlier run ended between its two changes
		_, err := r.kms.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: &previous.key, PendingWindowInDays: aws.Int32(deletionDays)})
		var pending *types.KMSInvalidStateException // an earlier run has scheduled it
		if err != nil && !errors.As(err, &pending) {
			return step{}, err
		}
	}
	if _, err := r.kms.DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: aws.String(r.prefix + "previous")}); err != nil {
		return step{}, err
	}
	return step{"retired", previous.key, time.Time{}, "The old key %s is not published any more, and is deleted in 30 days. The rotation is complete.%.0s"}, nil
}
