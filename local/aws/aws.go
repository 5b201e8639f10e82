// Package aws is the endpoint that functions, otpctl and the AWS CLI call in place of AWS. It forwards calls to DynamoDB to the engine
// that package dynamo starts. It imitates SES v2, SNS, SQS, Lambda, Secrets Manager, KMS, SSM, CloudWatch and CloudFormation as far as StreamOTP uses them. calls.go has
// a row for each imitated call, and a file for each service has the handlers that the rows name.
//
// It promises: (A1) an action or option that it does not imitate gets an error in the service's own shape; (A2) every
// call of a function is recorded, also a failed call; (A3) a message is recorded only after its call was accepted;
// (A4) an injected fault looks to an SDK like the real error; (A5) a function's call that its role does not allow is
// denied as AWS denies it, before anything is done and before a fault is used up.
package aws

import (
	"io"
	"net/http"
	"sync"
	"time"

	"streamotp/local/dynamo"
	"streamotp/local/lambda"
	"streamotp/local/template"
)

// Endpoint answers AWS calls. Its fields must not change once it serves.
type Endpoint struct {
	Template *template.Stack
	Engine   *dynamo.Client
	Secrets  *Secrets
	Queues   *Queues
	Keys     *Keys

	Here        func(text string) string // replaces the hosts of the API and the site in a text by this machine's
	Concurrency int                      // concurrent executions that the account allows
	Sent        func() int               // e-mails that SES accepted
	Lines       func() []string          // lines that the functions wrote to their log
	Message     func(Message)            // a provider accepted a message
	Recorded    func(Call)               // called for every call of a function
	Wrote       func(table string)       // called for every table, by physical name, that a call wrote to

	mu      sync.Mutex
	callers map[string]lambda.Caller // by access key id
	faults  []*Fault
	calls   []Call // oldest first
}

// Started registers the access key id of a function's new process with the endpoint.
func (e *Endpoint) Started(c lambda.Caller, key string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.callers == nil {
		e.callers = map[string]lambda.Caller{}
	}
	e.callers[key] = c
}

func (e *Endpoint) caller(key string) lambda.Caller {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.callers[key]
}

// maxRequest is above every limit of the actions that are imitated here. DynamoDB's limit, the largest, is 16 MB.
const maxRequest = 17 << 20

// ServeHTTP answers one AWS call.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begin := time.Now()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		return
	}
	q, res := e.identify(r, body)
	if res == nil {
		res = e.answer(q)
		if q.caller.Function != "" {
			e.Recorded(e.record(q, res, begin))
		}
	}
	if res == nil { // the response is dropped, or the caller has gone
		panic(http.ErrAbortHandler)
	}
	res.write(w)
}

// answer carries out the call if its caller may make it, with the faults that are set for it. It returns nil if the
// response is to be dropped.
func (e *Endpoint) answer(q *request) *reply {
	if denial := e.authorize(q); denial != nil {
		return denial
	}
	tables, _ := e.tablesOf(q)
	f := e.take(q.service, q.action, q.caller.Function, tables)
	if f.latency > 0 && !lambda.Sleep(q.ctx, f.latency) {
		return nil // the caller gave up before the provider accepted: nothing is done
	}
	var res *reply
	switch {
	case f.fault.Error != "":
		res = q.fail(f.fault.Error, f.fault.message(), f.fault.Reasons...)
	case q.call.do == nil:
		res = q.unknown(q.action)
	default:
		res = q.call.do(e, q)
	}
	if f.drop {
		return nil
	}
	return res
}
