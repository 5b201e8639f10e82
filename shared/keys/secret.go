package keys

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// freshFor is how long a read serves: then the secret is read again, so that a running function learns of every change.
const freshFor = time.Minute

// secret is what is known of one secret.
type secret[T any] struct {
	client *secretsmanager.Client
	id     string
	parse  func(text string) (T, error)

	known bool
	value T
	read  time.Time // the last try to read it, once it is known
}

// due says whether it is time to read the secret.
func (s *secret[T]) due(now time.Time) bool { return !s.known || now.Sub(s.read) >= freshFor }

// fetch reads the secret. What was known before stays known where that fails.
func (s *secret[T]) fetch(ctx context.Context, now time.Time) error {
	s.read = now
	text, err := readSecret(ctx, s.client, s.id)
	if err != nil {
		return err
	}
	value, err := s.parse(text)
	if err != nil {
		return err
	}
	s.known, s.value = true, value
	return nil
}

func readSecret(ctx context.Context, client *secretsmanager.Client, id string) (string, error) {
	out, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id})
	if err != nil {
		return "", fmt.Errorf("read a secret: %w", err)
	}
	return aws.ToString(out.SecretString), nil
}
