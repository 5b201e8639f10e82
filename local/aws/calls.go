package aws

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"streamotp/local/dynamo"
)

// call is one imitated call. If the template allows a function to make it, permissions says what the call needs; nil
// stands for the action itself on all resources.
type call struct {
	do          func(e *Endpoint, q *request) *reply
	permissions func(e *Endpoint, q *request) []permission
	route       string // of a call that is named by method and path, in which * stands for a name
}

// imitated has the imitated calls by service and action.
var imitated map[string]map[string]call

func init() { // a literal would refer to itself through the handlers
	imitated = map[string]map[string]call{
		"dynamodb": tableCalls("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem", "BatchWriteItem",
			"TransactGetItems", "TransactWriteItems", "DescribeTable", "ListTables", "CreateTable", "DeleteTable", "UpdateTimeToLive",
			"DescribeTimeToLive"),
		"ses": {
			"SendEmail":        {(*Endpoint).sendEmail, (*Endpoint).sendPermissions, "POST /v2/email/outbound-emails"},
			"GetAccount":       {(*Endpoint).mailAccount, nil, "GET /v2/email/account"},
			"GetEmailIdentity": {(*Endpoint).mailIdentity, nil, "GET /v2/email/identities/*"},
		},
		"sns": {
			"Publish":                    {do: (*Endpoint).publish, permissions: publishPermissions},
			"GetSMSSandboxAccountStatus": {do: smsAccount},
		},
		"secretsmanager": {
			"GetSecretValue": {do: secretCall((*Secret).get), permissions: (*Endpoint).secretPermissions},
			"DescribeSecret": {do: secretCall((*Secret).describe), permissions: (*Endpoint).secretPermissions},
			"PutSecretValue": {do: secretCall((*Secret).put), permissions: (*Endpoint).secretPermissions},
		},
		"kms": keyCalls,
		"ssm": {"GetParameter": {do: (*Endpoint).getParameter, permissions: parameterPermissions}},
		"sqs": {
			"SendMessage":                  {do: queueCall((*Queue).sendMessage), permissions: queuePermissions},
			"ReceiveMessage":               {do: queueCall((*Queue).receiveMessage), permissions: queuePermissions},
			"DeleteMessage":                {do: queueCall((*Queue).deleteMessage), permissions: queuePermissions},
			"ChangeMessageVisibilityBatch": {do: queueCall((*Queue).changeVisibilities), permissions: queuePermissions},
			"GetQueueAttributes":           {do: queueCall((*Queue).getAttributes), permissions: queuePermissions},
		},
		"lambda": {
			"GetAccountSettings": {(*Endpoint).lambdaAccount, nil, "GET /2016-08-19/account-settings"},
		},
		"monitoring":     {"GetMetricData": {do: (*Endpoint).getMetricData}},
		"cloudformation": {"DescribeStacks": {do: (*Endpoint).describeStacks}},
		"captcha":        {"siteverify": {}}, // no AWS service; Outside serves it
	}
}

func tableCalls(actions ...string) map[string]call {
	out := map[string]call{}
	for _, action := range actions {
		out[action] = call{do: (*Endpoint).forward, permissions: (*Endpoint).tablePermissions}
	}
	return out
}

// The protocols of the services: how a call names its action, and what an error looks like.
const (
	jsonProtocol  = "json"  // X-Amz-Target
	restProtocol  = "rest"  // method and path
	queryProtocol = "query" // form in, XML out
)

// service is what the calls of a service have in common.
type service struct {
	protocol  string
	target    string         // beginning of X-Amz-Target
	namespace string         // of its errors in JSON, or of its XML
	content   string         // Content-Type of a response
	denied    string         // code of its access-denied error
	errors    map[int]string // the errors of its imitated calls by HTTP status, as codes on the wire; commonErrors has the others
}

