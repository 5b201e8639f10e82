// Package judge decides whether a code is right: reserve, then judge.
//
//	  a. read the session; a session that is unknown, used or expired costs no attempt;
//		b. reserve an attempt for the subject in one conditional write, which is the same for a right code, a wrong code and a
//		   decoy session;
//		c. only then compare, in constant time;
//		d. consume a right code in one conditional write, and forget the attempts.
//
// So exactly one of any number of parallel right codes is accepted, and no more attempts than the limit are ever checked, over
// all sessions of a subject together (NIST SP 800-63B-4 3.1.3.2).
package judge

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"log/slog"
	"time"

	"streamotp/shared/otp"
	"streamotp/shared/telemetry"
)

// Judge holds what checking a code needs.
type Judge struct {
	Codes  codes
	Limits limits
	Keys   keyrings
	Rule   otp.AttemptLimit
	Now    func() time.Time
}

type codes interface {
	Session(ctx context.Context, id string) (otp.Session, error)
	PutNotification(ctx context.Context, n otp.Notification, requestID string, now time.Time) error
	CountAttempt(ctx context.Context, s otp.Session, requestID string, now time.Time) (attempts int, err error)
}

type limits interface {
	Reserve(ctx context.Context, s otp.Session, requestID string, now time.Time) (otp.Attempts, error)
	Clear(ctx context.Context, subject string, channel otp.Channel, requestID string, now time.Time) (first bool, err error)
	MarkNotified(ctx context.Context, subject string, kind otp.NotificationKind) error
}

type keyrings interface {
	For(ctx context.Context, keyID string) (*otp.Keyring, error)
}

// Case is a session whose code may be checked, with its opened contents.
type Case struct {
	otp.Session
	Contents otp.Contents
	Reserved otp.Attempts // the subject's attempts, including the one that Check reserved
	First    bool         // after a right code on a channel with the prefix rule: the subject's first in 30 days
	Ring     *otp.Keyring // has the session's key
}

// Open reads a session for one of the purposes (a), and notes in the audit event whose session it is. serverID is the client whose
// credentials came with the request, or "".
//
// Errors: otp.ErrSessionNotFound, otp.ErrCodeUsed, otp.ErrCodeExpired; otp.ErrUnknownKey, *otp.UnknownChannelError.
func (j Judge) Open(ctx context.Context, audit *telemetry.Event, serverID, sessionID string, purposes ...otp.Purpose) (c Case, err error) {
	if c.Session, err = j.Codes.Session(ctx, sessionID); err != nil {
		return c, err
	}
	audit.Session, audit.Subject, audit.Purpose = c.ID, c.Subject, c.Purpose
	over := c.Check(j.Now(), purposes...)
	if errors.Is(over, otp.ErrSessionNotFound) {
		return c, over
	}
	if c.Ring, err = j.Keys.For(ctx, c.KeyID); err != nil {
		return c, cmp.Or(over, err)
	}
	c.Contents, err = c.Ring.Open(c.KeyID, c.ID, c.Sealed)
	if err != nil {
		return c, cmp.Or(over, err)
	}
	audit.Channel, audit.Client = c.Contents.Channel, cmp.Or(c.Contents.Client, serverID)
	if !c.Contents.UsableBy(serverID) || c.Contents.Purpose != c.Purpose { // another server's, or changed by another program
		return c, otp.ErrSessionNotFound
	}
	return c, over
}

// KeptError is an error of consume after which the right code stays usable: it costs no attempt.
type KeptError struct{ Err error }

func (e *KeptError) Error() string { return e.Err.Error() }

func (e *KeptError) Unwrap() error { return e.Err }

