package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// flow is something that people do. run returns an error if any part of it fails.
type flow struct {
	name string
	run  func(t *testing.T, s *Stack) error
}

var flows = []flow{
	{"verify by e-mail", func(t *testing.T, s *Stack) error {
		return confirmed(t, s, "verify", fields{"email": "eve@example.com"}, "eve@example.com")
	}},
	{"verify by SMS", func(t *testing.T, s *Stack) error {
		return confirmed(t, s, "verify", fields{"phone": "+4915123456789"}, "+4915123456789")
	}},
	{"login", func(t *testing.T, s *Stack) error {
		return confirmed(t, s, "login", login("ada@example.com", demoPassword), "ada@example.com")
	}},
	{"a proof for a page's client", proven},
	{"the way to the application after a login", led},
	{"hosted login", hosted},
	{"a code that is exchanged twice", reused},
	{"a message is marked as sent", marked},
	{"resend", resent},
	{"reset", wasReset},
	{"where a session stands", stands},
	{"nothing goes to an address that bounced", suppressed},
	{"the page reports an SMS that the provider rejects", refused},
	{"a message that SES throttles is retried", throttled},
	{"a message that expires unsent is a dead letter", expired},
	{"the owner is notified of five wrong codes at a login", told},
	{"a code that cannot be written is given back", unwritten},
	{"a call through CloudFront", throughCloudFront},
	{"a server's calls", served},
	{"a wrong secret is counted", wrongSecret},
	{"a login by code alone", func(t *testing.T, s *Stack) error {
		return confirmed(t, s, "passwordless", byCode("ada@example.com"), "ada@example.com")
	}},
	{"an account that its owner creates", func(t *testing.T, s *Stack) error {
		return confirmed(t, s, "passwordless", byCode("newcomer@example.com"), "newcomer@example.com")
	}},
}

// ask solves a CAPTCHA and requests a code.
func ask(s *Stack, purpose string, body fields) (id string, err error) {
	status, _, answer := s.Post("/api/generate", solved(body, solve(s, purpose, nil)))
	if status != 200 {
		return "", fmt.Errorf("generate answers %d %v", status, answer["code"])
	}
	return answer["sessionId"].(string), nil
}

// coded requests a code and waits until it arrives or until IAM denies the send function a call, as it then retries.
func coded(t *testing.T, s *Stack, purpose string, body fields, to string) (id, code string, err error) {
	before, denied := s.Messages(), denials(s, "SendFunction")
	if id, err = ask(s, purpose, body); err != nil {
		return id, "", err
	}
	until(t, Patience, "a code to "+to, func() bool { return s.CodeSince(before, to) != "" || denials(s, "SendFunction") > denied })
	if code = s.CodeSince(before, to); code == "" { // a denied mark comes after the message
		return id, "", fmt.Errorf("no message comes")
	}
	return id, code, nil
}

func accepted(s *Stack, path string, body fields) error {
	if status, _, answer := s.Post(path, body); status != 200 {
		return fmt.Errorf("%s answers %d %v", path, status, answer["code"])
	}
	return nil
}

func confirmed(t *testing.T, s *Stack, purpose string, body fields, to string) error {
	id, code, err := coded(t, s, purpose, body, to)
	if err != nil {
		return err
	}
	return accepted(s, "/api/verify", try(id, code))
}

func wasReset(t *testing.T, s *Stack) error {
	id, code, err := coded(t, s, "reset", fields{"email": "grace@example.com", "purpose": "reset"}, "grace@example.com")
	if err != nil {
		return err
	}
	return accepted(s, "/api/reset", fields{"sessionId": id, "code": code, "password": "violet meadow 7 kites"})
}

func resent(t *testing.T, s *Stack) error {
	id, _, err := coded(t, s, "verify", fields{"email": "omar@example.com"}, "omar@example.com")
	if err != nil {
		return err
	}
	age(t, s, id, time.Minute)
	return accepted(s, "/api/resend", fields{"sessionId": id})
}

// stands polls the status until a delivery is reported.
func stands(t *testing.T, s *Stack) error {
	id, _, err := coded(t, s, "verify", fields{"email": "lena@example.com"}, "lena@example.com")
	if err != nil {
		return err
	}
	return awaitState(t, s, id, "delivered")
}

// suppressed requests two codes for an address that does not exist. The second one is not sent.
func suppressed(t *testing.T, s *Stack) error {
	s.ClearCalls()
	for range 2 {
		id, err := ask(s, "verify", fields{"email": "bounce@simulator.amazonses.com"})
		if err != nil {
			return err
		}
		if err := awaitState(t, s, id, "bounced"); err != nil {
			return err
		}
	}
	if n := mailed(s); n != 1 {
		return fmt.Errorf("%d were sent", n)
	}
	return nil
}

