package main

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	askedFor = 200               // codes in each run
	life     = 300 * time.Second // CodeTtlSeconds
	quiet    = 25 * time.Second  // longer than the send function delays a retry, so everything that still arrives has arrived
)

// trouble is how SES fails while codes are requested.
type trouble struct {
	name      string
	throttled time.Duration // SES rejects every message for this long
	perSecond int           // SES accepts this many messages a second, all the time; 0: no limit
}

var troubles = []trouble{
	{name: "in no trouble"},
	{name: "throttled for 5 s", throttled: 5 * time.Second},
	{name: "throttled for 30 s", throttled: 30 * time.Second},
	{name: "throttled for 120 s", throttled: 120 * time.Second},
	{name: "14 messages a second", perSecond: 14},
	{name: "1 message a second", perSecond: 1},
}

// delivered is the result of one run: which codes arrived, and when.
type delivered struct {
	waits       []time.Duration // from the response to the mailbox, sorted; only of the codes that arrived before they expired
	duplicates  int
	deadLetters int
}

// delivery measures how many codes arrive, and when, while SES is in trouble. The runs mostly wait, so they run in
// parallel, each on its own stack.
func delivery() error {
	found, failed := make([]delivered, len(troubles)), make([]error, len(troubles))
	var wait sync.WaitGroup
	for i, t := range troubles {
		d, err := startStack("-parameter", "SendsPerHour=0", "-parameter", "SendsPerIpPerHour=0")
		if err != nil {
			return err
		}
		defer d.stop()
		wait.Go(func() { found[i], failed[i] = d.deliver(t) })
	}
	wait.Wait()
	if err := errors.Join(failed...); err != nil {
		return err
	}
	fmt.Printf("\n| SES, while %d codes are asked for | arrive in their life | duplicates | dead letters | answer to mailbox, p50 and p99 |\n|---|---|---|---|---|\n", askedFor)
	for i, t := range troubles {
		f := found[i]
		fmt.Printf("| %s | %.1f %% | %d | %d | %s, %s |\n", t.name, 100*f.share(len(f.waits)), f.duplicates, f.deadLetters, f.quantile(0.5), f.quantile(0.99))
	}
	return picture(found)
}

func (delivered) share(n int) float64 { return float64(n) / askedFor }

// quantile returns the wait that this share of the arrived codes does not exceed.
func (f delivered) quantile(q float64) string {
	if len(f.waits) == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f s", quantile(f.waits, q).Seconds())
}

// deliver requests the codes while SES is in trouble, and waits until all have arrived or the rest can no longer arrive.
func (d *development) deliver(t trouble) (delivered, error) {
	fault := map[string]any{"service": "ses", "action": "SendEmail", "error": "TooManyRequestsException"}
	if t.perSecond > 0 {
		fault["perSecond"] = t.perSecond
	}
	if t.throttled > 0 || t.perSecond > 0 {
		if err := d.do(http.MethodPost, "/_local/faults", fault, nil); err != nil {
			return delivered{}, err
		}
	}
	begun := time.Now()
	answered, err := d.askForCodes()
	if err != nil {
		return delivered{}, err
	}
	time.Sleep(time.Until(begun.Add(t.throttled)))
	if t.throttled > 0 {
		if err := d.do(http.MethodDelete, "/_local/faults", nil, nil); err != nil {
			return delivered{}, err
		}
	}
	for time.Since(begun) < life {
		all, err := d.messages()
		if err != nil {
			return delivered{}, err
		}
		if len(all) >= askedFor {
			break
		}
		time.Sleep(time.Second)
	}
	time.Sleep(quiet)
	return d.count(answered)
}

// askForCodes requests codes on several connections at once, and returns when every request has been answered.
func (d *development) askForCodes() (map[string]time.Time, error) {
	const workers = 8
	answered, failed := make([]map[string]time.Time, workers), make([]error, workers)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			answered[w] = map[string]time.Time{}
			for n := w; n < askedFor && failed[w] == nil; n += workers {
				to := person("delivery", n)
				_, failed[w] = d.post("/generate", map[string]string{"email": to})
				answered[w][to] = time.Now()
			}
		})
	}
	wait.Wait()
	all := map[string]time.Time{}
	for _, some := range answered {
		maps.Copy(all, some)
	}
	return all, errors.Join(failed...)
}

func (d *development) messages() (all []message, err error) {
	return all, d.get("/_local/messages", &all)
}

func (d *development) count(answered map[string]time.Time) (f delivered, err error) {
	all, err := d.messages()
	if err != nil {
		return f, err
	}
	seen := map[string]bool{}
	for _, m := range slices.Backward(all) { // the oldest first
		wait := max(0, m.SentAt.Sub(answered[m.To]))
		switch {
		case seen[m.To]:
			f.duplicates++
		case wait <= life:
			f.waits = append(f.waits, wait)
		}
		seen[m.To] = true
	}
	slices.Sort(f.waits)
	var letters []any
	err = d.get("/_local/deadletters", &letters)
	f.deadLetters = len(letters)
	return f, err
}

// picture draws, for each trouble, the share of codes that have arrived within a number of seconds after the response.
// The seconds are on a logarithmic scale from 0.01 to 300, as some runs take milliseconds and others minutes.
func picture(found []delivered) error {
	c := chart{title: "Share of the codes that have arrived, while SES is in trouble", x: axis{title: "from the response of /generate to the mailbox", from: 0.01, to: 300, log: true, marks: []float64{0.01, 0.1, 1, 10, 60, 300}, formatted: "%g s"},
		y: axis{to: 100, marks: []float64{0, 25, 50, 75, 100}, formatted: "%g %%"}}
	for i, f := range found {
		l := line{name: troubles[i].name, steps: true, points: []point{{x: c.x.from}}}
		for n, wait := range f.waits {
			l.points = append(l.points, point{x: wait.Seconds(), y: 100 * f.share(n+1)})
		}
		l.points = append(l.points, point{x: c.x.to, y: 100 * f.share(len(f.waits))})
		c.lines = append(c.lines, l)
	}
	return draw("docs/images/delivery.svg", c)
}
