package main

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"slices"
)

// world is what the simulation assumes about AWS, or about the development stack. Times are in seconds. A rate of 0 has no limit.
type world struct {
	apiRate, apiBurst float64   // requests a second
	concurrency       int       // of the account; each environment serves ten requests a second at most
	environments      float64   // that a function may start in a second; ten times as many at once
	provisioned       bool      // every environment is there before the first request
	codes, limits     float64   // write units a second of CodesTable and LimitsTable
	shards, lanes     int       // of the stream, and its ParallelizationFactor
	batch             int       // records that one invocation of the send function takes at most
	retries           int       // MaximumConcurrency of RetryMapping
	ses, kms          float64   // messages, signatures a second
	window            bool      // SES counts the messages of the last second, as the development stack's does; otherwise its rate fills a bucket
	poll              float64   // longest time until a record is read from the stream
	looks             []float64 // seconds after the response of /generate at which the page calls /status

	cold                   float64    // until a new environment serves its request
	generate, send, verify float64    // CPU of a call, as a Lambda function of this memory spends it
	read, write, mail      dist       // latencies of DynamoDB and SES
	random                 *rand.Rand // of everything
	clock                  *float64   // gets the simulation's time, for measured; may be nil
}

// dist returns a random latency.
type dist func(*rand.Rand) float64

// lognormal has this median and 99th percentile.
func lognormal(median, p99 float64) dist {
	sigma := math.Log(p99/median) / 2.326
	return func(r *rand.Rand) float64 { return median * math.Exp(sigma*r.NormFloat64()) }
}

// measured draws from a sample that was taken over a time, in its order: from the ten values nearest to the same part of the simulation's time. So
// calls at one time are slow together, as they are on a busy machine.
func measured(sample []float64, seconds float64, clock *float64) dist {
	return func(r *rand.Rand) float64 {
		at := int(float64(len(sample))*min(1, *clock/seconds)) - 5 + r.IntN(10)
		return sample[min(max(0, at), len(sample)-1)]
	}
}

// bucket is a token bucket.
type bucket struct{ rate, burst, tokens, at float64 }

func newBucket(rate, burst float64) *bucket {
	burst = max(2, burst) // the most that one call takes
	return &bucket{rate: rate, burst: burst, tokens: burst}
}

// take takes n tokens, if there are as many.
func (b *bucket) take(now, n float64) bool {
	if b.rate == 0 {
		return true
	}
	b.tokens, b.at = min(b.burst, b.tokens+b.rate*(now-b.at)), now
	if b.tokens < n {
		return false
	}
	b.tokens -= n
	return true
}

// limiter takes n of a rate, if it has as many left.
type limiter interface{ take(now, n float64) bool }

// window lets so many calls pass in any second.
type window struct {
	most   int
	passed []float64 // in the last second
}

func (w *window) take(now, _ float64) bool {
	w.passed = slices.DeleteFunc(w.passed, func(at float64) bool { return now-at >= 1 })
	if len(w.passed) >= w.most {
		return false
	}
	w.passed = append(w.passed, now)
	return true
}

// event is something that happens to a code, or to a lane if its kind says so.
type event struct {
	at   float64
	kind func(*simulation, int)
	of   int
}

