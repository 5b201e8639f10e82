package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"streamotp/shared/admit"
	"streamotp/shared/deliver"
	"streamotp/shared/otp"
	"streamotp/shared/store"
	"streamotp/shared/telemetry"
)

type handler struct {
	codes        codes
	suppressions suppressions
	keys         keyrings
	sender       sender
	limits       limits
	site         siteHost
	retries      queue // delivers its pointers to this function
	deadLetters  queue
	now          func() time.Time
	random       func() float64 // in [0, 1); spreads retries
}

type codes interface {
	Message(ctx context.Context, sessionID, key string) (store.Message, error)
	MarkSent(ctx context.Context, m store.Message, now time.Time) error
	MarkDelivery(ctx context.Context, sessionID, key string, state otp.State, at time.Time) error
}

type suppressions interface {
	Has(ctx context.Context, destination string, now time.Time) (bool, error)
}

type keyrings interface {
	For(ctx context.Context, keyID string) (*otp.Keyring, error)
}

type sender interface {
	Send(ctx context.Context, m deliver.Message) error
}

// siteHost returns the host of the pages. It fails until the deployment has set the host.
type siteHost interface {
	Host(ctx context.Context) (string, error)
}

// limits give back what a message took that its provider rejected permanently.
type limits interface {
	GiveBackRefused(ctx context.Context, r admit.Request) error
}

type queue interface {
	Send(ctx context.Context, p pointer, delay time.Duration) error
}

const (
	// budget bounds the attempts of a batch, store and provider together. All tasks of a batch run at once, so that a slow
	// provider does not add up.
	budget = 8 * time.Second
	// settling is how long the writes after an attempt may take beyond the budget. Together they leave enough of the function's
	// time-out of 15 s for the response.
	settling = 4 * time.Second
)

// task is one record of a batch: a row that is to be sent.
type task struct {
	id string // names the record in the response: a sequence number of the stream, or a message id of the queue
	pointer
	image store.Message // what the stream's record says about the row; zero from the queue
}

// response reports the records that failed, in the form that both event source mappings read.
type response struct {
	BatchItemFailures []failure `json:"batchItemFailures"`
}

type failure struct {
	ItemIdentifier string `json:"itemIdentifier"`
}

// handle makes one attempt for each row that a batch names. It reports a record as failed only if nothing else keeps
// the message: a queue did not accept its pointer, or the record has no pointer.
func (h handler) handle(ctx context.Context, event json.RawMessage) (response, error) {
	tasks, err := tasksOf(event)
	if err != nil {
		return response{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	failed := make([]bool, len(tasks))
	rows := map[pointer]func() bool{} // a standard queue may deliver a pointer twice: its message is sent once
	var wait sync.WaitGroup
	for i, t := range tasks {
		process, ok := rows[t.pointer]
		if !ok {
			process = sync.OnceValue(func() bool { return h.process(ctx, t) })
			rows[t.pointer] = process
		}
		wait.Go(func() { failed[i] = process() })
	}
	wait.Wait()

	r := response{BatchItemFailures: []failure{}}
	for i, t := range tasks {
		if failed[i] {
			r.BatchItemFailures = append(r.BatchItemFailures, failure{t.id})
		}
	}
	return r, nil
}

// record holds the parts of a batch's record that are read.
type record struct {
	EventSource string

	// From the stream.
	EventName string
	Change    struct {
		SequenceNumber string
		NewImage       map[string]struct{ S, N string }
	} `json:"dynamodb"`

	// From the retry queue.
	MessageID, Body string
}

// tasksOf reads a batch of the stream or of the retry queue.
func tasksOf(event json.RawMessage) (tasks []task, err error) {
	var batch struct{ Records []record }
	if err := json.Unmarshal(event, &batch); err != nil {
		return nil, fmt.Errorf("read the event: %w", err)
	}
	if len(batch.Records) == 0 {
		return nil, errors.New("the event has no records")
	}
	for _, r := range batch.Records {
		switch r.EventSource {
		case "aws:dynamodb":
			if t, wanted := streamTask(r); wanted {
				tasks = append(tasks, t)
			}
		case "aws:sqs":
			tasks = append(tasks, queueTask(r))
		default:
			return nil, fmt.Errorf("the event comes from %q, neither from aws:dynamodb nor from aws:sqs", r.EventSource)
		}
	}
	return tasks, nil
}

// process handles one task and reports whether its event source must deliver it again.
//
// A panic ends its own task alone. If it ended the whole batch, a queue would deliver the other codes together with this one again,
// until all of them are dead letters.
func (h handler) process(ctx context.Context, t task) (again bool) {
	defer func() {
		if p := recover(); p != nil { // its value may quote a message
			attrs := []slog.Attr{slog.String("record", t.id), slog.String("cause", fmt.Sprintf("panic of type %T", p)), slog.String("stack", string(debug.Stack()))}
			slog.LogAttrs(ctx, slog.LevelError, "panic", append(attrs, telemetry.Event{Name: telemetry.ServerError}.Attrs(h.now())...)...)
			again = true
		}
	}()
	if !t.Valid() {
		slog.LogAttrs(ctx, slog.LevelError, "record without a pointer", slog.String("record", t.id))
		return true // it ends in the dead-letter queue, where an operator sees it
	}
	begun := h.now()
	m, outcome, err := h.attempt(ctx, t)
	// An attempt that was made must be recorded even if the budget is used up: otherwise a message that went out would go out again.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settling)
	defer cancel()
	settled, settleErr := h.settle(ctx, t.pointer, m, outcome)
	if settled == undelivered && err != nil {
		m.event(outcome, err).Write(m.AskedBy, begun) // the line below counts the dead letter
	}
	h.log(ctx, t, m, settled, errors.Join(err, settleErr), begun)
	return settled == failed
}

func (h handler) log(ctx context.Context, t task, m message, outcome string, err error, begun time.Time) {
	attrs := []slog.Attr{
		slog.String("requestId", m.AskedBy), slog.String("outcome", outcome), slog.String("kind", m.Kind),
		slog.String("record", t.id), slog.Int64("ms", h.now().Sub(begun).Milliseconds()),
	}
	attrs = append(attrs, m.event(outcome, err).Attrs(begun)...)
	level := slog.LevelInfo
	if err != nil {
		level = slog.LevelError
		attrs = append(attrs, telemetry.Cause(err))
	}
	slog.LogAttrs(ctx, level, "message", attrs...)
}
