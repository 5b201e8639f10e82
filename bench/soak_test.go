package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
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
		flat   bool
	}{
		{"noise alone is flat", func(float64) float64 { return 20 }, false, 0, true},
		{"what grows by a tenth grows", func(x float64) float64 { return 20 * (1 + 0.1*x/minutes) }, false, 0.0952, false}, // of the mean
		{"growth by a hundredth is tolerated", func(x float64) float64 { return 20 * (1 + 0.01*x/minutes) }, false, 0.01, true},
		{"what shrinks is flat", func(x float64) float64 { return 20 * (1 - 0.1*x/minutes) }, false, -0.105, true},
		{"what settles in the first third has a growth, with a wide interval", settles, false, 0.272, true},
		{"and none if it is judged later", settles, true, 0, true},
		{"later growth is seen there too", func(x float64) float64 { return 20 * (1 + 0.1*x/minutes) }, true, 0.094, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := trendOf(series(c.of), c.late, minutes)
			near(t, "the growth", got.growth, c.growth, 0.01)
			if got.flat(0.02) != c.flat {
				t.Errorf("flat is %v for a growth of %v ± %v", got.flat(0.02), got.growth, got.half)
			}
		})
	}
}

func TestFlat(t *testing.T) {
	for _, c := range []struct {
		growth, half float64
		flat         bool
	}{{0, 0, true}, {0.05, 0.06, true}, {0.05, 0.04, false}, {0.01, 0.001, true}, {-0.05, 0.01, true}, {math.NaN(), math.NaN(), false}} {
		if got := (trend{growth: c.growth, half: c.half}).flat(0.02); got != c.flat {
			t.Errorf("a growth of %v ± %v is flat: %v, want %v", c.growth, c.half, got, c.flat)
		}
	}
}

// reportSoak judges the process that was used most, and fails if anything grows there.
func TestReportSoak(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.MkdirAll("docs/images", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, leak := range []float64{0, 0.5} {
		found := map[string]*soaked{}
		for _, name := range soakedFunctions {
			f := &soaked{processes: map[int][]sample{}}
			for i := range 360 {
				x := float64(i+1) / 12
				f.cpu = append(f.cpu, point{x: x, y: 2})
				f.processes[os.Getpid()] = append(f.processes[os.Getpid()], sample{x, 20, 12, 4, 9 + leak*x})
				f.processes[-1] = append(f.processes[-1], sample{x, 20, 12, 4, 9}) // has used no CPU
			}
			found[name] = f
		}
		err := reportSoak(found, 30, 1)
		if grows := err != nil && strings.Count(err.Error(), "goroutines of") == 4 && strings.Count(err.Error(), "grows") == 4; grows != (leak > 0) || (leak == 0 && err != nil) {
			t.Errorf("with a leak of %v goroutines a minute, reportSoak returns %v", leak, err)
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
	if got := sampled(dir, pid, 0).goroutines; got != 8 {
		t.Errorf("the sample has %v goroutines", got)
	}
}
