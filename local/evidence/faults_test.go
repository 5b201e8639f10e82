package evidence

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"streamotp/local/e2e"
)

// faults injects faults into the AWS calls that the functions were seen to make, and kills functions.
type faults struct {
	s      *e2e.Stack
	calls  []e2e.Call
	aimed  []e2e.Call          // of one function, which gets half of the faults of a phase
	outage bool                // in this phase sessions cannot be written, again and again
	late   bool                // in this phase a call may have its effect after the response to its request
	all    []fault             // each possible one
	errors map[string][]string // by service
	mu     sync.Mutex
	kinds  map[string]int // how often each kind was injected
	set    map[fault]bool // which were injected
	lossy  int            // faults after which a message may go out twice: its provider's response or its mark is lost
}

// fault is what happens to a call: its response is lost, it is slow, or it fails with an error.
type fault struct {
	call  e2e.Call
	kind  string // "lost", "slow", "throttled" or "failed"
	error string
}

// learn notes the calls that the functions have made.
func (f *faults) learn() {
	if f.errors == nil {
		f.errors = map[string][]string{}
	}
	for _, c := range f.s.Calls() {
		c = e2e.Call{Function: c.Function, Service: c.Service, Action: c.Action, Table: c.Table}
		if !slices.Contains(f.calls, c) && c.Function != "" && c.Service != "captcha" {
			f.calls = append(f.calls, c)
		}
	}
	slices.SortFunc(f.calls, func(a, b e2e.Call) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	f.all = nil
	for _, c := range f.calls {
		if f.errors[c.Service] == nil {
			f.errors[c.Service] = f.errorsOf(c)
		}
		f.all = append(f.all, fault{c, "lost", ""}, fault{c, "slow", ""})
		for _, name := range f.errors[c.Service] {
			f.all = append(f.all, fault{c, "failed", name})
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

// aim chooses the faults of a phase. In most phases one function gets half of them, so that several of its calls fail together. One
// phase of four is an outage: a session often cannot be written, so what its message took is given back, while responses are lost.
func (f *faults) aim(r *rand.Rand) {
	f.outage = f.calls == nil || r.IntN(4) == 0
	f.late = !f.outage
	if f.outage {
		f.note("outage", false)
		return
	}
	at := f.calls[r.IntN(len(f.calls))].Function
	f.aimed = slices.DeleteFunc(slices.Clone(f.calls), func(c e2e.Call) bool { return c.Function != at })
}

// maybe injects a fault in one of six operations, and kills a function in one of 150. Half of the faults are random. The others are each possible one in
// turn, by the operation's number. In an outage it injects what belongs to that.
func (f *faults) maybe(r *rand.Rand, number int) {
	if f.outage {
		if r.IntN(3) == 0 {
			f.s.Fault(fields{"service": "dynamodb", "action": "PutItem", "table": "CodesTable", "function": "GenerateFunction",
				"error": "ResourceNotFoundException", "count": 1}) // the SDK does not repeat a call with this error
		}
		if r.IntN(4) == 0 {
			f.note("lost", false)
			f.s.Fault(fields{"service": "dynamodb", "action": "UpdateItem", "table": "LimitsTable", "function": "GenerateFunction", "dropResponse": true, "count": 1})
		}
		return
	}
	random := f.random(r)
	if r.IntN(150) == 0 {
		f.note("kill", random.call.Function == "SendFunction")
		f.s.Kill(random.call.Function)
	}
	switch {
	case number%12 == 0:
		f.inject(f.all[number/12%len(f.all)], r)
	case r.IntN(11) == 0:
		f.inject(random, r)
	}
}

// random draws a fault, half of the time of the function that is aimed at. Lost responses are the most frequent ones, because they are the hardest ones.
func (f *faults) random(r *rand.Rand) fault {
	c := f.calls[r.IntN(len(f.calls))]
	if r.IntN(2) == 0 {
		c = f.aimed[r.IntN(len(f.aimed))]
	}
	drawn := fault{call: c, kind: []string{"lost", "lost", "throttled", "slow", "failed"}[r.IntN(5)]}
	switch name := throttled[c.Service]; {
	case drawn.kind == "throttled" && name != "":
		drawn.error = name
	case drawn.kind == "throttled", drawn.kind == "failed":
		drawn.error = f.errors[c.Service][r.IntN(len(f.errors[c.Service]))]
	}
	return drawn
}

// inject injects a fault into one of the next calls, or into several.
func (f *faults) inject(drawn fault, r *rand.Rand) {
	c := drawn.call
	body := fields{"service": c.Service, "action": c.Action, "function": c.Function, "count": 1 + r.IntN(6)}
	if table, _, several := strings.Cut(c.Table, ","); table != "" && !several {
		body["table"] = table
	}
	switch drawn.kind {
	case "lost":
		body["dropResponse"] = true
	case "slow":
		body["latencyMs"] = 20 + r.IntN(300)
		if r.IntN(10) == 0 {
			body["latencyMs"] = 1500 + r.IntN(2500)
		}
	default:
		body["error"] = drawn.error
	}
	f.note(drawn.kind, c.Function == "SendFunction" && (drawn.kind != "throttled" || c.Service == "dynamodb"))
	f.s.Fault(body)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.set == nil {
		f.set = map[fault]bool{}
	}
	if drawn.kind == "throttled" {
		drawn.kind = "failed"
	}
	f.set[drawn] = true
}

// coverage returns how many of the possible faults were injected: each error of each call, a lost response and a slow call.
func (f *faults) coverage() string {
	return fmt.Sprintf("%d of %d faults in %d calls", len(f.set), len(f.all), len(f.calls))
}

func (f *faults) note(kind string, lossy bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kinds == nil {
		f.kinds = map[string]int{}
	}
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
	seen := x.proofs[proof]
	x.proofs[proof] = true
	return seen
}

// skewed returns edits that give each process of a function a clock of its own, up to a second fast or slow.
func skewed() (edits []e2e.Edit) {
	for _, function := range []string{"generate", "send", "verify", "reset", "status", "feedback", "oidc"} {
		edits = append(edits, e2e.Edit{File: "functions/" + function + "/main.go", Old: "\nfunc main() {\n", New: `
func main() {
	apart := time.Duration(time.Now().UnixNano()/1000%2001-1000) * time.Millisecond
	time := struct{ Now func() time.Time }{func() time.Time { return time.Now().Add(apart) }}
`})
	}
	return edits
}

// TestFaults: after a schedule of every fault that can be injected into every AWS call, with functions killed and their clocks up to two
// seconds apart, every promise holds that a history can show, and every message was sent once or is a dead letter.
func TestFaults(t *testing.T) {
	seed, end, f := draw(t), time.Now().Add(bounded), &faults{}
	if *full {
		end = time.Now().Add(*lasting)
	}
	for stack := 0; stack == 0 || *full && time.Now().Before(end); stack++ {
		t.Run(fmt.Sprint("stack ", stack), func(t *testing.T) {
			x := newStage(t, e2e.StartChanged(t, skewed(), parameters...), seed+uint64(stack), f)
			x.skewed = true
			x.play(func(wrong []string) {
				report(t, wrong)
				x.delivered()
			}, func() bool { return time.Now().Before(end) })
			x.outage()
			fmt.Printf("%s; %d messages went out twice; %d dead letters\n", x.faults.coverage(), x.sent.doubles, len(x.DeadLetters()))
		})
	}
}

// delivered waits until every message of a round has gone out, was rejected by its provider, is not needed any more or is a dead letter, and
// checks that none went out too often.
func (x *stage) delivered() {
	doubles := 0
	for to, w := range x.sent.to {
		arrived := 0
		for _, id := range w.sessions {
			state := x.settled(id)
			if state == "sent" || state == "delivered" {
				arrived++
			}
		}
		codes := map[string]int{}
		for _, m := range x.Messages() {
			if c := e2e.Code(m); m.To == to && c != "" {
				codes[c]++
			}
		}
		if n := len(codes); n < arrived || n > len(w.sessions)+w.unknown {
			x.t.Errorf("%s got %d codes; %d sessions say that theirs was sent, of %d, and %d requests have no response", to, n, arrived, len(w.sessions), w.unknown)
		}
		for _, n := range codes {
			doubles += max(0, n-1-w.resends)
		}
	}
	if doubles > 0 && x.faults.lossy == 0 {
		x.t.Errorf("%d messages went out twice, though no response of a provider was lost", doubles)
	}
	x.sent.doubles += doubles
	x.sent.to, x.faults.lossy = nil, 0
}

// settled waits until a session's message is not on its way any more, and returns the session's state. The state of a message that was sent and
// could not be marked stays "pending"; the log has a line for each of these.
func (x *stage) settled(id string) (state any) {
	ended := func() bool {
		_, _, answer := x.Post("/api/status", fields{"sessionId": id})
		state = answer["state"]
		return state != nil && state != "pending" || x.isDead(id)
	}
	if x.unmarked[id] || x.waits(ended) {
		return state
	}
	x.unmarked[id] = true
	marks := 0
	for _, line := range x.Logs() {
		if strings.Contains(line, `"level":"ERROR","msg":"message"`) && strings.Contains(line, `"outcome":"sent"`) {
			marks++
		}
	}
	if len(x.unmarked) > marks {
		x.t.Errorf("the message of %s does not settle, and only %d were sent without a mark", id, marks)
	}
	return state
}

func (x *stage) isDead(id string) bool {
	return slices.ContainsFunc(x.DeadLetters(), func(letter map[string]any) bool { return letter["sessionId"] == id })
}

// outage lets codes expire while SES sends nothing: each becomes a dead letter, and the log says why.
func (x *stage) outage() {
	x.Fault(fields{"service": "ses", "action": "SendEmail", "error": "SendingPausedException"})
	ids, before := map[any]bool{}, len(x.Logs())
	for i := range 5 {
		_, _, answer := x.Post("/api/generate", fields{"email": fmt.Sprintf("outage-%d@example.com", i)})
		ids[answer["sessionId"]] = true
	}
	// logged returns the sessions, by the log's names, whose lines since then contain a text.
	logged := func(text string) map[string]bool {
		found := map[string]bool{}
		for _, line := range x.Logs()[before:] {
			_, line, _ = strings.Cut(line, "\t")
			var entry struct{ Session string }
			_ = json.Unmarshal([]byte(line), &entry) // a line of another form has no session
			if entry.Session != "" && strings.Contains(line, text) {
				found[entry.Session] = true
			}
		}
		return found
	}
	x.until("SES has rejected each message", func() bool { return len(logged("SendingPaused")) >= len(ids) })
	for _, item := range x.Items("CodesTable") {
		if ids[item["sessionId"]["S"]] {
			item["expiredAt"] = map[string]any{"N": fmt.Sprint(time.Now().Unix() + 1)}
			x.PutItem("CodesTable", item)
		}
	}
	for id := range ids {
		x.until("the dead letter", func() bool { return x.isDead(fmt.Sprint(id)) })
	}
	x.ClearFaults()
	x.until("the log says why of each dead letter", func() bool {
		explained, undelivered := logged("SendingPaused"), logged(`"outcome":"undelivered"`)
		maps.DeleteFunc(explained, func(session string, _ bool) bool { return !undelivered[session] })
		return len(explained) >= len(ids)
	})
	for _, m := range x.Messages() {
		if strings.HasPrefix(m.To, "outage-") {
			x.t.Errorf("%s got a message that is a dead letter", m.To)
		}
	}
}
