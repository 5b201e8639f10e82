package keys

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"streamotp/shared/cached"
	"streamotp/shared/otp"
)

// Text is a secret that was created elsewhere, such as the key of a CAPTCHA provider. It is safe for concurrent use.
type Text struct {
	now  func() time.Time
	text cached.Value[string]
}

// NewText returns a secret that has not been read yet.
func NewText(cfg aws.Config, secretID string, now func() time.Time) *Text {
	return &Text{now: now, text: newSecret(cfg, secretID, notEmpty)}
}

// Value returns the secret.
func (t *Text) Value(ctx context.Context) (string, error) { return t.text.Current(ctx, t.now()) }

func notEmpty(text string) (string, error) {
	if text == "" {
		return "", &otp.UnavailableError{Reason: "a secret is empty"}
	}
	return text, nil
}
