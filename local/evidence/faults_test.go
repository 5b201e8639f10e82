package evidence

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"

	"streamotp/local/e2e"
)

// faults injects faults into the AWS calls that the functions were seen to make, and kills functions.
type faults struct {
	s      *e2e.Stack
	calls  []e2e.Call
	aimed  []e2e.Call          // of one function, which gets half of the faults of a phase
	errors map[string][]string // by service
	kinds  map[string]int      // how often each kind was injected
	mu     sync.Mutex
	lossy  int // faults after which a message may go out twice: its provider's response or its mark is lost
}

// learn notes the calls that the functions have made.
func (f *faults) learn() {
	if f.errors == nil {
		f.errors, f.kinds = map[string][]string{}, map[string]int{}
	}
	for _, c := range f.s.Calls() {
		c = e2e.Call{Function: c.Function, Service: c.Service, Action: c.Action, Table: c.Table}
		if !slices.Contains(f.calls, c) && c.Function != "" && c.Service != "captcha" {
			f.calls = append(f.calls, c)
		}
	}
	slices.SortFunc(f.calls, func(a, b e2e.Call) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	for _, c := range f.calls {
		if f.errors[c.Service] == nil {
			f.errors[c.Service] = f.errorsOf(c)
		}
	}
}

// errorsOf returns the errors that a call may have. The stack names them when it rejects an unknown one.
func (f *faults) errorsOf(c e2e.Call) (names []string) {
	_, _, text := f.s.Do(http.MethodPost, "/_local/faults", fields{"service": c.Service, "action": c.Action, "error": "None"})
	_, all, _ := strings.Cut(strings.TrimSpace(string(text)), "it has ")
	for _, name := range strings.Split(all, ", ") {
		// A condition that fails is no fault but an answer, and would be a lie about the table.
		if name != "" && name != "ConditionalCheckFailedException" {
			names = append(names, name)
		}
	}
	return names
}

// throttled are the errors by which services throttle.
var throttled = map[string]string{"dynamodb": "ThrottlingException", "ses": "TooManyRequestsException", "sns": "Throttled"}

// aim chooses the function that gets half of the faults, so that several of its calls fail together.
func (f *faults) aim(r *rand.Rand) {
	at := f.calls[r.IntN(len(f.calls))].Function
	f.aimed = slices.DeleteFunc(slices.Clone(f.calls), func(c e2e.Call) bool { return c.Function != at })
}

// maybe injects a fault in one of six operations, and kills a function in one of 150.
func (f *faults) maybe(r *rand.Rand) {
	c := f.calls[r.IntN(len(f.calls))]
	if r.IntN(2) == 0 {
		c = f.aimed[r.IntN(len(f.aimed))]
	}
	if r.IntN(150) == 0 {
		f.note("kill", c.Function == "SendFunction")
		f.s.Kill(c.Function)
		return
	}
	if r.IntN(6) > 0 {
		return
	}
	fault := fields{"service": c.Service, "action": c.Action, "function": c.Function, "count": 1 + r.IntN(6)}
	if table, _, several := strings.Cut(c.Table, ","); table != "" && !several {
		fault["table"] = table
	}
	kind := []string{"lost", "lost", "throttled", "slow", "failed"}[r.IntN(5)]
	switch kind {
	case "lost":
		fault["dropResponse"] = true
	case "throttled":
		if fault["error"] = throttled[c.Service]; throttled[c.Service] == "" {
			fault["error"] = f.errors[c.Service][r.IntN(len(f.errors[c.Service]))]
		}
	case "slow":
		fault["latencyMs"] = 20 + r.IntN(300)
		if r.IntN(10) == 0 {
			fault["latencyMs"] = 1500 + r.IntN(2500)
		}
	case "failed":
		fault["error"] = f.errors[c.Service][r.IntN(len(f.errors[c.Service]))]
	}
	f.note(kind, c.Function == "SendFunction" && (kind != "throttled" || c.Service == "dynamodb"))
	f.s.Fault(fault)
}

func (f *faults) note(kind string, lossy bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kinds[kind]++
	if lossy {
		f.lossy++
	}
}

// sent holds which messages were asked for, and what arrived.
type sent struct {
	mu      sync.Mutex
	to      map[string]*wanted
	proofs  map[string]bool
	doubles int
}

// wanted is what may go to one address or number.
type wanted struct {
	sessions []string // accepted
	unknown  int      // requests whose session may exist
	resends  int
}

func (x *sent) at(to string, do func(w *wanted)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.to == nil {
		x.to = map[string]*wanted{}
	}
	if x.to[to] == nil {
		x.to[to] = &wanted{}
	}
	do(x.to[to])
}

func (x *sent) asked(to, id string) {
	x.at(to, func(w *wanted) { w.sessions = append(w.sessions, id) })
}
func (x *sent) maybe(to string) { x.at(to, func(w *wanted) { w.unknown++ }) }
func (x *sent) again(to string) { x.at(to, func(w *wanted) { w.resends++ }) }

// twice reports whether a proof was seen before.
func (x *sent) twice(proof string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.proofs == nil {
		x.proofs = map[string]bool{}
	}
	x.proofs[proof], proof = true, map[bool]string{true: "seen"}[x.proofs[proof]]
	return proof != ""
}
