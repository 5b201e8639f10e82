package deployed

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go/middleware"
)

// Secret is one secret of the stack.
type Secret struct {
	Client *secretsmanager.Client
	ARN    string
}

// Version is one value of a secret.
type Version struct {
	Text, ID string
	Written  time.Time
	Read     time.Time // by the clock that wrote it, not this machine's; zero if the response does not have it
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

// ErrSuperseded means that another version already follows the one that a new value was based on.
var ErrSuperseded = errors.New("the secret was changed at the same time")

// Replace writes the version that follows a version, and only once: of several new values that were based on the same
// version, only the first is written. It returns when, by the clock that wrote it; zero if the response does not have it.
//
// Secrets Manager has no conditional write. But the caller chooses a new version's id, and an id that was used before
// cannot get another value. So otpctl allows only one id for the successor of each version: the hash of its id, which has
// 64 characters, the longest that is allowed.
//
// Errors: ErrSuperseded.
func (s Secret) Replace(ctx context.Context, text, after string) (written time.Time, err error) {
	successor := fmt.Sprintf("%x", sha256.Sum256([]byte("otpctl, after "+after)))
	out, err := s.Client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &s.ARN,
		SecretString: &text, ClientRequestToken: &successor})
	var used *types.ResourceExistsException
	switch {
	case errors.As(err, &used):
		return written, ErrSuperseded
	case err != nil:
		return written, err
	}
	return serverTime(out.ResultMetadata), nil
}

func serverTime(metadata middleware.Metadata) time.Time {
	t, _ := awsmiddleware.GetServerTime(metadata)
	return t
}
