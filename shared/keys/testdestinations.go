package keys

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"streamotp/shared/cached"
	"streamotp/shared/otp"
)

// TestDestinations holds the destinations whose code is fixed. It is safe for concurrent use.
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

// Code returns the fixed code of a normalised destination, if it has one at now for codes of length digits. The caller then
// sends nothing.
//
// Code returns a fixed code only from a list that was read within the last minute, since the destination may have been removed.
// If the list is older, it waits for the refresh and returns its error. For every other destination it returns at once.
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

// parse treats an unreadable document as empty: an operator's mistake must not stop every login. It logs the error once,
// until the document is readable again.
func (t *TestDestinations) parse(document string) (otp.TestDestinations, error) {
	all, err := otp.ParseTestDestinations([]byte(document))
	if err != nil && !t.broken {
		slog.Error("no test destination works: their secret is unreadable", "reason", err.Error())
	}
	t.broken = err != nil
	return all, nil
}
