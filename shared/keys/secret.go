package keys

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"streamotp/shared/cached"
)

// newSecret returns a secret that has not been read yet.
func newSecret[T any](cfg aws.Config, id string, parse func(text string) (T, error)) cached.Value[T] {
	client := secretsmanager.NewFromConfig(cfg)
	read := func(ctx context.Context, once bool) (string, error) {
		out, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id}, func(o *secretsmanager.Options) {
			if once {
				o.Retryer = aws.NopRetryer{}
			}
		})
		if err != nil {
			return "", err
		}
		return aws.ToString(out.SecretString), nil
	}
	return cached.New(cached.Source{Kind: "secret", ID: id, Read: read}, parse)
}
