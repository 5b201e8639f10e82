package main

import (
	"context"
	"time"

	"streamotp/shared/admit"
	"streamotp/shared/otp"
	"streamotp/shared/store"
)

// settle records the outcome of an attempt and returns what has become of the message. If a queue refuses the pointer, that
// is failed: nothing is recorded yet.
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
		// The dead letter comes before the mark: if the mark is lost there may be two letters, but never none.
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

// markRefused marks a row, so that it is never sent again. A session that may report it shows its message as bounced; a
// reset's never does (otp.Session.State).
func (h handler) markRefused(ctx context.Context, m message) error {
	return h.codes.MarkDelivery(ctx, m.SessionID, m.Key, otp.StateBounced, h.now())
}

// giveBack returns what the mailbox and the number paid for a code that its provider refused for good.
func (h handler) giveBack(ctx context.Context, m message) error {
	if m.Kind != store.SendCode {
		return nil // a security notification is not counted
	}
	return h.limits.GiveBackRefused(ctx, admit.Request{ID: m.AskedBy, At: m.CreatedAt, Ring: m.ring, To: &m.to})
}

// The longest delays of a retry.
const (
	codeDelay         = 20 * time.Second  // somebody waits for the code
	notificationDelay = 300 * time.Second // nobody waits, and the row lives a day
	unreadDelay       = 5 * time.Second   // for a row that cannot be read, whose age may be unknown
)

// delay returns how long a message waits for its next attempt. It is false if the message would expire before.
func (h handler) delay(m message) (time.Duration, bool) {
	most, now := notificationDelay, h.now()
	if m.Kind == store.SendCode {
		most = codeDelay
	}
	delay, ok := retryDelay(now.Sub(m.CreatedAt), m.ExpiresAt.Sub(now), most, h.random())
	if !ok && !m.read { // whether it was sent, only the row says: a later attempt reads it
		return spread(unreadDelay, h.random()), true
	}
	return delay, ok
}

// retryDelay returns how long a message waits for its next attempt, from its age and the time that is left until it expires. The
// delay grows with the age, so that attempts become rarer while a provider is down: 1 or 2 s at first, then between half the
// age and the age, at most `most`. random, in [0, 1), spreads messages of the same moment. The delay ends at least a second
// before the message expires; ok is false if no whole second is left for it.
func retryDelay(age, left, most time.Duration, random float64) (delay time.Duration, ok bool) {
	if left < 2*time.Second {
		return 0, false
	}
	delay = spread(min(max(age, 2*time.Second), most), random)
	return min(delay, left.Truncate(time.Second)-time.Second), true
}

// spread returns a delay between half of most and most, in whole seconds, as SQS takes them.
func spread(most time.Duration, random float64) time.Duration {
	return (most/2 + time.Duration(random*float64(most/2))).Round(time.Second)
}
