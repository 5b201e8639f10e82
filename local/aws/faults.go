package aws

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Fault is what a test makes happen to the next calls of an action.
type Fault struct {
	Service      string   `json:"service"`
	Action       string   `json:"action"`
	Function     string   `json:"function,omitempty"` // logical id of the caller; empty matches every caller
	Table        string   `json:"table,omitempty"`    // logical id; empty matches every table
	Error        string   `json:"error,omitempty"`    // the call is not made and fails with this error
	Reasons      []string `json:"reasons,omitempty"`  // of a TransactionCanceledException, one per item; absent: a conflict
	Message      string   `json:"message,omitempty"`
	LatencyMs    int      `json:"latencyMs,omitempty"`    // spent before the provider accepts
	DropResponse bool     `json:"dropResponse,omitempty"` // the call is made, but its response is lost
	Count        *int     `json:"count,omitempty"`        // calls; absent: until cleared
	PerSecond    *int     `json:"perSecond,omitempty"`    // calls that succeed in any second; those beyond get the error

	passed []time.Time // calls of the last second that succeeded, with PerSecond
}

// check returns what is wrong with a fault, in words for the test that posted it.
func (f *Fault) check() error {
	if _, ok := errorNames[f.Service]; !ok {
		return fmt.Errorf("service must be dynamodb, ses, sns, sqs, lambda, monitoring, secretsmanager, ssm, cloudformation or captcha, not %q", f.Service)
	}
	if known := actions[f.Service]; !slices.Contains(known, f.Action) {
		return fmt.Errorf("action must be one of %v, not %q", known, f.Action)
	}
	if f.Error == "" && f.LatencyMs == 0 && !f.DropResponse {
		return fmt.Errorf("a fault needs error, latencyMs or dropResponse")
	}
	if f.LatencyMs < 0 || f.Count != nil && *f.Count < 1 {
		return fmt.Errorf("latencyMs must not be negative, count must be at least 1")
	}
	if f.PerSecond != nil && (*f.PerSecond < 1 || f.Error == "" || f.LatencyMs > 0 || f.DropResponse) {
		return fmt.Errorf("perSecond must be at least 1, with error and without latencyMs and dropResponse")
	}
	if f.Error != "" {
		code, ok := wireCode(f.Service, f.Error)
		if !ok {
			return fmt.Errorf("%s has no error %q; it has %s", f.Service, f.Error, errorsOf(f.Service))
		}
		f.Error = code
	}
	return f.checkReasons()
}

func (f *Fault) checkReasons() error {
	cancelled := f.Error == "TransactionCanceledException"
	switch {
	case !cancelled && len(f.Reasons) > 0:
		return fmt.Errorf("reasons are for TransactionCanceledException only")
	case cancelled && len(f.Reasons) == 0:
		f.Reasons = []string{"TransactionConflict"}
	}
	known := []string{"None", "ConditionalCheckFailed", "ItemCollectionSizeLimitExceeded", "TransactionConflict",
		"ProvisionedThroughputExceeded", "ThrottlingError", "ValidationError", "DuplicateItem"}
	for _, r := range f.Reasons {
		if !slices.Contains(known, r) {
			return fmt.Errorf("reasons must be of %v, not %q", known, r)
		}
	}
	return nil
}

func (f Fault) message() string {
	if f.Message != "" {
		return f.Message
	}
	return "injected by the development stack"
}

// actions are the actions that a fault may name.
var actions = map[string][]string{
	"dynamodb": {"GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem", "BatchWriteItem",
		"TransactGetItems", "TransactWriteItems", "DescribeTable", "ListTables", "CreateTable", "DeleteTable",
		"UpdateTimeToLive", "DescribeTimeToLive", "ListStreams", "DescribeStream", "GetShardIterator", "GetRecords"},
	"ses": {"SendEmail", "GetAccount", "GetEmailIdentity"},
	"sns": {"Publish", "GetSMSSandboxAccountStatus"},
	"sqs": {"SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "ChangeMessageVisibilityBatch",
		"GetQueueAttributes"},
	"lambda":         {"Invoke", "GetAccountSettings"},
	"monitoring":     {"GetMetricData"},
	"secretsmanager": {"GetSecretValue", "PutSecretValue", "DescribeSecret"},
	"ssm":            {"GetParameter"},
	"cloudformation": {"DescribeStacks"},
	"captcha":        {"siteverify"},
}

