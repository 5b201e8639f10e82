// Package deliver hands messages to SES and SNS and holds their texts.
//
// Its invariants:
//
//	D1: one call is one attempt. SES and SNS have no idempotency key: an SDK retry could send twice.
//	D2: an error says whether trying again later can help. What a provider says in its own words is not passed on:
//	    it may hold an address.
//	D3: a code stands in the body, never in a subject.
package deliver

import (
	"context"
	"errors"
	"net/mail"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	sestypes "github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"

	"streamotp/shared/config"
	"streamotp/shared/otp"
)

// Timeout bounds one provider call.
const Timeout = 3 * time.Second

// PermanentError says that this message will never be taken: the address is bad, suppressed or opted out.
type PermanentError struct {
	Reason string // the provider's error name, as MessageRejected
	cause  error  // for the log, which takes names of it only
}

func (e *PermanentError) Unwrap() error { return e.cause }

func (e *PermanentError) Error() string { return "the provider refuses the message: " + e.Reason }

// Message is what is to be said to whom.
type Message struct {
	Notice  otp.Notice // empty for a code
	Purpose otp.Purpose
	Channel otp.Channel
	To      string        // e-mail address or E.164 number
	Code    string        // empty for a notice
	Life    time.Duration // how long the code still lives at At
	Locale  string        // primary language; unknown ones are English
	At      time.Time     // when this was asked for, or what a notice tells of happened

	Tags map[string]string // come back with what SES tells of an e-mail; an SMS has none
}

// Sender holds the providers of one deployment.
type Sender struct {
	AppName string
	From    string // verified in SES
	Host    string // of the page, for the origin-bound line of an SMS

	ConfigurationSet string // SES; empty for none
	SMS              SMSSender

	ses *sesv2.Client
	sns *sns.Client
}

// SMSSender is who an SMS comes from; every field may be empty.
type SMSSender struct {
	SenderID, OriginationNumber string
	EntityID, TemplateID        string // India's DLT registration
}

// New returns the sender with its clients, each with one attempt a call (D1).
func New(cfg aws.Config, s Sender) *Sender {
	cfg.Retryer = func() aws.Retryer { return config.SignatureRetryer{} }
	s.ses, s.sns = sesv2.NewFromConfig(cfg), sns.NewFromConfig(cfg)
	return &s
}

// Send hands a message to its provider.
//
// Errors: *PermanentError; any other may pass.
func (s *Sender) Send(ctx context.Context, m Message) error {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	if m.Channel == otp.SMS {
		return classify(s.sendSMS(ctx, m), "InvalidParameter", "InvalidParameterValue", "OptedOut", "EndpointDisabled")
	}
	return classify(s.sendEmail(ctx, m), "MessageRejected", "BadRequestException")
}

// notVerified begins what SES says of an identity that is not set up yet (a new sender, or any recipient in the sandbox)
// under the same name as of a message that it will never take. The operator mends it, as a sender ID or number that SNS
// finds wrong in the MessageAttributes.
const notVerified = "Email address is not verified"

// classify tells the errors that are about this message from those that pass (D2). Among the passing are throttling, a
// paused account and a missing permission: an operator mends them, and the stream's retries or a redrive send then.
func classify(err error, permanent ...string) error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return err
	}
	if strings.HasPrefix(api.ErrorMessage(), notVerified) || strings.Contains(api.ErrorMessage(), "MessageAttributes") {
		return err
	}
	for _, name := range permanent {
		if strings.TrimSuffix(api.ErrorCode(), "Exception") == strings.TrimSuffix(name, "Exception") {
			return &PermanentError{Reason: name, cause: err}
		}
	}
	return err
}

func (s *Sender) sendEmail(ctx context.Context, m Message) error {
	mailText := s.email(m)
	from := mail.Address{Name: s.AppName, Address: s.From}
	utf8 := func(data string) *sestypes.Content {
		return &sestypes.Content{Data: &data, Charset: aws.String("UTF-8")}
	}
	in := &sesv2.SendEmailInput{
		FromEmailAddress: aws.String(from.String()),
		Destination:      &sestypes.Destination{ToAddresses: []string{m.To}},
		Content: &sestypes.EmailContent{Simple: &sestypes.Message{
			Subject: utf8(mailText.subject),
			Body:    &sestypes.Body{Text: utf8(mailText.text), Html: utf8(mailText.html)},
		}},
	}
	if s.ConfigurationSet != "" {
		in.ConfigurationSetName = &s.ConfigurationSet
	}
	for name, value := range m.Tags {
		in.EmailTags = append(in.EmailTags, sestypes.MessageTag{Name: &name, Value: &value})
	}
	_, err := s.ses.SendEmail(ctx, in)
	return err
}

func (s *Sender) sendSMS(ctx context.Context, m Message) error {
	in := &sns.PublishInput{
		PhoneNumber:       &m.To,
		Message:           aws.String(s.sms(m)),
		MessageAttributes: map[string]snstypes.MessageAttributeValue{},
	}
	for name, value := range map[string]string{
		"AWS.SNS.SMS.SMSType":          "Transactional",
		"AWS.SNS.SMS.SenderID":         s.SMS.SenderID,
		"AWS.MM.SMS.OriginationNumber": s.SMS.OriginationNumber,
		"AWS.MM.SMS.EntityId":          s.SMS.EntityID,
		"AWS.MM.SMS.TemplateId":        s.SMS.TemplateID,
	} {
		if value != "" {
			in.MessageAttributes[name] = snstypes.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
		}
	}
	_, err := s.sns.Publish(ctx, in)
	return err
}