// logged counts the lines of the log that contain a text.
func logged(s *Stack, text string) (n int) {
	for _, line := range s.Logs() {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// refused ends when the send function has also given back what the message took from the limits of the mailbox and the
// number.
func refused(t *testing.T, s *Stack) error {
	before, denied := logged(s, `"outcome":"refused"`), denials(s, "SendFunction")
	s.Fault(fields{"service": "sns", "action": "Publish", "error": "OptedOut", "count": 1})
	id, err := ask(s, "verify", fields{"phone": "+4915123456789"})
	if err != nil {
		return err
	}
	if err := awaitState(t, s, id, "bounced"); err != nil {
		return err
	}
	until(t, Patience, "the refusal is logged", func() bool { return logged(s, `"outcome":"refused"`) > before })
	if denials(s, "SendFunction") > denied {
		return fmt.Errorf("the sender is denied something on the way")
	}
	return nil
}

func unwritten(t *testing.T, s *Stack) error {
	before, denied := logged(s, `"status":503`), denials(s, "GenerateFunction")
	defer s.ClearFaults()
	s.Fault(fields{"service": "dynamodb", "action": "PutItem", "table": "CodesTable", "function": "GenerateFunction", "error": "InternalServerError"})
	if _, err := ask(s, "verify", fields{"email": "gita@example.com"}); err == nil {
		return fmt.Errorf("it was written")
	}
	until(t, Patience, "the failure is logged", func() bool { return logged(s, `"status":503`) > before })
	if denials(s, "GenerateFunction") > denied {
		return fmt.Errorf("generate is denied something on the way")
	}
	return nil
}

func throttled(t *testing.T, s *Stack) error {
	denied := denials(s, "SendFunction")
	s.Fault(fields{"service": "ses", "action": "SendEmail", "error": "TooManyRequestsException", "count": 1})
	err := confirmed(t, s, "verify", fields{"email": "sana@example.com"}, "sana@example.com")
	if err == nil && denials(s, "SendFunction") > denied {
		err = fmt.Errorf("the sender is denied something on the way")
	}
	return err
}

func expired(t *testing.T, s *Stack) error {
	letters, denied := len(s.DeadLetters()), denials(s, "SendFunction")
	defer s.ClearFaults()
	s.Fault(fields{"service": "ses", "action": "SendEmail", "error": "SendingPausedException"})
	id, err := ask(s, "verify", fields{"email": "noor@example.com"})
	if err != nil {
		return err
	}
	expireSoon(s, id)
	until(t, Patience, "a dead letter", func() bool { return len(s.DeadLetters()) > letters || denials(s, "SendFunction") > denied })
	if denials(s, "SendFunction") > denied {
		return fmt.Errorf("the sender is denied something")
	}
	return nil
}

// mailed counts the e-mails that SES was asked to send.
func mailed(s *Stack) (n int) {
	for _, c := range s.Calls() {
		if c.Service == "ses" {
			n++
		}
	}
	return n
}

// awaitState waits until a session has this state.
func awaitState(t *testing.T, s *Stack, id, want string) (err error) {
	t.Helper()
	reached := false
	until(t, Patience, "the state "+want, func() bool {
		status, _, answer := s.Post("/api/status", fields{"sessionId": id})
		if status != 200 {
			err = fmt.Errorf("status answers %d %v", status, answer["code"])
		}
		reached = answer["state"] == want
		return reached || err != nil || denied(s, "FeedbackFunction") || denied(s, "SendFunction")
	})
	if err == nil && !reached {
		err = fmt.Errorf("the state is never %s", want)
	}
	return err
}

// marked checks for the mark that prevents a second message when a batch is redelivered.
func marked(t *testing.T, s *Stack) error {
	id, _, err := coded(t, s, "verify", fields{"email": "mei@example.com"}, "mei@example.com")
	if err != nil {
		return err
	}
	has := func() bool { return written(s, id, func(i Item) bool { return i["sentAt"] != nil }) }
	until(t, Patience, "the mark", func() bool { return has() || denied(s, "SendFunction") })
	if !has() {
		return fmt.Errorf("the row says nothing of it")
	}
	return nil
}

func told(t *testing.T, s *Stack) error {
	id, code, err := coded(t, s, "login", login("ada@example.com", demoPassword), "ada@example.com")
	if err != nil {
		return err
	}
	for _, guess := range wrongMany(code, 5) {
		s.Post("/api/verify", try(id, guess))
	}
	notice := func(i Item) bool { return strings.HasPrefix(fmt.Sprint(i["code"]["S"]), "notice#") }
	if !written(s, id, notice) {
		return fmt.Errorf("no notice is written")
	}
	return nil
}

// throughCloudFront makes a call as CloudFront does. A function accepts it as CloudFront's only because it has the
// secret.
func throughCloudFront(t *testing.T, s *Stack) error {
	_, err := ask(fromCloudFront(t, s), "verify", fields{"email": "ravi@example.com"})
	return err
}

func fromCloudFront(t *testing.T, s *Stack) *Stack {
	t.Helper()
	secret := aws(t, s, "secretsmanager.GetSecretValue", fields{"SecretId": stackOutput(t, s, "OriginSecretArn")})["SecretString"].(string)
	return s.From("127.0.0.1", http.Header{"X-Origin-Secret": {secret}, "Cloudfront-Viewer-Address": {"127.0.0.1:4711"}})
}

// written checks for an item of a session.
func written(s *Stack, id string, is func(Item) bool) bool {
	for _, item := range s.Items("CodesTable") {
		if item["sessionId"]["S"] == id && is(item) {
			return true
		}
	}
	return false
}
