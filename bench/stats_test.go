package main

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func near(t *testing.T, name string, got, want, within float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > within {
		t.Errorf("%s is %v, want %v within %v", name, got, want, within)
	}
}

func TestSpread(t *testing.T) {
	mean, err := spread([]float64{1, 2, 3, 4})
	near(t, "the mean", mean, 2.5, 1e-12)
	near(t, "its error", err, math.Sqrt(5.0/3/4), 1e-12)
}

func TestGeometric(t *testing.T) {
	mean, err := geometric([]float64{1, 4})
	near(t, "the mean", mean, 2, 1e-12)
	near(t, "its error", err, 2*math.Log(2), 1e-12) // the logarithms are ln 2 ± ln 2
	mean, _ = geometric([]float64{0.5, 2})
	near(t, "the mean of a ratio and its reciprocal", mean, 1, 1e-12)
}

func TestSlope(t *testing.T) {
	for _, c := range []struct {
		name      string
		ys        []float64
		rise, err float64
	}{
		{"a line has its slope and no error", []float64{3, 5, 7, 9}, 2, 0},
		{"a falling line has a negative slope", []float64{3, 1, -1, -3}, -2, 0},
		{"points beside a line give the error", []float64{0, 1, 1, 2}, 0.6, math.Sqrt(0.2 / 2 / 5)}, // calculated by hand
	} {
		t.Run(c.name, func(t *testing.T) {
			var points []point
			for i, y := range c.ys {
				points = append(points, point{x: float64(i), y: y})
			}
			rise, err := slope(points)
			near(t, "the slope", rise, c.rise, 1e-12)
			near(t, "its error", err, c.err, 1e-12)
		})
	}
}

func TestStudent(t *testing.T) {
	for _, c := range []struct{ confidence, freedom, want float64 }{ // from tables
		{0.95, 4, 2.776}, {0.95, 7, 2.365}, {0.95, 19, 2.093}, {0.99, 14, 2.977}, {0.999, 22, 3.792}, {0.95, 1e6, 1.960},
	} {
		near(t, "the quantile", student(c.confidence, c.freedom), c.want, 0.005*c.want)
	}
}

// An interval of 95 % must contain the true slope in 95 % of the cases.
func TestIntervalOfASlope(t *testing.T) {
	random, inside := rand.New(rand.NewPCG(1, 0)), 0
	const cases, points = 4000, 10
	for range cases {
		var line []point
		for x := range points {
			line = append(line, point{x: float64(x), y: 5 + 0.3*float64(x) + random.NormFloat64()})
		}
		if rise, err := slope(line); math.Abs(rise-0.3) < err*student(0.95, points-2) {
			inside++
		}
	}
	near(t, "the share of intervals with the true slope", float64(inside)/cases, 0.95, 0.012) // 3.5 standard errors
}

func TestQuantile(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(i + 1)
	}
	for q, want := range map[float64]float64{0: 1, 0.01: 1, 0.5: 50, 0.95: 95, 0.99: 99, 0.995: 100, 1: 100} {
		near(t, "the quantile", quantile(hundred, q), want, 0)
	}
	if got := quantile([]time.Duration{time.Second}, 0.5); got != time.Second {
		t.Errorf("the median of one value is %v", got)
	}
	if got := quantile([]float64{}, 0.5); got != 0 {
		t.Errorf("the median of no value is %v", got)
	}
}
