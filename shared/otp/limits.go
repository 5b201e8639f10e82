package otp

import (
	"fmt"
	"time"
)

// Tries is what is remembered of the guesses at one subject since its last success.
type Tries struct {
	Count   int       // guesses that were let through to be judged
	Ceiling int       // the count at which the subject locks
	Last    time.Time // the last guess

	NotifiedCount int // the count at the last security notification

	VerifiedAt time.Time // the last success by SMS in 30 days
}

// Remaining is how many tries are left before the subject locks.
func (t Tries) Remaining() int { return t.Ceiling - t.Count }

// Own returns what a session's own wrong codes count, as if nobody else tried the subject.
func (s Session) Own(l TryLimit) Tries {
	ceiling := (s.Attempts + l.MaxAttempts - 1) / l.MaxAttempts * l.MaxAttempts
	return Tries{Count: s.Attempts, Ceiling: ceiling, Last: s.AttemptedAt}
}

// TryLimit is the rule that bounds guessing (NIST SP 800-63B-4 3.2.2; I4).
type TryLimit struct {
	MaxAttempts int           // guesses before a lock
	Lock        time.Duration // the first lock; each further one is twice as long
}

const (
	longestLock   = time.Hour
	closedAt      = 100 // wrong tries in a row, NIST SP 800-63B-4 3.2.2
	closedFor     = 24 * time.Hour
	TriesLifetime = 30 * 24 * time.Hour // the count is kept so long after the last try
)

// LockedFor is how long from now the subject takes no guess: zero when it takes one.
func (l TryLimit) LockedFor(t Tries, now time.Time) time.Duration {
	if t.Count < t.Ceiling || t.Count == 0 {
		return 0
	}
	span := l.span(t.Count)
	return min(span, max(0, t.Last.Add(span).Sub(now))) // Last may be another instance's, a moment ahead
}

// span is the length of the lock that begins with the count-th try.
func (l TryLimit) span(count int) time.Duration {
	if count >= closedAt {
		return closedFor
	}
	span := l.Lock
	for locks := (count + l.MaxAttempts - 1) / l.MaxAttempts; locks > 1 && span < longestLock; locks-- {
		span *= 2
	}
	return min(span, longestLock)
}

// Left is how many wrong codes a subject may still give at now before it locks; none while it is locked.
func (l TryLimit) Left(t Tries, now time.Time) int {
	switch {
	case t.Count == 0 || !t.Last.After(now.Add(-TriesLifetime)):
		return l.MaxAttempts
	case l.LockedFor(t, now) > 0:
		return 0
	case t.Count >= t.Ceiling:
		return l.NextCeiling(t.Count) - t.Count
	}
	return t.Remaining()
}

// NextCeiling is the count at which a subject locks again once a lock has passed. It stops at 100 on the way, so that
// the day-long close begins there and not a few tries later.
func (l TryLimit) NextCeiling(count int) int {
	next := count + l.MaxAttempts
	if count < closedAt {
		return min(next, closedAt)
	}
	return next
}

// WrongCodeError says that a code was judged and is wrong.
type WrongCodeError struct {
	AttemptsRemaining int           // before the subject locks
	RetryAfter        time.Duration // how long the lock lasts that this attempt began; 0 while attempts remain
}

func (e *WrongCodeError) Error() string {
	return fmt.Sprintf("wrong code, %d attempts remain", e.AttemptsRemaining)
}

// LockedError says that a subject takes no guess and gets no code for a time. The caller may try again after it.
type LockedError struct {
	RetryAfter time.Duration
}

func (e *LockedError) Error() string { return "the subject is locked" }

// TooManyRequestsError says that a limit on messages or passwords is reached. The caller may try again after it.
type TooManyRequestsError struct {
	RetryAfter time.Duration
	Passwords  bool // it is wrong passwords that there are too many of
}

func (e *TooManyRequestsError) Error() string { return "a limit is reached" }
