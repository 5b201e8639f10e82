package deployed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"streamotp/otpctl/console"
)

// PartialError reports what was done before a call failed. The caller cannot simply run the command again.
type PartialError struct {
	Done  string
	Cause error
}

func (e *PartialError) Error() string { return e.Done }

// Explain returns the text of an error. If the operator can do something about it, the text says what went wrong and what
// to do.
func Explain(err error) string {
	var (
		api     smithy.APIError
		profile config.SharedConfigProfileNotExistError
		request *url.Error
	)
	var half *PartialError
	switch {
	case errors.As(err, &half):
		return half.Done + ": " + Explain(half.Cause)
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.As(err, &api):
		return explainAPI(err, api)
	case errors.As(err, &profile):
		return fmt.Sprintf("there is no AWS profile %q: see `aws configure list-profiles`", profile.Profile)
	case errors.As(err, &request) && isUnreachable(request):
		return fmt.Sprintf("cannot reach %s: is the network up and the region right? "+
			"For the development stack, is `make run` up, and is --endpoint the AWS endpoint that it prints? (%v)",
			host(request.URL), errors.Unwrap(request))
	}
	return err.Error()
}

func isUnreachable(request *url.Error) bool {
	var network net.Error
	return request.Timeout() || errors.As(request.Err, &network)
}

func host(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Host
	}
	return "AWS"
}

// explainAPI explains an error of AWS in words. The error's own text follows if it says more than the code. No AWS error
// quotes an item.
func explainAPI(err error, api smithy.APIError) string {
	call := "AWS"
	var op *smithy.OperationError
	if errors.As(err, &op) {
		call = op.Service() + " " + op.Operation()
	}
	code := api.ErrorCode()
	if _, throttled := retry.DefaultThrottleErrorCodes[code]; throttled {
		return fmt.Sprintf("%s is throttled (%s): wait a minute and run it again", call, code)
	}
	expired := code == "RequestExpired" || code == "RequestTimeTooSkewed" || strings.Contains(api.ErrorMessage(), "Signature expired") ||
		strings.Contains(api.ErrorMessage(), "Signature not yet current")
	if skew, ok := clockSkew(err, time.Now()); ok && expired {
		return fmt.Sprintf("this machine's clock is wrong (%s): %s. Set it, then run the command again", code, skew)
	}
	switch {
	case strings.HasPrefix(code, "AccessDenied") || strings.HasPrefix(code, "UnauthorizedOperation") || code == "AuthorizationError": // the code of SNS
		return fmt.Sprintf("these AWS credentials may not call %s: have it allowed for them, or use others with --profile. AWS says: %s",
			call, api.ErrorMessage())
	case strings.HasPrefix(code, "ExpiredToken"):
		return "the AWS credentials have expired: log in again (aws sso login)"
	case code == "UnrecognizedClientException" || code == "InvalidClientTokenId" || strings.HasPrefix(code, "InvalidSignature") ||
		code == "SignatureDoesNotMatch" || code == "IncompleteSignature" || code == "MissingAuthenticationToken":
		return fmt.Sprintf("AWS does not know these credentials (%s): log in again or name a profile with --profile", code)
	case code == "ResourceNotFoundException":
		return fmt.Sprintf("%s: a table, function or secret that the stack names is not there: was it deleted? Deploy the stack again, "+
			"or check --stack and --region", call)
	case code == "TransactionConflictException":
		return fmt.Sprintf("%s met another change of the same account each time: run it again", call)
	}
	return fmt.Sprintf("%s failed (%s): %s", call, code, api.ErrorMessage())
}

// clockSkew returns how far this machine's clock is from AWS's, according to the Date header of the response in the
// error. ok is false if the response has none.
func clockSkew(err error, now time.Time) (words string, ok bool) {
	var response *smithyhttp.ResponseError
	if !errors.As(err, &response) || response.Response == nil {
		return "", false
	}
	date, err := http.ParseTime(response.Response.Header.Get("Date"))
	if err != nil {
		return "", false
	}
	ahead, direction := now.Sub(date).Round(time.Second), "fast"
	if ahead < 0 {
		ahead, direction = -ahead, "slow"
	}
	return fmt.Sprintf("it is %s %s, it shows %s and AWS %s", ahead, direction, console.UTC(now), console.UTC(date)), true
}

// isNotAWS reports whether a response cannot come from an AWS service, such as a web page.
func isNotAWS(err error) bool {
	var api smithy.APIError
	var unreadable *smithy.DeserializationError
	return errors.As(err, &unreadable) || errors.As(err, &api) && api.ErrorCode() == "UnknownError"
}
