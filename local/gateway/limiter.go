package gateway

import (
	"sync"
	"time"
)

// limiter is the stage's token bucket. It has burst tokens and is refilled with rate tokens a second; each request takes
// one.
type limiter struct {
	mu     sync.Mutex
	tokens float64
	last   time.Time
}

// allow takes a token and returns true, or returns false without a token. Without settings of the stage it allows all.
func (l *limiter) allow(rate float64, burst int, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if rate == 0 && burst == 0 {
		return true
	}
	if l.last.IsZero() {
		l.tokens = float64(burst)
	} else {
		l.tokens = min(float64(burst), l.tokens+rate*now.Sub(l.last).Seconds())
	}
	l.last = now
	if l.tokens < 1 {
		return false
	}
	l.tokens--
	return true
}
