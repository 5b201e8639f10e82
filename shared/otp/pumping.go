package otp

import "time"

// PumpingLimit is the rule against SMS pumping: fraud that requests codes for number ranges whose operator shares the fee, and
// enters none of them. Subjects and numbers that were verified here in the last 30 days are not counted and never stopped.
type PumpingLimit struct {
	Sends   int // messages to new numbers of one prefix in a day before the prefix is checked; 0 turns the rule off
	Percent int // of those messages: how many must have been verified
}

// Traffic is what is known about one number prefix: counts of one to two days, for numbers that were not verified here before.
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

	// PausesLifetime is how long a pause makes the next one longer, after it has ended.
	PausesLifetime   = 7 * 24 * time.Hour
	verifiedLifetime = 30 * 24 * time.Hour
)

// RecentlyVerified reports whether a number that was last verified at verifiedAt was verified in the 30 days before now.
func RecentlyVerified(verifiedAt, now time.Time) bool { return now.Sub(verifiedAt) < verifiedLifetime }

// PauseFor returns the length of a pause after a number of earlier pauses.
func PauseFor(before int) time.Duration {
	pause := firstPause
	for ; before > 0 && pause < longestPause; before-- {
		pause *= 2
	}
	return min(pause, longestPause)
}

// PausedError says that a number's prefix is paused. The caller gets the same response as for any number that SMS does not
// go to.
type PausedError struct {
	Prefix string
	Began  bool // this message began the pause
}

func (e *PausedError) Error() string { return "the number's prefix is paused" }