type events []event

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].at < e[j].at }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *events) Push(v any)        { *e = append(*e, v.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// pool is the environments of a function.
type pool struct {
	idle int
	new  *bucket
}

// lane passes batches of a shard's records to the send function, one at a time. The lane with the number -1 is the retry queue.
type lane struct {
	waiting []int
	busy    int
	most    int // batches at once
}

// simulation is a run of a world.
type simulation struct {
	world
	now                       float64
	events                    events
	api, calls, codesW, limsW *bucket
	mails                     limiter
	signatures                *bucket
	running                   int // invocations of all functions
	pools                     [4]pool
	queues                    []*lane // of the stream, and the retry queue last
	answered                  []float64
	waits                     []float64 // from the response of /generate to the mailbox
	refused                   map[string]int
	verified, expired         int
	last                      float64 // when the last code was verified
}

const (
	generating, sending, verifying, looking = 0, 1, 2, 3
	typing                                  = 5.0 // seconds until a person has read a code and typed it
)

// simulate lets codes arrive at random at a rate for a time, and runs until each is verified, rejected or expired.
func simulate(w world, rate, seconds float64) *simulation {
	s := newSimulation(w, rate, seconds)
	s.run()
	return s
}

func newSimulation(w world, rate, seconds float64) *simulation {
	s := &simulation{world: w, refused: map[string]int{}, api: newBucket(w.apiRate, w.apiBurst), calls: newBucket(10*float64(w.concurrency), 10*float64(w.concurrency)),
		mails: newBucket(w.ses, w.ses), codesW: newBucket(w.codes, w.codes), limsW: newBucket(w.limits, w.limits), signatures: newBucket(w.kms, w.kms)}
	if w.window && w.ses > 0 {
		s.mails = &window{most: int(w.ses)}
	}
	for i := range s.pools {
		s.pools[i].new = newBucket(w.environments, 10*w.environments)
		if w.provisioned {
			s.pools[i].idle = w.concurrency
		}
	}
	for range w.shards * w.lanes {
		s.queues = append(s.queues, &lane{most: 1})
	}
	s.queues = append(s.queues, &lane{most: w.retries})
	for at := w.random.ExpFloat64() / rate; at < seconds; at += w.random.ExpFloat64() / rate {
		s.answered = append(s.answered, at)
		s.events = append(s.events, event{at, (*simulation).arrive, len(s.answered) - 1})
	}
	heap.Init(&s.events)
	return s
}

func (s *simulation) run() {
	for len(s.events) > 0 {
		e := heap.Pop(&s.events).(event)
		s.now = e.at
		if s.clock != nil {
			*s.clock = s.now
		}
		e.kind(s, e.of)
	}
	slices.Sort(s.waits)
}

func (s *simulation) after(delay float64, kind func(*simulation, int), of int) {
	heap.Push(&s.events, event{s.now + delay, kind, of})
}

// invoke starts an invocation and returns how long the start takes; ok is false if Lambda throttles it.
func (s *simulation) invoke(function int) (start float64, ok bool) {
	p := &s.pools[function]
	switch {
	case s.running >= s.concurrency || !s.calls.take(s.now, 1):
		return 0, false
	case p.idle > 0:
		p.idle--
	case !p.new.take(s.now, 1):
		return 0, false
	default:
		start = s.cold
	}
	s.running++
	return start, true
}

func (s *simulation) done(function int) {
	s.running, s.pools[function].idle = s.running-1, s.pools[function].idle+1
}

// request starts the invocation of a request to the API, and returns how long the start takes, or the limit that rejects the request.
func (s *simulation) request(function int) (start float64, refused string) {
	if !s.api.take(s.now, 1) {
		return 0, "HTTP API"
	}
	start, ok := s.invoke(function)
	if !ok {
		return 0, "Lambda"
	}
	return start, ""
}

// arrive is the call of /generate: two conditional writes for limits and one of the session.
func (s *simulation) arrive(code int) {
	start, refused := s.request(generating)
	if refused != "" {
		s.refused[refused]++
		return
	}
	s.after(start+s.generate+s.write(s.random)+s.write(s.random)+s.write(s.random), (*simulation).generated, code)
}

func (s *simulation) generated(code int) {
	s.done(generating)
	if !s.limsW.take(s.now, 2) || !s.codesW.take(s.now, 1) {
		s.refused["DynamoDB"]++
		return
	}
	s.answered[code] = s.now
	s.after(s.random.Float64()*s.poll, (*simulation).record, code)
	for _, at := range s.looks {
		s.after(at, (*simulation).look, code)
	}
}

// look is a call of /status: two reads. If it is rejected, the page shows less, and the code can be verified all the same.
func (s *simulation) look(int) {
	if start, refused := s.request(looking); refused == "" {
		s.after(start+s.verify+s.read(s.random)+s.read(s.random), func(s *simulation, _ int) { s.done(looking) }, 0)
	}
}

func (s *simulation) record(code int) {
	n := s.random.IntN(len(s.queues) - 1)
	s.queues[n].waiting = append(s.queues[n].waiting, code)
	s.drain(n)
}

func (s *simulation) retry(code int) {
	n := len(s.queues) - 1
	s.queues[n].waiting = append(s.queues[n].waiting, code)
	s.drain(n)
}

// drain starts batches of messages, which are sent at once: a batch takes as long as its slowest.
func (s *simulation) drain(n int) {
	for q := s.queues[n]; len(q.waiting) > 0 && q.busy < q.most; {
		start, ok := s.invoke(sending)
		if !ok {
			q.busy++ // Lambda's mapping waits and tries again
			s.after(0.5, func(s *simulation, n int) { s.queues[n].busy--; s.drain(n) }, n)
			return
		}
		batch := q.waiting[:min(s.batch, len(q.waiting))]
		q.waiting = q.waiting[len(batch):]
		longest := 0.0
		for _, code := range batch {
			longest = max(longest, s.deliver(code, start))
		}
		q.busy++
		s.after(start+longest+s.send*float64(len(batch)), func(s *simulation, n int) {
			s.done(sending)
			s.queues[n].busy--
			s.drain(n)
		}, n)
	}
}

// deliver sends one message, or puts it into the retry queue as functions/send does: for about as long as the code is old, at most 20 s.
func (s *simulation) deliver(code int, start float64) (took float64) {
	took = s.read(s.random)
	age := s.now + start + took - s.answered[code]
	if age > life.Seconds() {
		s.expired++
		return took
	}
	if s.mails.take(s.now, 1) && s.codesW.take(s.now, 2) {
		took += s.mail(s.random)
		s.waits = append(s.waits, s.now+start+took-s.answered[code])
		s.after(start+took+typing, (*simulation).answer, code)
		return took + s.write(s.random)
	}
	if left := life.Seconds() - age; left < 2 {
		s.expired++
	} else {
		most := min(max(age, 2), 20)
		s.after(start+took+min(math.Round(most/2+s.random.Float64()*most/2), math.Floor(left)-1), (*simulation).retry, code)
	}
	return took + s.write(s.random)
}

// answer is the call of /verify: one read, an attempt reserved, the code consumed and the attempts cleared.
func (s *simulation) answer(code int) {
	if s.now-s.answered[code] > life.Seconds() { // a person typed it too late
		s.expired++
		return
	}
	start, refused := s.request(verifying)
	if refused != "" {
		s.refused[refused]++
		return
	}
	s.after(start+s.verify+s.read(s.random)+s.write(s.random)+s.write(s.random)+s.write(s.random), (*simulation).answeredRight, code)
}

func (s *simulation) answeredRight(int) {
	s.done(verifying)
	switch {
	case !s.limsW.take(s.now, 2) || !s.codesW.take(s.now, 1):
		s.refused["DynamoDB"]++
	case !s.signatures.take(s.now, 1):
		s.refused["KMS"]++
	default:
		s.verified, s.last = s.verified+1, s.now
	}
}
