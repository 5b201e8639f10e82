package otp

import (
	"fmt"
	"time"
)

// Attempts holds the counted attempts at one subject since its last success.
type Attempts struct {
	Count  int       // reserved attempts
	LockAt int       // the count at which the subject locks
	Last   time.Time // the last attempt

	NotifiedCount int // the count at the last security notification

	VerifiedAt time.Time // the last success by SMS in 30 days
}

// Remaining returns how many attempts are left before the subject locks.
func (t Attempts) Remaining() int { return t.LockAt - t.Count }

// Own returns the attempts of the session alone, without those of the subject's other sessions.
func (s Session) Own(l AttemptLimit) Attempts {
	lockAt := (s.Attempts + l.MaxAttempts - 1) / l.MaxAttempts * l.MaxAttempts
	return Attempts{Count: s.Attempts, LockAt: lockAt, Last: s.AttemptedAt}
}

// AttemptLimit is the rule that limits attempts (NIST SP 800-63B-4 3.2.2; I4).
type AttemptLimit struct {
	MaxAttempts int           // attempts before a lock
	Lock        time.Duration // the first lock; each further one is twice as long
}

const (
	longestLock      = time.Hour
	closedAt         = 100 // wrong codes in a row, NIST SP 800-63B-4 3.2.2
	closedFor        = 24 * time.Hour
	AttemptsLifetime = 30 * 24 * time.Hour // the count is kept so long after the last attempt
)

// LockedFor returns how long from now the subject stays locked, or 0 if it is not locked.
func (l AttemptLimit) LockedFor(t Attempts, now time.Time) time.Duration {
	if t.Count < t.LockAt || t.Count == 0 {
		return 0
	}
	span := l.span(t.Count)
	return min(span, max(0, t.Last.Add(span).Sub(now))) // Last may be another instance's, a moment ahead
}

// span returns the length of the lock that begins with the count-th attempt.
func (l AttemptLimit) span(count int) time.Duration {
	if count >= closedAt {
		return closedFor
	}
	span := l.Lock
	for locks := (count + l.MaxAttempts - 1) / l.MaxAttempts; locks > 1 && span < longestLock; locks-- {
		span *= 2
	}
	return min(span, longestLock)
}

// AttemptsRemaining returns how many wrong codes the subject may still enter before it is locked, or 0 while it is locked.
func (l AttemptLimit) AttemptsRemaining(t Attempts, now time.Time) int {
	switch {
	case t.Count == 0 || !t.Last.After(now.Add(-AttemptsLifetime)):
		return l.MaxAttempts
	case l.LockedFor(t, now) > 0:
		return 0
	case t.Count >= t.LockAt:
		return l.NextLockAt(t.Count) - t.Count
	}
	return t.Remaining()
}

// NextLockAt returns the count at which a subject locks again after a lock has passed. It stops at 100 on the way, so that
// the 24-hour lock begins there and not a few attempts later.
func (l AttemptLimit) NextLockAt(count int) int {
	next := count + l.MaxAttempts
	if count < closedAt {
		return min(next, closedAt)
	}
	return next
}

// WrongCodeError says that a code was checked and is wrong.
type WrongCodeError struct {
	AttemptsRemaining int           // before the subject locks
	RetryAfter        time.Duration // how long the lock lasts that this attempt began; 0 while attempts remain
}

func (e *WrongCodeError) Error() string {
	return fmt.Sprintf("wrong code, %d attempts remain", e.AttemptsRemaining)
}

// LockedError says that a subject is locked: no code is accepted or sent for a time. The caller may retry after RetryAfter.
type LockedError struct {
	RetryAfter time.Duration
}

func (e *LockedError) Error() string { return "the subject is locked" }

// TooManyRequestsError says that a limit on messages or wrong passwords is reached. The caller may retry after RetryAfter.
type TooManyRequestsError struct {
	RetryAfter time.Duration
	Passwords  bool // the limit is on wrong passwords
}

func (e *TooManyRequestsError) Error() string { return "a limit is reached" }
