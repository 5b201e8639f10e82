package telemetry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

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

// TestDimensions: a failure is counted whole too, whatever was known of the call when it failed, as the alarms watch it.
func TestDimensions(t *testing.T) {
	for _, test := range []struct {
		event Event
		want  string
	}{
		{Event{Name: Sent, Channel: otp.Email, Purpose: otp.Login}, `[["Channel"],["Purpose"]]`},
		{Event{Name: Delivered, Channel: otp.Email}, `[["Channel"]]`},
		{Event{Name: ProviderError, Channel: otp.SMS, Purpose: otp.Login}, `[["Channel"],["Purpose"],[]]`},
		{Event{Name: ProviderError, Purpose: otp.Login}, `[["Purpose"],[]]`},
		{Event{Name: ProviderError}, `[[]]`},
		{Event{Name: ServerError, Channel: otp.SMS, Purpose: otp.Login}, `[[]]`},
		{Event{Name: Undelivered, Channel: otp.SMS, Purpose: otp.Login}, `[[]]`},
	} {
		line, err := json.Marshal(test.event.metric(time.Now()))
		if err != nil || !strings.Contains(string(line), `"Dimensions":`+test.want) {
			t.Errorf("%+v: %s, %v, want %s", test.event, line, err, test.want)
		}
	}
}
