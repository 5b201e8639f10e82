package secrets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"streamotp/otpctl/deployed"
	"streamotp/shared/otp"
)

// testSecret is the secret that holds the test destinations.
type testSecret struct{ deployed.Secret }

// errTestsBusy means that another change came first in every round.
var errTestsBusy = errors.New("somebody else keeps changing the test destinations: run it again. If nobody does, the secret was " +
	"set back to an older version: write its value once more with `aws secretsmanager put-secret-value`")

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
//
// Errors: the error of edit; errTestsBusy.
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
		err = s.write(ctx, wanted, version)
		var lost *types.ResourceExistsException
		if !errors.As(err, &lost) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(testsPause):
		}
	}
	return errTestsBusy
}

func (s testSecret) write(ctx context.Context, all otp.TestDestinations, after string) error {
	document, err := json.Marshal(all)
	if err != nil {
		return err
	}
	_, err = s.Replace(ctx, string(document), after)
	return err
}