// Check checks a code and calls consume if the code is right (b, c, d).
//
// Errors: *otp.CodeLengthError, which costs no attempt; *otp.WrongCodeError, *otp.LockedError, and those of consume.
func (j Judge) Check(ctx context.Context, c *Case, code, requestID string, consume func(context.Context) error) error {
	if len(code) != len(c.Contents.Code) {
		return &otp.CodeLengthError{Digits: len(c.Contents.Code)} // not a guess: the page has another setting
	}
	digest, err := c.Ring.Digest(c.KeyID, c.ID, code)
	if err != nil {
		return err
	}
	reserved := j.Now()
	if c.Reserved, err = j.Limits.Reserve(ctx, c.Session, requestID, reserved); err != nil {
		return err
	}
	if subtle.ConstantTimeCompare([]byte(digest), []byte(c.Digest)) != 1 {
		if due := c.Reserved.NotificationDue(c.Purpose); due != "" {
			j.notifyOwner(ctx, *c, due, requestID)
		}
		return j.wrong(ctx, c, requestID)
	}
	err = consume(ctx)
	// A right code that came in parallel with another right one, or in vain, was no wrong attempt either. One that is over keeps its
	// attempt: it can come again and again, and would clear the attempts at another session of the subject.
	var kept *KeptError
	if err == nil || errors.Is(err, otp.ErrCodeUsed) || errors.As(err, &kept) {
		var failed error
		if c.First, failed = j.Limits.Clear(ctx, c.Subject, c.Contents.Channel, requestID, reserved); failed != nil {
			slog.Error("tries not cleared", "requestId", requestID, telemetry.Cause(failed)) // the response stays the same
		}
	}
	return err
}

// wrong returns the error for a wrong code. A session whose purpose hides accounts counts its own attempts: the subject's attempts would
// show a stranger what the account's owner does meanwhile, and so reveal the account.
func (j Judge) wrong(ctx context.Context, c *Case, requestID string) (err error) {
	now := j.Now()
	if !c.Purpose.HidesAccounts() {
		return &otp.WrongCodeError{AttemptsRemaining: c.Reserved.Remaining(), RetryAfter: j.Rule.LockedFor(c.Reserved, now)}
	}
	c.AttemptedAt = now
	if c.Attempts, err = j.Codes.CountAttempt(ctx, c.Session, requestID, now); err != nil {
		return err
	}
	own := c.Own(j.Rule)
	return &otp.WrongCodeError{AttemptsRemaining: own.Remaining(), RetryAfter: j.Rule.LockedFor(own, now)}
}

// notifyOwner has a security notification sent to the subject's owner. The response is the same if it cannot be written; then the
// next wrong code writes it again.
func (j Judge) notifyOwner(ctx context.Context, c Case, kind otp.NotificationKind, requestID string) {
	event := telemetry.Event{Name: telemetry.Suspected, Channel: c.Contents.Channel, Purpose: c.Purpose, Session: c.ID, Subject: c.Subject,
		Reason: string(kind)}
	n, err := c.Notification(kind, c.Silent)
	if err == nil {
		err = j.Codes.PutNotification(ctx, n, requestID, j.Now())
	}
	if err == nil {
		err = j.Limits.MarkNotified(ctx, c.Subject, kind)
	}
	if err != nil {
		event.Name = telemetry.ProviderError
		slog.Error("owner not notified", "requestId", requestID, telemetry.Cause(err))
	}
	event.Write(requestID, j.Now())
}

// Notification returns a notification for the owner of the session's subject. It goes by e-mail if the session has an address,
// otherwise on the code's own channel.
func (c Case) Notification(kind otp.NotificationKind, silent bool) (n otp.Notification, err error) {
	n = otp.Notification{SessionID: c.ID, Kind: kind, Purpose: c.Purpose, Subject: c.Subject, KeyID: c.Ring.CurrentID(), Silent: silent}
	to := otp.Contents{Purpose: c.Purpose, Channel: otp.Email, Email: c.Contents.Email, Locale: c.Contents.Locale}
	if to.Email == "" {
		to.Channel, to.Phone = c.Contents.Channel, c.Contents.Phone
	}
	n.Sealed, err = c.Ring.Seal(c.ID, to)
	return n, err
}
