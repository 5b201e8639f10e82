package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	growthBlocks = 8  // of each size; the functions start again before each block, because processes that do the same may differ by some percent
	growthRounds = 10 // of a block; a round makes the codes of both kinds
	growthCodes  = 15 // of each kind in a round
	goal         = 1.05
)

// kinds are the codes whose cost is measured. A login has one Argon2id, which does not depend on the tables.
var kinds = []string{"verify", "login"}

// grown is a development stack whose tables hold n unexpired sessions, n accounts and n items of counters.
type grown struct {
	*development
	engine *engine
	mail   *mailbox
	n      int
	made   map[string]int    // codes, by kind
	cost   map[string][]cost // of each round, by kind
}

// cost is the cost of one code.
type cost struct{ cpu, engine, units, bytes float64 } // ms, ms, request units, bytes of the calls

// growth measures the cost of one code while more and more sessions and accounts are in the tables. The sizes take turns, each on its own
// stack, so that a change of the machine's speed affects all of them alike.
func growth(dir string, most int, seed uint64) error {
	tables, err := sampleTables(dir)
	if err != nil {
		return err
	}
	var stacks []*grown
	for n := 1000; n <= most; n *= 10 {
		begun := time.Now()
		g := &grown{n: n, made: map[string]int{}, cost: map[string][]cost{}}
		if g.engine, err = startFilled(dir, tables, n); err != nil {
			return err
		}
		defer g.engine.stop()
		if g.development, err = startStack("-data", dir, "-dynamodb", g.engine.url); err != nil {
			return err
		}
		defer g.stop()
		g.http = manyAddresses()
		if g.mail, err = g.listen(); err != nil {
			return err
		}
		log.Printf("%d sessions and accounts, after %.0f s: the engine had %d MiB at most", n, time.Since(begun).Seconds(), statusOf(g.engine.cmd.Process.Pid, "VmHWM:")/1024)
		stacks = append(stacks, g)
	}
	random := rand.New(rand.NewPCG(seed, 0))
	for range growthBlocks {
		for _, g := range stacks {
			if err := g.restart(); err != nil {
				return err
			}
		}
		for range growthRounds {
			for _, i := range random.Perm(len(stacks)) {
				for _, kind := range kinds {
					if err := stacks[i].round(kind); err != nil {
						return err
					}
				}
			}
		}
	}
	return reportGrowth(stacks, seed)
}

// restart ends the processes of the functions, and makes codes until all run again and have read their secrets.
func (g *grown) restart() error {
	if err := g.kill(); err != nil {
		return err
	}
	for _, kind := range kinds {
		if err := g.codes(kind, 20); err != nil {
			return err
		}
	}
	return nil
}

// manyAddresses returns a client whose every connection comes from another address of the loopback network, as the default limits allow
// 30 codes an hour for one address. All addresses are as long as each other, so that all calls are.
func manyAddresses() *http.Client {
	var connections atomic.Uint32
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			n := connections.Add(1)
			from := net.IPv4(127, 100+byte(n>>14&127), 100+byte(n>>7&127), 100+byte(n&127))
			return (&net.Dialer{LocalAddr: &net.TCPAddr{IP: from}}).DialContext(ctx, network, address)
		}}}
}

// codes makes whole codes, four at once: for addresses without an account, or to log in to accounts that are spread over all of them.
func (g *grown) codes(kind string, n int) error {
	next, failed := make(chan int), make([]error, 4)
	var wait sync.WaitGroup
	for w := range failed {
		wait.Go(func() {
			for i := range next {
				to := numbered("visitor", i)
				body := map[string]string{"email": to}
				if kind == "login" {
					to = numbered("account", i%1000*(g.n/1000))
					body = map[string]string{"email": to, "purpose": "login", "password": oldPassword}
				}
				if _, err := g.mail.trip(body, to); err != nil {
					failed[w] = err
				}
			}
		})
	}
	for range n {
		g.made[kind]++
		next <- g.made[kind]
	}
	close(next)
	wait.Wait()
	return errors.Join(failed...)
}

// round measures the codes of one kind.
func (g *grown) round(kind string) error {
	if err := g.forget(); err != nil {
		return err
	}
	before, engine := g.cpuByProcess(), cpuOf(g.engine.cmd.Process.Pid)
	if err := g.codes(kind, growthCodes); err != nil {
		return err
	}
	calls, err := g.settled(growthCodes)
	if err != nil {
		return err
	}
	perCode := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) / growthCodes }
	c := cost{engine: perCode(cpuOf(g.engine.cmd.Process.Pid) - engine)}
	for name, cpu := range g.cpuByProcess() {
		if strings.HasSuffix(name, "Function") {
			c.cpu += perCode(cpu - before[name])
		}
	}
	for _, call := range calls {
		if call.Service == "dynamodb" || call.Service == "ses" { // the functions read secrets once a minute
			c.units += call.Units / growthCodes
			c.bytes += float64(call.Bytes) / growthCodes
		}
	}
	g.cost[kind] = append(g.cost[kind], c)
	return nil
}

