package deliver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"streamotp/shared/otp"
)

// fakeProvider responds as SES or SNS would and keeps the last request's body.
type fakeProvider struct {
	status int
	body   string
	header map[string]string
	calls  atomic.Int32
	got    string
}

func (p *fakeProvider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.calls.Add(1)
	body, _ := io.ReadAll(r.Body)
	p.got = string(body)
	for name, value := range p.header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(p.status)
	io.WriteString(w, p.body) //nolint:errcheck // the client reports what is missing
}

func newSender(t *testing.T, p *fakeProvider) *Sender {
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	cfg := aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", "c")}
	return New(cfg, Sender{AppName: "Tea & <Co>", From: "login@example.com",
		ConfigurationSet: "set", SMS: SMSSender{SenderID: "TEA", EntityID: "1101"}})
}

func code(purpose otp.Purpose) Message {
	return Message{Purpose: purpose, Channel: otp.Email, To: "ada@example.com", Code: "482913", Host: "tea.example.com",
		Life: 5 * time.Minute, At: time.Now()}
}

func TestSendEmail(t *testing.T) {
	p := &fakeProvider{status: 200, body: `{"MessageId":"1"}`}
	if err := newSender(t, p).Send(context.Background(), code(otp.Login)); err != nil {
		t.Fatal(err)
	}
	var got struct {
		FromEmailAddress, ConfigurationSetName string
		Destination                            struct{ ToAddresses []string }
		Content                                struct {
			Simple struct {
				Subject struct{ Data string }
				Body    struct{ Text, Html struct{ Data string } }
				Headers []struct{ Name, Value string }
			}
		}
	}
	if err := json.Unmarshal([]byte(p.got), &got); err != nil {
		t.Fatal(err)
	}
	simple := got.Content.Simple
	t.Run("D3: the code is not in the subject", func(t *testing.T) {
		if strings.Contains(simple.Subject.Data, "482913") || !strings.Contains(simple.Subject.Data, "login") {
			t.Errorf("subject %q", simple.Subject.Data)
		}
	})
	t.Run("the code stands alone on its line, digits together", func(t *testing.T) {
		if !strings.Contains(simple.Body.Text.Data, "\n482913\n") || !strings.Contains(simple.Body.Html.Data, ">482913<") {
			t.Errorf("text %q", simple.Body.Text.Data)
		}
	})
	t.Run("it goes to the one address, from the sender, through the configuration set", func(t *testing.T) {
		if fmt.Sprint(got.Destination.ToAddresses) != "[ada@example.com]" || got.ConfigurationSetName != "set" ||
			got.FromEmailAddress != `"Tea & <Co>" <login@example.com>` {
			t.Errorf("%+v", got)
		}
	})
	t.Run("P9: it says that a machine wrote it, and in which language", func(t *testing.T) {
		if h := simple.Headers; len(h) != 2 || h[0].Name != "Auto-Submitted" || h[0].Value != "auto-generated" ||
			!strings.Contains(simple.Body.Html.Data, `<html lang="en">`) {
			t.Errorf("headers %+v, html %q", h, simple.Body.Html.Data)
		}
	})
	t.Run("a name is text in HTML too", func(t *testing.T) {
		if strings.Contains(simple.Body.Html.Data, "<Co>") || !strings.Contains(simple.Body.Html.Data, "Tea &amp; &lt;Co&gt;") {
			t.Errorf("html %q", simple.Body.Html.Data)
		}
	})
}

// P9: Gmail hides the newest of two mails with the same subject and the same reference.
func TestEachMailHasItsOwnReference(t *testing.T) {
	p := &fakeProvider{status: 200, body: `{"MessageId":"1"}`}
	sender, reference := newSender(t, p), regexp.MustCompile(`"X-Entity-Ref-ID","Value":"([A-Z2-7]{26,})"`)
	seen := map[string]bool{}
	for _, m := range []Message{code(otp.Login), code(otp.Login), {Notification: otp.NotifyPasswordChanged, Channel: otp.Email, To: "ada@example.com"}} {
		if err := sender.Send(context.Background(), m); err != nil {
			t.Fatal(err)
		}
		match := reference.FindStringSubmatch(p.got)
		if match == nil || seen[match[1]] {
			t.Fatalf("sent %s after %v", p.got, seen)
		}
		seen[match[1]] = true
	}
}

