package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	soakRate    = 4.0              // codes a second
	soakEvery   = 5 * time.Second  // between samples
	soakMeans   = 12               // points of a line, each the mean of as many samples: in 30 minutes longer than a connection to AWS lives unused
	warmingUp   = 2 * time.Minute  // at twice the rate, until all processes run and have made some hundred calls
	forgetful   = 20 * time.Second // the stack would otherwise keep every call and message
	mayFail     = 0.001            // of the codes: on a busy machine a call may take too long. A crash fails more
	besideMeans = 6                // of the CPU of each
	besides     = 3.0              // minutes at the end of the run, and of new processes, whose CPU is compared
	mayGrow     = 0.05             // of the CPU
)

// sample is the state of a function's first processes at one time, all together: where one of them is idle, what another one leaks still shows.
type sample struct{ minutes, rss, files, threads, goroutines float64 }

// soaked holds what was sampled of one function.
type soaked struct {
	cpu       []point // a code, in units of work
	samples   []sample
	first     map[int]bool // processes that ran at the first sample. A later one would only look like growth
	processes map[int]bool // that ran at the last sample
	ended     int          // processes
}

// quantity is what is sampled.
type quantity struct {
	name string
	of   func(sample) float64 // nil: the function's CPU, which is judged beside that of new processes
	late bool                 // judged in the last two thirds alone
	low  bool                 // judged by the least value of each part of the run
	part float64              // of the mean: growth over the whole run up to this is too small to be called growth
	top  float64              // of the picture
}

// A process takes minutes until its heap and its threads are as many as they need to be. So all but CPU is judged later, and a mebibyte of memory (in 30
// minutes 150 bytes a call) of one process is no growth. A connection that is open for a time has a descriptor and two goroutines, and says nothing of a leak: what has
// leaked stays, and raises the least value.
var quantities = []quantity{
	{name: "CPU a code, in hashes of a mebibyte", top: 8},
	{"resident memory, MiB", func(s sample) float64 { return s.rss }, true, false, 0.05, 32},
	{"file descriptors", func(s sample) float64 { return s.files }, true, true, 0.02, 24},
	{"goroutines", func(s sample) float64 { return s.goroutines }, true, true, 0.02, 24},
	{"threads", func(s sample) float64 { return s.threads }, true, true, 0.02, 12},
}

var soakedFunctions = []string{"GenerateFunction", "SendFunction", "VerifyFunction", "FeedbackFunction"}

// goroutineCounter is a file that the soak adds to each function, only in its own build: it writes the number of goroutines, without its own, to a file that
// is named by the process.
const goroutineCounter = `package main

import (
	"fmt"
	"os"
	"runtime"
	"time"
)

func init() {
	file := fmt.Sprintf("%%s/%%d", %[1]q, os.Getpid())
	go func() {
		for ; ; time.Sleep(%[2]d) {
			if os.WriteFile(file+".new", fmt.Append(nil, runtime.NumGoroutine()-1), 0o600) == nil {
				_ = os.Rename(file+".new", file)
			}
		}
	}()
}
`

