// Package cached keeps a value, such as a secret, that a function instance reads from AWS on first use. The value may change while the
// instance runs. Once the value is known, Current never waits for AWS.
package cached

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"streamotp/shared/telemetry"
)

const (
	freshFor     = time.Minute      // a value this old is refreshed, so that a running function learns of every change
	spread       = 10 * time.Second // a source with Random refreshes this much sooner or later
	refreshTime  = time.Second      // the most that a refresh may take
	refreshEvery = 5 * time.Second  // the least between two refreshes, so that an outage or forged key ids cannot cause many calls
)

// Source says where a value comes from.
type Source struct {
	Kind, ID string // name the value in the log, as "secret" and its ARN

	// Read reads the value's text from AWS. With once it makes a single attempt, without retries.
	Read func(ctx context.Context, once bool) (string, error)

	// Random returns a number in [0, 1). With it each refresh begins after 50 to 70 seconds, so that the instances of a
	// deployment do not all read at once. If it is nil, a refresh begins after a minute.
	Random func() float64
}

// Value is one value as this instance knows it. Current returns a known value at once and refreshes it in the background. A
// Value is safe for concurrent use.
//
// Lambda freezes an instance after the response, and with it a refresh that is still running. That is harmless: nobody
// waits for the refresh, and the next call thaws it or, after refreshEvery, replaces it. All ages are by the wall clock,
// which goes on while the instance is frozen.
type Value[T any] struct{ core core }

// core does the work of a Value. It is not generic, so that a binary contains the code once for all values.
type core struct {
	source Source
	parse  func(text string) (any, error) // mu is held during it

	mu     sync.Mutex // guards the rest; it is not held while AWS is called
	known  bool
	value  any
	asOf   time.Time     // when the read of value began
	life   time.Duration // age at which value is refreshed
	latest *read         // the read that began last; nil before the first
	forced time.Time     // when Again last began a read
}

// read is one read of a value.
type read struct {
	began time.Time
	done  chan struct{} // closed at its end; value and err are valid then
	value any
	err   error
}

// New returns a value that has not been read yet. parse converts its text; only one goroutine at a time calls it.
func New[T any](source Source, parse func(text string) (T, error)) Value[T] {
	return Value[T]{core{source: source, parse: func(text string) (any, error) { return parse(text) }}}
}

// typed returns a value with its type; without one it returns the zero value.
func typed[T any](value any, err error) (T, error) {
	t, _ := value.(T)
	return t, err
}

// Current returns the known value. If there is none yet, it waits for the first read, which concurrent callers share.
func (v *Value[T]) Current(ctx context.Context, now time.Time) (T, error) {
	return typed[T](v.core.current(ctx, now))
}

func (v *core) current(ctx context.Context, now time.Time) (any, error) {
	v.mu.Lock()
	if v.known {
		defer v.mu.Unlock()
		if age(now, v.asOf) >= v.life && age(now, v.latest.began) >= refreshEvery {
			go v.refresh(context.WithoutCancel(ctx), v.begin(now))
		}
		return v.value, nil
	}
	if first := v.latest; first != nil && !first.over() {
		v.mu.Unlock()
		return first.wait(ctx)
	}
	first := v.begin(now)
	v.mu.Unlock()
	v.run(ctx, first, false)
	return first.value, first.err
}

// Fresh returns a value that was read within the last minute. If the known value is older, Fresh waits for the refresh that
// Current began. The caller must have called Current with the same time, and the source must have no Random.
func (v *Value[T]) Fresh(ctx context.Context, now time.Time) (T, error) {
	return typed[T](v.core.fresh(ctx, now))
}

func (v *core) fresh(ctx context.Context, now time.Time) (any, error) {
	v.mu.Lock()
	value, asOf, latest := v.value, v.asOf, v.latest
	v.mu.Unlock()
	if age(now, asOf) < freshFor {
		return value, nil
	}
	return latest.wait(ctx)
}

// Again returns the value of a refresh that is in progress or begins now. If Again began one less than refreshEvery ago,
// it returns the known value. A value must be known already.
func (v *Value[T]) Again(ctx context.Context, now time.Time) (T, error) {
	return typed[T](v.core.again(ctx, now))
}

func (v *core) again(ctx context.Context, now time.Time) (any, error) {
	v.mu.Lock()
	latest := v.latest
	switch {
	case !latest.over() && age(now, latest.began) < refreshTime: // an older read may be frozen
		v.mu.Unlock()
		return latest.wait(ctx)
	case age(now, v.forced) < refreshEvery:
		defer v.mu.Unlock()
		return v.value, nil
	}
	v.forced = now
	next := v.begin(now)
	v.mu.Unlock()
	v.refresh(ctx, next)
	return next.value, next.err
}

// begin notes a read that is about to run. The caller holds mu.
func (v *core) begin(now time.Time) *read {
	v.latest = &read{began: now, done: make(chan struct{})}
	return v.latest
}

// refresh runs a read in one attempt. If it fails, the known value stays in use.
func (v *core) refresh(ctx context.Context, r *read) {
	ctx, cancel := context.WithTimeout(ctx, refreshTime)
	defer cancel()
	v.run(ctx, r, true)
}

// run reads the value. The result of a read that was frozen for some time is kept if the read began after the one that gave the
// known value: an instance with a call every few minutes may never complete another.
func (v *core) run(ctx context.Context, r *read, once bool) {
	text, err := v.source.Read(ctx, once)
	v.mu.Lock()
	defer v.mu.Unlock()
	defer close(r.done)
	if err != nil {
		r.err = fmt.Errorf("read a %s: %w", v.source.Kind, err)
	} else {
		r.value, r.err = v.parse(text)
	}
	switch {
	case r.err == nil && (!v.known || r == v.latest || r.began.After(v.asOf)):
		v.known, v.value, v.asOf, v.life = true, r.value, r.began, v.source.life()
	case r.err != nil && v.known: // if no value is known, the caller reports the error
		slog.Error("a "+v.source.Kind+" was not refreshed", v.source.Kind, v.source.ID, telemetry.Cause(r.err))
	}
}

// life draws the age at which a value that was just read is refreshed.
func (s Source) life() time.Duration {
	if s.Random == nil {
		return freshFor
	}
	return freshFor - spread + time.Duration(s.Random()*float64(2*spread))
}

func (r *read) over() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

func (r *read) wait(ctx context.Context) (value any, err error) {
	select {
	case <-r.done:
		return r.value, r.err
	case <-ctx.Done():
		return value, fmt.Errorf("wait for a value: %w", ctx.Err())
	}
}

// age returns how long ago a time was by the wall clock: Round strips the monotonic reading, which stops while the
// instance is frozen. A time in the future, from before the clock was set back, is very long ago.
func age(now, then time.Time) time.Duration {
	if d := now.Round(0).Sub(then.Round(0)); d >= 0 {
		return d
	}
	return math.MaxInt64
}
