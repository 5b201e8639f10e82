package deployed

import (
	"testing"

	"github.com/aws/smithy-go"
)

func TestConflictsAreTriedAgain(t *testing.T) {
	if !retryer().IsErrorRetryable(&smithy.GenericAPIError{Code: "TransactionConflictException"}) {
		t.Error("a write that meets a reset's transaction fails at once")
	}
}
