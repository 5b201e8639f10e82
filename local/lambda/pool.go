package lambda

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// pool holds the processes of one function. slots limits the running invocations, and so the processes.
type pool struct {
	Function
	host  *Host
	slots chan struct{}

	mu     sync.Mutex
	closed bool
	all    []*process
	idle   []*process // most recently used last: it is the warmest
}

// initLimit is how long a process may take to ask for its first invocation (Lambda: 10 s).
const initLimit = 10 * time.Second

// run passes the invocation to a process. A process that died before it took the invocation has not seen it, so run tries
// the next one.
func (p *pool) run(inv *invocation) Result {
	for range 3 {
		proc, cold, err := p.take()
		if err != nil {
			return failed(ErrFunction, "Runtime.InvalidEntrypoint", "%v", err)
		}
		res, taken := proc.invoke(inv, cold)
		p.put(proc)
		if taken || cold {
			return res
		}
	}
	return failed(ErrFunction, "Runtime.ExitError", "processes die before they take an invocation")
}

// take returns an idle process, or a new one.
func (p *pool) take() (*process, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 {
		last := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if last.alive() {
			return last, false, nil
		}
	}
	if p.closed {
		return nil, false, fmt.Errorf("the host is closed")
	}
	proc, err := start(p)
	if err == nil {
		p.all = append(p.all, proc)
	}
	return proc, true, err
}

// put takes a process back if it is still alive.
func (p *pool) put(proc *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if proc.alive() && !p.closed {
		p.idle = append(p.idle, proc)
	}
}

func (p *pool) forget(proc *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = slices.DeleteFunc(p.all, func(q *process) bool { return q == proc })
}

func (p *pool) killAll() int {
	p.mu.Lock()
	all := slices.Clone(p.all)
	p.mu.Unlock()
	for _, proc := range all {
		proc.signal()
	}
	for _, proc := range all {
		<-proc.dead
	}
	return len(all)
}

func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.killAll()
}
