// Package deliver hands messages to SES and SNS, and holds the texts of the messages.
//
// Its invariants:
//
//	D1: one call is one attempt. The SDK does not retry, because SES and SNS have no idempotency key, and a retry could send twice.
//	D2: an error says whether a later attempt can help. A provider's own text is not passed on: it may contain an
//	    address.
//	D3: a code is in the body, never in the subject.
package deliver

import (
	"context"
	"crypto/rand"
	"net/mail"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	sestypes "github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"

	"streamotp/shared/config"
	"streamotp/shared/otp"
)

// Timeout bounds one provider call.
const Timeout = 3 * time.Second

// Message is one code or security notification for one recipient.
type Message struct {
	Notification otp.NotificationKind // empty for a code
	Purpose      otp.Purpose
	New          bool // the code creates an account
	Channel      otp.Channel
	App          string        // name of the client that the code is for, in place of the deployment's; empty for none
	To           string        // e-mail address or E.164 number
	Code         string        // empty for a notification
	Host         string        // of the site, for the origin-bound line of an SMS with a code; others need none
	Life         time.Duration // how long the code is still valid when it is sent
	Locale       string        // primary language; unknown ones are English
	At           time.Time     // when the code was requested, or when the event happened that the notification reports

	Tags map[string]string // SES returns them with the events of an e-mail; an SMS has none
}

// Sender holds the providers of one deployment.
type Sender struct {
	AppName string
	From    string // verified in SES

	// The configuration sets of SES, for codes and for security notifications; empty for none.
	ConfigurationSet, NotificationSet string
	SMS                               SMSSender

	ses *sesv2.Client
	sns *sns.Client
}

// SMSSender holds the settings that SNS gets with each SMS; every field may be empty.
type SMSSender struct {
	SenderID, OriginationNumber string
	EntityID, TemplateID        string // India's DLT registration
	MaxPriceUSD                 string // SNS sends no message that costs more
}

// New returns the sender with its clients, each with one attempt a call (D1).
func New(cfg aws.Config, s Sender) *Sender {
	cfg.Retryer = func() aws.Retryer { return config.SignatureRetryer{} }
	s.ses, s.sns = sesv2.NewFromConfig(cfg), sns.NewFromConfig(cfg)
	return &s
}

// providers holds the function that hands a message to a provider, for each provider in the table of channels.
var providers = map[otp.Provider]func(*Sender, context.Context, Message) error{
	otp.SES: (*Sender).sendEmail,
	otp.SNS: (*Sender).sendSMS,
}

// Send makes one attempt to hand a message to its channel's provider.
//
// Errors: *PermanentError; after any other, *otp.UnknownChannelError among them, a later attempt may succeed.
func (s *Sender) Send(ctx context.Context, m Message) error {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	if m.App != "" {
		named := *s
		named.AppName, s = m.App, &named
	}
	channel, err := m.Channel.Facts()
	if err != nil {
		return err
	}
	send, ok := providers[channel.Provider]
	if !ok {
		return &otp.UnavailableError{Reason: "the provider of a channel has no send function"}
	}
	return classify(channel.Provider, send(s, ctx, m))
}

func (s *Sender) sendEmail(ctx context.Context, m Message) error {
	mailText := s.email(m)
	header := func(name, value string) sestypes.MessageHeader {
		return sestypes.MessageHeader{Name: &name, Value: &value}
	}
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
			Headers: []sestypes.MessageHeader{
				header("Auto-Submitted", "auto-generated"), // RFC 3834, 5: no out-of-office reply is sent to a code
				// Gmail puts mails with the same subject into one conversation and hides the newest, unless this header differs.
				header("X-Entity-Ref-ID", rand.Text()),
			},
		}},
	}
	set := s.ConfigurationSet
	if m.Notification != "" {
		set = s.NotificationSet
	}
	if set != "" {
		in.ConfigurationSetName = &set
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
	if s.SMS.MaxPriceUSD != "" {
		in.MessageAttributes["AWS.SNS.SMS.MaxPrice"] = snstypes.MessageAttributeValue{DataType: aws.String("Number"), StringValue: &s.SMS.MaxPriceUSD}
	}
	_, err := s.sns.Publish(ctx, in)
	return err
}