type faults struct {
	mu  sync.Mutex
	set []*Fault
}

// AddFault sets a fault, given as JSON. An error is a mistake in the test.
func (e *Endpoint) AddFault(body []byte) error {
	var f Fault
	if err := strict(body, &f); err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	e.faults.mu.Lock()
	defer e.faults.mu.Unlock()
	e.faults.set = append(e.faults.set, &f)
	return nil
}

// ClearFaults removes all faults.
func (e *Endpoint) ClearFaults() {
	e.faults.mu.Lock()
	defer e.faults.mu.Unlock()
	e.faults.set = nil
}

// taken is the combined effect of the faults on one call.
type taken struct {
	fault   Fault // the fault with the error, if any
	latency time.Duration
	drop    bool
}

// take returns the faults of a call and uses them up. Latencies add up. If several faults have an error, the call gets
// the one that was set first; the others wait.
func (f *faults) take(service, action, function, table string) taken {
	if service == "streams" {
		service = "dynamodb"
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var t taken
	for _, x := range f.set {
		other := x.Service != service || x.Action != action || x.Function != "" && x.Function != function ||
			x.Table != "" && !slices.Contains(strings.Split(table, ","), x.Table)
		if other || x.Error != "" && t.fault.Error != "" || x.passes(time.Now()) {
			continue
		}
		if x.Error != "" {
			t.fault = *x
		}
		t.latency += time.Duration(x.LatencyMs) * time.Millisecond
		t.drop = t.drop || x.DropResponse
		if x.Count != nil {
			*x.Count--
		}
	}
	f.set = slices.DeleteFunc(f.set, func(x *Fault) bool { return x.Count != nil && *x.Count == 0 })
	return t
}

// passes reports whether the fault's PerSecond lets a call succeed now.
func (f *Fault) passes(now time.Time) bool {
	if f.PerSecond == nil {
		return false
	}
	f.passed = slices.DeleteFunc(f.passed, func(t time.Time) bool { return now.Sub(t) >= time.Second })
	if len(f.passed) >= *f.PerSecond {
		return false
	}
	f.passed = append(f.passed, now)
	return true
}

// calls is the record of the calls that functions made.
type calls struct {
	mu   sync.Mutex
	list []Call
}

// Call is one AWS call of a function.
type Call struct {
	Function   string  `json:"function"`
	Service    string  `json:"service"`
	Action     string  `json:"action"`
	Table      string  `json:"table"`      // logical id; several, of a transaction, with commas between them
	Consistent bool    `json:"consistent"` // ConsistentRead was asked for
	Units      float64 `json:"units"`      // consumed capacity; 0 for a failed call
	Bytes      int     `json:"bytes"`      // length of the request's body
	Ms         float64 `json:"ms"`         // until the response was ready, injected latency included

	Process int `json:"-"`
	Status  int `json:"-"` // 0: no response was sent
}

// maxCalls bounds the record of a stack that runs for days. When it is full, the older half is deleted.
const maxCalls = 100_000

func (e *Endpoint) record(q *request, res *reply, begin time.Time) {
	c := Call{Function: q.caller.Function, Process: q.caller.Process, Service: q.name(), Action: q.action,
		Bytes: len(q.body), Ms: float64(time.Since(begin).Microseconds()) / 1000}
	if protocols[q.service] == jsonProtocol {
		c.Table, c.Consistent = e.tablesOf(q)
	}
	if res != nil {
		c.Status, c.Units = res.status, res.units
	}
	e.keep(c)
	if e.Recorded != nil {
		e.Recorded(c)
	}
}

func (e *Endpoint) keep(c Call) {
	e.calls.mu.Lock()
	defer e.calls.mu.Unlock()
	if len(e.calls.list) >= maxCalls {
		e.calls.list = slices.Clone(e.calls.list[maxCalls/2:])
	}
	e.calls.list = append(e.calls.list, c)
}

// Calls returns every recorded call as JSON, oldest first.
func (e *Endpoint) Calls() []byte {
	e.calls.mu.Lock()
	defer e.calls.mu.Unlock()
	if e.calls.list == nil {
		return []byte("[]")
	}
	out, err := json.Marshal(e.calls.list)
	if err != nil {
		panic(err) // only text and numbers
	}
	return out
}

// ClearCalls empties the record.
func (e *Endpoint) ClearCalls() {
	e.calls.mu.Lock()
	defer e.calls.mu.Unlock()
	e.calls.list = nil
}
