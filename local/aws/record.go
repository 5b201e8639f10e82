package aws

import (
	"slices"
	"time"
)

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

// record keeps a call of a function. A reply of nil was not sent.
func (e *Endpoint) record(q *request, res *reply, begin time.Time) Call {
	c := Call{Function: q.caller.Function, Process: q.caller.Process, Service: q.service, Action: q.action, Bytes: len(q.body), Ms: since(begin)}
	c.Table, c.Consistent = e.tablesOf(q)
	if res != nil {
		c.Status, c.Units = res.status, res.units
	}
	e.keep(c)
	return c
}

func since(begin time.Time) float64 { return float64(time.Since(begin).Microseconds()) / 1000 }

func (e *Endpoint) keep(c Call) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.calls) >= maxCalls {
		e.calls = slices.Clone(e.calls[maxCalls/2:])
	}
	e.calls = append(e.calls, c)
}

// Calls returns every recorded call, oldest first.
func (e *Endpoint) Calls() []Call {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]Call{}, e.calls...)
}

// ClearCalls empties the record.
func (e *Endpoint) ClearCalls() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = nil
}
