package telemetry

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/aws/smithy-go"

	"streamotp/shared/otp"
)

func TestCause(t *testing.T) {
	refused := &smithy.OperationError{ServiceID: "SNS", OperationName: "Publish", Err: &smithy.GenericAPIError{Code: "OptedOut", Message: "+4915123456789"}}
	denied := &smithy.OperationError{ServiceID: "DynamoDB", OperationName: "UpdateItem", Err: &smithy.GenericAPIError{Code: "AccessDeniedException"}}
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"none", nil, "none"},
		{"a call by the name of its error, without its words", refused, "SNS Publish: OptedOut"},
		{"an error by its types, without its words", fmt.Errorf("+4915123456789: %w", io.EOF), "*fmt.wrapError>*errors.errorString"},
		{"a reason of our own", &otp.UnavailableError{Reason: "too little time"}, "too little time"},
		{"each of two", errors.Join(fmt.Errorf("refused: %w", refused), denied), "SNS Publish: OptedOut; DynamoDB UpdateItem: AccessDeniedException"},
		{"one that was joined with none", errors.Join(refused, nil), "SNS Publish: OptedOut"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Cause(c.err).Value.String(); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
