package main

import (
	"context"
	"slices"

	"streamotp/shared/admit"
	"streamotp/shared/otp"
	"streamotp/shared/store"
)

// The outcomes of a task, as the log names them.
const (
	sent        = "sent"
	skipped     = "skipped"     // sent or rejected before, or not to be sent
	used        = "used"        // its code was used, so the message is not needed any more
	suppressed  = "suppressed"  // the address gets no e-mail
	refused     = "refused"     // the provider will never accept it
	later       = "later"       // it waits in the retry queue
	undelivered = "undelivered" // it expired unsent, or its row is gone: its dead letter was written
	failed      = "failed"      // no queue accepted it: the event source delivers it again
)

// settles reports whether the sender has nothing more to do for the message. A message that expired unsent does not count, because
// no provider accepted it.
func settles(outcome string) bool {
	return slices.Contains([]string{sent, skipped, used, suppressed, refused}, outcome)
}

// settle records the outcome of an attempt and returns what became of the message. If a queue does not accept the pointer, it
// returns failed and records nothing.
func (h handler) settle(ctx context.Context, p pointer, m message, outcome string) (string, error) {
	if outcome == later {
		if delay, ok := h.delay(m); ok {
			if err := h.retries.Send(ctx, p, delay); err != nil {
				return failed, err
			}
			return later, nil
		}
		outcome = undelivered
	}
	switch outcome {
	case sent:
		return outcome, h.codes.MarkSent(ctx, m.Message, h.now())
	case undelivered:
		// The dead letter is written before the mark: if the mark is lost, there may be two dead letters, but never none.
		if err := h.deadLetters.Send(ctx, p, 0); err != nil {
			return failed, err
		}
		return outcome, h.markRefused(ctx, m)
	case suppressed:
		return outcome, h.markRefused(ctx, m)
	case refused:
		if err := h.markRefused(ctx, m); err != nil {
			return outcome, err
		}
		return outcome, h.giveBack(ctx, m)
	}
	return outcome, nil
}

// markRefused marks a row, so that it is never sent again. A session that may report the failure shows its message as bounced; a
// reset never does (otp.Session.State).
func (h handler) markRefused(ctx context.Context, m message) error {
	return h.codes.MarkDelivery(ctx, m.SessionID, m.Key, otp.StateBounced, h.now())
}

// giveBack gives back the slots of the mailbox and the number for a code that its provider rejected permanently.
func (h handler) giveBack(ctx context.Context, m message) error {
	if m.Kind != store.SendCode {
		return nil // a security notification is not counted
	}
	return h.limits.GiveBackRefused(ctx, admit.Request{ID: m.AskedBy, At: m.CreatedAt, Ring: m.ring, To: &m.to})
}
