package deliver

import (
	"errors"
	"slices"
	"strings"

	"github.com/aws/smithy-go"

	"streamotp/shared/otp"
)

// PermanentError reports that the provider will never accept a message for this recipient: the address is malformed or
// suppressed, or the number has opted out.
type PermanentError struct {
	Reason string // the provider's error code, as MessageRejected
	cause  error  // for the log, which takes only names from it
}

func (e *PermanentError) Unwrap() error { return e.cause }

func (e *PermanentError) Error() string { return "the provider refuses the message: " + e.Reason }

// class says whether another attempt can succeed.
type class int

const (
	later     class = iota // time or an operator can fix it; the default for every error that the table does not name
	permanent              // the error names this recipient, and no retry helps
)

// providerError is one row of the table: an error with one of the codes, whose message contains the text.
type providerError struct {
	provider otp.Provider
	codes    []string // without the ending Exception, which SDKs and services add as they like
	text     string   // in upper or lower case; empty for every message
	class    class
}

var (
	// SES's v2 API reports a malformed parameter as BadRequestException, its older one as InvalidParameterValue.
	malformed = []string{"BadRequest", "InvalidParameterValue", "MessageRejected"}
	rejected  = []string{"MessageRejected"}
	// SNS's API model has both names for a bad parameter: InvalidParameterException is InvalidParameter on the wire, and
	// InvalidParameterValueException is ParameterValueInvalid.
	invalid = []string{"InvalidParameter", "ParameterValueInvalid", "InvalidParameterValue"}
)

// providerErrors is the only place that decides which errors are permanent. The first row that matches decides. Permanent
// rows name the recipient; an error about the account, the sender, the configuration set or the region is never permanent,
// because it would end the codes of everybody until an operator fixed it. Rows of the class later repeat the default: each is an
// error that looks permanent and is not.
var providerErrors = []providerError{
	// A sender that is not set up, or any recipient while the account is in the sandbox. It comes first because it quotes
	// addresses, which could contain another row's text. Source: SES Developer Guide, "Amazon SES email sending errors".
	{otp.SES, malformed, "Email address is not verified", later},
	// Source: the same page ("Customer is suspended", "Mail FROM domain is not verified", "Configuration set does not exist").
	{otp.SES, malformed, "suspended", later},
	{otp.SES, malformed, "Mail FROM domain is not verified", later},
	{otp.SES, malformed, "Configuration set", later},

	// SES's list of addresses that bounced. Source: AWS blog, "The Amazon SES 'Address Blacklisted' Error" (2013). Today SES
	// accepts such a message and publishes a bounce ("Goodbye blacklist. Introducing the suppression list!").
	{otp.SES, rejected, "Address blacklisted", permanent},
	// The words of that bounce for the global, and for the account's or configuration set's, suppression list, should the call
	// itself ever report them. Source: SES Developer Guide, diagnosticCode in "Amazon SNS notification examples".
	{otp.SES, rejected, "has suppressed sending to this address", permanent},
	{otp.SES, rejected, "is on the suppression list", permanent},

	// The syntax of the recipient's address. These are the texts of JavaMail's InternetAddress, which SES passes on. The sender's
	// address cannot cause them: the template's pattern for SesFromAddress and SES's own verification exclude it.
	{otp.SES, malformed, "Illegal address", permanent},                   // awsdocs/aws-doc-sdk-examples#5191: BadRequestException
	{otp.SES, malformed, "Missing final '@domain'", permanent},           // anymail/django-anymail#281
	{otp.SES, malformed, "Missing domain", permanent},                    // brave/accounts#35
	{otp.SES, malformed, "Missing local name", permanent},                // JavaMail; not yet seen from SES
	{otp.SES, malformed, "Local address contains", permanent},            // openstax/accounts#253, hcengineering/platform#7864
	{otp.SES, malformed, "Local address starts with dot", permanent},     // JavaMail; not yet seen from SES
	{otp.SES, malformed, "Local address ends with dot", permanent},       // JavaMail; not yet seen from SES
	{otp.SES, malformed, "Domain contains", permanent},                   // awslabs/aws-sdk-rust#881: BadRequestException; 18F/identity-idp#7380
	{otp.SES, malformed, "Domain starts with dot", permanent},            // JavaMail; not yet seen from SES
	{otp.SES, malformed, "Domain ends with dot", permanent},              // JavaMail; not yet seen from SES
	{otp.SES, malformed, "non-ASCII characters in the email", permanent}, // SES Developer Guide, "Amazon SES email sending errors"

	// Source: SNS API Reference, error OptedOut: "You can't send SMS messages to phone numbers that opt out".
	{otp.SNS, []string{"OptedOut"}, "", permanent},
	// Source: SNS Developer Guide, "Viewing CloudWatch metrics and logs for SMS deliveries": "Phone number is opted out". SNS
	// usually accepts the message and says so only in that log.
	{otp.SNS, invalid, "opted out", permanent},
	// SNS returns this for a bad number, but also for every number in a region without SMS. Source: aws/aws-sdk-js#1217.
	{otp.SNS, invalid, "is not valid to publish to", later},
	// A sender ID or origination number that SNS finds wrong. Source: SNS API Reference, Publish, MessageAttributes.
	{otp.SNS, invalid, "MessageAttributes", later},
	// The account has no sender for that country. Source: AWS End User Messaging SMS, NO_ORIGINATION_IDENTITIES_FOUND; SNS reports it
	// as UserError or as a bad parameter.
	{otp.SNS, append([]string{"UserError"}, invalid...), "No origination entities available to send", later},
}

// classOf returns the class of a provider's error.
func classOf(p otp.Provider, code, message string) class {
	if i := rowOf(p, code, message); i >= 0 {
		return providerErrors[i].class
	}
	return later
}

// rowOf returns the index of the first row that matches an error, or -1.
func rowOf(p otp.Provider, code, message string) int {
	code, message = strings.TrimSuffix(code, "Exception"), strings.ToLower(message)
	return slices.IndexFunc(providerErrors, func(row providerError) bool {
		return row.provider == p && slices.Contains(row.codes, code) && strings.Contains(message, strings.ToLower(row.text))
	})
}

// classify turns an error that is permanent into a PermanentError (D2).
func classify(p otp.Provider, err error) error {
	if api, ok := errors.AsType[smithy.APIError](err); ok && classOf(p, api.ErrorCode(), api.ErrorMessage()) == permanent {
		return &PermanentError{Reason: api.ErrorCode(), cause: err}
	}
	return err
}
