package main

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Assumptions of the simulation that this project cannot measure without AWS.
var (
	dynamoRead  = lognormal(0.003, 0.015) // DynamoDB promises single-digit milliseconds on average
	dynamoWrite = lognormal(0.005, 0.025)
	sesLatency  = lognormal(0.060, 0.300)
)

const (
	share        = 512.0 / 1769  // of a vCPU, at the template's 512 MB
	coldStart    = 0.150         // until Lambda has an environment, before the function's own CPU
	simulated    = 120.0         // seconds of arrivals
	mostAtOnce   = 2500.0        // codes a second; above this the simulation runs a part of the system
	mostBurst    = 5000.0        // requests at once, for all HTTP APIs of an account; AWS raises it for nobody
	ms1          = 0.001 / share // one measured millisecond of CPU, in seconds at this share
	unitsOfCodes = 4.0           // write units of a code in CodesTable, and as many in LimitsTable (bench/README.md: 8 with the default limits)
)

// settings are the quotas and the template that a run assumes.
type settings struct {
	name string
	at   func(rate float64) world
}

// base has the measured CPU of bench/README.md.
func base() world {
	return world{generate: 0.73 * ms1, send: 0.77 * ms1, verify: 0.82 * ms1, cold: coldStart + 4.9*ms1, poll: 0.25, read: dynamoRead, write: dynamoWrite, mail: sesLatency,
		environments: 100, batch: 10, retries: 2, looks: []float64{0, 2, 5}}
}

var allSettings = []settings{
	{"as deployed", func(float64) world {
		w := base()
		w.apiRate, w.apiBurst, w.concurrency, w.ses, w.kms = 200, 400, 1000, 14, 0
		w.codes, w.limits, w.shards, w.lanes = 4000, 4000, 4, 2
		return w
	}},
	{"quotas raised", raised},
	{"raised, template unchanged", func(rate float64) world {
		w := raised(rate)
		w.apiRate, w.lanes, w.retries = min(w.apiRate, 10_000), 2, 2 // the most that ThrottleRate can be
		return w
	}},
	{"raised, provisioned", func(rate float64) world { w := raised(rate); w.provisioned = true; return w }},
	{"raised, each with a proof", func(rate float64) world { w := raised(rate); w.provisioned, w.kms = true, 1000; return w }},
}

// raised has what docs/scale.md asks AWS for at a rate.
func raised(rate float64) world {
	w := base()
	w.apiRate = 6.5*rate + 50 // five requests of a code
	w.apiBurst = min(w.apiRate, mostBurst)
	w.concurrency = int(0.8*rate) + 100 // ten requests a second of an environment, and up to six of a code
	w.ses = 1.3*rate + 10
	w.codes, w.limits = max(4000, 1.3*unitsOfCodes*rate), max(4000, 1.3*unitsOfCodes*rate)
	w.shards, w.lanes, w.retries = int(math.Ceil(w.codes/1000)), 10, 100
	return w
}

// divided is a part of a world, for a simulation of so many codes a second that it would take long. Rates are divided exactly, and counts are
// rounded down. At least one shard and one retry at a time stay, which may be more than their part.
func (w world) divided(by float64) world {
	for _, limit := range []*float64{&w.apiRate, &w.apiBurst, &w.codes, &w.limits, &w.ses, &w.kms, &w.environments} {
		*limit /= by
	}
	w.concurrency, w.shards, w.retries = int(float64(w.concurrency)/by), max(1, int(float64(w.shards)/by)), max(1, int(float64(w.retries)/by))
	return w
}

// scale simulates rates that this machine cannot reach, and compares the simulation with the development stack at rates that it reaches.
func scale(seed uint64) error {
	fmt.Printf("\nseed %d, %.0f s of arrivals\n\n| quotas and template | codes a second | verified a second | verified | rejected by | expired | response to mailbox, p50, p99 |\n|---|---|---|---|---|---|---|\n", seed, simulated)
	c := chart{title: "Share of the codes that are verified (simulated)", x: axis{title: "codes a second", from: 8, to: 125_000, log: true, marks: []float64{10, 100, 1000, 10_000, 100_000}, formatted: "%.0f"},
		y: axis{to: 100, marks: []float64{0, 25, 50, 75, 100}, formatted: "%g %%"}}
	waits := chart{title: "From the response of /generate to the mailbox, p99 (simulated)", x: c.x,
		y: axis{from: 0.1, to: 300, log: true, marks: []float64{0.1, 1, 10, 60, 300}, formatted: "%g s"}}
	for _, set := range allSettings {
		verified, wait := line{name: set.name}, line{name: set.name}
		for _, rate := range c.x.marks {
			by := max(1, rate/mostAtOnce)
			w := set.at(rate).divided(by)
			w.random = rand.New(rand.NewPCG(seed, uint64(rate)))
			s := simulate(w, rate/by, simulated)
			all := float64(len(s.answered))
			var refused []string
			for _, limit := range []string{"HTTP API", "Lambda", "DynamoDB", "KMS"} {
				if n := s.refused[limit]; n > 0 {
					refused = append(refused, fmt.Sprintf("%s %.1f %%", limit, 100*float64(n)/all))
				}
			}
			fmt.Printf("| %s | %.0f | %.0f | %.1f %% | %s | %.1f %% | %.2f s, %.2f s |\n", set.name, rate, by*float64(s.verified)/max(simulated, s.last), 100*float64(s.verified)/all,
				strings.Join(refused, ", "), 100*float64(s.expired)/all, quantile(s.waits, 0.5), quantile(s.waits, 0.99))
			verified.points = append(verified.points, point{x: rate, y: 100 * float64(s.verified) / all})
			wait.points = append(wait.points, point{x: rate, y: quantile(s.waits, 0.99)})
		}
		c.lines, waits.lines = append(c.lines, verified), append(waits.lines, wait)
	}
	if err := draw("docs/images/scale.svg", c, waits); err != nil {
		return err
	}
	return compareWithStack(seed)
}

