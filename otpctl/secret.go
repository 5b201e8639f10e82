package main

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

// secret is one secret of the stack.
type secret struct {
	client *secretsmanager.Client
	arn    string
}

// version is the value that a secret has.
type version struct {
	text, id string
	written  time.Time
	read     time.Time // by the clock that wrote it, not this machine's; zero where the answer does not tell
}

func (s secret) current(ctx context.Context) (v version, err error) {
	out, err := s.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &s.arn})
	if err != nil {
		return v, err
	}
	return version{text: aws.ToString(out.SecretString), id: aws.ToString(out.VersionId), written: aws.ToTime(out.CreatedDate),
		read: serverTime(out.ResultMetadata)}, nil
}

// replace writes the version after a version, once: of several that were judged by the same one, the first is written.
//
// Secrets Manager has no conditional write. But a new version's id is the caller's to choose, and an id that was used
// cannot get another value: so each version has one id that its successor written by otpctl may have.
//
// Errors: *types.ResourceExistsException, where there is another successor.
func (s secret) replace(ctx context.Context, text, after string) (written time.Time, err error) {
	out, err := s.client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &s.arn,
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
