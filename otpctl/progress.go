package main

import (
	"fmt"
	"io"
	"time"
)

type nowFunc = func() time.Time

// progress shows at a terminal how far a long command is; elsewhere it is silent.
type progress struct {
	w              io.Writer
	now            nowFunc
	live           bool
	started, shown time.Time
	done           int
}

const (
	showEvery = 200 * time.Millisecond
	clearLine = "\r\x1b[K"
)

func newProgress(w io.Writer, now nowFunc) progress {
	_, live := terminal(w)
	return progress{w: w, now: now, live: live, started: now()}
}

// step counts one line as done.
func (p *progress) step() {
	p.done++
	now := p.now()
	if !p.live || now.Sub(p.shown) < showEvery {
		return
	}
	p.shown = now
	rate := float64(p.done) / max(now.Sub(p.started).Seconds(), 0.001)
	fmt.Fprintf(p.w, "%s%d lines, %.0f a second", clearLine, p.done, rate)
}

// say prints a line of its own.
func (p *progress) say(format string, args ...any) {
	if p.live {
		fmt.Fprint(p.w, clearLine)
	}
	fmt.Fprintf(p.w, format+"\n", args...)
}
