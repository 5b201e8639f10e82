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
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"streamotp/shared/otp"
)

// provider answers as SES or SNS would and keeps the last request's body.
type provider struct {
	status int
	body   string
	header map[string]string
	calls  atomic.Int32
	got    string
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.calls.Add(1)
	body, _ := io.ReadAll(r.Body)
	p.got = string(body)
	for name, value := range p.header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(p.status)
	io.WriteString(w, p.body) //nolint:errcheck // the client reports what is missing
}

func newSender(t *testing.T, p *provider) *Sender {
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	cfg := aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", "c")}
	return New(cfg, Sender{AppName: "Tea & <Co>", From: "login@example.com", Host: "tea.example.com",
		ConfigurationSet: "set", SMS: SMSSender{SenderID: "TEA", EntityID: "1101"}})
}

func code(purpose otp.Purpose) Message {
	return Message{Purpose: purpose, Channel: otp.Email, To: "ada@example.com", Code: "482913",
		Life: 5 * time.Minute, At: time.Now()}
}

func TestSendEmail(t *testing.T) {
	p := &provider{status: 200, body: `{"MessageId":"1"}`}
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
	t.Run("a name is text in HTML too", func(t *testing.T) {
		if strings.Contains(simple.Body.Html.Data, "<Co>") || !strings.Contains(simple.Body.Html.Data, "Tea &amp; &lt;Co&gt;") {
			t.Errorf("html %q", simple.Body.Html.Data)
		}
	})
}

func TestSendSMS(t *testing.T) {
	p := &provider{status: 200, body: `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>` +
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

func TestFailures(t *testing.T) {
	for _, test := range []struct {
		name      string
		status    int
		permanent bool
	}{
		{"MessageRejected", 400, true},
		{"BadRequestException", 400, true},
		{"TooManyRequestsException", 429, false},
		{"LimitExceededException", 400, false},
		{"SendingPausedException", 400, false},
		{"AccountSuspendedException", 400, false},
		{"AccessDeniedException", 403, false},
		{"NotFoundException", 404, false},
		{"InternalServiceErrorException", 500, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := &provider{status: test.status, header: map[string]string{"x-amzn-ErrorType": test.name},
				body: `{"message":"ada@example.com is bad"}`}
			err := newSender(t, p).Send(context.Background(), code(otp.Login))
			var permanent *PermanentError
			if err == nil || errors.As(err, &permanent) != test.permanent {
				t.Errorf("error %v", err)
			}
			if test.permanent && strings.Contains(err.Error(), "ada@") {
				t.Errorf("D2: the provider's words are passed on: %v", err)
			}
			if n := p.calls.Load(); n != 1 {
				t.Errorf("D1: %d attempts", n)
			}
		})
	}
}

func TestUnverifiedIdentityMayBeMended(t *testing.T) {
	p := &provider{status: 400, header: map[string]string{"x-amzn-ErrorType": "MessageRejected"},
		body: `{"message":"Email address is not verified. The following identities failed the check: ada@example.com"}`}
	var permanent *PermanentError
	if err := newSender(t, p).Send(context.Background(), code(otp.Login)); err == nil || errors.As(err, &permanent) {
		t.Errorf("error %v", err)
	}
}

func TestText(t *testing.T) {
	s := &Sender{AppName: "StreamOTP", From: "login@example.com", Host: "example.com"}
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
				if strings.Contains(mail.text+mail.html+mail.subject, "%!") || strings.Contains(mail.text+mail.html, "%[") || mail.subject == "" {
					t.Errorf("%s %s has a hole:\n%s", locale, purpose, mail.text)
				}
			}
			for _, kind := range []otp.Notice{otp.NoticeChanged, otp.NoticeGuessed, otp.NoticeClosed} {
				notice := s.email(Message{Notice: kind, Locale: locale, At: time.Unix(0, 0)})
				if strings.Contains(notice.text+notice.subject, "%") || !strings.Contains(notice.text, "1970") || notice.subject == "" {
					t.Errorf("%s:\n%s", kind, notice.text)
				}
			}
		}
	})
	t.Run("a resent code says what is left of its life", func(t *testing.T) {
		for life, want := range map[time.Duration]string{25 * time.Second: "25 seconds", 110 * time.Second: "110 seconds",
			299*time.Second + 400*time.Millisecond: "5 minutes", 270 * time.Second: "4 minutes"} {
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
				s := &Sender{AppName: app, Host: host}
				checkSegment(t, s.sms(Message{Notice: otp.NoticeClosed, Locale: locale}))
				for _, purpose := range []otp.Purpose{otp.Verify, otp.Login} {
					for _, digits := range []string{"482913", "4829134829"} {
						got := s.sms(Message{Purpose: purpose, Code: digits, Locale: locale})
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