func TestSendSMS(t *testing.T) {
	p := &fakeProvider{status: 200, body: `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>` +
		`<MessageId>1</MessageId></PublishResult></PublishResponse>`}
	m := code(otp.Login)
	m.Channel, m.To = otp.SMS, "+4915112345678"
	if err := newSender(t, p).Send(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	form, err := url.ParseQuery(p.got)
	if err != nil {
		t.Fatal(err)
	}
	if form.Get("PhoneNumber") != "+4915112345678" || !strings.HasSuffix(form.Get("Message"), "\n@tea.example.com #482913") {
		t.Errorf("sent %v", form)
	}
	attributes := map[string]string{}
	for i := 1; form.Get(fmt.Sprintf("MessageAttributes.entry.%d.Name", i)) != ""; i++ {
		prefix := fmt.Sprintf("MessageAttributes.entry.%d.", i)
		attributes[form.Get(prefix+"Name")] = form.Get(prefix + "Value.StringValue")
	}
	want := map[string]string{"AWS.SNS.SMS.SMSType": "Transactional", "AWS.SNS.SMS.SenderID": "TEA", "AWS.MM.SMS.EntityId": "1101"}
	if fmt.Sprint(attributes) != fmt.Sprint(want) {
		t.Errorf("attributes %v, want %v", attributes, want)
	}
}

// TestClassOf has an example of every row of the table, and of errors that the table does not name.
func TestClassOf(t *testing.T) {
	reached := make([]bool, len(providerErrors))
	for _, c := range []struct {
		provider      otp.Provider
		code, message string
		want          class
	}{
		{otp.SES, "MessageRejected", "Email address is not verified. The following identities failed the check in region US-EAST-1: ada@example.com", later},
		{otp.SES, "MessageRejected", "Email address is not verified. The following identities failed the check: opted.out@domain.contains", later},
		{otp.SES, "BadRequestException", "Customer is suspended.", later},
		{otp.SES, "MessageRejected", "Mail FROM domain is not verified", later},
		{otp.SES, "BadRequestException", "Configuration set <streamotp> does not exist.", later},
		{otp.SES, "MessageRejected", "Address blacklisted.", permanent},
		{otp.SES, "MessageRejectedException", "Address blacklisted.", permanent},
		{otp.SES, "MessageRejected", "Amazon SES has suppressed sending to this address because it has a recent history of bouncing as an invalid address.", permanent},
		{otp.SES, "MessageRejected", "Amazon SES did not send the message to this address because it is on the suppression list for your account.", permanent},
		{otp.SES, "BadRequestException", "Illegal address", permanent},
		{otp.SES, "MessageRejected", "Illegal address", permanent},
		{otp.SES, "BadRequestException", "Missing final '@domain'", permanent},
		{otp.SES, "InvalidParameterValue", "Missing final '@domain'", permanent},
		{otp.SES, "BadRequestException", "Missing domain", permanent},
		{otp.SES, "BadRequestException", "Missing local name", permanent},
		{otp.SES, "BadRequestException", "Local address contains control or whitespace", permanent},
		{otp.SES, "BadRequestException", "Local address contains illegal character", permanent},
		{otp.SES, "BadRequestException", "Local address starts with dot", permanent},
		{otp.SES, "BadRequestException", "Local address ends with dot", permanent},
		{otp.SES, "BadRequestException", "Domain contains illegal character", permanent},
		{otp.SES, "BadRequestException", "Domain contains dot-dot", permanent},
		{otp.SES, "BadRequestException", "Domain starts with dot", permanent},
		{otp.SES, "BadRequestException", "Domain ends with dot", permanent},
		{otp.SES, "BadRequestException", "There are non-ASCII characters in the email address", permanent},
		{otp.SNS, "OptedOut", "You cannot send SMS messages to this number.", permanent},
		{otp.SNS, "OptedOutException", "", permanent},
		{otp.SNS, "InvalidParameter", "Invalid parameter: Phone number is opted out", permanent},
		{otp.SNS, "ParameterValueInvalid", "phone number is opted out", permanent},
		{otp.SNS, "InvalidParameter", "Invalid parameter: PhoneNumber Reason: +166XXXXX085 is not valid to publish to", later},
		{otp.SNS, "ParameterValueInvalid", "Invalid parameter: PhoneNumber Reason: +166XXXXX085 is not valid to publish to", later},
		{otp.SNS, "InvalidParameter", "Invalid parameter: MessageAttributes Reason: AWS.SNS.SMS.SenderID has invalid value", later},
		{otp.SNS, "ParameterValueInvalid", "Invalid parameter: MessageAttributes Reason: AWS.MM.SMS.OriginationNumber", later},
		{otp.SNS, "UserError", "No origination entities available to send", later},
		{otp.SNS, "InvalidParameter", "No origination entities available to send", later},

		// The table names none of these.
		{otp.SES, "MessageRejected", "", later},
		{otp.SES, "MessageRejected", "The message contains a virus.", later},
		{otp.SES, "BadRequestException", "Headers are not valid.", later},
		{otp.SES, "TooManyRequestsException", "Maximum sending rate exceeded.", later},
		{otp.SES, "LimitExceededException", "Daily message quota exceeded.", later},
		{otp.SES, "SendingPausedException", "Email sending for this account is paused.", later},
		{otp.SES, "AccountSuspendedException", "Illegal address", later},
		{otp.SES, "MailFromDomainNotVerifiedException", "", later},
		{otp.SES, "NotFoundException", "Configuration set does not exist.", later},
		{otp.SES, "AccessDeniedException", "ses:SendEmail on resource identity/ada@example.com", later},
		{otp.SES, "InvalidSignatureException", "Signature expired", later},
		{otp.SES, "InternalServiceErrorException", "", later},
		{otp.SES, "OptedOut", "", later},
		{otp.SNS, "InvalidParameter", "Illegal address", later},
		{otp.SNS, "InvalidParameter", "Invalid parameter: Message too long", later},
		{otp.SNS, "Throttled", "Rate exceeded", later},
		{otp.SNS, "AuthorizationError", "", later},
		{otp.SNS, "EndpointDisabled", "Endpoint is disabled", later}, // of a push notification
		{otp.SNS, "InternalError", "", later},
	} {
		if got := classOf(c.provider, c.code, c.message); got != c.want {
			t.Errorf("%s %s %q: class %d, want %d", c.provider, c.code, c.message, got, c.want)
		}
		if i := rowOf(c.provider, c.code, c.message); i >= 0 {
			reached[i] = true
		}
	}
	for i, row := range providerErrors {
		if !reached[i] {
			t.Errorf("no example reaches row %d, %s %q", i, row.provider, row.text)
		}
	}
}

// TestFailures: what the caller gets for a permanent and for any other error, through the providers' own protocols.
func TestFailures(t *testing.T) {
	number := code(otp.Login)
	number.Channel, number.To = otp.SMS, "+4915112345678"
	sesAnswer := func(status int, code, message string) *fakeProvider {
		return &fakeProvider{status: status, header: map[string]string{"x-amzn-ErrorType": code}, body: fmt.Sprintf(`{"message":%q}`, message)}
	}
	snsAnswer := func(status int, code, message string) *fakeProvider {
		return &fakeProvider{status: status, body: `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type>` +
			`<Code>` + code + `</Code><Message>` + message + `</Message></Error><RequestId>1</RequestId></ErrorResponse>`}
	}
	for _, c := range []struct {
		rule      string
		message   Message
		answer    *fakeProvider
		permanent string // the reason; empty for an error that another attempt may overcome
	}{
		{"a recipient that SES rejects", code(otp.Login), sesAnswer(400, "MessageRejected", "Address blacklisted: ada@example.com"), "MessageRejected"},
		{"an address that SES finds malformed", code(otp.Login), sesAnswer(400, "BadRequestException", "Missing final '@domain'"), "BadRequestException"},
		{"a recipient that is not verified in the sandbox", code(otp.Login), sesAnswer(400, "MessageRejected", "Email address is not verified. ada@example.com"), ""},
		{"a throttled account", code(otp.Login), sesAnswer(429, "TooManyRequestsException", "Maximum sending rate exceeded."), ""},
		{"a failure inside SES", code(otp.Login), sesAnswer(500, "InternalServiceErrorException", ""), ""},
		{"a number that opted out", number, snsAnswer(400, "OptedOut", "+4915112345678 opted out"), "OptedOut"},
		{"a bad value that names the opt-out", number, snsAnswer(400, "ParameterValueInvalid", "+4915112345678 is opted out"), "ParameterValueInvalid"},
		{"a region that does not send SMS", number, snsAnswer(400, "InvalidParameter", "Invalid parameter: PhoneNumber Reason: +4915112345678 is not valid to publish to"), ""},
		{"a sender ID that SNS does not accept", number, snsAnswer(400, "ParameterValueInvalid", "Invalid parameter: MessageAttributes"), ""},
	} {
		t.Run(c.rule, func(t *testing.T) {
			err := newSender(t, c.answer).Send(context.Background(), c.message)
			var permanent *PermanentError
			if err == nil || errors.As(err, &permanent) != (c.permanent != "") {
				t.Fatalf("error %v", err)
			}
			if permanent != nil && (permanent.Reason != c.permanent || strings.Contains(err.Error(), "ada@") || strings.Contains(err.Error(), "+49")) {
				t.Errorf("D2: reason %q, error %q", permanent.Reason, err)
			}
			if n := c.answer.calls.Load(); n != 1 {
				t.Errorf("D1: %d attempts", n)
			}
		})
	}
}

func TestText(t *testing.T) {
	s := &Sender{AppName: "StreamOTP", From: "login@example.com"}
	t.Run("every text says what for, that nobody asks for the code, and what to do if it was not you", func(t *testing.T) {
		for locale := range languages {
			for _, purpose := range []otp.Purpose{otp.Verify, otp.Login, otp.Reset} {
				m := code(purpose)
				m.Locale = locale
				mail, l := s.email(m), languages[locale]
				for _, part := range []string{s.fill(l.action[purpose]), s.fill(l.notYou[purpose]), s.fill(l.secret), "5 Min"} {
					if part == "" || !strings.Contains(strings.ToLower(mail.text), strings.ToLower(part)) {
						t.Errorf("%s %s lacks %q:\n%s", locale, purpose, part, mail.text)
					}
				}
				if !strings.Contains(mail.html, `<html lang="`+locale+`">`) {
					t.Errorf("%s %s does not name its language:\n%s", locale, purpose, mail.html)
				}
				if strings.Contains(mail.text+mail.html+mail.subject, "%!") || strings.Contains(mail.text+mail.html, "%[") || mail.subject == "" {
					t.Errorf("%s %s has a hole:\n%s", locale, purpose, mail.text)
				}
			}
			for _, kind := range []otp.NotificationKind{otp.NotifyPasswordChanged, otp.NotifyWrongCodes, otp.NotifyLocked} {
				notice := s.email(Message{Notification: kind, Locale: locale, At: time.Unix(0, 0)})
				if strings.Contains(notice.text+notice.subject, "%") || !strings.Contains(notice.text, "1970") || notice.subject == "" {
					t.Errorf("%s:\n%s", kind, notice.text)
				}
			}
		}
	})
	t.Run("a message says how long its code is still valid, to ten seconds", func(t *testing.T) {
		for life, want := range map[time.Duration]string{25 * time.Second: "25 seconds", 110 * time.Second: "110 seconds",
			299*time.Second + 400*time.Millisecond: "5 minutes",
			291 * time.Second:                      "5 minutes", 289 * time.Second: "4 minutes", 270 * time.Second: "4 minutes"} {
			m := code(otp.Login)
			m.Life = life
			if got := s.email(m); !strings.Contains(got.text, " "+want+" ") {
				t.Errorf("%v: %s", life, got.text)
			}
		}
	})
	t.Run("an unknown language is English", func(t *testing.T) {
		m := code(otp.Login)
		m.Locale = "tlh"
		if got := s.email(m); !strings.Contains(got.text, "log in") {
			t.Error(got.text)
		}
	})
}

// gsm7 is the basic character set of 3GPP TS 23.038, as far as our texts may use it.
const gsm7 = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"

func checkSegment(t *testing.T, got string) {
	t.Helper()
	if n := len([]rune(got)); n > segment {
		t.Errorf("%d characters: %q", n, got)
	}
	if i := strings.IndexFunc(got, func(r rune) bool { return !strings.ContainsRune(gsm7, r) }); i >= 0 {
		t.Errorf("%q is not GSM-7 from %q on", got, got[i:])
	}
}

func TestSMSIsOneSegment(t *testing.T) {
	for locale := range languages {
		for _, app := range []string{"X", "StreamOTP", strings.Repeat("W", 24)} {
			for _, host := range []string{"a.de", "abcdefghij.execute-api.ap-southeast-2.amazonaws.com", strings.Repeat("h", 53)} {
				s := &Sender{AppName: app}
				checkSegment(t, s.sms(Message{Notification: otp.NotifyLocked, Locale: locale}))
				for _, purpose := range []otp.Purpose{otp.Verify, otp.Login} {
					for _, digits := range []string{"482913", "4829134829"} {
						got := s.sms(Message{Purpose: purpose, Code: digits, Host: host, Locale: locale})
						checkSegment(t, got)
						if !strings.HasSuffix(got, "\n@"+host+" #"+digits) || !strings.HasPrefix(got, digits) {
							t.Errorf("%q", got)
						}
					}
				}
			}
		}
	}
}

// TestClientsName: who gets a client's code sees its name, in place of the deployment's, however long the host is.
func TestClientsName(t *testing.T) {
	const client = "Wwwwwwwwwwwwwwwwwwwwwww4" // as long as a name may be
	for locale := range languages {
		for _, host := range []string{"a.de", strings.Repeat("h", 53)} {
			for _, purpose := range []otp.Purpose{otp.Verify, otp.Login} {
				s := &Sender{AppName: client}
				got := s.sms(Message{App: client, Purpose: purpose, Code: "4829134829", Host: host, Locale: locale})
				if checkSegment(t, got); !strings.Contains(got, client) || !strings.HasSuffix(got, "\n@"+host+" #4829134829") {
					t.Errorf("%s: %q", locale, got)
				}
			}
		}
	}
	t.Run("in an e-mail and its sender", func(t *testing.T) {
		p := &fakeProvider{status: 200, body: `{"MessageId":"1"}`}
		m := code(otp.Login)
		m.App = client
		if err := newSender(t, p).Send(context.Background(), m); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(p.got, "Tea") || !strings.Contains(p.got, client+`\" <login@example.com>`) || strings.Count(p.got, client) < 5 {
			t.Error(p.got)
		}
	})
}
