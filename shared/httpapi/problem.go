package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/smithy-go"

	"streamotp/shared/otp"
	"streamotp/shared/password"
	"streamotp/shared/telemetry"
)

// ErrInvalidCredentials says that an address and a password do not match. It is the same for an address without an account.
var ErrInvalidCredentials = errors.New("invalid credentials")

// ErrForeign says that a call of the login page came from another page or another browser.
var ErrForeign = errors.New("a call of another page or browser")

// ErrCaptchaFailed says that a CAPTCHA is required and was not solved. The caller must solve it and retry.
var ErrCaptchaFailed = errors.New("captcha failed")

// problem is an RFC 9457 body. Its type is always about:blank: programs distinguish errors by Code.
type problem struct {
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Code      string `json:"code"`
	Detail    string `json:"detail"`
	RequestID string `json:"requestId"`

	Errors             []FieldError `json:"errors,omitempty"`
	SupportedCountries []string     `json:"supportedCountries,omitzero"` // empty if SMS is off
	Country            string       `json:"country,omitempty"`           // of a phone number, if its country is not supported
	AttemptsRemaining  *int         `json:"attemptsRemaining,omitempty"`
	Reasons            []string     `json:"reasons,omitempty"`

	retryAfter time.Duration
	event      string // the event that it counts as; empty for none
}

// passing is how long a caller is asked to wait if a dependency is down.
const passing = 5 * time.Second

// fixed is the part of the table in which the error's identity alone determines the response.
var fixed = []struct {
	err    error
	status int
	code   string
	detail string
	event  string
}{
	{errTooLarge, http.StatusRequestEntityTooLarge, "too_large", "The body must not be over 8 KiB.", ""},
	{errNotJSON, http.StatusUnsupportedMediaType, "not_json", "Send content-type: application/json.", ""},
	{ErrCaptchaFailed, http.StatusBadRequest, "captcha_failed", "Solve the CAPTCHA and send its token as captchaToken.", telemetry.Blocked},
	{ErrInvalidCredentials, http.StatusUnauthorized, "invalid_credentials", "The address and the password do not match.", telemetry.WrongPassword},
	{otp.ErrInvalidClient, http.StatusUnauthorized, "invalid_client", "The client's credentials are wrong or missing.", telemetry.ClientRefused},
	{otp.ErrNoTransaction, http.StatusNotFound, "transaction_not_found", "There is no such login. Go back to the application and log in again.", ""},
	{otp.ErrTransactionOver, http.StatusGone, "transaction_over", "The login has ended. Go back to the application and log in again.", ""},
	{otp.ErrInvalidProof, http.StatusUnauthorized, "invalid_proof", "The proof is not for this login, or has expired. Ask for a new code.", ""},
	{ErrForeign, http.StatusForbidden, "foreign_request", "Only the login page may make this call, in the browser in which the login began.", telemetry.Blocked},
	{otp.ErrSessionNotFound, http.StatusNotFound, "session_not_found", "There is no such session for this call. Ask for a new code.", ""},
	{otp.ErrCodeExpired, http.StatusGone, "code_expired", "The code has expired. Ask for a new one.", telemetry.Expired},
	{otp.ErrCodeUsed, http.StatusGone, "code_used", "The code was used before. Ask for a new one.", telemetry.Expired},
}

// problemOf is the only table from errors to statuses. An error that it does not know is unavailable if it comes from a
// dependency, otherwise internal.
func problemOf(err error) problem {
	for _, row := range fixed {
		if errors.Is(err, row.err) {
			return problem{Status: row.status, Code: row.code, Detail: row.detail, event: row.event}
		}
	}
	var (
		invalid     *InvalidError
		unsupported *otp.UnsupportedError
		wrong       *otp.WrongCodeError
		locked      *otp.LockedError
		tooMany     *otp.TooManyRequestsError
		weak        *password.WeakError
	)
	if length, ok := errors.AsType[*otp.CodeLengthError](err); ok {
		err = Invalid("code", length.Error())
	}
	switch {
	case errors.As(err, &invalid):
		return problem{Status: 400, Code: "invalid_request", Detail: "The body is not what this call takes.", Errors: invalid.Fields}
	case errors.As(err, &unsupported):
		return problem{Status: 400, Code: "unsupported_destination", Detail: unsupported.Reason, SupportedCountries: unsupported.Countries,
			Country: unsupported.Country, event: telemetry.Blocked}
	case errors.As(err, &wrong):
		return problem{Status: 401, Code: "wrong_code", Detail: "The code is wrong.", AttemptsRemaining: &wrong.AttemptsRemaining,
			retryAfter: wrong.RetryAfter, event: telemetry.WrongCode}
	case errors.As(err, &locked):
		return problem{Status: 403, Code: "locked", Detail: "Too many wrong codes. Try again later.", retryAfter: locked.RetryAfter,
			event: telemetry.Locked}
	case errors.As(err, &weak):
		return problem{Status: 422, Code: "weak_password", Detail: "Choose another password.", Reasons: weak.Reasons}
	case errors.As(err, &tooMany):
		return problem{Status: 429, Code: "too_many_requests", Detail: "Try again later.", retryAfter: tooMany.RetryAfter,
			event: telemetry.Limited}
	case isDependency(err):
		return problem{Status: 503, Code: "unavailable", Detail: "Try again in a moment.", retryAfter: passing,
			event: telemetry.ProviderError}
	}
	return problem{Status: 500, Code: "internal", Detail: "Something is wrong on our side.", event: telemetry.ServerError}
}

// Status returns the status of an error and how long to wait before a retry, or 0, for a response that is no problem document. It notes in
// the audit event what the error counts as.
func Status(err error, audit *telemetry.Event) (status int, retryAfter time.Duration) {
	p := problemOf(err)
	if p.event != "" {
		audit.Name, audit.Reason = p.event, p.Code
	}
	return p.Status, p.retryAfter
}

// response writes a problem.
func (p problem) response(requestID string) events.APIGatewayV2HTTPResponse {
	p.Title, p.RequestID = http.StatusText(p.Status), requestID
	response := write(p.Status, "application/problem+json", p)
	setRetryAfter(response, p.retryAfter)
	return response
}

// setRetryAfter sets the header to the wait in whole seconds, rounded up. For 0 it sets nothing.
func setRetryAfter(response events.APIGatewayV2HTTPResponse, wait time.Duration) {
	if wait > 0 {
		response.Headers["retry-after"] = strconv.Itoa(int(math.Ceil(wait.Seconds())))
	}
}

func write(status int, contentType string, body any) events.APIGatewayV2HTTPResponse {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // only for types without a JSON form, and ours have one
	}
	return events.APIGatewayV2HTTPResponse{
		StatusCode: status,
		Headers: map[string]string{
			"content-type": contentType, "cache-control": "no-store", "x-content-type-options": "nosniff",
		},
		Body: string(text),
	}
}

// isDependency reports whether an error comes from a dependency: a failed call to AWS, a missing key or secret, or a deadline.
func isDependency(err error) bool {
	_, failedCall := errors.AsType[*smithy.OperationError](err) // every failed call of the SDK
	_, unavailable := errors.AsType[*otp.UnavailableError](err)
	return failedCall || unavailable ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, otp.ErrUnknownKey)
}
