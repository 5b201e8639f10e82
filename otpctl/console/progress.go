package console

import (
	"fmt"
	"io"
	"time"
)

type NowFunc = func() time.Time

// Progress shows on a terminal how far a long command has come. Elsewhere it shows no progress.
type Progress struct {
	w              io.Writer
	now            NowFunc
	screen         io.Writer // the terminal that w is; nil if w is not one
	started, shown time.Time
	done           int
}

const (
	showEvery = 200 * time.Millisecond
	clearLine = "\r\x1b[K"
)

func NewProgress(w io.Writer, now NowFunc) Progress {
	p := Progress{w: w, now: now, started: now()}
	if tty, live := terminal(w); live {
		p.screen = tty
	}
	return p
}

// Step counts one more line as handled.
func (p *Progress) Step() {
	p.done++
	now := p.now()
	if p.screen == nil || now.Sub(p.shown) < showEvery {
		return
	}
	p.shown = now
	rate := float64(p.done) / max(now.Sub(p.started).Seconds(), 0.001)
	fmt.Fprintf(p.screen, "%s%d lines, %.0f a second", clearLine, p.done, rate)
}

// Say prints a text on a line of its own.
func (p *Progress) Say(format string, args ...any) {
	if p.screen != nil {
		fmt.Fprint(p.screen, clearLine)
	}
	fmt.Fprintf(p.w, format+"\n", args...)
}
