package keys

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"streamotp/shared/cached"
	"streamotp/shared/otp"
)

// TestDestinations knows the destinations whose code is fixed. It is safe for concurrent use.
type TestDestinations struct {
	all    cached.Value[otp.TestDestinations]
	broken bool // the document was unreadable, and the log says so
}

// NewTestDestinations returns test destinations that have not been read yet.
func NewTestDestinations(cfg aws.Config, secretID string) *TestDestinations {
	t := &TestDestinations{}
	t.all = newSecret(cfg, secretID, t.parse)
	return t
}

// Code returns the fixed code of a normalised destination, if it has one at now, where codes have length digits. The
// caller sends nothing then.
//
// A fixed code opens only by a list that was read within the last minute, since the destination may have been removed:
// if the list is older, Code waits for the refresh and returns its error. For every other destination it answers at once.
func (t *TestDestinations) Code(ctx context.Context, destination string, length int, now time.Time) (code string, ok bool, err error) {
	all, err := t.all.Current(ctx, now)
	if err != nil {
		return "", false, err
	}
	if _, ok = all.Code(destination, length, now); !ok {
		return "", false, nil
	}
	if all, err = t.all.Fresh(ctx, now); err != nil {
		return "", false, err
	}
	code, ok = all.Code(destination, length, now)
	return code, ok, nil
}

// parse takes an unreadable document for an empty one: an operator's slip must not stop every login. The log says so
// once, until the document is readable again.
func (t *TestDestinations) parse(document string) (otp.TestDestinations, error) {
	all, err := otp.ParseTestDestinations([]byte(document))
	if err != nil && !t.broken {
		slog.Error("no test destination works: their secret is unreadable", "reason", err.Error())
	}
	t.broken = err != nil
	return all, nil
}
