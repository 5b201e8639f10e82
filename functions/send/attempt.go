package main

import (
	"context"
	"errors"
	"time"

	"streamotp/shared/deliver"
	"streamotp/shared/feedback"
	"streamotp/shared/otp"
	"streamotp/shared/store"
	"streamotp/shared/telemetry"
)

// message is a row that is to be sent, with what is known about it so far.
type message struct {
	store.Message
	read    bool // Message is the row; otherwise it is what the stream's record says
	ring    *otp.Keyring
	to      otp.Contents // what the row contains, once it was opened
	channel otp.ChannelFacts
	tags    feedback.Tags
}

// event returns what the audit log and the metrics report about an outcome.
func (m message) event(outcome string, err error) telemetry.Event {
	e := telemetry.Event{Channel: m.channel.Channel, Purpose: m.Purpose, Session: m.SessionID, Subject: m.Subject, Reason: m.Kind, Settles: settles(outcome)}
	switch {
	case outcome == sent:
		e.Name = telemetry.Sent
	case outcome == used:
		e.Name = telemetry.Expired
	case outcome == suppressed:
		e.Name, e.Purpose = telemetry.Suppressed, "" // by channel alone
	case outcome == undelivered:
		e.Name = telemetry.Undelivered
	case err != nil:
		e.Name, e.Reason = telemetry.ProviderError, outcome
	}
	return e
}

// attempt reads a row and hands its message to the provider, unless that is no longer wanted. It writes nothing.
func (h handler) attempt(ctx context.Context, t task) (m message, outcome string, err error) {
	m.Message = t.image
	row, err := h.codes.Message(ctx, t.SessionID, t.Code)
	switch {
	case errors.Is(err, otp.ErrSessionNotFound):
		return m, undelivered, nil // DynamoDB deleted the row after it had expired. Whether it was sent is unknown, so an operator hears of it
	case err != nil:
		return m, later, err
	}
	m.Message, m.read = row, true
	switch {
	case m.Kind == "" || m.Sent || m.Refused:
		return m, skipped, nil
	case m.Kind == store.SendCode && m.Used:
		return m, used, nil
	case !h.now().Before(m.ExpiresAt):
		return m, undelivered, nil
	}
	text, err := h.open(ctx, &m)
	if err != nil {
		return m, later, err
	}
	if is, err := h.suppressed(ctx, m); err != nil {
		return m, later, err
	} else if is {
		return m, suppressed, nil
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < deliver.Timeout {
		return m, later, &otp.UnavailableError{Reason: "too little time is left for the provider"}
	}
	err = h.sender.Send(ctx, text)
	if _, permanent := errors.AsType[*deliver.PermanentError](err); permanent {
		return m, refused, err
	}
	if err != nil {
		return m, later, err
	}
	return m, sent, nil
}

// suppressed reports whether an earlier e-mail to this address bounced or drew a complaint. For sessions that may report a
// bounce, generate has already made this check.
func (h handler) suppressed(ctx context.Context, m message) (bool, error) {
	if !m.channel.Suppression || m.tags.Session != "" {
		return false, nil
	}
	return h.suppressions.Has(ctx, m.tags.Destination, h.now())
}

// open decrypts a row's contents and makes its message.
func (h handler) open(ctx context.Context, m *message) (text deliver.Message, err error) {
	ring, err := h.keys.For(ctx, m.KeyID)
	if err != nil {
		return text, err
	}
	contents, err := ring.Open(m.KeyID, m.SessionID, m.Sealed)
	if err != nil {
		return text, err
	}
	if m.channel, err = contents.Channel.Facts(); err != nil {
		return text, err
	}
	text = deliver.Message{
		Purpose: m.Purpose, Channel: contents.Channel, App: contents.App, To: contents.Destination(),
		Code: contents.Code, Life: m.ExpiresAt.Sub(h.now()), Locale: contents.Locale, At: m.CreatedAt,
		New: contents.New,
	}
	m.ring, m.to = ring, contents
	m.tags = feedback.Tags{Destination: ring.Destination(text.To), Login: ring.Subject(otp.Login, text.To)}
	// The other purposes send only to accounts: if their bounce suppressed a verify code, that would reveal the account.
	if m.Purpose == otp.Verify {
		m.tags.Verify = ring.Subject(otp.Verify, text.To)
	}
	switch {
	case m.Kind != store.SendCode:
		text.Notification = otp.NotificationKind(m.Kind)
	case !m.Purpose.HidesAccounts(): // otherwise what became of the message would reveal whether there is an account
		m.tags.Session = m.SessionID
		m.tags.Digest, err = ring.Digest(m.KeyID, m.SessionID, contents.Code) // the session's row, even if this is a resend's
	}
	text.Tags = m.tags.Map()
	if err == nil && m.channel.SiteLine && m.Kind == store.SendCode {
		text.Host, err = h.site.Host(ctx) // without the host the message waits
	}
	return text, err
}
