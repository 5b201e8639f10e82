package main

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"streamotp/shared/deliver"
	"streamotp/shared/feedback"
	"streamotp/shared/otp"
	"streamotp/shared/store"
	"streamotp/shared/telemetry"
)

type handler struct {
	codes        codes
	suppressions suppressions
	keys         keyrings
	sender       sender
	now          func() time.Time
}

type codes interface {
	Message(ctx context.Context, sessionID, key string) (store.Message, error)
	MarkSent(ctx context.Context, m store.Message, now time.Time) error
	MarkDelivery(ctx context.Context, sessionID, digest string, state otp.State, final bool, now time.Time) error
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

// marking is how long a message that is out may take to be marked, beyond the budget.
const marking = 4 * time.Second

// budget is how long one record may take, store and provider together; all records of a batch run at once, so that the
// partial response leaves well before the function's time-out and a slow provider does not add up.
const budget = 8 * time.Second

// handle sends every record of a batch and reports by sequence number those that are worth another try.
func (h handler) handle(ctx context.Context, batch events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	failed := make([]bool, len(batch.Records))
	var wait sync.WaitGroup
	for i, record := range batch.Records {
		wait.Go(func() { failed[i] = h.record(ctx, record) })
	}
	wait.Wait()

	var response events.DynamoDBEventResponse
	for i, record := range batch.Records {
		if failed[i] {
			response.BatchItemFailures = append(response.BatchItemFailures,
				events.DynamoDBBatchItemFailure{ItemIdentifier: record.Change.SequenceNumber})
		}
	}
	return response, nil
}

// What became of a record, as the log says it.
const (
	sent       = "sent"
	skipped    = "skipped"    // sent before
	late       = "late"       // expired or gone before it could be sent
	suppressed = "suppressed" // nothing is sent there any more
	refused    = "refused"    // the provider will never take it
	postponed  = "postponed"  // something failed that may pass
)

// record sends what one record asks for and says whether it must come again.
func (h handler) record(ctx context.Context, record events.DynamoDBEventRecord) (again bool) {
	image := record.Change.NewImage
	// The mapping's filter lets nothing else through; should it ever be changed, this still holds.
	if record.EventName != string(events.DynamoDBOperationTypeInsert) || image["send"].DataType() != events.DataTypeString {
		return false
	}
	begun := h.now()
	m, outcome, err := h.send(ctx, image)
	attrs := []slog.Attr{
		slog.String("requestId", m.AskedBy), slog.String("outcome", outcome), slog.String("kind", m.Kind),
		slog.String("eventId", record.EventID),
		slog.Int64("ms", h.now().Sub(begun).Milliseconds()),
	}
	attrs = append(attrs, m.event(outcome, err).Attrs(begun)...)
	level := slog.LevelInfo
	if err != nil {
		level = slog.LevelError
		attrs = append(attrs, telemetry.Cause(err))
	}
	slog.LogAttrs(ctx, level, "message", attrs...)
	return outcome == postponed
}

// message is a row that is to be sent, with the way that it takes, once that is known.
type message struct {
	store.Message
	channel otp.Channel
	tags    feedback.Tags
}

// event is what the audit log and the metrics say of a record.
func (m message) event(outcome string, err error) telemetry.Event {
	e := telemetry.Event{Channel: m.channel, Purpose: m.Purpose, Session: m.SessionID, Subject: m.Subject, Reason: m.Kind}
	switch {
	case outcome == sent:
		e.Name = telemetry.Sent
	case outcome == late:
		e.Name = telemetry.Expired
	case outcome == suppressed:
		e.Name, e.Purpose = telemetry.Suppressed, "" // by channel alone
	case err != nil:
		e.Name, e.Reason = telemetry.ProviderError, outcome
	}
	return e
}

// send does the work of one record: skip what is stale, read the item, hand it to the provider, mark it.
func (h handler) send(ctx context.Context, image map[string]events.DynamoDBAttributeValue) (m message, outcome string, err error) {
	if h.expired(image) {
		return m, late, nil
	}
	m.Message, err = h.codes.Message(ctx, image["sessionId"].String(), image["code"].String())
	switch {
	case errors.Is(err, otp.ErrSessionNotFound):
		return m, late, nil
	case err != nil:
		return m, postponed, err
	case m.Sent:
		return m, skipped, nil
	case !h.now().Before(m.ExpiresAt):
		return m, late, nil
	}
	text, err := h.open(ctx, &m)
	if err != nil {
		return m, postponed, err
	}
	if is, err := h.suppressed(ctx, m); err != nil {
		return m, postponed, err
	} else if is {
		return m, suppressed, nil
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < deliver.Timeout {
		return m, postponed, &otp.UnavailableError{Reason: "too little time is left for the provider"}
	}
	err = h.sender.Send(ctx, text)
	var permanent *deliver.PermanentError
	if errors.As(err, &permanent) {
		return m, refused, errors.Join(err, h.undeliverable(ctx, m))
	}
	if err != nil {
		return m, postponed, err
	}
	// The message is out: it is marked even where the budget is used up, or a repeated batch would send it again.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), marking)
	defer cancel()
	return m, sent, h.codes.MarkSent(ctx, m.Message, h.now())
}

// suppressed says whether an earlier e-mail to there bounced or was called spam. Of a session whose owner may be told it
// was found out before its code was made.
func (h handler) suppressed(ctx context.Context, m message) (bool, error) {
	if m.channel != otp.Email || m.tags.Session != "" {
		return false, nil
	}
	return h.suppressions.Has(ctx, m.tags.Destination, h.now())
}

// undeliverable lets the session's owner be told, where that tells nobody of an account.
func (h handler) undeliverable(ctx context.Context, m message) error {
	if m.tags.Session == "" {
		return nil
	}
	return h.codes.MarkDelivery(ctx, m.tags.Session, m.tags.Digest, otp.StateBounced, true, h.now())
}

func (h handler) expired(image map[string]events.DynamoDBAttributeValue) bool {
	at := image["expiredAt"]
	if at.DataType() != events.DataTypeNumber {
		return false
	}
	seconds, err := strconv.ParseInt(at.Number(), 10, 64)
	return err == nil && h.now().Unix() >= seconds
}

// open makes the message that an item holds sealed.
func (h handler) open(ctx context.Context, m *message) (text deliver.Message, err error) {
	ring, err := h.keys.For(ctx, m.KeyID)
	if err != nil {
		return text, err
	}
	contents, err := ring.Open(m.KeyID, m.SessionID, m.Sealed)
	if err != nil {
		return text, err
	}
	text = deliver.Message{
		Purpose: m.Purpose, Channel: contents.Channel, To: contents.Destination(),
		Code: contents.Code, Life: m.ExpiresAt.Sub(m.CreatedAt), Locale: contents.Locale, At: m.CreatedAt,
	}
	m.channel = text.Channel
	m.tags = feedback.Tags{Destination: ring.Destination(text.To), Login: ring.Subject(otp.Login, text.To)}
	if m.Purpose == otp.Verify { // others go to accounts alone: anybody could find out by a code to verify that one did
		m.tags.Verify = ring.Subject(otp.Verify, text.To)
	}
	switch {
	case m.Kind != store.SendCode:
		text.Notice = otp.Notice(m.Kind)
	case m.Purpose != otp.Reset: // what became of a reset's code would tell whether there is an account
		m.tags.Session = m.SessionID
		m.tags.Digest, err = ring.Digest(m.KeyID, m.SessionID, contents.Code) // a resend's own key is another one
	}
	text.Tags = m.tags.Map()
	return text, err
}
