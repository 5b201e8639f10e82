// Package admit decides whether a message may be sent. The lists in lists.go are the whole rule: a message passes the checks of its
// list in order, and each check counts the message against its limit. If a later check rejects the message, or the message is not written,
// the counts are taken back. If the prefix is paused, only the count of the client IP address stays.
//
// Its invariants:
//
//	A1: no key ever gets more messages than its limit in a rolling hour or a day, at any parallelism, even if messages are given back.
//	A2: a rejected request takes no message from another person's limit: the client IP address is checked before the mailbox.
//	A3: after an account or a client IP address reaches its limit of wrong passwords, a right password gets the same response as a wrong one.
//	A4: an unknown address costs the same calls as an account.
package admit

import (
	"context"
	"log/slog"
	"time"

	"streamotp/shared/otp"
	"streamotp/shared/phone/number"
	"streamotp/shared/store"
	"streamotp/shared/telemetry"
)

// Admitter holds the limits of a deployment.
type Admitter struct {
	Limits   limits
	Prefixes store.Prefixes
	Days     store.Days
	Phones   phones           // reads a number as it was typed
	Tests    testDestinations // the fixed codes of test destinations

	CodeLength              int
	Countries               []string // that SMS may go to; empty means that SMS is off
	MessagesPerHour         int      // for one mailbox, and for one number; 0 means no limit
	MessagesPerIP           int      // from one client IP address in an hour; 0 means no limit
	WrongPasswordsPerHour   int      // for one account; 0 means no limit
	WrongPasswordsPerIPHour int      // from one client IP address; 0 means no limit
}

type limits interface {
	TakeMessage(ctx context.Context, q store.Quota, requestID string, now time.Time) (store.KeyState, error)
	GiveBackMessage(ctx context.Context, q store.Quota, requestID string, takenAt time.Time) error
	TakeWrongPassword(ctx context.Context, q store.Quota, requestID string, now time.Time) error
	Peek(ctx context.Context, q store.Quota, now time.Time) (store.KeyState, error)
}

type phones interface {
	Parse(ctx context.Context, typed string) (number.Number, error)
}

type testDestinations interface {
	Code(ctx context.Context, destination string, length int, now time.Time) (code string, ok bool, err error)
}

// Request is a request for a message.
type Request struct {
	ID       string // of the HTTP request; a repeated write is recognised by it
	ClientIP string // empty for a client's server that does not name its user's address: no limit of an address applies
	At       time.Time
	Ring     *otp.Keyring
	To       *otp.Contents // Admit writes the number in E.164 and, if the number is new here, its prefix
	Password bool          // the request carried the right password
	Again    *otp.Session  // the session whose code is sent once more; nil for a new session
}

// Decision is what a caller needs to know about a message beside whether it is admitted.
type Decision struct {
	Reason     string // for the audit log: why the message was rejected, or what is special about it; usually empty
	Country    string // of a phone number, ISO 3166
	Paused     string // the prefix, if it is paused
	PauseBegan bool   // this request began the pause

	TestCode   string    // the fixed code of a test destination, to which nothing is sent; else empty
	Suppressed bool      // the address gets no e-mail; the request is counted as if it did
	NotBefore  time.Time // sessions of the subject that are older have ended

	undo []taken // in the order in which they were taken
}

// taken is what a message took from a key.
type taken struct {
	key      string
	giveBack func(ctx context.Context) error
}

// admission is a request on its way through a list.
type admission struct {
	Admitter
	Request
	*Decision
	channel         otp.ChannelFacts // of the message
	subject, number store.KeyState
}

// Admit passes a request through the checks of its list. If it returns an error, it has given back what was taken, except the
// message of the client IP address if the prefix is paused.
//
// Errors: *otp.TooManyRequestsError, *otp.LockedError, *otp.UnsupportedError, *otp.UnknownChannelError; those of Phones.
func (a Admitter) Admit(ctx context.Context, r Request) (d Decision, err error) {
	list := withoutPassword
	if r.Password {
		list = withPassword
	}
	channel, _ := r.To.Channel.Facts() // readNumber rejects an unknown channel
	m := &admission{Admitter: a, Request: r, Decision: &d, channel: channel}
	for _, c := range list {
		if d.TestCode != "" && c.reason != "client" {
			continue // nothing else is taken; the client IP address is still checked, as it may be at its wrong-password limit (A3)
		}
		if err = c.take(ctx, m); err != nil {
			err = m.refuse(ctx, c, err)
			d.GiveBack(ctx, r.ID)
			return d, err
		}
	}
	d.Suppressed = channel.Suppression && r.At.Before(m.subject.SuppressedUntil)
	d.NotBefore = m.subject.NotBefore
	return d, nil
}

// giving bounds the time for giving everything back. It is shorter than the time that httpapi keeps for a response.
const giving = 800 * time.Millisecond

// GiveBack gives back everything that an unwritten message took. If a part cannot be given back, it stays taken, and the error is logged.
func (d *Decision) GiveBack(ctx context.Context, requestID string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giving)
	defer cancel()
	for _, t := range d.undo {
		if err := t.giveBack(ctx); err != nil {
			slog.Error("a message that was not written stays counted", "requestId", requestID, telemetry.Cause(err))
		}
	}
	d.undo = nil
}

// GiveBackRefused gives back the slots of the mailbox and of the number for a message that its provider rejected permanently, at any
// time after it was admitted. The slots of the client IP address, the prefix and the day stay taken, because the request was made.
// If the purpose hides accounts, all slots stay taken: no provider can reject a decoy's message, so the difference would reveal an
// account.
func (a Admitter) GiveBackRefused(ctx context.Context, r Request) error {
	if r.To.Purpose.HidesAccounts() {
		return nil
	}
	channel, err := r.To.Channel.Facts()
	if err != nil {
		return err
	}
	m := admission{Admitter: a, Request: r, channel: channel}
	quotas := []store.Quota{m.mailbox()}
	if n, ok := m.numberQuota(); ok {
		quotas = append(quotas, n)
	}
	for _, q := range quotas {
		if err := a.Limits.GiveBackMessage(ctx, q, r.ID, r.At); err != nil {
			return err
		}
	}
	return nil
}
