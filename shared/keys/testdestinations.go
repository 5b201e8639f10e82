package keys

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"streamotp/shared/otp"
	"streamotp/shared/telemetry"
)

// TestDestinations knows the destinations whose code is fixed. It is safe for concurrent use.
type TestDestinations struct {
	mu     sync.Mutex
	all    secret[otp.TestDestinations]
	stale  error // why the last read failed; nil after one that did not
	broken bool  // the document was unreadable, and the log says so
}

// NewTestDestinations returns test destinations that have not been read yet.
func NewTestDestinations(cfg aws.Config, secretID string) *TestDestinations {
	t := &TestDestinations{}
	t.all = secret[otp.TestDestinations]{client: secretsmanager.NewFromConfig(cfg), id: secretID, parse: t.parse}
	return t
}

// Code returns the fixed code of a normalised destination, if it has one at now, where codes have length digits. The
// caller sends nothing then.
//
// Nothing is opened on an old word: where the secret cannot be read again, a destination that had a fixed code is an
// error, since it may have been removed, and every other one is what it was. Where it was never read, all are errors.
func (t *TestDestinations) Code(ctx context.Context, destination string, length int, now time.Time) (code string, ok bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all.due(now) {
		if t.stale = t.all.fetch(ctx, now); t.stale != nil && t.all.known {
			slog.Error("the test destinations were not read again", telemetry.Cause(t.stale))
		}
	}
	if !t.all.known {
		return "", false, t.stale
	}
	if code, ok = t.all.value.Code(destination, length, now); ok && t.stale != nil {
		return "", false, t.stale
	}
	return code, ok, nil
}

// parse takes a document that is none for an empty one: a slip of the operator's may not stop every login. The log says
// so once, until it is mended.
func (t *TestDestinations) parse(document string) (otp.TestDestinations, error) {
	all, err := otp.ParseTestDestinations([]byte(document))
	if err != nil && !t.broken {
		slog.Error("no test destination works: their secret is unreadable", "reason", err.Error())
	}
	t.broken = err != nil
	return all, nil
}
