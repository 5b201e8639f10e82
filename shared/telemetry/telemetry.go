// Package telemetry writes the log and the metrics that operators read. No line contains a code, an address, a number, a password, a
// key, or text from a caller or a provider.
package telemetry

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/aws/smithy-go"

	"streamotp/shared/otp"
)

// Start sends log lines to standard output as JSON, where Lambda collects them, and sets the metrics' namespace.
func Start(metrics string) {
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: forLambda})))
	namespace = metrics
}

// forLambda names the time as Lambda's JSON log format does. Lambda reads the time and the level.
func forLambda(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		a.Key = "timestamp"
	}
	return a
}

// Fatal ends the process for a reason that an operator must fix, such as a bad environment.
func Fatal(err error) {
	slog.Error("cannot start", "reason", err.Error())
	os.Exit(1)
}

// Cause describes an error by what is safe to log: for a failed AWS call the service, the operation and the name of the
// error, since its message may quote what was sent (SES quotes the address); for other errors the types in their chain. For joined
// errors it describes each.
func Cause(err error) slog.Attr { return slog.String("cause", cause(err)) }

func cause(err error) string {
	if err == nil {
		return "none"
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var causes []string
		for _, one := range joined.Unwrap() {
			causes = append(causes, cause(one))
		}
		return strings.Join(causes, "; ")
	}
	if unavailable, ok := errors.AsType[*otp.UnavailableError](err); ok {
		return unavailable.Reason
	}
	operation, ok := errors.AsType[*smithy.OperationError](err)
	if !ok {
		return chain(err)
	}
	name := chain(operation.Err)
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		name = api.ErrorCode()
	}
	return operation.Service() + " " + operation.Operation() + ": " + name
}

// chain names the types from an error to what it wraps, as *fmt.wrapError>*json.SyntaxError.
func chain(err error) string {
	name := fmt.Sprintf("%T", err)
	for err = errors.Unwrap(err); err != nil; err = errors.Unwrap(err) {
		name += ">" + fmt.Sprintf("%T", err)
	}
	return name
}
