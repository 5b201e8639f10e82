package main

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"testing"
)

// queue is a world that is one queue: one lane of single records, with this time to send each.
func queue(mail dist, seed uint64) world {
	none := func(*rand.Rand) float64 { return 0 }
	return world{concurrency: 1e6, environments: 1e6, provisioned: true, shards: 1, lanes: 1, batch: 1, retries: 1, read: none, write: none, mail: mail,
		random: rand.New(rand.NewPCG(seed, 0))}
}

func always(seconds float64) dist { return func(*rand.Rand) float64 { return seconds } }

func exponential(mean float64) dist {
	return func(r *rand.Rand) float64 { return mean * r.ExpFloat64() }
}

func mean(values []float64) float64 { m, _ := spread(values); return m }

// The mean time in a queue with one server and random arrivals is known, if service takes always the same time (M/D/1) or an exponential time (M/M/1).
func TestKnownQueues(t *testing.T) {
	for _, c := range []struct {
		name     string
		mail     dist
		rate     float64 // with a mean service of one second, it is also the load
		expected float64
	}{
		{"M/D/1, load 0.3", always(1), 0.3, 1 + 0.3/2/0.7},
		{"M/D/1, load 0.6", always(1), 0.6, 1 + 0.6/2/0.4},
		{"M/M/1, load 0.3", exponential(1), 0.3, 1 / 0.7},
		{"M/M/1, load 0.6", exponential(1), 0.6, 1 / 0.4},
	} {
		t.Run(c.name, func(t *testing.T) {
			var means []float64
			for seed := range uint64(40) {
				means = append(means, mean(simulate(queue(c.mail, seed), c.rate, 5000).waits))
			}
			got, err := spread(means)
			near(t, "the mean time", got, c.expected, 3*err)
			if err > 0.02*c.expected {
				t.Errorf("the error %v is too large to show anything", err)
			}
		})
	}
}

// A batch takes as long as one record, so a lane serves up to ten times as many.
func TestBatch(t *testing.T) {
	w := queue(always(1), 1)
	w.batch = 10
	if longest := quantile(simulate(w, 8, 2000).waits, 1); longest > 5 {
		t.Errorf("a wait of %v at eight tenths of a lane's rate", longest)
	}
	w.random = rand.New(rand.NewPCG(1, 0))
	if longest := quantile(simulate(w, 12, 2000).waits, 1); longest < 200 {
		t.Errorf("the longest wait is %v at 1.2 times a lane's rate", longest)
	}
}

// Little's law: the mean number in a place is the rate of arrivals times the mean time there. The places are the queue and the running invocations,
// looked at from outside at random times.
func TestLittlesLaw(t *testing.T) {
	const rate, seconds, sending, generating, verifying, mailing = 0.5, 5000.0, 0.1, 0.3, 0.2, 1.0
	var waiting, running []float64 // the differences from the law, for each seed
	for seed := range uint64(20) {
		w := queue(exponential(mailing), seed)
		w.generate, w.send, w.verify = generating, sending, verifying
		s := newSimulation(w, rate, seconds)
		var inQueue, invocations, looks float64
		for at := 0.0; at < seconds; at += w.random.ExpFloat64() {
			s.events = append(s.events, event{at, func(s *simulation, _ int) {
				inQueue, invocations, looks = inQueue+float64(len(s.queues[0].waiting)), invocations+float64(s.running), looks+1
			}, 0})
		}
		heap.Init(&s.events)
		s.run()
		arrived := float64(len(s.waits)) / seconds
		waiting = append(waiting, inQueue/looks-arrived*(mean(s.waits)-mailing))
		running = append(running, invocations/looks-arrived*(generating+sending+mailing+verifying))
	}
	for name, differences := range map[string][]float64{"the number in the queue": waiting, "the number of invocations": running} {
		difference, err := spread(differences)
		near(t, name+" beside the law", difference, 0, 3*err)
		if err > 0.03 {
			t.Errorf("the error %v is too large to show anything", err)
		}
	}
}

