package gateway

import (
	"sync"
	"time"
)

// Limiter is the stage's token bucket. It has Burst tokens and is refilled with Rate tokens a second; each request takes
// one.
type Limiter struct {
	Rate  float64
	Burst int

	mu     sync.Mutex
	tokens float64
	last   time.Time
}

// Allow takes a token and returns true, or returns false if there is none.
func (l *Limiter) Allow(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last.IsZero() {
		l.tokens = float64(l.Burst)
	} else {
		l.tokens = min(float64(l.Burst), l.tokens+l.Rate*now.Sub(l.last).Seconds())
	}
	l.last = now
	if l.tokens < 1 {
		return false
	}
	l.tokens--
	return true
}
