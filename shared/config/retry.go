package config

import (
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

const (
	baseBackoff = 25 * time.Millisecond
	maxBackoff  = 200 * time.Millisecond // a user is waiting
)

// backoff returns the wait after the given attempt: a random time up to a limit that doubles with each attempt, so that calls
// that failed together are not retried together. The SDK's NewExponentialJitterBackoff has no jitter for a maximum under a
// second.
func backoff(attempt int, _ error) (time.Duration, error) {
	limit := maxBackoff
	if attempt < 4 { // from there on the limit is reached; a larger shift would overflow in the end
		limit = min(limit, baseBackoff<<attempt)
	}
	return rand.N(limit + 1), nil //nolint:gosec // nobody gains by guessing it
}

// isConflict reports whether a write failed only because of conflicts with parallel writes or throttling. The SDK does not
// retry a transaction's conflicts by itself; if they counted as a failed condition, they would look like a wrong code.
func isConflict(err error) aws.Ternary {
	if _, single := errors.AsType[*types.TransactionConflictException](err); single {
		return aws.TrueTernary
	}
	cancelled, ok := errors.AsType[*types.TransactionCanceledException](err)
	if !ok {
		return aws.UnknownTernary
	}
	transient := []string{"None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
	for _, reason := range cancelled.CancellationReasons {
		if !slices.Contains(transient, aws.ToString(reason.Code)) {
			return aws.FalseTernary
		}
	}
	return aws.TrueTernary
}

// clockErrors are the codes with which AWS rejects a request because of the time in its signature, before it does anything.
var clockErrors = []string{"InvalidSignatureException", "SignatureDoesNotMatch", "RequestExpired", "RequestTimeTooSkewed"}

// isClockError reports whether AWS rejected the time of a signature. That happens if Lambda froze the instance between signing
// and sending, or if the clock is wrong. A retry helps, since the SDK signs each attempt anew, by the time in the last response.
// By itself the SDK retries only if the clock is wrong by more than four minutes, so not after a freeze.
func isClockError(err error) aws.Ternary {
	if api, ok := errors.AsType[smithy.APIError](err); ok && slices.Contains(clockErrors, api.ErrorCode()) {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

// SignatureRetryer retries a call once if AWS rejected the time of its signature, and after no other error. It is for
// calls that must not be made twice: a call that was rejected in this way was certainly not carried out.
type SignatureRetryer struct{ aws.NopRetryer }

// MaxAttempts returns the most attempts of a call.
func (SignatureRetryer) MaxAttempts() int { return 2 }

// IsErrorRetryable reports whether AWS rejected the time of the signature.
func (SignatureRetryer) IsErrorRetryable(err error) bool {
	return isClockError(err) == aws.TrueTernary
}

// RetryDelay returns 0: the next attempt has the right time.
func (SignatureRetryer) RetryDelay(int, error) (time.Duration, error) { return 0, nil }
