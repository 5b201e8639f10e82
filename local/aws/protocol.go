package aws

import (
	"crypto/rand"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"streamotp/local/dynamo"
)

// The protocols of the services: how a call names its action, and what an error looks like.
const (
	jsonProtocol  = "json"  // X-Amz-Target; DynamoDB, Secrets Manager, SSM, SQS, CloudWatch
	restProtocol  = "rest"  // method and path; SES v2, Lambda
	queryProtocol = "query" // form in, XML out; SNS, CloudFormation
)

var protocols = map[string]string{
	"dynamodb": jsonProtocol, "streams": jsonProtocol, "secretsmanager": jsonProtocol, "ssm": jsonProtocol,
	"sqs": jsonProtocol, "monitoring": jsonProtocol, "ses": restProtocol, "lambda": restProtocol, "sns": queryProtocol, "cloudformation": queryProtocol,
}

// targetPrefixes are the beginnings of X-Amz-Target, by service.
var targetPrefixes = map[string]string{"dynamodb": dynamo.Tables, "secretsmanager": "secretsmanager.", "sqs": "AmazonSQS.", "ssm": "AmazonSSM.",
	"monitoring": "GraniteServiceVersion20100801."}

// protocolOf guesses the service of an unsigned request, so that the error has the right shape.
func protocolOf(r *http.Request) string {
	switch {
	case r.Header.Get("X-Amz-Target") != "":
		return "dynamodb"
	case strings.HasPrefix(r.URL.Path, "/v2/email/"):
		return "ses"
	}
	return "sns"
}

// locate finds the action. It stays empty for an action that is not imitated.
func (q *request) locate(r *http.Request) {
	target := r.Header.Get("X-Amz-Target")
	switch protocols[q.service] {
	case jsonProtocol:
		if q.service == "dynamodb" && strings.HasPrefix(target, dynamo.Streams) {
			q.service = "streams"
		} else if !strings.HasPrefix(target, targetPrefixes[q.service]) {
			return
		}
		_, q.action, _ = strings.Cut(target, ".")
	case restProtocol:
		q.match(r.Method, r.URL.Path)
	case queryProtocol:
		form, err := url.ParseQuery(string(q.body))
		if err != nil {
			return
		}
		q.form = map[string]string{}
		for k := range form {
			q.form[k] = form.Get(k)
		}
		q.action = q.form["Action"]
	}
}

// name returns the service's name in the test interface.
func (q *request) name() string {
	if q.service == "streams" {
		return "dynamodb"
	}
	return q.service
}

// ok returns a successful response in JSON.
func (q *request) ok(v any) *reply {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // only text and numbers
	}
	return &reply{status: http.StatusOK, header: q.contentType(), body: body}
}

func (q *request) contentType() map[string]string {
	switch {
	case q.service == "secretsmanager", q.service == "ssm":
		return map[string]string{"Content-Type": "application/x-amz-json-1.1"}
	case protocols[q.service] == jsonProtocol:
		return map[string]string{"Content-Type": "application/x-amz-json-1.0"}
	case protocols[q.service] == queryProtocol:
		return map[string]string{"Content-Type": "text/xml"}
	}
	return map[string]string{"Content-Type": "application/json"}
}

// fail returns an error in the service's own shape. reasons are those of a TransactionCanceledException.
func (q *request) fail(code, message string, reasons ...string) *reply {
	res := &reply{status: statusOf(q.service, code), header: q.contentType()}
	switch protocols[q.service] {
	case queryProtocol:
		res.body = queryError(q.service, code, message, res.status)
	case restProtocol:
		res.header["X-Amzn-Errortype"] = code
		res.body, _ = json.Marshal(map[string]string{"message": message})
	default:
		answer := map[string]any{"__type": namespace(q.service) + code, "message": message}
		if q.service == "secretsmanager" {
			answer["Message"] = message
		}
		if len(reasons) > 0 {
			answer["CancellationReasons"] = cancellation(reasons)
			answer["Message"] = fmt.Sprintf("Transaction cancelled, please refer cancellation reasons for specific reasons [%s]", strings.Join(reasons, ", "))
			delete(answer, "message")
		}
		res.body, _ = json.Marshal(answer)
	}
	return res
}

func cancellation(reasons []string) []map[string]string {
	var out []map[string]string
	for _, r := range reasons {
		reason := map[string]string{"Code": r}
		if r != "None" {
			reason["Message"] = "injected by the development stack"
		}
		out = append(out, reason)
	}
	return out
}

func namespace(service string) string {
	switch service {
	case "dynamodb", "streams":
		return "com.amazonaws.dynamodb.v20120810#"
	case "sqs":
		return "com.amazonaws.sqs#"
	}
	return ""
}

func queryError(service, code, message string, status int) []byte {
	var e struct {
		XMLName xml.Name `xml:"ErrorResponse"`
		XMLNS   string   `xml:"xmlns,attr"`
		Error   struct {
			Type, Code, Message string
		}
		RequestID string `xml:"RequestId"`
	}
	e.XMLNS, e.RequestID = xmlns[service], newID()
	e.Error.Type, e.Error.Code, e.Error.Message = "Sender", code, message
	if status >= 500 {
		e.Error.Type = "Receiver"
	}
	body, err := xml.Marshal(e)
	if err != nil {
		panic(err) // only text
	}
	return body
}

var xmlns = map[string]string{
	"sns":            "http://sns.amazonaws.com/doc/2010-03-31/",
	"cloudformation": "http://cloudformation.amazonaws.com/doc/2010-05-15/",
}

// newID returns a random UUID (RFC 9562, version 4).
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
