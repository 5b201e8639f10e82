package main

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestTrend(t *testing.T) {
	const minutes = 30
	random := rand.New(rand.NewPCG(1, 0))
	series := func(of func(minute float64) float64) (points []point) {
		for i := range 360 {
			x := float64(i+1) / 12
			points = append(points, point{x: x, y: of(x) + 0.05*random.NormFloat64()})
		}
		return points
	}
	settles := func(x float64) float64 { return 20 + min(x, 10) } // has its size after ten minutes
	for _, c := range []struct {
		name   string
		of     func(float64) float64
		late   bool
		growth float64
		want   string
	}{
		{"noise alone is flat", func(float64) float64 { return 20 }, false, 0, "flat"},
		{"what grows by a tenth grows", func(x float64) float64 { return 20 * (1 + 0.1*x/minutes) }, false, 0.0952, "grows"}, // of the mean
		{"growth by a hundredth is tolerated", func(x float64) float64 { return 20 * (1 + 0.01*x/minutes) }, false, 0.01, "flat"},
		{"what shrinks is flat", func(x float64) float64 { return 20 * (1 - 0.1*x/minutes) }, false, -0.105, "flat"},
		{"what settles in the first third has a growth, with a wide interval", settles, false, 0.272, unknown},
		{"and none if it is judged later", settles, true, 0, "flat"},
		{"a single step is no growth", func(x float64) float64 { return 20 + math.Floor(x/20) }, true, 0.11, unknown}, // a step at a part p of the judged time has the slope 6p(1-p) of one along all of it
		{"a step in each half is", func(x float64) float64 { return 20 + math.Floor(x/15) + math.Floor(x/25) }, true, 0.161, "grows"},
		{"later growth is seen there too", func(x float64) float64 { return 20 * (1 + 0.1*x/minutes) }, true, 0.094, "grows"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := trendOf(series(c.of), c.late, false, minutes)
			near(t, "the growth", got.growth, c.growth, 0.01)
			if got.verdict(0.02) != c.want {
				t.Errorf("the verdict is %q for a growth of %v ± %v, want %q", got.verdict(0.02), got.growth, got.half, c.want)
			}
		})
	}
}

// Connections come and go, here more often later; what has leaked stays.
func TestTrendOfTheLeastValues(t *testing.T) {
	const minutes = 30
	for _, c := range []struct {
		name      string
		leaked    func(minute float64) float64
		low, mean string // the verdict by the least values, and by the means
	}{
		{"connections alone are flat", func(float64) float64 { return 0 }, "flat", "grows"},
		{"a goroutine leaked in six minutes grows", func(x float64) float64 { return math.Floor(x / 6) }, "grows", "grows"},
	} {
		random := rand.New(rand.NewPCG(1, 0))
		var points []point
		for i := range 360 {
			p := point{x: float64(i+1) / 12}
			p.y = 5 + c.leaked(p.x)
			if random.Float64() < p.x/minutes*0.8 {
				p.y += 2
			}
			points = append(points, p)
		}
		for low, want := range map[bool]string{true: c.low, false: c.mean} {
			if got := trendOf(points, true, low, minutes); got.verdict(0.02) != want {
				t.Errorf("%s: least values %v: %q for a growth of %v ± %v, want %q", c.name, low, got.verdict(0.02), got.growth, got.half, want)
			}
		}
	}
}

const unknown = "not known"

func TestVerdictOfATrend(t *testing.T) {
	for _, c := range []struct {
		growth, half float64
		want         string
	}{
		{0, 0, "flat"},
		{0.01, 0.001, "flat"},
		{-0.05, 0.01, "flat"},
		{-0.05, 0.06, "flat"},
		{0, 0.02, unknown},
		{0.05, 0.06, unknown},
		{-0.05, 0.5, unknown},
		{0.015, 0.01, unknown}, // above 0, but it may or may not matter
		{0.05, math.NaN(), unknown},
		{0.05, 0.04, "grows"},
		{0.02, 0.001, "grows"},
		{math.NaN(), math.NaN(), "not measured"},
	} {
		if got := (trend{growth: c.growth, half: c.half, twice: true}).verdict(0.02); got != c.want {
			t.Errorf("a growth of %v ± %v is %q, want %q", c.growth, c.half, got, c.want)
		}
	}
}

func TestCheckCodes(t *testing.T) {
	for _, c := range []struct {
		verified, failed int
		fails            bool
	}{{7200, 0, false}, {7200, 7, false}, {7200, 8, true}, {900, 1, true}, {0, 1, true}} {
		if err := checkCodes(c.verified, c.failed, errRejected); errors.Is(err, errRejected) != c.fails {
			t.Errorf("%d verified and %d failed: %v", c.verified, c.failed, err)
		}
	}
}