// numbered returns an address. All addresses of a kind are as long as each other.
func numbered(kind string, n int) string { return person(kind, 1_000_000+n) }

// settled returns the recorded calls once the feedback function has handled the delivery of every message.
func (d *development) settled(messages int) (calls []awsCall, err error) {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		calls = nil
		if err := d.get("/_local/calls", &calls); err != nil {
			return nil, err
		}
		delivered := 0
		for _, c := range calls {
			if c.Function == "FeedbackFunction" && c.Service == "dynamodb" {
				delivered++
			}
		}
		if delivered >= messages {
			return calls, nil
		}
	}
	return nil, errors.New("not all deliveries were reported")
}

// ratio compares a cost with that of the smallest size in the same blocks: the geometric mean of the ratios, and its standard error.
func (g *grown) ratio(kind string, least *grown, of func(cost) float64) (ratio, err float64) {
	ratios := g.blocks(kind, of)
	for i, other := range least.blocks(kind, of) {
		ratios[i] /= other
	}
	return geometric(ratios)
}

// blocks returns the mean cost of each block.
func (g *grown) blocks(kind string, of func(cost) float64) (means []float64) {
	for block := range parts(g.cost[kind], growthBlocks) {
		mean := 0.0
		for _, c := range block {
			mean += of(c) / float64(len(block))
		}
		means = append(means, mean)
	}
	return means
}

// judgeRatio says whether a cost grows by at most the goal, from its ratio over the range and half of the ratio's 95 % interval.
func judgeRatio(ratio, half float64) string {
	switch {
	case ratio+half <= goal:
		return "within the goal"
	case ratio-half > goal:
		return "missed"
	}
	return "not known, because of noise"
}

func exactly(ratio, _ float64) string { return judgeRatio(ratio, 0) }

var errGrows = fmt.Errorf("the cost of a code grows more than %.2f times", goal)

// columns are the costs, and how each is judged. Request units and bytes are exact. The engine is not DynamoDB, so its CPU is not judged.
var columns = []struct {
	name  string
	of    func(cost) float64
	judge func(ratio, half float64) string
}{
	{"CPU", func(c cost) float64 { return c.cpu }, judgeRatio},
	{"units", func(c cost) float64 { return c.units }, exactly},
	{"bytes", func(c cost) float64 { return c.bytes }, exactly},
	{"engine", func(c cost) float64 { return c.engine }, nil},
}

func reportGrowth(stacks []*grown, seed uint64) error {
	least, most := stacks[0], stacks[len(stacks)-1]
	c := chart{title: fmt.Sprintf("Cost of one code by what the tables hold, with %d as 1 (bars: standard error)", least.n),
		x: axis{title: "live sessions and accounts", from: float64(least.n) * 0.8, to: float64(most.n) * 1.25, log: true, formatted: "%.0f"},
		y: axis{from: 0.8, to: 1.2, marks: []float64{0.8, 0.9, 1, goal, 1.1, 1.2}, formatted: "%.2f"}}
	for _, g := range stacks {
		c.x.marks = append(c.x.marks, float64(g.n))
	}
	fmt.Printf("\n%s, %d cores, seed %d, %d times %d rounds of %d codes\n\n| a code, sessions and accounts | CPU, ms | request units | bytes | the engine's CPU, ms |\n|---|---|---|---|---|\n",
		runtime.GOARCH, runtime.NumCPU(), seed, growthBlocks, growthRounds, growthCodes)
	for _, kind := range kinds {
		for _, g := range stacks {
			var mean, err [4]float64
			for i, column := range columns {
				mean[i], err[i] = spread(g.blocks(kind, column.of))
			}
			fmt.Printf("| %s, %d | %.2f ± %.2f | %.4g | %.1f | %.2f ± %.2f |\n", kind, g.n, mean[0], err[0], mean[1], mean[2], mean[3], err[3])
		}
	}
	fmt.Printf("\n| a code, its cost | ratio of %d to %d | 95 %% interval | goal: at most %.2f |\n|---|---|---|---|\n", most.n, least.n, goal)
	var missed error
	for _, kind := range kinds {
		for _, column := range columns {
			l := line{name: kind + ", " + column.name}
			var ratio, err float64
			for _, g := range stacks {
				ratio, err = g.ratio(kind, least, column.of)
				l.points = append(l.points, point{float64(g.n), ratio, err})
			}
			half, judged := err*student(0.95, growthBlocks-1), "not judged"
			if column.judge != nil {
				judged = column.judge(ratio, half)
				c.lines = append(c.lines, l)
			}
			if judged == "missed" {
				missed = errGrows
			}
			fmt.Printf("| %s | %.4f | %.4f to %.4f | %s |\n", l.name, ratio, ratio-half, ratio+half, judged)
		}
	}
	return errors.Join(missed, draw("docs/images/growth.svg", c))
}
