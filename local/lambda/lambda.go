// Package lambda runs functions as Lambda does: the released bootstrap of each function runs in processes of its own, behind
// the Lambda Runtime API.
//
// It promises: (L1) a process has one invocation at a time; (L2) an invocation reaches at most one process, once;
// (L3) a process that runs out of time is killed, and the next invocation gets a fresh one; (L4) no process outlives
// the host, not even when the host is killed; (L5) a process inherits nothing of the host's environment.
package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"streamotp/local/template"
)

// Function is what a host must know to run a function.
type Function struct {
	template.Function
	Dir       string // has the bootstrap, and is the working directory
	Processes int    // concurrent invocations; further ones wait
}

// Host runs functions.
type Host struct {
	Endpoint string                          // AWS_ENDPOINT_URL of every function
	Log      func(function, line string)     // called with each line that a function logs; must not be nil
	Started  func(c Caller, key string)      // called when a process starts, with its access key id; must not be nil
	Invoked  func(function string, r Result) // called after every invocation; must not be nil

	mu    sync.Mutex
	fns   map[string]*pool
	count atomic.Int64 // not under mu: Close holds mu and takes the lock of a pool, which start already holds
}

// Caller is a function's process, as the AWS endpoint sees it. The zero value stands for any other caller.
type Caller struct {
	Function string // logical id
	Process  int    // number of the process, unique in a host
}

// Result is the outcome of an invocation.
type Result struct {
	RequestID string
	Payload   []byte        // the function's response, or its error as Lambda reports it
	Err       error         // nil, or one of the errors below
	Process   int           // the process that ran it; 0 if none did
	Cold      bool          // the process was started for this invocation
	Ran       time.Duration // from when the process took it until its response
}

// Invoke is the type of Host.Invoke.
type Invoke func(ctx context.Context, function string, event any, trace string) Result

// Batch is an invocation by an event source mapping, for the log.
type Batch struct {
	Invocation string // request id
	Size       int
	Failed     int // records or messages that will be passed to the function again
	Took       time.Duration
}

// Sleep waits. It returns false if ctx ended first.
func Sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// Errors of an invocation. ErrFunction and ErrTimeout come from the function, which may have done part of its work.
// ErrThrottled means that the function has not run.
var (
	ErrFunction  = errors.New("the function failed")
	ErrTimeout   = errors.New("the function timed out")
	ErrThrottled = errors.New("no process was free in time")
)

// Patience is how long an invocation waits for a free process.
const Patience = 30 * time.Second

// Add makes a function known. Its processes start when invocations come.
func (h *Host) Add(f Function) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fns == nil {
		h.fns = map[string]*pool{}
	}
	h.fns[f.ID] = &pool{host: h, Function: f, slots: make(chan struct{}, f.Processes)}
}

// Invoke runs a function once with an event, as JSON, and waits for its response, however long that takes. ctx ends only the wait for a free
// process: a function that has begun goes on, even if its caller stops waiting.
func (h *Host) Invoke(ctx context.Context, function string, event any, trace string) Result {
	data, err := json.Marshal(event)
	if err != nil {
		panic(err) // only text, numbers, and what was JSON before
	}
	inv := &invocation{id: uuid.NewString(), trace: trace, event: data}
	res := Result{Err: ErrThrottled}
	wait, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	if p := h.pool(function); p != nil && p.Processes > 0 {
		select {
		case p.slots <- struct{}{}:
			res = p.run(inv)
			<-p.slots
		case <-wait.Done():
		}
	}
	res.RequestID = inv.id
	h.Invoked(function, res)
	return res
}

func (h *Host) pool(function string) *pool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.fns[function]
}

// Kill kills a function's processes at once and returns their number. It returns false if there is no such function.
func (h *Host) Kill(function string) (int, bool) {
	p := h.pool(function)
	if p == nil {
		return 0, false
	}
	return p.killAll(), true
}

// Close ends every process.
func (h *Host) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.fns {
		p.close()
	}
}

func (h *Host) number() int { return int(h.count.Add(1)) }

// failed returns a result with the payload that Lambda makes when the function itself could not respond.
func failed(err error, kind, format string, args ...any) Result {
	return Result{Err: err, Payload: fmt.Appendf(nil, `{"errorType":%q,"errorMessage":%q}`, kind, fmt.Sprintf(format, args...))}
}