var services = map[string]service{
	"dynamodb": {jsonProtocol, dynamo.Tables, "com.amazonaws.dynamodb.v20120810#", "application/x-amz-json-1.0", "AccessDeniedException", map[int]string{
		400: `ConditionalCheckFailedException IdempotentParameterMismatchException ItemCollectionSizeLimitExceededException
			LimitExceededException ProvisionedThroughputExceededException ReplicatedWriteConflictException RequestLimitExceeded
			ResourceInUseException ResourceNotFoundException TransactionCanceledException TransactionConflictException
			TransactionInProgressException ThrottlingException ValidationException ExpiredIteratorException TrimmedDataAccessException
			DuplicateItemException`,
		500: "InternalServerError"}},
	"ses": {restProtocol, "", "", "application/json", "AccessDeniedException", map[int]string{
		400: `AccountSuspendedException BadRequestException LimitExceededException MailFromDomainNotVerifiedException MessageRejected
			SendingPausedException`,
		404: "NotFoundException", 429: "TooManyRequestsException", 500: "InternalServiceErrorException"}},
	"sns": {queryProtocol, "", "http://sns.amazonaws.com/doc/2010-03-31/", "text/xml", "AuthorizationError", map[int]string{
		400: `EndpointDisabled InvalidParameter KMSAccessDenied KMSDisabled KMSInvalidState KMSNotFound KMSThrottling OptedOut
			ParameterValueInvalid PlatformApplicationDisabled UserError ValidationException`,
		403: "AuthorizationError InvalidSecurity KMSOptInRequired", 404: "NotFound", 429: "Throttled", 500: "InternalError"}},
	"secretsmanager": {jsonProtocol, "secretsmanager.", "", "application/x-amz-json-1.1", "AccessDeniedException", map[int]string{
		400: `DecryptionFailure EncryptionFailure InvalidParameterException InvalidRequestException LimitExceededException
			ResourceExistsException ResourceNotFoundException`,
		500: "InternalServiceError"}},
	"kms": {jsonProtocol, "TrentService.", "", "application/x-amz-json-1.1", "AccessDeniedException", map[int]string{
		400: `AlreadyExistsException DependencyTimeoutException DisabledException InvalidAliasNameException InvalidArnException
			InvalidGrantTokenException InvalidKeyUsageException KMSInvalidStateException KeyUnavailableException LimitExceededException
			NotFoundException UnsupportedOperationException ValidationException`,
		500: "KMSInternalException"}},
	"ssm": {jsonProtocol, "AmazonSSM.", "", "application/x-amz-json-1.1", "AccessDeniedException", map[int]string{
		400: "InvalidKeyId ParameterNotFound ParameterVersionNotFound", 500: "InternalServerError"}},
	"sqs": {jsonProtocol, "AmazonSQS.", "com.amazonaws.sqs#", "application/x-amz-json-1.0", "AccessDenied", map[int]string{
		400: `InvalidAddress InvalidMessageContents InvalidParameterValue InvalidSecurity KmsAccessDenied KmsDisabled KmsInvalidKeyUsage
			KmsInvalidState KmsNotFound KmsThrottled MessageNotInflight QueueDoesNotExist ReceiptHandleIsInvalid UnsupportedOperation`,
		403: "AccessDenied KmsOptInRequired OverLimit RequestThrottled"}},
	"lambda": {restProtocol, "", "", "application/json", "AccessDeniedException", map[int]string{
		400: "InvalidParameterValueException", 404: "ResourceNotFoundException", 429: "TooManyRequestsException", 500: "ServiceException"}},
	"monitoring": {jsonProtocol, "GraniteServiceVersion20100801.", "", "application/x-amz-json-1.0", "AccessDeniedException",
		map[int]string{400: "InvalidParameterValue"}},
	"cloudformation": {queryProtocol, "", "http://cloudformation.amazonaws.com/doc/2010-05-15/", "text/xml", "AccessDeniedException", nil},
	// The error codes of siteverify come with 200, as its other responses do.
	"captcha": {errors: map[int]string{200: "bad-request internal-error invalid-input-secret sitekey-secret-mismatch timeout-or-duplicate"}},
}

// commonErrors may come from any service. 0 means 403 in the rest and query protocols, and 400 in JSON.
var commonErrors = map[int]string{
	0: `AccessDenied AccessDeniedException ExpiredToken ExpiredTokenException IncompleteSignatureException InvalidClientTokenId
		InvalidSignatureException MissingAuthenticationToken MissingAuthenticationTokenException SignatureDoesNotMatch
		UnrecognizedClientException`,
	400: `InvalidAction RequestExpired RequestLimitExceeded SerializationException Throttling ThrottlingException
		UnknownOperationException ValidationError`,
	403: "OptInRequired",
	408: "RequestTimeout",
	413: "RequestEntityTooLarge",
	500: "InternalFailure InternalServerErrorException",
	503: "ServiceUnavailable ServiceUnavailableException",
}

// statusOf returns the HTTP status of a service's error. It returns false if the service has no such error.
func statusOf(name, code string) (int, bool) {
	if status, own := statusIn(services[name].errors, code); own {
		return status, true
	}
	status, common := statusIn(commonErrors, code)
	switch {
	case status != 0:
		return status, true
	case common && services[name].protocol != jsonProtocol:
		return http.StatusForbidden, true
	}
	return http.StatusBadRequest, common
}

func statusIn(errors map[int]string, code string) (int, bool) {
	for status, codes := range errors {
		if slices.Contains(strings.Fields(codes), code) {
			return status, true
		}
	}
	return 0, false
}

// errorsOf lists a service's errors, for the message that rejects a fault with an unknown one.
func errorsOf(name string) string {
	all := slices.Concat(slices.Collect(maps.Values(services[name].errors)), slices.Collect(maps.Values(commonErrors)))
	codes := strings.Fields(strings.Join(all, " "))
	slices.Sort(codes)
	return strings.Join(slices.Compact(codes), ", ")
}