// withCounter returns the flag of Go that adds the counter to the functions.
func withCounter(dir string) (flag string, err error) {
	root, err := filepath.Abs(".")
	if err != nil {
		return "", err
	}
	file, list, replace := filepath.Join(dir, "counter.go"), filepath.Join(dir, "overlay.json"), map[string]string{}
	for _, name := range soakedFunctions {
		replace[filepath.Join(root, "functions", strings.ToLower(strings.TrimSuffix(name, "Function")), "counter.go")] = file
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	return "-overlay=" + list, errors.Join(err, os.WriteFile(list, text, 0o600), os.WriteFile(file, fmt.Appendf(nil, goroutineCounter, dir, soakEvery), 0o600))
}

// soak makes codes at a steady rate for a time, and looks for whatever grows in the functions' processes. A code takes less time than the next one is
// away, so one process of a function serves nearly all calls. At the end new processes do the same: the CPU of a code also depends on what else the machine
// does and on the stack's age, so only a difference between old and new processes is growth.
func soak(dir string, minutes float64) error {
	flag, err := withCounter(dir)
	if err != nil {
		return err
	}
	d, err := startChanged(flag, "-parameter", "SendsPerHour=0", "-parameter", "SendsPerIpPerHour=0")
	if err != nil {
		return err
	}
	defer d.stop()
	m, err := d.listen()
	if err != nil {
		return err
	}
	old, err := m.soaked(dir, minutes)
	if err != nil {
		return err
	}
	if err := errors.Join(checkProcesses(old), d.kill()); err != nil {
		return err
	}
	fresh, err := m.soaked(dir, min(besides, minutes/4))
	if err != nil {
		return err
	}
	return errors.Join(reportSoak(old, minutes), reportFresh(old, fresh))
}

// kill ends the processes of all functions.
func (d *development) kill() (err error) {
	for name := range d.functions() {
		err = errors.Join(err, d.do(http.MethodPost, "/_local/kill", map[string]any{"function": name}, nil))
	}
	return err
}

// soaked samples the functions while codes are made, after they have run for some minutes. A code that fails does not end it.
func (m *mailbox) soaked(dir string, minutes float64) (map[string]*soaked, error) {
	if waits, _, err := m.arrivals(func() float64 { return 0.5 / soakRate }, warmingUp.Seconds()); len(waits) == 0 {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() {
		waits, failed, err := m.arrivals(func() float64 { return 1 / soakRate }, 60*minutes)
		fmt.Printf("%d codes verified, %d failed (%v)\n\n", len(waits), failed, err)
		ended <- checkCodes(len(waits), failed, err)
	}()
	begun, found := time.Now(), map[string]*soaked{}
	for _, name := range soakedFunctions {
		found[name] = &soaked{}
	}
	before, codes, unit, forgotten := m.d.cpuByProcess(), m.done.Load(), work(), time.Now()
	tick := time.NewTicker(soakEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return found, err
		case <-tick.C:
		}
		now, after, made, unitNow, functions := time.Since(begun).Minutes(), m.d.cpuByProcess(), m.done.Load(), work(), m.d.functions()
		for name, f := range found {
			if made > codes {
				f.cpu = append(f.cpu, point{x: now, y: float64(after[name]-before[name]) / (float64(unit+unitNow) / 2) / float64(made-codes)})
			}
			f.add(dir, functions[name], now)
		}
		before, codes, unit = after, made, unitNow
		if time.Since(forgotten) > forgetful {
			if err := m.d.forget(); err != nil {
				return nil, err
			}
			forgotten = time.Now()
		}
	}
}

// work returns the processor time that SHA-256 of a mebibyte takes now. CPU is compared with it, because the speed of a processor depends on what else
// the machine does.
func work() time.Duration {
	const times = 32
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	data := make([]byte, 1<<20)
	before := threadCPU()
	for range times {
		sha256.Sum256(data)
	}
	return (threadCPU() - before) / times
}

// threadCPU returns the CPU of this thread until now. The thread's schedstat would be some milliseconds old, because the thread runs.
func threadCPU() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return time.Duration(t.Nano())
}

