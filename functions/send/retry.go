package main

import (
	"time"

	"streamotp/shared/store"
)

// The longest delays of a retry.
const (
	codeDelay         = 20 * time.Second  // a user waits for the code
	notificationDelay = 300 * time.Second // nobody waits, and the row lives a day
	unreadDelay       = 5 * time.Second   // for a row that cannot be read, whose age may be unknown
)

// delay returns how long a message waits for its next attempt. It returns false if the message would expire before that.
func (h handler) delay(m message) (time.Duration, bool) {
	most, now := notificationDelay, h.now()
	if m.Kind == store.SendCode {
		most = codeDelay
	}
	delay, ok := retryDelay(now.Sub(m.CreatedAt), m.ExpiresAt.Sub(now), most, h.random())
	if !ok && !m.read { // only the row shows whether it was sent: a later attempt reads it
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
