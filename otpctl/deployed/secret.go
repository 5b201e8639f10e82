package deployed

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go/middleware"
)

// Secret is one secret of the stack.
type Secret struct {
	Client *secretsmanager.Client
	ARN    string
}

// Version is a value that a secret has.
type Version struct {
	Text, ID string
	Written  time.Time
	Read     time.Time // by the clock that wrote it, not this machine's; zero where the answer does not tell
}

// Current reads the secret's current version.
func (s Secret) Current(ctx context.Context) (v Version, err error) {
	out, err := s.Client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &s.ARN})
	if err != nil {
		return v, err
	}
	return Version{Text: aws.ToString(out.SecretString), ID: aws.ToString(out.VersionId), Written: aws.ToTime(out.CreatedDate),
		Read: serverTime(out.ResultMetadata)}, nil
}

// Replace writes the version after a version, once: of several that were judged by the same one, the first is written.
//
// Secrets Manager has no conditional write. But a new version's id is the caller's to choose, and an id that was used
// cannot get another value: so each version has one id that its successor written by otpctl may have.
//
// Errors: *types.ResourceExistsException, where there is another successor.
func (s Secret) Replace(ctx context.Context, text, after string) (written time.Time, err error) {
	out, err := s.Client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &s.ARN,
		SecretString: &text, ClientRequestToken: aws.String(successor(after))})
	if err != nil {
		return written, err
	}
	return serverTime(out.ResultMetadata), nil
}

func serverTime(metadata middleware.Metadata) time.Time {
	t, _ := awsmiddleware.GetServerTime(metadata)
	return t
}

// successor is the id of the version after a version: 64 characters, the most that there may be.
func successor(version string) string {
	sum := sha256.Sum256([]byte("otpctl, after " + version))
	return hex.EncodeToString(sum[:])
}
