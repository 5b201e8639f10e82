package main

import (
	"iter"
	"math"
	"slices"
	"time"
)

// spread returns the mean and its standard error.
func spread(values []float64) (mean, err float64) {
	for _, v := range values {
		mean += v / float64(len(values))
	}
	for _, v := range values {
		err += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(err / float64(len(values)-1) / float64(len(values)))
}

// geometric returns the geometric mean of ratios, and its standard error. A ratio and its reciprocal count alike there.
func geometric(ratios []float64) (mean, err float64) {
	logs := make([]float64, len(ratios))
	for i, r := range ratios {
		logs[i] = math.Log(r)
	}
	mean, err = spread(logs)
	return math.Exp(mean), math.Exp(mean) * err
}

// parts returns n parts of as many values that follow each other, or each value if there are fewer. The first values are left out if they do not fill a part.
func parts[T any](values []T, n int) iter.Seq[[]T] {
	size := max(1, len(values)/n)
	return slices.Chunk(values[len(values)%size:], size)
}

// meansOf returns the mean points of n parts.
func meansOf(points []point, n int) (means []point) {
	for some := range parts(points, n) {
		mean := point{}
		for _, p := range some {
			mean.x, mean.y = mean.x+p.x/float64(len(some)), mean.y+p.y/float64(len(some))
		}
		means = append(means, mean)
	}
	return means
}

// slope returns the slope of the least-squares line through the points, and its standard error.
func slope(points []point) (rise, err float64) {
	n, mx, my := float64(len(points)), 0.0, 0.0
	for _, p := range points {
		mx, my = mx+p.x/n, my+p.y/n
	}
	xx, rest := 0.0, 0.0
	for _, p := range points {
		xx += (p.x - mx) * (p.x - mx)
		rise += (p.x - mx) * (p.y - my)
	}
	rise /= xx
	for _, p := range points {
		residual := p.y - my - rise*(p.x-mx)
		rest += residual * residual
	}
	return rise, math.Sqrt(rest / (n - 2) / xx)
}

// quantile returns the smallest of the sorted values that a share q of them does not exceed, or 0 for no values.
func quantile[T float64 | time.Duration](sorted []T, q float64) T {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}

// student returns the factor by which a standard error with so many degrees of freedom becomes half of a two-sided interval of this confidence: the
// quantile of Student's t distribution (Abramowitz and Stegun 26.7.5, within 0.5 % from four degrees of freedom).
func student(confidence, freedom float64) float64 {
	x, v := math.Sqrt2*math.Erfinv(confidence), freedom
	x2 := x * x
	return x * (1 + (x2+1)/(4*v) + (5*x2*x2+16*x2+3)/(96*v*v) + (3*x2*x2*x2+19*x2*x2+17*x2-15)/(384*v*v*v) +
		(79*x2*x2*x2*x2+776*x2*x2*x2+1482*x2*x2-1920*x2-945)/(92160*v*v*v*v))
}
