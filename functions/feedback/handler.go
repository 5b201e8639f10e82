package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"streamotp/shared/feedback"
	"streamotp/shared/otp"
	"streamotp/shared/store"
	"streamotp/shared/telemetry"
)

type handler struct {
	codes        codes
	suppressions suppressions
	now          func() time.Time
}

type codes interface {
	MarkDelivery(ctx context.Context, sessionID, digest string, state otp.State, at time.Time) error
}

type suppressions interface {
	Add(ctx context.Context, destination string, subjects []string, reason store.Reason, now time.Time) error
}

// handle stores the events of a topic. If it returns an error, Lambda retries the event twice, so every write must be safe to repeat.
func (h handler) handle(ctx context.Context, brought events.SNSEvent) error {
	var failed error
	for _, record := range brought.Records {
		failed = errors.Join(failed, h.take(ctx, record.SNS))
	}
	return failed
}

// errNotStored is the error that Lambda logs; our own log line has the cause.
var errNotStored = errors.New("the event could not be kept: see its line in the log")

func (h handler) take(ctx context.Context, message events.SNSEntity) error {
	e, err := feedback.Parse(message.Message)
	if err != nil {
		slog.Warn("no event", "messageId", message.MessageID)
		return nil // a retry would not change that
	}
	now := h.now()
	err = h.record(ctx, e, now)
	event := audit(e)
	attrs := []slog.Attr{slog.String("messageId", message.MessageID), slog.String("destination", e.Destination)}
	level := slog.LevelInfo
	if err != nil {
		event.Name, event.Reason = telemetry.ProviderError, "feedback"
		level = slog.LevelError
		attrs = append(attrs, telemetry.Cause(err))
		err = errNotStored
	}
	slog.LogAttrs(ctx, level, "feedback", append(attrs, event.Attrs(now)...)...)
	return err
}

// record stores the suppression and the delivery state that an event brings.
func (h handler) record(ctx context.Context, e feedback.Event, now time.Time) error {
	if reason, ok := e.Kind.SuppressionReason(); ok && e.Destination != "" {
		if err := h.suppressions.Add(ctx, e.Destination, e.Subjects(), reason, now); err != nil {
			return err
		}
	}
	state, ok := states[e.Kind]
	if !ok || e.Session == "" || e.Digest == "" {
		return nil
	}
	at := e.At
	if at.IsZero() {
		at = now
	}
	return h.codes.MarkDelivery(ctx, e.Session, e.Digest, state, at)
}

// states are what a session's caller can see. A complaint follows a delivery and does not change the state.
var states = map[feedback.Kind]otp.State{
	feedback.Delivered: otp.StateDelivered, feedback.Failed: otp.StateBounced, feedback.Bounced: otp.StateBounced,
}

var counts = map[feedback.Kind]string{
	feedback.Delivered: telemetry.Delivered, feedback.Failed: telemetry.Bounced, feedback.Bounced: telemetry.Bounced,
	feedback.Complaint: telemetry.Complained,
}

func audit(e feedback.Event) telemetry.Event {
	return telemetry.Event{Name: counts[e.Kind], Channel: otp.Email, Session: e.Session, Reason: e.Reason, Took: e.Took}
}
