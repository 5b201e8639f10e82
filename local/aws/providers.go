package aws

import (
	"encoding/json"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"
)

// sendEmail answers SES v2's SendEmail with Content.Simple.
func (e *Endpoint) sendEmail(q *request) *reply {
	var in outbound
	if err := json.Unmarshal(q.body, &in); err != nil {
		return q.fail("BadRequestException", "Could not parse the request: "+err.Error())
	}
	s := in.Content.Simple
	switch {
	case s == nil || in.Content.Raw != nil || in.Content.Template != nil:
		return q.fail("BadRequestException", "The development stack imitates Content.Simple only.")
	case len(in.Destination.ToAddresses) == 0 || len(in.Destination.CcAddresses)+len(in.Destination.BccAddresses) > 0:
		return q.fail("BadRequestException", "The development stack imitates ToAddresses only, at least one.")
	case s.Subject.Data == "" || s.Body.Text.Data+s.Body.Html.Data == "":
		return q.fail("BadRequestException", "Subject and Body must not be empty.")
	case in.ConfigurationSetName != "" && !slices.Contains(e.MailSets, in.ConfigurationSetName):
		return q.fail("NotFoundException", "Configuration set <"+in.ConfigurationSetName+"> does not exist.")
	}
	for _, a := range append(slices.Clone(in.Destination.ToAddresses), in.FromEmailAddress) {
		if !mailable(a) {
			return q.fail("BadRequestException", "Illegal address: "+a)
		}
	}
	m := Message{Channel: "email", To: strings.Join(in.Destination.ToAddresses, ", "), From: in.FromEmailAddress,
		Subject: s.Subject.Data, Text: s.Body.Text.Data, HTML: s.Body.Html.Data, Headers: s.Headers, MailSet: in.ConfigurationSetName, Tags: map[string]string{}}
	for _, tag := range in.EmailTags {
		if !mailTag.MatchString(tag.Name) || !mailTag.MatchString(tag.Value) {
			return q.fail("BadRequestException", "Tags have letters, digits and _-.@ only, 1 to 256 of them: "+tag.Name+"="+tag.Value)
		}
		m.Tags[tag.Name] = tag.Value
	}
	for _, h := range m.Headers {
		if !headerName.MatchString(h.Name) || !headerValue.MatchString(h.Value) || len(h.Name)+len(h.Value) > 996 {
			return q.fail("BadRequestException", "Header names are printable ASCII without a colon, values printable ASCII: "+h.Name)
		}
	}
	return q.ok(map[string]string{"MessageId": e.deliver(q, m)})
}

// outbound is the input of SendEmail.
type outbound struct {
	FromEmailAddress     string
	ConfigurationSetName string
	EmailTags            []struct{ Name, Value string }
	Destination          struct{ ToAddresses, CcAddresses, BccAddresses []string }
	Content              struct {
		Simple *struct {
			Subject part
			Body    struct{ Text, Html part }
			Headers []MailHeader
		}
		Raw, Template json.RawMessage
	}
}

// headerName and headerValue are what SES accepts in a MessageHeader (API reference of SES v2).
var (
	headerName  = regexp.MustCompile(`^[!-9;-~]{1,126}$`)
	headerValue = regexp.MustCompile(`^[ -~]{1,995}$`)
)

var mailTag = regexp.MustCompile(`^[A-Za-z0-9_.@-]{1,256}$`)

type part struct{ Data, Charset string }

// mailable reports whether SES accepts an address: exactly one, with an ASCII local part and domain.
func mailable(address string) bool {
	a, err := mail.ParseAddress(address)
	return err == nil && strings.IndexFunc(a.Address, func(r rune) bool { return r > 126 || r <= ' ' }) < 0
}

// e164 is the form in which SNS accepts a phone number.
var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// publish answers SNS's Publish to a phone number.
func (e *Endpoint) publish(q *request) *reply {
	switch {
	case q.action != "Publish":
		return q.fail("InvalidAction", "The development stack does not imitate "+q.action+".")
	case q.form["TopicArn"] != "" || q.form["TargetArn"] != "":
		return q.fail("InvalidParameter", "The development stack imitates PhoneNumber only.")
	case !e164.MatchString(q.form["PhoneNumber"]):
		return q.fail("InvalidParameter", "Invalid parameter: PhoneNumber Reason: "+q.form["PhoneNumber"]+" is not valid to publish to")
	case q.form["Message"] == "":
		return q.fail("InvalidParameter", "Invalid parameter: Empty message")
	}
	from := q.smsAttribute("AWS.SNS.SMS.SenderID")
	if from == "" {
		from = q.smsAttribute("AWS.MM.SMS.OriginationNumber")
	}
	id := e.deliver(q, Message{Channel: "sms", To: q.form["PhoneNumber"], From: from, Text: q.form["Message"]})
	return &reply{status: 200, header: q.contentType(), body: []byte(`<PublishResponse xmlns="` + xmlns["sns"] + `"><PublishResult><MessageId>` +
		id + `</MessageId></PublishResult><ResponseMetadata><RequestId>` + newID() + `</RequestId></ResponseMetadata></PublishResponse>`)}
}

// smsAttribute returns the text of one of Publish's MessageAttributes.
func (q *request) smsAttribute(name string) string {
	for k, v := range q.form {
		if entry, ok := strings.CutSuffix(k, ".Name"); ok && v == name && strings.HasPrefix(k, "MessageAttributes.entry.") {
			return q.form[entry+".Value.StringValue"]
		}
	}
	return ""
}

func (e *Endpoint) deliver(q *request, m Message) string {
	m.ID, m.Caller, m.SentAt = newID(), q.caller, time.Now().UTC().Format(time.RFC3339Nano)
	e.Message(m)
	return m.ID
}
