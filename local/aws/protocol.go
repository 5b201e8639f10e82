package aws

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/google/uuid"

	"streamotp/local/lambda"
)

// request is a call that is being answered.
type request struct {
	ctx             context.Context // ends when the caller has gone
	service, action string
	call            call
	caller          lambda.Caller
	path            string // of a REST call
	header          http.Header
	body            []byte
	form            url.Values // of a query protocol's call
}

// reply is a response in the service's own protocol.
type reply struct {
	status int
	header map[string]string
	body   []byte
	units  float64 // consumed capacity
}

func (res *reply) write(w http.ResponseWriter) {
	for k, v := range res.header {
		w.Header().Set(k, v)
	}
	w.Header().Set("X-Amzn-Requestid", uuid.NewString())
	w.WriteHeader(res.status)
	_, _ = w.Write(res.body)
}

// identify finds the service, the action and the caller of a call. An unsigned request is rejected. The signature is not
// checked, as there is nothing to protect.
func (e *Endpoint) identify(r *http.Request, body []byte) (*request, *reply) {
	q := &request{ctx: r.Context(), header: r.Header, body: body}
	credential := ""
	if _, rest, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		credential, _, _ = strings.Cut(rest, ",")
	}
	scope := strings.Split(credential, "/") // key/date/region/service/aws4_request
	if len(scope) != 5 || !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ") {
		q.service = protocolOf(r)
		return nil, q.fail("MissingAuthenticationToken", "Request is missing Authentication Token")
	}
	q.caller, q.service = e.caller(scope[0]), scope[3]
	q.locate(r)
	if q.action == "" {
		return nil, q.unknown(r.Method + " " + r.URL.Path + " of " + q.service)
	}
	q.call = imitated[q.service][q.action]
	return q, nil
}

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

// locate finds the action. It stays empty if the call names none, or one that the service does not have.
func (q *request) locate(r *http.Request) {
	s := services[q.service]
	switch s.protocol {
	case jsonProtocol:
		target := r.Header.Get("X-Amz-Target")
		if strings.HasPrefix(target, s.target) {
			_, q.action, _ = strings.Cut(target, ".")
		}
	case restProtocol:
		q.path = path.Clean(r.URL.Path)
		for action, c := range imitated[q.service] {
			if ok, _ := path.Match(c.route, r.Method+" "+q.path); ok {
				q.action = action
			}
		}
	case queryProtocol:
		q.form, _ = url.ParseQuery(string(q.body)) // what cannot be parsed is missing
		q.action = q.form.Get("Action")
	}
}

// ok returns a successful response in JSON.
func (q *request) ok(v any) *reply {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // only text and numbers
	}
	return q.respond(body)
}

// okXML returns a successful response in XML. result is the content of the action's result.
func (q *request) okXML(result string) *reply {
	return q.respond(fmt.Appendf(nil, `<%[1]sResponse xmlns=%[2]q><%[1]sResult>%[3]s</%[1]sResult><ResponseMetadata><RequestId>%[4]s</RequestId></ResponseMetadata></%[1]sResponse>`,
		q.action, services[q.service].namespace, result, uuid.NewString()))
}

func (q *request) respond(body []byte) *reply {
	return &reply{status: http.StatusOK, header: map[string]string{"Content-Type": services[q.service].content}, body: body}
}

// unknown rejects a call that is not imitated.
func (q *request) unknown(what string) *reply {
	code := "UnknownOperationException"
	if services[q.service].protocol == queryProtocol {
		code = "InvalidAction"
	}
	return q.fail(code, "the development stack does not imitate "+what)
}

// fail returns an error in the service's own shape. reasons are those of a TransactionCanceledException.
func (q *request) fail(code, message string, reasons ...string) *reply {
	s, res := services[q.service], q.respond(nil)
	res.status, _ = statusOf(q.service, code)
	switch s.protocol {
	case queryProtocol:
		res.body = queryError(s.namespace, code, message, res.status)
	case jsonProtocol:
		answer := map[string]any{"__type": s.namespace + code, "message": message, "Message": message} // services differ in the case
		if len(reasons) > 0 {
			answer["CancellationReasons"] = cancellation(reasons)
		}
		res.body, _ = json.Marshal(answer)
	default:
		res.header["X-Amzn-Errortype"] = code
		res.body, _ = json.Marshal(map[string]string{"message": message})
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

func queryError(namespace, code, message string, status int) []byte {
	party := "Sender"
	if status >= 500 {
		party = "Receiver"
	}
	var text bytes.Buffer
	_ = xml.EscapeText(&text, []byte(message)) // a buffer takes everything
	return fmt.Appendf(nil, `<ErrorResponse xmlns=%q><Error><Type>%s</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>%s</RequestId></ErrorResponse>`,
		namespace, party, code, text.String(), uuid.NewString())
}

// Strict decodes one JSON value without unknown fields.
func Strict(body []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("the body is not what it should be: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("the body has something after its JSON value")
	}
	return nil
}
