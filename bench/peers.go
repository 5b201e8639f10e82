package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"
)

const (
	coldRounds  = 7
	peerRounds  = 12
	peerCodes   = 10 // of each system in a round
	peerWarmUp  = 30
	peerTrials  = 3 // of each guarantee; the worst counts
	rightCount  = 100
	wrongCount  = 300
	attempts    = 5
	seriesCount = 20 // answers, one after the other, that use up the attempts of a code
	settle      = 300 * time.Millisecond

	oursName, nodeName = "StreamOTP", "tutorial, Node"
)

// system is a peer with what was measured of it.
type system struct {
	name string
	peer
	cpuMs, storeMs, coldMs, coldWall []float64 // of each round
	memoryMiB, shippedKB             float64
	guarantees                       guarantees
}

// guarantees are the worst of some trials.
type guarantees struct {
	accepted int // of 100 parallel right answers
	compared int // of 300 parallel wrong answers
	late     int // trials in which the right code is accepted after these
	further  int // wrong answers that are compared with a new code, after the attempts of the old one are used up
	unmade   int // trials in which the system makes no new code then
	plain    int // codes that the store holds as they are
	faults   int // responses that are neither
	vacuous  int // series of wrong answers of which none was compared, so that no limit of attempts is shown
}

// kept says which guarantees hold, and are shown by responses of which none was an error.
func (g guarantees) kept() (all [4]bool) {
	for i, m := range g.marks() {
		all[i] = m != "–" && m != "?"
	}
	return all
}

// marks has the number of each guarantee that holds, "–" for one that does not, and "?" for one that may hold only because of errors.
func (g guarantees) marks() (all [4]string) {
	for i, holds := range []bool{g.accepted == 1, g.compared <= attempts, g.further == 0, g.plain == 0} {
		bounds := i == 1 || i == 2
		switch {
		case !holds:
			all[i] = "–"
		case g.faults > 0 || bounds && g.vacuous > 0:
			all[i] = "?"
		default:
			all[i] = fmt.Sprint(i + 1)
		}
	}
	return all
}

// afterNewCode describes the attempts that a new code gives.
func (g guarantees) afterNewCode() string {
	switch g.unmade {
	case 0:
		return fmt.Sprintf("%d of %d", g.further, seriesCount)
	case peerTrials:
		return "no new code"
	}
	return fmt.Sprintf("%d of %d, no new code in %d trials", g.further, seriesCount, g.unmade)
}

// add takes the series of answers into account that a limit of attempts must end.
func (g *guarantees) add(series guarantees) {
	g.faults += series.faults
	if series.compared == 0 {
		g.vacuous++
	}
}

