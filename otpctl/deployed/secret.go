package deployed

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
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
}

// Current reads the secret's current version.
func (s Secret) Current(ctx context.Context) (v Version, err error) {
	out, err := s.Client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &s.ARN})
	if err != nil {
		return v, err
	}
	return Version{aws.ToString(out.SecretString), aws.ToString(out.VersionId), aws.ToTime(out.CreatedDate)}, nil
}

// ErrSuperseded means that the version on which a new value is based is no longer the latest.
var ErrSuperseded = errors.New("the secret was changed at the same time")

// Replace writes the version that follows a version, and only once: of several new values that were based on the same
// version, only the first is written.
//
// Secrets Manager has no conditional write. But the caller chooses a new version's id, and an id that was used before
// cannot get another value. So otpctl allows only one id for the successor of each version: the hash of its id, which has
// 64 characters, the longest that is allowed.
//
// Errors: ErrSuperseded.
func (s Secret) Replace(ctx context.Context, text, after string) error {
	successor := fmt.Sprintf("%x", sha256.Sum256([]byte("otpctl, after "+after)))
	_, err := s.Client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &s.ARN,
		SecretString: &text, ClientRequestToken: &successor})
	var used *types.ResourceExistsException
	if errors.As(err, &used) {
		return ErrSuperseded
	}
	return err
}