// add samples the processes of a function.
func (f *soaked) add(dir string, pids []int, minutes float64) {
	all := sample{minutes: minutes}
	running := map[int]bool{}
	for _, pid := range pids {
		running[pid] = true
	}
	if f.samples == nil {
		f.first = running
	}
	for pid := range f.first {
		files, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		text, _ := os.ReadFile(filepath.Join(dir, strconv.Itoa(pid)))
		goroutines, _ := strconv.Atoi(string(text))
		all.rss += float64(rssOf(pid)) / 1024
		all.files += float64(len(files))
		all.threads += float64(statusOf(pid, "Threads:"))
		all.goroutines += float64(goroutines)
	}
	for pid := range f.processes {
		if !running[pid] {
			f.ended++
		}
	}
	f.samples, f.processes = append(f.samples, all), running
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

// points returns the samples of a quantity.
func (f *soaked) points(q quantity) (points []point) {
	if q.of == nil {
		return f.cpu
	}
	for _, s := range f.samples {
		points = append(points, point{x: s.minutes, y: q.of(s)})
	}
	return points
}

// trend is how a quantity changed during the run.
type trend struct {
	mean, rise, err float64 // rise is the slope a minute
	growth, half    float64 // over the whole run, as a part of the mean, and half of its interval
	twice           bool    // each half of the judged time has a third of the slope at least. A single step, as of one more connection, is in one half
}

// trendOf fits a line to the means, or the least values, of samples that follow each other. Samples depend on those shortly before them, and would make
// the error look smaller than it is. The intervals of all rows together have a confidence of 95 %.
func trendOf(points []point, late, low bool, minutes float64) (t trend) {
	if late {
		points = slices.DeleteFunc(slices.Clone(points), func(p point) bool { return p.x < minutes/3 })
	}
	means := meansOf(points, soakMeans)
	if low {
		i := 0
		for some := range parts(points, soakMeans) {
			means[i].y = slices.MinFunc(some, func(a, b point) int { return cmp.Compare(a.y, b.y) }).y
			i++
		}
	}
	for _, p := range means {
		t.mean += p.y / float64(len(means))
	}
	t.rise, t.err = slope(means)
	early, _ := slope(means[:len(means)/2])
	later, _ := slope(means[len(means)/2:])
	t.twice = min(early, later) > t.rise/3
	confidence := 1 - 0.05/float64(len(quantities)*len(soakedFunctions))
	t.growth = t.rise * minutes / t.mean
	t.half = t.err * minutes / t.mean * student(confidence, float64(len(means)-2))
	return t
}

// verdict says whether the whole interval is below the growth that matters, or whether it is above 0 and the growth matters. A wide interval says neither,
// nor does a single step.
func (t trend) verdict(part float64) string {
	switch {
	case math.IsNaN(t.growth):
		return "not measured"
	case t.growth+t.half < part:
		return "flat"
	case t.growth-t.half > 0 && t.growth >= part && t.twice:
		return "grows"
	}
	return "not known"
}

// interval returns the growth with its interval, in per cent.
func (t trend) interval() string {
	return fmt.Sprintf("%+.1f %% (%+.1f to %+.1f)", 100*t.growth, 100*(t.growth-t.half), 100*(t.growth+t.half))
}

// failure returns the error of a verdict that makes the soak fail, or nil.
func failure(name, function, judged string) error {
	if judged != "grows" && judged != "not measured" {
		return nil
	}
	return fmt.Errorf("%s of %s: %s", name, function, judged)
}

// judge returns the trend of a quantity, and its verdict. What one process leaks is compared with what one process has.
func (f *soaked) judge(q quantity, minutes float64) (t trend, judged string) {
	t = trendOf(f.points(q), q.late, q.low, minutes)
	if q.of == nil {
		return t, "below" // reportFresh judges it
	}
	n := float64(len(f.first))
	t.growth, t.half = n*t.growth, n*t.half
	if judged = t.verdict(q.part); judged == "flat" && len(f.processes) > len(f.first) {
		judged = "not known" // a later process may have served the calls
	}
	return t, judged
}

// checkCodes fails if more codes failed than a busy machine explains.
func checkCodes(verified, failed int, err error) error {
	if failed > 0 && float64(failed) >= mayFail*float64(verified+failed) {
		return fmt.Errorf("%d of %d codes failed, such as: %w", failed, verified+failed, err)
	}
	return nil
}

// checkProcesses fails if a process ended, which would hide what grows, or if a function never ran.
func checkProcesses(found map[string]*soaked) error {
	var all []error
	for _, name := range soakedFunctions {
		if f := found[name]; f.ended > 0 || len(f.processes) == 0 {
			all = append(all, fmt.Errorf("%s: %d processes ended during the run, and %d run", name, f.ended, len(f.processes)))
		}
	}
	return errors.Join(all...)
}

func reportSoak(found map[string]*soaked, minutes float64) error {
	fmt.Printf("%.0f codes a second for %g minutes\n\n| function, processes | quantity | mean | slope a minute ± standard error | growth over the run (interval) | verdict |\n|---|---|---|---|---|---|\n", soakRate, minutes)
	var charts []chart
	var grows []error
	most := 1.0 // processes of a function
	for _, f := range found {
		most = max(most, float64(len(f.first)))
	}
	for _, q := range quantities {
		if q.of != nil {
			q.top *= most
		}
		c := chart{title: q.name, x: axis{title: "minutes", to: minutes, formatted: "%.3g"}, y: axis{to: q.top, formatted: "%.3g"}}
		for i := range 6 {
			c.x.marks, c.y.marks = append(c.x.marks, float64(i)*minutes/5), append(c.y.marks, float64(i)*q.top/5)
		}
		for _, name := range soakedFunctions {
			f := found[name]
			t, judged := f.judge(q, minutes)
			grows = append(grows, failure(q.name, name, judged))
			fmt.Printf("| %s, %d | %s | %.2f | %+.4f ± %.4f | %s | %s |\n", name, len(f.first), q.name, t.mean, t.rise, t.err, t.interval(), judged)
			c.lines = append(c.lines, line{name: name, points: f.points(q), dotted: true})
		}
		charts = append(charts, c)
	}
	return errors.Join(append(grows, draw("docs/images/soak.svg", charts...))...)
}

// reportFresh compares the CPU of a code at the end of the run with that of new processes.
func reportFresh(old, fresh map[string]*soaked) error {
	fmt.Print("\n| function | CPU a code at the end, in hashes of a mebibyte | in new processes | growth (interval) | verdict |\n|---|---|---|---|---|\n")
	var grows []error
	for _, name := range soakedFunctions {
		before := fresh[name].cpu
		after := old[name].cpu[max(0, len(old[name].cpu)-len(before)):]
		is, isErr := spread(heights(meansOf(after, besideMeans)))
		was, wasErr := spread(heights(meansOf(before, besideMeans)))
		t := trend{growth: is/was - 1, twice: true}
		t.half = is / was * math.Hypot(isErr/is, wasErr/was) * student(1-0.05/float64(len(soakedFunctions)), 2*(besideMeans-1))
		judged := t.verdict(mayGrow)
		grows = append(grows, failure("CPU", name, judged))
		fmt.Printf("| %s | %s | %s | %s | %s |\n", name, plusMinus(is, isErr), plusMinus(was, wasErr), t.interval(), judged)
	}
	return errors.Join(grows...)
}

func heights(points []point) (ys []float64) {
	for _, p := range points {
		ys = append(ys, p.y)
	}
	return ys
}
