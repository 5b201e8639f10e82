package main

import (
	"errors"
	"math"
	"os"
	"testing"
)

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		ratio, half float64
		want        string
	}{
		{1, 0.04, "within the goal"},
		{0.9, 0.1, "within the goal"},
		{1.05, 0, "within the goal"},
		{1.0501, 0, "missed"},
		{1.2, 0.1, "missed"},
		{1.04, 0.02, "not known, because of noise"},
		{1.2, 0.2, "not known, because of noise"},
	} {
		if got := judgeRatio(c.ratio, c.half); got != c.want {
			t.Errorf("%v ± %v is %q, want %q", c.ratio, c.half, got, c.want)
		}
	}
}

// costing returns a stack of n accounts with the same cost for both kinds of codes, round by round.
func costing(n int, rounds ...cost) *grown {
	g := &grown{n: n, cost: map[string][]cost{}}
	for _, kind := range kinds {
		g.cost[kind] = rounds
	}
	return g
}

func TestRatio(t *testing.T) {
	least := costing(1000, cost{cpu: 1}, cost{cpu: 4}) // another speed in the second round changes nothing
	ratio, err := costing(10_000, cost{cpu: 2}, cost{cpu: 8}).ratio("verify", least, columns[0].of)
	near(t, "the ratio", ratio, 2, 1e-12)
	near(t, "its error", err, 0, 1e-12)
	ratio, err = costing(10_000, cost{cpu: 1}, cost{cpu: 16}).ratio("verify", least, columns[0].of)
	near(t, "the ratio", ratio, 2, 1e-12)
	near(t, "its error", err, 2*math.Log(2), 1e-12) // the logarithms are ln 2 ± ln 2
}

func TestReportGrowth(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.MkdirAll("docs/images", 0o755); err != nil {
		t.Fatal(err)
	}
	same := cost{cpu: 2, engine: 3, units: 10, bytes: 8000}
	with := func(change func(*cost)) cost { c := same; change(&c); return c }
	for _, c := range []struct {
		name  string
		most  []cost
		fails bool
	}{
		{"equal costs are within the goal", []cost{same, same}, false},
		{"a code that costs one unit more misses it", []cost{same, with(func(c *cost) { c.units = 12 })}, true},
		{"a code with more bytes misses it", []cost{with(func(c *cost) { c.bytes = 8500 }), with(func(c *cost) { c.bytes = 8500 })}, true},
		{"CPU that clearly grows misses it", []cost{with(func(c *cost) { c.cpu = 2.4 }), with(func(c *cost) { c.cpu = 2.4 })}, true},
		{"noise of CPU does not", []cost{with(func(c *cost) { c.cpu = 3 }), with(func(c *cost) { c.cpu = 1.7 })}, false},
		{"the engine is not judged", []cost{with(func(c *cost) { c.engine = 9 }), with(func(c *cost) { c.engine = 9 })}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := reportGrowth([]*grown{costing(1000, same, same), costing(10_000, c.most...)}, 1)
			if errors.Is(err, errGrows) != c.fails || (!c.fails && err != nil) {
				t.Errorf("reportGrowth returns %v", err)
			}
		})
	}
}
