package aws

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
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
	known := imitated[f.Service]
	if known == nil {
		return fmt.Errorf("service must be one of %v, not %q", slices.Sorted(maps.Keys(imitated)), f.Service)
	}
	if _, ok := known[f.Action]; !ok {
		return fmt.Errorf("action must be one of %v, not %q", slices.Sorted(maps.Keys(known)), f.Action)
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
	code := strings.TrimSuffix(f.Error, "Exception")
	if _, own := statusIn(services[f.Service].errors, code); own && f.Service == "sns" { // the SDK's name of the code on the wire
		f.Error = code
	}
	if _, ok := statusOf(f.Service, f.Error); !ok && f.Error != "" {
		return fmt.Errorf("%s has no error %q; it has %s", f.Service, f.Error, errorsOf(f.Service))
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
	if f.Message == "" && len(f.Reasons) > 0 {
		return fmt.Sprintf("Transaction cancelled, please refer cancellation reasons for specific reasons [%s]", strings.Join(f.Reasons, ", "))
	}
	return cmp.Or(f.Message, "injected by the development stack")
}

// AddFault sets a fault, given as JSON. An error is a mistake in the test.
func (e *Endpoint) AddFault(body []byte) error {
	var f Fault
	if err := Strict(body, &f); err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.faults = append(e.faults, &f)
	return nil
}

// ClearFaults removes all faults.
func (e *Endpoint) ClearFaults() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.faults = nil
}

// taken is the combined effect of the faults on one call.
type taken struct {
	fault   Fault // the fault with the error, if any
	latency time.Duration
	drop    bool
}

// take returns the faults of a call and uses them up. Latencies add up. If several faults have an error, the call gets
// the first that was set; the others wait.
func (e *Endpoint) take(service, action, function, table string) taken {
	e.mu.Lock()
	defer e.mu.Unlock()
	var t taken
	for _, x := range e.faults {
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
	e.faults = slices.DeleteFunc(e.faults, func(x *Fault) bool { return x.Count != nil && *x.Count == 0 })
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
