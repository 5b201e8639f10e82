package deployed

import (
	"context"
	"sync"
	"time"

	"github.com/aws/smithy-go/middleware"
)

// Clock tells the time by the Date header of AWS's responses. An operator's own clock may be wrong: slow, it would
// leave sessions open that a command ends; fast, it would end those that people open afterwards.
//
// Date has whole seconds, cut off, and a response is under way for a while. So the time that a response gives is late by up
// to a second and that while, and never early. The latest time of all responses is the best one.
type Clock struct {
	local func() time.Time // used until a response has a Date; elapsed time comes from its monotonic part
	began time.Time        // by local

	mu      sync.Mutex
	server  time.Time // the server's time at began; zero until a response has a Date
	endedTo time.Time // the latest time that justOver has returned
}

func newClock(local func() time.Time) *Clock {
	return &Clock{local: local, began: local()}
}

// listen has a client's responses set the clock.
func (c *Clock) listen(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("ServerClock",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			out, metadata, err := next.HandleInitialize(ctx, in)
			if date := serverTime(metadata); !date.IsZero() {
				c.set(date)
			}
			return out, metadata, err
		}), middleware.After)
}

func (c *Clock) set(date time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if began := date.Add(-c.local().Sub(c.began)); began.After(c.server) {
		c.server = began
	}
}

// Now returns the server's time: late by up to a second, never early.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server.IsZero() {
		return c.local()
	}
	return c.server.Add(c.local().Sub(c.began))
}

// JustOver returns a time that everything has happened before which a response of AWS has shown, and that will be over
// within a second. A session that was opened before that response is older than this time, whatever part of its second
// Date has cut off. A session that is opened within the next second may be older too: see settle.
func (c *Clock) JustOver() time.Time {
	at := c.Now().Add(time.Second)
	c.mu.Lock()
	defer c.mu.Unlock()
	if at.After(c.endedTo) {
		c.endedTo = at
	}
	return at
}

// Settle waits until the times that justOver has returned are over, about a second. When the operator hears that a command
// is done, a new login must work.
func (c *Clock) Settle(ctx context.Context) {
	c.mu.Lock()
	until := c.endedTo
	c.mu.Unlock()
	if until.IsZero() {
		return
	}
	select {
	case <-time.After(until.Sub(c.Now())):
	case <-ctx.Done(): // only the wait is cut short
	}
}
