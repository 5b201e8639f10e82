package telemetry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
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

// TestDimensions: a failure is also counted without dimensions, which the alarms watch, whatever was known when it happened.
func TestDimensions(t *testing.T) {
	for _, test := range []struct {
		event Event
		want  string
	}{
		{Event{Name: Verified, Channel: otp.Email, Purpose: otp.Login}, `[["Channel"],["Purpose"]]`},
		{Event{Name: Sent, Channel: otp.Email, Purpose: otp.Login}, `[["Channel"],["Purpose"],[]]`},
		{Event{Name: Locked, Purpose: otp.Login}, `[["Purpose"],[]]`},
		{Event{Name: Blocked, Purpose: otp.Login}, `[["Purpose"],[]]`},
		{Event{Name: Delivered, Channel: otp.Email}, `[["Channel"]]`},
		{Event{Name: ProviderError, Channel: otp.SMS, Purpose: otp.Login}, `[["Channel"],["Purpose"],[]]`},
		{Event{Name: ProviderError, Purpose: otp.Login}, `[["Purpose"],[]]`},
		{Event{Name: ProviderError}, `[[]]`},
		{Event{Name: ServerError, Channel: otp.SMS, Purpose: otp.Login}, `[[]]`},
		{Event{Name: Undelivered, Channel: otp.SMS, Purpose: otp.Login}, `[[]]`},
	} {
		line, err := json.Marshal(test.event.directives())
		if err != nil || !strings.Contains(string(line), `"Dimensions":`+test.want) {
			t.Errorf("%+v: %s, %v, want %s", test.event, line, err, test.want)
		}
	}
}

// TestWaitingMessage: a message that is to be sent counts Sent and Settled as 0, so that an alarm sees when the sender finishes none.
func TestWaitingMessage(t *testing.T) {
	for waits, want := range map[bool]int{true: 1, false: 0} {
		var out strings.Builder
		log := slog.New(slog.NewJSONHandler(&out, nil))
		log.LogAttrs(t.Context(), slog.LevelInfo, "request", Event{Name: Generated, Channel: otp.Email, Purpose: otp.Verify, Waits: waits}.Attrs(time.Now())...)
		zero := strings.Count(out.String(), `"Sent":0,"Settled":0`)
		all := strings.Count(out.String(), `"Dimensions":[[]],"Metrics":[{"Name":"Sent","Unit":"Count"},{"Name":"Settled","Unit":"Count"}]`)
		if zero != want || all != want {
			t.Errorf("%v: %s", waits, out.String())
		}
	}
}

// TestSettledMessage: a message that needs nothing more counts Settled without dimensions, even if nothing else is counted.
func TestSettledMessage(t *testing.T) {
	const settled = `{"Namespace":"","Dimensions":[[]],"Metrics":[{"Name":"Settled","Unit":"Count"}]}`
	for _, c := range []struct {
		event      Event
		one        int
		directives string
	}{
		{Event{Purpose: otp.Login, Settles: true}, 1, "[" + settled + "]"},
		{Event{Name: Suppressed, Channel: otp.Email, Settles: true}, 1, `[{"Namespace":"","Dimensions":[["Channel"]],"Metrics":[{"Name":"Suppressed","Unit":"Count"}]},` + settled + "]"},
		{Event{Name: Undelivered}, 0, `[{"Namespace":"","Dimensions":[[]],"Metrics":[{"Name":"Undelivered","Unit":"Count"}]}]`},
	} {
		var out strings.Builder
		log := slog.New(slog.NewJSONHandler(&out, nil))
		log.LogAttrs(t.Context(), slog.LevelInfo, "message", c.event.Attrs(time.Now())...)
		if strings.Count(out.String(), `"Settled":1`) != c.one || !strings.Contains(out.String(), `"CloudWatchMetrics":`+c.directives) {
			t.Errorf("%+v: %s", c.event, out.String())
		}
	}
}

// TestLinesForLambda: Lambda's JSON format reads timestamp and level.
func TestLinesForLambda(t *testing.T) {
	var out strings.Builder
	slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{ReplaceAttr: forLambda})).Info("words", "time", "of ours")
	var line map[string]any
	if err := json.Unmarshal([]byte(out.String()), &line); err != nil || line["timestamp"] == nil || line["level"] != "INFO" {
		t.Errorf("%s, %v", out.String(), err)
	}
}