// comparison is a rate that the development stack reaches, while its SES is slow or has a rate of its own.
type comparison struct {
	rate, seconds, ses float64 // codes a second, seconds, messages a second (0: no limit)
	latency            float64 // of SES, in seconds
}

// compareWithStack prints the waits of the development stack beside those that the simulation predicts.
func compareWithStack(seed uint64) error {
	fmt.Print("\n| codes a second for a time, SES | codes verified, failed | response to mailbox, p50 and p99: development stack | simulation | off by |\n|---|---|---|---|---|\n")
	for _, c := range []comparison{{2, 60, 0, 0.1}, {5, 60, 0, 0.1}, {10, 60, 0, 0.1}, {10, 60, 7, 0}} {
		random := rand.New(rand.NewPCG(seed, uint64(c.rate)))
		d, err := startStack("-parameter", "SendsPerHour=0", "-parameter", "SendsPerIpPerHour=0")
		if err != nil {
			return err
		}
		waits, failed, w, err := d.compared(c, random)
		d.stop()
		if err != nil {
			return err
		}
		w.random = random
		s := simulate(w, c.rate, c.seconds)
		at := func(q float64) (float64, float64) { return quantile(waits, q), quantile(s.waits, q) }
		r50, s50 := at(0.5)
		r99, s99 := at(0.99)
		fmt.Printf("| %.0f for %.0f s, latency %.0f ms, %.0f messages a second | %d, %d | %.3f s, %.3f s | %.3f s, %.3f s | %+.0f %%, %+.0f %% |\n", c.rate, c.seconds, 1000*c.latency, c.ses, len(waits), failed,
			r50, r99, s50, s99, 100*(s50/r50-1), 100*(s99/r99-1))
	}
	return nil
}

// compared measures the waits at a rate, and returns with them the world of the development stack: its shards and processes, and the latencies that
// its DynamoDB calls had at the same time. So the comparison checks the queues of the simulation, and not the speed of a busy machine.
func (d *development) compared(c comparison, random *rand.Rand) (waits []float64, failed int, w world, err error) {
	m, err := d.listen()
	if err != nil {
		return nil, 0, w, err
	}
	for n := range 10 { // so that the functions run
		if err := m.verify(numbered("first", n)); err != nil {
			return nil, 0, w, err
		}
	}
	fault := map[string]any{"service": "ses", "action": "SendEmail"}
	if c.latency > 0 {
		fault["latencyMs"] = int(1000 * c.latency)
	} else {
		fault["error"], fault["perSecond"] = "TooManyRequestsException", c.ses
	}
	if err := errors.Join(d.do(http.MethodPost, "/_local/faults", fault, nil), d.forget()); err != nil {
		return nil, 0, w, err
	}
	if waits, failed, err = m.arrivals(func() float64 { return random.ExpFloat64() / c.rate }, c.seconds); len(waits) == 0 {
		return nil, 0, w, err
	}
	var calls []awsCall
	if err := d.get("/_local/calls", &calls); err != nil {
		return nil, 0, w, err
	}
	latencies := map[string][]float64{}
	for _, call := range calls {
		latencies[call.Service+call.Action] = append(latencies[call.Service+call.Action], call.Ms/1000)
	}
	w = base()
	w.generate, w.send, w.verify, w.cold, w.poll = w.generate*share, w.send*share, w.verify*share, 0, 0.01 // whole CPUs, and processes that run already
	w.concurrency, w.shards, w.lanes, w.ses, w.window = 8*5, 1, 2, c.ses, true
	w.looks = nil // arrivals calls no /status
	w.clock = new(float64)
	latency := func(call string) dist { return measured(latencies[call], c.seconds, w.clock) }
	w.read, w.write, w.mail = latency("dynamodbQuery"), latency("dynamodbUpdateItem"), latency("sesSendEmail")
	return waits, failed, w, nil
}

// arrivals makes whole codes for a time, with gaps of so many seconds between their beginnings, and returns the waits for their messages, the number of
// codes that failed, and the error of one of them.
func (m *mailbox) arrivals(gap func() float64, seconds float64) (waits []float64, failed int, err error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	begun, n := time.Now(), 0
	for at := gap(); at < seconds; at += gap() {
		time.Sleep(time.Until(begun.Add(time.Duration(at * float64(time.Second)))))
		n++
		to := numbered("rate", n)
		all.Go(func() {
			wait, failure := m.trip(map[string]string{"email": to}, to)
			mu.Lock()
			defer mu.Unlock()
			if failure != nil {
				failed, err = failed+1, failure
				return
			}
			waits = append(waits, wait.Seconds())
		})
	}
	all.Wait()
	slices.Sort(waits)
	return waits, failed, err
}
