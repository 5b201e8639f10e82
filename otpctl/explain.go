package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go"
)

// explain says what went wrong and what to do, for what the operator can do something about.
func explain(err error) string {
	var (
		api     smithy.APIError
		profile config.SharedConfigProfileNotExistError
		request *url.Error
	)
	switch {
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

// explainAPI puts an error of AWS in words; its own text follows where it tells more than the code. No AWS error quotes
// an item.
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
	switch {
	case strings.HasPrefix(code, "AccessDenied") || strings.HasPrefix(code, "UnauthorizedOperation"):
		return fmt.Sprintf("these AWS credentials may not call %s: have it allowed for them, or use others with --profile. AWS says: %s",
			call, api.ErrorMessage())
	case strings.HasPrefix(code, "ExpiredToken") || code == "RequestExpired":
		return "the AWS credentials have expired: log in again (aws sso login), and see that the clock is right"
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
