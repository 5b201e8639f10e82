package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"
)

const (
	soakRate  = 4.0              // codes a second
	soakEvery = 5 * time.Second  // between samples
	settling  = 2 * time.Minute  // until all processes run and their heaps have their size
	forgetful = 20 * time.Second // the stack would otherwise keep every call and message
)

// sample is the state of a function's processes at one time, on average over those that live during the whole run.
type sample struct{ minutes, cpu, rss, files, threads float64 } // cpu: ms a code, of all processes

// quantities are what is sampled. Goroutines cannot be counted from outside a process that ships; a goroutine that stays behind shows in its memory.
var quantities = []struct {
	name string
	of   func(sample) float64
	top  float64 // of the picture
}{
	{"CPU a code, ms", func(s sample) float64 { return s.cpu }, 8},
	{"resident memory of a process, MiB", func(s sample) float64 { return s.rss }, 32},
	{"file descriptors of a process", func(s sample) float64 { return s.files }, 24},
	{"threads of a process", func(s sample) float64 { return s.threads }, 12},
}

// soak makes codes at a steady rate for a time, and looks for whatever grows in the functions' processes.
func soak(minutes float64, seed uint64) error {
	d, err := startStack("-parameter", "SendsPerHour=0", "-parameter", "SendsPerIpPerHour=0")
	if err != nil {
		return err
	}
	defer d.stop()
	m, err := d.listen()
	if err != nil {
		return err
	}
	if waits, _, err := m.arrivals(2*soakRate, settling.Seconds(), rand.New(rand.NewPCG(seed, 0))); len(waits) == 0 {
		return err
	}
	ended := make(chan struct{})
	go func() { // on a busy machine some calls take too long, which does not end the measurement
		waits, failed, err := m.arrivals(soakRate, 60*minutes, rand.New(rand.NewPCG(seed, 1)))
		fmt.Printf("%d codes verified, %d failed (%v)\n\n", len(waits), failed, err)
		close(ended)
	}()
	begun, pids, found := time.Now(), d.functions(), map[string][]sample{}
	before, forgotten := d.cpuByProcess(), time.Now()
	for tick := time.NewTicker(soakEvery); ; <-tick.C {
		select {
		case <-ended:
			tick.Stop()
			return reportSoak(found, minutes, seed)
		default:
		}
		after := d.cpuByProcess()
		for name, some := range pids {
			s := sample{minutes: time.Since(begun).Minutes(), cpu: (after[name] - before[name]).Seconds() * 1000 / soakRate / soakEvery.Seconds()}
			for _, pid := range some {
				files, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
				s.rss += float64(rssOf(pid)) / 1024 / float64(len(some))
				s.files += float64(len(files)) / float64(len(some))
				s.threads += float64(statusOf(pid, "Threads:")) / float64(len(some))
			}
			if s.rss > 0 && time.Since(begun) > soakEvery {
				found[name] = append(found[name], s)
			}
		}
		before = after
		if time.Since(forgotten) > forgetful {
			if err := d.forget(); err != nil {
				return err
			}
			forgotten = time.Now()
		}
	}
}

// functions returns the processes of each function.
func (d *development) functions() map[string][]int {
	all := map[string][]int{}
	d.children(func(pid int) {
		if name := nameOf(pid); strings.HasSuffix(name, "Function") {
			all[name] = append(all[name], pid)
		}
	})
	return all
}

// byMinute returns the means of one minute each. The samples within a minute depend on each other, and would make an error look smaller than it is.
func byMinute(samples []sample, of func(sample) float64) (points []point) {
	for some := range slices.Chunk(samples, int(time.Minute/soakEvery)) {
		p := point{}
		for _, s := range some {
			p.x, p.y = p.x+s.minutes/float64(len(some)), p.y+of(s)/float64(len(some))
		}
		points = append(points, p)
	}
	return points
}

func reportSoak(found map[string][]sample, minutes float64, seed uint64) error {
	fmt.Printf("%.0f codes a second for %.0f minutes, seed %d\n\n| function | quantity | mean | slope a minute ± standard error |\n|---|---|---|---|\n", soakRate, minutes, seed)
	var charts []chart
	for _, q := range quantities {
		c := chart{title: q.name, x: axis{title: "minutes", to: minutes}, y: axis{to: q.top}}
		for i := range 6 {
			c.x.marks, c.y.marks = append(c.x.marks, float64(i)*minutes/5), append(c.y.marks, float64(i)*q.top/5)
		}
		c.x.formatted, c.y.formatted = "%.3g", "%.3g"
		for _, name := range []string{"GenerateFunction", "SendFunction", "VerifyFunction", "FeedbackFunction"} {
			l := line{name: name, dotted: true}
			var values []float64
			for _, s := range found[name] {
				l.points, values = append(l.points, point{x: s.minutes, y: q.of(s)}), append(values, q.of(s))
			}
			mean, _ := spread(values)
			rise, err := slope(byMinute(found[name], q.of))
			fmt.Printf("| %s | %s | %.2f | %+.4f ± %.4f |\n", name, q.name, mean, rise, err)
			c.lines = append(c.lines, l)
		}
		charts = append(charts, c)
	}
	return draw("docs/images/soak.svg", charts...)
}
