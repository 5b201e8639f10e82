package deployed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"streamotp/otpctl/console"
)

// Explain returns the text of an error. If the operator can do something about it, the text says what went wrong and what
// to do.
func Explain(err error) string {
	var (
		api     smithy.APIError
		profile config.SharedConfigProfileNotExistError
		request *url.Error
		network net.Error
	)
	switch {
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.As(err, &api):
		return explainAPI(err, api)
	case errors.As(err, &profile):
		return fmt.Sprintf("there is no AWS profile %q: see `aws configure list-profiles`", profile.Profile)
	case errors.As(err, &request) && (request.Timeout() || errors.As(request.Err, &network)):
		host := "AWS"
		if u, err := url.Parse(request.URL); err == nil && u.Host != "" {
			host = u.Host
		}
		return fmt.Sprintf("cannot reach %s: is the network up and the region right? "+
			"For the development stack, is `make run` up, and is --endpoint the AWS endpoint that it prints? (%v)", host, request.Err)
	}
	return err.Error()
}

// explainAPI explains an error of AWS in words. The error's own text follows if it says more than the code. No AWS error
// quotes an item.
func explainAPI(err error, api smithy.APIError) string {
	call := "AWS"
	var op *smithy.OperationError
	if errors.As(err, &op) {
		call = op.Service() + " " + op.Operation()
	}
	code, message := api.ErrorCode(), api.ErrorMessage()
	_, throttled := retry.DefaultThrottleErrorCodes[code]
	expired := code == "RequestExpired" || code == "RequestTimeTooSkewed" ||
		strings.Contains(message, "Signature expired") || strings.Contains(message, "Signature not yet current")
	if skew := clockSkew(err, time.Now()); expired && skew != "" {
		return fmt.Sprintf("this machine's clock is wrong (%s): %s. Set it, then run the command again", code, skew)
	}
	is := func(beginnings ...string) bool {
		return slices.ContainsFunc(beginnings, func(b string) bool { return strings.HasPrefix(code, b) })
	}
	switch {
	case throttled:
		return fmt.Sprintf("%s is throttled (%s): wait a minute and run it again", call, code)
	case is("AccessDenied", "UnauthorizedOperation", "AuthorizationError"): // the last is the code of SNS
		return fmt.Sprintf("these AWS credentials may not call %s: allow the call for them, or use others with --profile. AWS says: %s",
			call, message)
	case is("ExpiredToken"):
		return "the AWS credentials have expired: log in again (aws sso login)"
	case is("UnrecognizedClient", "InvalidClientTokenId", "InvalidSignature", "SignatureDoesNotMatch", "IncompleteSignature", "MissingAuthenticationToken"):
		return fmt.Sprintf("AWS does not know these credentials (%s): log in again or name a profile with --profile", code)
	case is("ResourceNotFoundException"):
		return fmt.Sprintf("%s: a table, function or secret that the stack names is not there: was it deleted? Deploy the stack again, "+
			"or check --stack and --region", call)
	case is("TransactionConflictException"):
		return fmt.Sprintf("%s met another change of the same account each time: run it again", call)
	}
	return fmt.Sprintf("%s failed (%s): %s", call, code, message)
}

// clockSkew returns in words how far this machine's clock is from AWS's, according to the Date header of the response in
// the error, or "" if the response has none.
func clockSkew(err error, now time.Time) string {
	var response *smithyhttp.ResponseError
	if !errors.As(err, &response) || response.Response == nil {
		return ""
	}
	date, err := http.ParseTime(response.Response.Header.Get("Date"))
	if err != nil {
		return ""
	}
	ahead, direction := now.Sub(date).Round(time.Second), "fast"
	if ahead < 0 {
		direction = "slow"
	}
	return fmt.Sprintf("it is %s %s, it shows %s and AWS %s", ahead.Abs(), direction, console.UTC(now), console.UTC(date))
}

// isNotAWS reports whether a response cannot come from an AWS service, such as a web page.
func isNotAWS(err error) bool {
	var api smithy.APIError
	var unreadable *smithy.DeserializationError
	return errors.As(err, &unreadable) || errors.As(err, &api) && api.ErrorCode() == "UnknownError"
}
