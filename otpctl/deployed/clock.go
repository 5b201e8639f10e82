package deployed

import (
	"context"
	"sync"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
)

// Clock returns the time according to the Date header of AWS's responses. An operator's own clock may be wrong: if it is
// slow, sessions that a command ends would stay open; if it is fast, sessions that people open afterwards would end.
//
// Date has whole seconds, cut off, and a response takes a while to arrive. So the time that a response gives is late by
// up to a second and that while, but never early. The latest time of all responses is the most exact.
type Clock struct {
	local func() time.Time // used until a response has a Date; its monotonic part gives the elapsed time
	began time.Time        // by local

	mu      sync.Mutex
	server  time.Time // the server's time at began; zero until a response has a Date
	endedTo time.Time // the latest time that JustOver has returned
}

func newClock(local func() time.Time) *Clock {
	return &Clock{local: local, began: local()}
}

// listen makes a client's responses set the clock.
func (c *Clock) listen(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("ServerClock",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			out, metadata, err := next.HandleInitialize(ctx, in)
			if date, ok := awsmiddleware.GetServerTime(metadata); ok && !date.IsZero() {
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

// Now returns the server's time. It is late by up to a second, and never early.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server.IsZero() {
		return c.local()
	}
	return c.server.Add(c.local().Sub(c.began))
}

// JustOver returns a time that is later than everything that a response of AWS has shown, and that will have passed
// within a second. A session that was opened before that response is older than this time, whatever part of its second
// Date has cut off. A session that is opened within the next second may be older too: see Settle.
func (c *Clock) JustOver() time.Time {
	at := c.Now().Add(time.Second)
	c.mu.Lock()
	defer c.mu.Unlock()
	if at.After(c.endedTo) {
		c.endedTo = at
	}
	return at
}

// Settle waits until the times that JustOver has returned have passed, about a second. When the operator learns that a
// command is done, a new login must work.
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