// A token bucket passes its burst and then exactly its rate, and in no second more than both.
func TestThrottle(t *testing.T) {
	const rate, burst, seconds = 7.0, 20.0, 300.0
	b, random := newBucket(rate, burst), rand.New(rand.NewPCG(1, 0))
	var passed []float64
	for now := random.ExpFloat64() / 50; now < seconds; now += random.ExpFloat64() / 50 {
		if b.take(now, 1) {
			passed = append(passed, now)
		}
	}
	near(t, "the number that passes", float64(len(passed)), burst+rate*seconds, 1)
	for i := range passed {
		if more := i + int(burst+rate) + 1; more < len(passed) && passed[more]-passed[i] < 1 {
			t.Fatalf("over %v pass in the second from %v", burst+rate, passed[i])
		}
	}
	w := &window{most: 7}
	passed = nil
	for now := 0.0; now < seconds; now += 1.0 / 128 {
		if w.take(now, 1) {
			passed = append(passed, now)
		}
	}
	near(t, "the number that passes a window", float64(len(passed)), rate*seconds, 0)
	for i := range len(passed) - 7 {
		if passed[i+7]-passed[i] < 1 {
			t.Fatalf("over 7 pass in the second from %v", passed[i])
		}
	}
	if free := newBucket(0, 0); !free.take(0, 1e9) {
		t.Error("a rate of 0 has a limit")
	}
}

// The rate of KMS is the rate of verified codes if more arrive, and all others are rejected by it.
func TestThrottleOfASimulation(t *testing.T) {
	w := queue(always(0), 2)
	w.kms = 5
	s := simulate(w, 50, 200)
	near(t, "the number that is verified", float64(s.verified), 5+5*200, 3)
	near(t, "the number that is verified or rejected", float64(s.verified+s.refused["KMS"]), float64(len(s.answered)), 0)
}

// If the API rejects requests at random, a share p of each kind passes: p of the codes, and then p of their looks and of their answers.
// So rate × (p + 4p²) is the API's rate, and rate × p² codes are verified. The latencies are random, so that no kind meets the tokens in step.
func TestLooks(t *testing.T) {
	const rate, seconds = 50.0, 2000.0
	w := queue(exponential(1), 3)
	w.write, w.shards = exponential(1), 1000
	w.apiRate, w.apiBurst, w.looks = 60, 60, []float64{0, 2, 5}
	p := (math.Sqrt(1+4*4*w.apiRate/rate) - 1) / 8
	near(t, "the number that is verified", float64(simulate(w, rate, seconds).verified), rate*p*p*seconds, 0.02*rate*p*p*seconds)
}

// A code that arrives in its life and is typed after it is expired, not verified.
func TestTypedTooLate(t *testing.T) {
	for took, late := range map[float64]bool{life.Seconds() - typing - 1: false, life.Seconds() - typing + 1: true} {
		w := queue(always(took), 5)
		w.shards = 1000
		s := simulate(w, 1, 10)
		if got := s.expired == len(s.answered) && s.verified == 0; got != late || s.verified+s.expired != len(s.answered) {
			t.Errorf("an e-mail that takes %v s: %d verified and %d expired of %d", took, s.verified, s.expired, len(s.answered))
		}
	}
}

// Lambda starts ten times its rate of environments at once, and then its rate, up to the concurrency of the account.
func TestConcurrencyRamp(t *testing.T) {
	for _, c := range []struct {
		concurrency int
		want        float64
	}{{1_000_000, 10*20 + 20*30}, {300, 300}} {
		w := queue(always(0), 4)
		w.provisioned, w.environments, w.concurrency = false, 20, c.concurrency
		w.generate = 1000 // longer than codes arrive, so that every invocation needs an environment of its own
		s := simulate(w, 200, 30)
		near(t, "the number of invocations", float64(len(s.answered)-s.refused["Lambda"]), c.want, 2)
	}
}

func TestLognormal(t *testing.T) {
	random, values := rand.New(rand.NewPCG(1, 0)), make([]float64, 0, 100_000)
	for range cap(values) {
		values = append(values, lognormal(3, 15)(random))
	}
	below := func(limit float64) (n float64) {
		for _, v := range values {
			if v < limit {
				n += 1. / float64(len(values))
			}
		}
		return n
	}
	near(t, "the share below the median", below(3), 0.5, 0.006)
	near(t, "the share below the 99th percentile", below(15), 0.99, 0.0012)
	if math.IsNaN(values[0]) {
		t.Error("no number")
	}
}
