package aws

import (
	"net/http"
	"slices"
	"strings"
)

// errorNames are the errors of each service's imitated actions, with their HTTP status. commonErrors has the others. The
// names are the codes on the wire; the SDK for SNS calls Throttled ThrottledException.
var errorNames = map[string]map[string]int{
	"dynamodb": {
		"ConditionalCheckFailedException":          400,
		"IdempotentParameterMismatchException":     400,
		"InternalServerError":                      500,
		"ItemCollectionSizeLimitExceededException": 400,
		"LimitExceededException":                   400,
		"ProvisionedThroughputExceededException":   400,
		"ReplicatedWriteConflictException":         400,
		"RequestLimitExceeded":                     400,
		"ResourceInUseException":                   400,
		"ResourceNotFoundException":                400,
		"TransactionCanceledException":             400,
		"TransactionConflictException":             400,
		"TransactionInProgressException":           400,
		"ThrottlingException":                      400,
		"ValidationException":                      400,
		"ExpiredIteratorException":                 400,
		"TrimmedDataAccessException":               400,
		"DuplicateItemException":                   400,
	},
	"ses": {
		"AccountSuspendedException":          400,
		"BadRequestException":                400,
		"InternalServiceErrorException":      500,
		"LimitExceededException":             400,
		"MailFromDomainNotVerifiedException": 400,
		"MessageRejected":                    400,
		"NotFoundException":                  404,
		"SendingPausedException":             400,
		"TooManyRequestsException":           429,
	},
	"sns": {
		"AuthorizationError":          403,
		"EndpointDisabled":            400,
		"InternalError":               500,
		"InvalidParameter":            400,
		"InvalidSecurity":             403,
		"KMSAccessDenied":             400,
		"KMSDisabled":                 400,
		"KMSInvalidState":             400,
		"KMSNotFound":                 400,
		"KMSOptInRequired":            403,
		"KMSThrottling":               400,
		"NotFound":                    404,
		"OptedOut":                    400,
		"ParameterValueInvalid":       400,
		"PlatformApplicationDisabled": 400,
		"Throttled":                   429,
		"UserError":                   400,
		"ValidationException":         400,
	},
	"secretsmanager": {
		"DecryptionFailure":         400,
		"EncryptionFailure":         400,
		"InternalServiceError":      500,
		"InvalidParameterException": 400,
		"InvalidRequestException":   400,
		"LimitExceededException":    400,
		"ResourceExistsException":   400,
		"ResourceNotFoundException": 400,
	},
	"ssm": {
		"InternalServerError":      500,
		"InvalidKeyId":             400,
		"ParameterNotFound":        400,
		"ParameterVersionNotFound": 400,
	},
	"sqs": {
		"AccessDenied":           403,
		"InvalidAddress":         400,
		"InvalidMessageContents": 400,
		"InvalidParameterValue":  400,
		"InvalidSecurity":        400,
		"KmsAccessDenied":        400,
		"KmsDisabled":            400,
		"KmsInvalidKeyUsage":     400,
		"KmsInvalidState":        400,
		"KmsNotFound":            400,
		"KmsOptInRequired":       403,
		"KmsThrottled":           400,
		"MessageNotInflight":     400,
		"OverLimit":              403,
		"QueueDoesNotExist":      400,
		"ReceiptHandleIsInvalid": 400,
		"RequestThrottled":       403,
		"UnsupportedOperation":   400,
	},
	"lambda": {
		"InvalidParameterValueException": 400,
		"ResourceNotFoundException":      404,
		"ServiceException":               500,
		"TooManyRequestsException":       429,
	},
	"monitoring": {
		"InvalidParameterValue": 400,
	},
	"cloudformation": {},
	"captcha": { // no AWS service; the error codes of siteverify come with 200, as its other responses do
		"bad-request":             200,
		"internal-error":          200,
		"invalid-input-secret":    200,
		"sitekey-secret-mismatch": 200,
		"timeout-or-duplicate":    200,
	},
}

// commonErrors may come from any service. 0 means 403 in the rest and query protocols, and 400 in JSON.
var commonErrors = map[string]int{
	"AccessDenied":                        0,
	"AccessDeniedException":               0,
	"ExpiredToken":                        0,
	"ExpiredTokenException":               0,
	"IncompleteSignatureException":        0,
	"InvalidClientTokenId":                0,
	"InvalidSignatureException":           0,
	"MissingAuthenticationToken":          0,
	"SignatureDoesNotMatch":               0,
	"UnrecognizedClientException":         0,
	"InternalFailure":                     500,
	"ServiceUnavailable":                  503,
	"ServiceUnavailableException":         503,
	"Throttling":                          400,
	"ThrottlingException":                 400,
	"RequestTimeout":                      408,
	"UnknownOperationException":           400,
	"InvalidAction":                       400,
	"ValidationError":                     400,
	"SerializationException":              400,
	"RequestEntityTooLarge":               413,
	"RequestLimitExceeded":                400,
	"OptInRequired":                       403,
	"InternalServerErrorException":        500,
	"RequestExpired":                      400,
	"MissingAuthenticationTokenException": 0,
}

// wireCode returns the code on the wire of an error, which may be given by its name in the SDK. It returns false if there
// is no such error.
func wireCode(service, name string) (string, bool) {
	if service == "sns" {
		if code := strings.TrimSuffix(name, "Exception"); errorNames[service][code] != 0 {
			name = code
		}
	}
	_, own := errorNames[service][name]
	_, common := commonErrors[name]
	return name, own || common
}

func statusOf(service, code string) int {
	if service == "streams" {
		service = "dynamodb"
	}
	if s := errorNames[service][code]; s != 0 {
		return s
	}
	if s := commonErrors[code]; s != 0 {
		return s
	}
	if protocols[service] == jsonProtocol {
		return http.StatusBadRequest
	}
	return http.StatusForbidden
}

// errorsOf lists a service's errors, for the message that rejects a fault with an unknown one.
func errorsOf(service string) string {
	var names []string
	for n := range errorNames[service] {
		names = append(names, n)
	}
	for n := range commonErrors {
		names = append(names, n)
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}
