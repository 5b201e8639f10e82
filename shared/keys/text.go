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

// Text is a secret that was not made here, as the key of a CAPTCHA provider. It is safe for concurrent use.
type Text struct {
	now func() time.Time

	mu   sync.Mutex
	text secret[string]
}

// NewText returns a secret that was not read yet.
func NewText(cfg aws.Config, secretID string, now func() time.Time) *Text {
	return &Text{now: now, text: secret[string]{client: secretsmanager.NewFromConfig(cfg), id: secretID, parse: notEmpty}}
}

// Value returns the secret. What is known still serves where it cannot be read again.
func (t *Text) Value(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := t.now(); t.text.due(now) {
		err := t.text.fetch(ctx, now)
		if err != nil && !t.text.known {
			return "", err
		}
		if err != nil {
			slog.Error("a secret was not read again", telemetry.Cause(err))
		}
	}
	return t.text.value, nil
}

func notEmpty(text string) (string, error) {
	if text == "" {
		return "", &otp.UnavailableError{Reason: "a secret is empty"}
	}
	return text, nil
}