// peers compares StreamOTP with systems that do the same work.
func peers(dir string, seed uint64) error {
	random := rand.New(rand.NewPCG(seed, 0))
	all, stop, err := startPeers(dir)
	defer stop()
	if err != nil {
		return err
	}
	for range coldRounds {
		for _, i := range random.Perm(len(all)) {
			cpu, wall, err := all[i].cold()
			if err != nil {
				return fmt.Errorf("%s: %w", all[i].name, err)
			}
			all[i].coldMs, all[i].coldWall = append(all[i].coldMs, milliseconds(cpu)), append(all[i].coldWall, milliseconds(wall))
		}
	}
	for round := range peerRounds + 1 {
		for _, i := range random.Perm(len(all)) {
			if err := all[i].round(round); err != nil {
				return fmt.Errorf("%s: %w", all[i].name, err)
			}
		}
	}
	for _, s := range all {
		size, err := s.shipped()
		if err != nil {
			return err
		}
		s.memoryMiB, s.shippedKB = float64(s.memory())/1024, float64(size)/1e3
	}
	for _, s := range all {
		if s.guarantees, err = measureGuarantees(s.peer, random); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	reportPeers(all, seed)
	if err := drawPeers("docs/images/peers.svg", all); err != nil {
		return err
	}
	return checkPeers(all)
}

// startPeers starts all systems. stop ends those that run.
func startPeers(dir string) (all []*system, stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, s := range all {
			s.stop()
		}
		for _, s := range stops {
			s()
		}
	}
	s, err := newSink()
	if err != nil {
		return nil, stop, err
	}
	e, err := startEngine()
	if err != nil {
		return nil, stop, err
	}
	memory := newCloud()
	stops = append(stops, s.close, e.stop, memory.Close)
	streamotp, err := newOurs(dir, e)
	if err != nil {
		return nil, stop, err
	}
	all = append(all, &system{name: oursName, peer: streamotp})
	root, err := os.Getwd()
	if err != nil {
		return all, stop, err
	}
	source := filepath.Join(root, "bench/peers")
	python := &tutorial{sink: s, engine: e, cloud: memory, folder: filepath.Join(source, "python"), dir: filepath.Join(dir, "python"), table: "peer-python", sms: true,
		command: func(function string) []string {
			return []string{filepath.Join(root, ".tools/peers/python/bin/python"), "-m", "awslambdaric", "app." + function}
		}}
	if err := os.CopyFS(python.dir, os.DirFS(python.folder)); err != nil { // Python writes its cache beside the source
		return all, stop, err
	}
	node := &tutorial{sink: s, engine: e, cloud: memory, folder: filepath.Join(source, "node"), dir: filepath.Join(source, "node"), table: "peer-node", streams: true,
		command: func(function string) []string { return []string{"node", "runtime.mjs", function + ".mjs"} }}
	for _, t := range []*tutorial{python, node} {
		if err := t.open(); err != nil {
			return all, stop, err
		}
	}
	all = append(all, &system{name: "tutorial, Python", peer: python}, &system{name: nodeName, peer: node})

	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	pb := pocketBase{&server{sink: s, client: client, data: filepath.Join(dir, "pocketbase"), deployed: ".tools/peers/pocketbase"}}
	pb.command = func(port string) *exec.Cmd {
		cmd := exec.Command(".tools/peers/pocketbase", "serve", "--http", "127.0.0.1:"+port, "--dir", pb.data)
		cmd.Env = append(os.Environ(), "SMTP_PORT="+s.port())
		return cmd
	}
	better := betterAuth{&server{sink: s, client: client, data: filepath.Join(dir, "better-auth"), deployed: "bench/peers/better-auth",
		needless: regexp.MustCompile(`better-sqlite3/(deps|src|build/(Release/(obj|\.deps|test_|sqlite3\.a)|deps|[A-Z]\w+$))`)}}
	better.command = func(port string) *exec.Cmd {
		cmd := exec.Command("node", "bench/peers/better-auth/server.mjs", port, filepath.Join(better.data, "store.db"), s.URL)
		cmd.Env = append(os.Environ(), "NODE_ENV=production")
		return cmd
	}
	if err := os.MkdirAll(better.data, 0o755); err != nil {
		return all, stop, err
	}
	redis, err := newRedis(&server{sink: s, client: client, deployed: ".tools/peers/redis"})
	if err != nil {
		return all, stop, fmt.Errorf("%w: run `make bench ARGS=\"-only peers\"`, which installs it", err)
	}
	all = append(all, &system{name: "PocketBase", peer: pb}, &system{name: "better-auth", peer: better}, &system{name: "Redis, no promises", peer: redis})
	for _, s := range all[3:] { // the first start makes the store, and does not count
		if err := s.first(); err != nil {
			return all, stop, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return all, stop, nil
}

// first starts a server, and makes the account for its cold starts.
func (s *system) first() error {
	l := s.peer.(interface{ launch() error })
	err := l.launch()
	for deadline := time.Now().Add(30 * time.Second); err == nil && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if failed := s.prepare("cold@example.com"); failed == nil {
			return nil
		} else if errors.Is(failed, errRejected) {
			err = failed
		}
	}
	return errors.Join(err, errors.New("it does not start"))
}

// round makes some codes and notes their cost. The first round warms up and notes nothing.
func (s *system) round(n int) error {
	codes := peerCodes
	if n == 0 {
		codes = peerWarmUp
	}
	destinations := make([]string, codes)
	for i := range destinations {
		destinations[i] = numbered("peer", 1000*n+i)
		if err := s.prepare(destinations[i]); err != nil {
			return err
		}
	}
	time.Sleep(settle) // for work after the last response
	own, store := s.cpu()
	for _, to := range destinations {
		id, err := s.create(to)
		if err != nil {
			return err
		}
		code, err := s.code(to)
		if err != nil {
			return err
		}
		if v := s.verify(id, to, code); v != accepted {
			return fmt.Errorf("a right code is not accepted (%d)", v)
		}
	}
	if r, ok := s.peer.(rester); ok {
		if err := r.rest(codes); err != nil {
			return err
		}
	}
	time.Sleep(settle)
	ownAfter, storeAfter := s.cpu()
	if n > 0 {
		s.cpuMs = append(s.cpuMs, milliseconds(ownAfter-own)/float64(codes))
		s.storeMs = append(s.storeMs, milliseconds(storeAfter-store)/float64(codes))
	}
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// measureGuarantees attacks a system.
func measureGuarantees(p peer, random *rand.Rand) (worst guarantees, err error) {
	prefix := fmt.Sprintf("attack%d-", random.IntN(1_000_000))
	for trial := range peerTrials {
		ask := func(what string, again bool) (id, to, code string, err error) {
			to = numbered(prefix+what, trial)
			if !again {
				if err := p.prepare(to); err != nil {
					return "", "", "", err
				}
			}
			if id, err = p.create(to); err != nil {
				return "", "", "", err
			}
			code, err = p.code(to)
			return id, to, code, err
		}
		id, to, code, err := ask("single", false)
		if err != nil {
			return worst, err
		}
		right := make([]string, rightCount)
		for i := range right {
			right[i] = code
		}
		a, err := giveAnswers(p, id, to, right, true)
		if err != nil {
			return worst, err
		}
		worst.accepted, worst.faults = max(worst.accepted, a.accepted), worst.faults+a.faults

		if id, to, code, err = ask("guess", false); err != nil {
			return worst, err
		}
		if a, err = giveAnswers(p, id, to, guesses(random, wrongCount, code), true); err != nil {
			return worst, err
		}
		worst.add(a)
		worst.compared = max(worst.compared, a.compared)
		switch p.verify(id, to, code) {
		case accepted:
			worst.late++
		case faulty:
			worst.faults++
		}

		if id, to, code, err = ask("again", false); err != nil {
			return worst, err
		}
		if a, err = giveAnswers(p, id, to, guesses(random, seriesCount, code), false); err != nil {
			return worst, err
		}
		worst.add(a)
		switch id, to, code, err = ask("again", true); {
		case errors.Is(err, errRejected):
			worst.unmade++
		case err != nil:
			return worst, err
		default:
			if a, err = giveAnswers(p, id, to, guesses(random, seriesCount, code), false); err != nil {
				return worst, err
			}
			worst.further, worst.faults = max(worst.further, a.compared), worst.faults+a.faults
		}

		if _, _, code, err = ask("store", false); err != nil {
			return worst, err
		}
		stored, err := p.stored()
		if err != nil {
			return worst, err
		}
		if len(stored) == 0 {
			return worst, errors.New("nothing is in the store")
		}
		if strings.Contains(string(stored), code) {
			worst.plain++
		}
	}
	return worst, nil
}

// guesses returns different wrong codes.
func guesses(random *rand.Rand, n int, right string) (all []string) {
	for _, guess := range random.Perm(1_000_000)[:n+1] {
		if code := fmt.Sprintf("%06d", guess); code != right && len(all) < n {
			all = append(all, code)
		}
	}
	return all
}

// giveAnswers answers with codes, and counts what the system did with them.
func giveAnswers(p peer, id, to string, codes []string, parallel bool) (g guarantees, err error) {
	count := func() int { return 0 }
	if c, ok := p.(counter); ok {
		count = func() int {
			n, failed := c.compared()
			err = errors.Join(err, failed)
			return n
		}
	}
	before := count()
	verdicts := make([]verdict, len(codes))
	var wait sync.WaitGroup
	for i, code := range codes {
		if !parallel {
			verdicts[i] = p.verify(id, to, code)
			continue
		}
		wait.Go(func() { verdicts[i] = p.verify(id, to, code) })
	}
	wait.Wait()
	for _, v := range verdicts {
		switch v {
		case accepted:
			g.accepted++
		case wrong:
			g.compared++
		case faulty:
			g.faults++
		}
	}
	if _, ok := p.(counter); ok {
		g.compared = count() - before
	}
	return g, err
}

// checkPeers fails if StreamOTP does not keep a guarantee or the measurement does not show it, or if the measurement does not see the holes that the tutorial in Node has by its design.
func checkPeers(all []*system) error {
	for _, s := range all {
		switch g := s.guarantees; {
		case s.name == oursName && (g.kept() != [4]bool{true, true, true, true} || g.late > 0):
			return fmt.Errorf("StreamOTP does not keep its guarantees, or they are not shown: %+v", g)
		case s.name == nodeName && g.marks() != [4]string{"–", "–", "–", "–"}:
			return fmt.Errorf("the measurement does not see the holes of the tutorial in Node: %+v", g)
		}
	}
	return nil
}

func reportPeers(all []*system, seed uint64) {
	fmt.Printf("\n%s, %s, %d cores, %s, seed %d, %d rounds of %d codes, %d cold starts\n\n", time.Now().Format(time.DateOnly), runtime.GOARCH, runtime.NumCPU(), runtime.Version(), seed, peerRounds, peerCodes, coldRounds)
	fmt.Print("| | CPU a code, ms | ratio | the store's CPU, ms | cold start, CPU, ms | cold start, ms | memory, MiB | shipped, kB | keeps |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, s := range all {
		ratios := make([]float64, len(s.cpuMs))
		for i := range ratios {
			ratios[i] = s.cpuMs[i] / all[0].cpuMs[i]
		}
		marks := s.guarantees.marks()
		fmt.Printf("| %s | %s | %s | %s | %s | %s | %.1f | %.0f | %s |\n", s.name, plusMinus(spread(s.cpuMs)), plusMinus(geometric(ratios)), plusMinus(spread(s.storeMs)),
			plusMinus(spread(s.coldMs)), plusMinus(spread(s.coldWall)), s.memoryMiB, s.shippedKB, strings.Join(marks[:], ""))
	}
	fmt.Printf("\n| the worst of %d trials | 1: accepted of %d parallel right answers | 2: compared of %d parallel wrong answers | trials in which the right code is accepted after these | 3: further attempts by a new code | 4: codes in the store in plain | errors |\n|---|---|---|---|---|---|---|\n",
		peerTrials, rightCount, wrongCount)
	for _, s := range all {
		g := s.guarantees
		fmt.Printf("| %s | %d | %d | %d of %d | %s | %d of %d | %d |\n", s.name, g.accepted, g.compared, g.late, peerTrials, g.afterNewCode(), g.plain, peerTrials, g.faults)
	}
}

func plusMinus(mean, err float64) string { return fmt.Sprintf("%.2f ± %.2f", mean, err) }

// drawPeers draws the costs as bars, each with the guarantees that its system keeps.
func drawPeers(file string, all []*system) error {
	var groups []barGroup
	for _, q := range []struct {
		title, format string
		of            func(*system) (mean, err float64)
	}{
		{"CPU a code, ms", "%.1f", func(s *system) (float64, float64) { return spread(s.cpuMs) }},
		{"CPU of a cold start, ms", "%.0f", func(s *system) (float64, float64) { return spread(s.coldMs) }},
		{"Memory, MiB", "%.0f", func(s *system) (float64, float64) { return s.memoryMiB, 0 }},
		{"Shipped, kB", "%.0f", func(s *system) (float64, float64) { return s.shippedKB, 0 }},
	} {
		g := barGroup{title: q.title, format: q.format}
		for _, s := range all {
			kept := s.guarantees.kept()
			mean, err := q.of(s)
			g.bars = append(g.bars, bar{name: s.name, value: mean, err: err, marks: kept[:]})
		}
		groups = append(groups, g)
	}
	return drawBars(file, "Filled squares, from left: single use, bounded attempts, no new attempts by a new code, no code in the store in plain", groups...)
}