// A process that is there is sampled. One that ended makes the soak fail, one that starts does not, and a function that never ran does.
func TestCheckProcesses(t *testing.T) {
	own := os.Getpid()
	for _, c := range []struct {
		name    string
		samples [][]int // the processes at each sample
		want    string
	}{
		{"a process that lives during the whole run", [][]int{{own}, {own}}, ""},
		{"a process that starts later", [][]int{{own}, {own, -1}}, ""},
		{"a process that ended", [][]int{{own, -1}, {own}, {own}}, "VerifyFunction: 1 processes ended during the run, and 1 run"},
		{"a process that replaces another", [][]int{{-1}, {own}}, "VerifyFunction: 1 processes ended during the run, and 1 run"},
		{"no process", [][]int{{}, {}}, "VerifyFunction: 0 processes ended during the run, and 0 run"},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := map[string]*soaked{}
			for _, name := range soakedFunctions {
				found[name] = &soaked{processes: map[int]bool{own: true}}
			}
			f := &soaked{}
			for _, pids := range c.samples {
				f.add(t.TempDir(), pids, 1)
			}
			found["VerifyFunction"] = f
			if err := checkProcesses(found); (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
				t.Errorf("checkProcesses returns %v, want %q", err, c.want)
			}
		})
	}
}

// reportSoak fails if anything grows.
func TestReportSoak(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.MkdirAll("docs/images", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, leak := range []float64{0, 0.5} {
		found := map[string]*soaked{}
		for _, name := range soakedFunctions {
			f := &soaked{first: map[int]bool{1: true, 2: true}, processes: map[int]bool{1: true, 2: true}}
			for i := range 360 {
				x := float64(i+1) / 12
				f.cpu = append(f.cpu, point{x: x, y: 2})
				f.samples = append(f.samples, sample{x, 20, 12, 4, 9 + leak*x})
			}
			found[name] = f
		}
		err := reportSoak(found, 30)
		if grows := err != nil && strings.Count(err.Error(), "goroutines of") == 4 && strings.Count(err.Error(), "grows") == 4; grows != (leak > 0) || (leak == 0 && err != nil) {
			t.Errorf("with a leak of %v goroutines a minute, reportSoak returns %v", leak, err)
		}
	}
}

// A process that starts later is not added to the first ones, and then nothing is called flat.
func TestLaterProcess(t *testing.T) {
	child := exec.CommandContext(t.Context(), "sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	f := &soaked{}
	for i := range 36 {
		pids := []int{child.Process.Pid}
		if i >= 18 {
			pids = append(pids, os.Getpid())
		}
		f.add(t.TempDir(), pids, float64(i))
	}
	if first, last := f.samples[0].files, f.samples[35].files; first != last || len(f.processes) != 2 {
		t.Errorf("%v descriptors became %v with %d processes", first, last, len(f.processes))
	}
	unknowns := 0
	for _, q := range quantities {
		got, judged := f.judge(q, 36)
		if judged == unknown {
			unknowns++
		}
		if judged == "flat" {
			t.Errorf("%s is flat: %+v", q.name, got)
		}
	}
	if unknowns == 0 {
		t.Error("nothing is unknown")
	}
}

// CPU that is higher than in new processes grows; CPU that rose for both, with the machine, does not.
func TestReportFresh(t *testing.T) {
	for _, c := range []struct {
		begin, end, fresh float64
		grows             bool
	}{{2, 2, 2, false}, {2, 3, 3, false}, {2, 3, 2, true}, {2, 2.05, 2, false}} {
		old, fresh := map[string]*soaked{}, map[string]*soaked{}
		for _, name := range soakedFunctions {
			old[name], fresh[name] = &soaked{}, &soaked{}
			for i := range 360 {
				noise := 0.02 * float64(i%3-1)
				old[name].cpu = append(old[name].cpu, point{x: float64(i) / 12, y: noise + c.begin + (c.end-c.begin)*min(1, float64(i)/300)})
				if i < 36 {
					fresh[name].cpu = append(fresh[name].cpu, point{x: float64(i) / 12, y: noise + c.fresh})
				}
			}
		}
		if err := reportFresh(old, fresh); (err != nil) != c.grows {
			t.Errorf("from %v to %v, and %v in new processes: %v", c.begin, c.end, c.fresh, err)
		}
	}
}

// The counter that the soak adds to each function counts the goroutines of a program, without its own.
func TestCounter(t *testing.T) {
	dir := t.TempDir()
	program := fmt.Sprintf(`package main

import (
	"fmt"
	"os"
	"time"
)

func main() {
	for range 7 {
		go func() { select {} }()
	}
	fmt.Println(os.Getpid())
	for {
		if data, _ := os.ReadFile(fmt.Sprintf("%%s/%%d", %q, os.Getpid())); string(data) == "8" {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
`, dir)
	main, source := filepath.Join(dir, "main.go"), filepath.Join(dir, "counter.go")
	for file, text := range map[string]string{main: program, source: fmt.Sprintf(goroutineCounter, dir, 1000)} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(t.Context(), "timeout", "60", "go", "run", main, source).Output()
	if err != nil {
		t.Fatalf("the program never had 8 goroutines: %v", err)
	}
	var pid int
	if _, err := fmt.Sscan(string(out), &pid); err != nil {
		t.Fatal(err)
	}
	f := &soaked{}
	f.add(dir, []int{pid}, 0)
	if got := f.samples[0].goroutines; got != 8 {
		t.Errorf("the sample has %v goroutines", got)
	}
}

// Work that is done twice takes twice the CPU, by the clock of one thread, which a long wait does not move.
func TestWork(t *testing.T) {
	once := work()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := threadCPU()
	work()
	time.Sleep(50 * time.Millisecond)
	work()
	if took := threadCPU() - before; once <= 0 || took < 32*once || took > 256*once {
		t.Errorf("64 hashes take %v, and one takes %v", took, once)
	}
}
