package aws

import (
	"encoding/json"
	"net/mail"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"streamotp/local/lambda"
	"streamotp/local/template"
)

// Message is a message that a provider accepted.
type Message struct {
	ID      string        `json:"id"`
	Channel string        `json:"channel"` // email or sms
	To      string        `json:"to"`
	From    string        `json:"from"`
	Subject string        `json:"subject"`
	Text    string        `json:"text"`
	HTML    string        `json:"html"`
	SentAt  string        `json:"sentAt"`            // RFC 3339
	Headers []MailHeader  `json:"headers,omitempty"` // of an e-mail, besides those that SES writes
	Caller  lambda.Caller `json:"-"`

	MailSet string            `json:"-"` // SES configuration set; empty for none
	Tags    map[string]string `json:"-"` // EmailTags
}

// MailHeader is one of Content.Simple.Headers.
type MailHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func (e *Endpoint) deliver(q *request, m Message) string {
	m.ID, m.Caller, m.SentAt = uuid.NewString(), q.caller, time.Now().UTC().Format(time.RFC3339Nano)
	e.Message(m)
	return m.ID
}

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
	case in.ConfigurationSetName != "" && !slices.Contains(e.Template.MailSets, in.ConfigurationSetName):
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

// sendPermissions returns the permissions for the sender's identity (taken to be the address itself), for the
// configuration set and for the recipients' identities. SES requires the last only in its sandbox, where every account
// begins.
func (e *Endpoint) sendPermissions(q *request) (out []permission) {
	var in outbound
	_ = json.Unmarshal(q.body, &in)
	from := bare(in.FromEmailAddress)
	need := func(resource string) {
		out = append(out, permission{"ses:SendEmail", template.ARN("ses", resource), map[string][]string{"ses:FromAddress": {from}}})
	}
	need("identity/" + from)
	for _, list := range [][]string{in.Destination.ToAddresses, in.Destination.CcAddresses, in.Destination.BccAddresses} {
		for _, to := range list {
			need("identity/" + bare(to))
		}
	}
	if in.ConfigurationSetName != "" {
		need("configuration-set/" + in.ConfigurationSetName)
	}
	return out
}

// bare returns an address without its display name.
func bare(address string) string {
	if a, err := mail.ParseAddress(address); err == nil {
		return a.Address
	}
	return address
}

func (e *Endpoint) mailAccount(q *request) *reply {
	return q.ok(map[string]any{"ProductionAccessEnabled": true, "SendingEnabled": true, "EnforcementStatus": "HEALTHY",
		"SendQuota": map[string]float64{"Max24HourSend": -1, "MaxSendRate": -1, "SentLast24Hours": float64(e.Sent())}})
}

// mailIdentity describes the one SES identity, the sender. Its e-mail is not signed here.
func (e *Endpoint) mailIdentity(q *request) *reply {
	name := path.Base(q.path)
	if name != e.Template.Parameters["SesFromAddress"] {
		return q.fail("NotFoundException", "Email identity "+name+" does not exist.")
	}
	return q.ok(map[string]any{"IdentityType": "EMAIL_ADDRESS", "VerifiedForSendingStatus": true, "VerificationStatus": "SUCCESS",
		"DkimAttributes": map[string]any{"SigningEnabled": false, "Status": "NOT_STARTED"}})
}
