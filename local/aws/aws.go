// Package aws is the endpoint that functions, otpctl and the AWS CLI call in place of AWS: DynamoDB and its streams
// forwarded to an engine; SES v2, SNS, SQS, Lambda, Secrets Manager, SSM, CloudWatch and CloudFormation as far as StreamOTP
// uses them.
//
// It promises: (A1) an action or option that it does not imitate gets an error in the service's own shape; (A2) every
// call of a function is recorded, failed calls too; (A3) a message is recorded once its call was accepted, and only then;
// (A4) an injected fault looks to an SDK like the real error; (A5) a function's call that its role does not allow is
// denied as AWS denies it, before anything is done and before a fault is used up.
package aws

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"streamotp/local/dynamo"
)

// Endpoint answers AWS calls. Its fields must not change once it serves.
type Endpoint struct {
	Engine      *dynamo.Client
	Tables      map[string]string                      // physical name to logical id
	Streams     map[string]string                      // ARN of a stream in the template to the engine's
	Secrets     *Secrets                               //
	Parameters  map[string]string                      // of SSM: values by name
	Queues      *Queues                                //
	From        string                                 // the one SES identity
	Sent        func() int                             // messages that SES accepted
	Lines       func() []string                        // lines that the functions wrote to their log
	MailSets    []string                               // SES configuration sets that exist
	Stack       func() Stack                           // for CloudFormation
	Invoke      Invoker                                // runs a function, given its physical name
	Concurrency int                                    // concurrent executions that the account allows
	Who         func(key string) (Caller, bool)        // the function's process that has this access key id
	Roles       map[string]Role                        // of the functions, by logical id
	ARN         func(service, resource string) string  // of something in the stack's region and account
	Message     func(Message)                          // a provider accepted a message
	Recorded    func(Call)                             // called for every call of a function; may be nil
	Wrote       func(caller Caller, w []Write)         // called for every write that succeeded
	Skipped     func(action string)                    // called when the engine lacks a setting of a table
	Keys        func(table string) (keyNames []string) // key attributes of a table, by physical name

	calls  calls
	faults faults
}

// Invoker runs a function. It returns false if there is none of this name. failure is Lambda's word for an error of the
// function.
type Invoker func(ctx context.Context, name string, event []byte) (payload []byte, failure string, ok bool)

// Caller is a function's process. The zero value stands for any other caller.
type Caller struct {
	Function string
	Process  int
}

// MailHeader is one of Content.Simple.Headers.
type MailHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Message is a message that a provider accepted.
type Message struct {
	ID      string       `json:"id"`
	Channel string       `json:"channel"` // email or sms
	To      string       `json:"to"`
	From    string       `json:"from"`
	Subject string       `json:"subject"`
	Text    string       `json:"text"`
	HTML    string       `json:"html"`
	SentAt  string       `json:"sentAt"`            // RFC 3339
	Headers []MailHeader `json:"headers,omitempty"` // of an e-mail, besides those that SES writes
	Caller  Caller       `json:"-"`

	MailSet string            `json:"-"` // SES configuration set; empty for none
	Tags    map[string]string `json:"-"` // EmailTags
}

// maxRequest is above every limit of the actions that are imitated here. DynamoDB's limit, the largest, is 16 MB.
const maxRequest = 17 << 20

// request is a call that is being answered.
type request struct {
	service, action string
	caller          Caller
	path            string // of a REST call
	header          http.Header
	body            []byte
	form            map[string]string // of a query protocol's call
}

// reply is a response in the service's own protocol.
type reply struct {
	status int
	header map[string]string
	body   []byte
	units  float64 // consumed capacity
}

// ServeHTTP answers one AWS call.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begin := time.Now()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		return
	}
	q, refusal := e.identify(r, body)
	if refusal != nil {
		refusal.write(w)
		return
	}
	res := e.answer(r.Context(), q)
	if q.caller.Function != "" {
		e.record(q, res, begin)
	}
	if res == nil { // the response is dropped, or the caller has gone
		drop(w)
		return
	}
	res.write(w)
}

// answer carries out the call if its caller may make it, with the faults that are set for it. It returns nil if the
// response is to be dropped.
func (e *Endpoint) answer(ctx context.Context, q *request) *reply {
	if refusal := e.authorize(q); refusal != nil {
		return refusal
	}
	table := ""
	if protocols[q.service] == jsonProtocol {
		table, _ = e.tablesOf(q)
	}
	f := e.faults.take(q.service, q.action, q.caller.Function, table)
	if f.latency > 0 && !wait(ctx, f.latency) {
		return nil // the caller gave up before the provider accepted: nothing is done
	}
	if f.fault.Error != "" {
		res := q.fail(f.fault.Error, f.fault.message(), f.fault.Reasons...)
		if f.drop {
			return nil
		}
		return res
	}
	res := e.do(ctx, q)
	if f.drop {
		return nil
	}
	return res
}

func (e *Endpoint) do(ctx context.Context, q *request) *reply {
	switch q.service {
	case "dynamodb", "streams":
		return e.forward(ctx, q)
	case "ses":
		return e.ses(q)
	case "sns":
		return e.sns(q)
	case "secretsmanager":
		return e.Secrets.do(q)
	case "ssm":
		return e.getParameter(q)
	case "sqs":
		return e.Queues.do(q)
	case "lambda":
		return e.lambda(ctx, q)
	case "monitoring":
		return e.metricData(q)
	case "cloudformation":
		return e.describeStacks(q)
	}
	return q.fail("UnknownOperationException", "the development stack does not imitate this service")
}

func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// drop closes the connection without a response.
func drop(w http.ResponseWriter) {
	if h, ok := w.(http.Hijacker); ok {
		if c, _, err := h.Hijack(); err == nil {
			_ = c.Close()
		}
	}
}

func (res *reply) write(w http.ResponseWriter) {
	for k, v := range res.header {
		w.Header().Set(k, v)
	}
	w.Header().Set("X-Amzn-Requestid", newID())
	w.WriteHeader(res.status)
	_, _ = w.Write(res.body)
}

// identify finds the service, the action and the caller of a call. An unsigned request is rejected. The signature is not
// checked, as there is nothing to protect.
func (e *Endpoint) identify(r *http.Request, body []byte) (*request, *reply) {
	q := &request{header: r.Header, body: body}
	credential := ""
	if _, rest, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		credential, _, _ = strings.Cut(rest, ",")
	}
	scope := strings.Split(credential, "/") // key/date/region/service/aws4_request
	if len(scope) != 5 || !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ") {
		q.service = protocolOf(r)
		return nil, q.fail("MissingAuthenticationToken", "Request is missing Authentication Token")
	}
	q.caller, _ = e.Who(scope[0])
	q.service = scope[3]
	q.locate(r)
	if q.action == "" {
		return nil, q.fail("UnknownOperationException", fmt.Sprintf("the development stack does not imitate %s %s of %s", r.Method, r.URL.Path, q.service))
	}
	return q, nil
}
