package otp

import "time"

// PumpingLimit is the rule against SMS pumping: fraud that asks for codes to number ranges whose operator shares the
// fee, and never types one. Whoever has been verified here lately is not counted and not held up.
type PumpingLimit struct {
	Sends   int // to new numbers of one prefix in a day, before it is looked at; 0 means never
	Percent int // of them that must have been verified
}

// Traffic is what is known of one number prefix: counts of a day or two, of numbers that were not verified here before.
type Traffic struct {
	Sends, Verified int
	Pauses          int // so far
}

// ShouldPause reports whether to pause a prefix: it got more than Sends messages, and too few of their codes were verified.
// After an earlier pause half of Sends is enough.
func (l PumpingLimit) ShouldPause(t Traffic) bool {
	most := l.Sends
	if t.Pauses > 0 {
		most = (most + 1) / 2
	}
	return l.Sends > 0 && t.Sends > most && t.Verified*100 < l.Percent*t.Sends
}

const (
	firstPause   = time.Hour
	longestPause = 24 * time.Hour

	// PausesLifetime is how long a pause that is over makes the next one longer.
	PausesLifetime   = 7 * 24 * time.Hour
	verifiedLifetime = 30 * 24 * time.Hour
)

// RecentlyVerified reports whether a number that was last verified at verifiedAt was verified in the 30 days before now.
func RecentlyVerified(verifiedAt, now time.Time) bool { return now.Sub(verifiedAt) < verifiedLifetime }

// PauseFor is the length of a pause, given how many were before.
func PauseFor(before int) time.Duration {
	pause := firstPause
	for ; before > 0 && pause < longestPause; before-- {
		pause *= 2
	}
	return min(pause, longestPause)
}

// PausedError says that a number's prefix gets no messages for now. The caller is told no more than of a number that
// SMS does not go to.
type PausedError struct {
	Prefix string
	Began  bool // with this message
}

func (e *PausedError) Error() string { return "the number's prefix is paused" }
