package cached_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"streamotp/shared/cached"
)

// The rules for every value are tested in streamotp/shared/keys, on secrets.

// reads is a source that counts its reads.
type reads struct{ n int }

func (r *reads) read(context.Context, bool) (string, error) {
	r.n++
	return "text", nil
}

func asItIs(text string) (string, error) { return text, nil }

// lifeOf returns the age in whole seconds at which a value is refreshed whose source draws this number.
func lifeOf(t testing.TB, random float64) (life time.Duration) {
	r := &reads{}
	v := cached.New(cached.Source{Kind: "parameter", Read: r.read, Random: func() float64 { return random }}, asItIs)
	at := time.Unix(1_800_000_000, 0)
	for ; r.n < 2 && life < time.Hour; life += time.Second {
		if _, err := v.Current(t.Context(), at.Add(life)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
	}
	return life - time.Second
}

func TestRefreshesAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for random, want := range map[float64]time.Duration{0: 50 * time.Second, 0.5: time.Minute, 0.999: 70 * time.Second} {
			if got := lifeOf(t, random); got != want {
				t.Errorf("%g: refreshed after %v, want %v", random, got, want)
			}
		}
	})
	rapid.Check(t, func(r *rapid.T) {
		numbers := rapid.SliceOfN(rapid.Float64Range(0, 0.999), 2, 10).Draw(r, "numbers")
		slices.Sort(numbers)
		last := 50 * time.Second
		for _, n := range numbers { // a larger number never gives an earlier refresh, and each is in the range
			synctest.Test(t, func(t *testing.T) {
				life := lifeOf(t, n)
				if life < last || life > 70*time.Second {
					r.Errorf("%g: refreshed after %v", n, life)
				}
				last = life
			})
		}
	})
}

func TestEachReadDrawsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, numbers := &reads{}, []float64{0, 0.5}
		v := cached.New(cached.Source{Read: r.read, Random: func() float64 { n := numbers[0]; numbers = append(numbers[1:], n); return n }}, asItIs)
		at := time.Unix(1_800_000_000, 0)
		for _, c := range []struct {
			after time.Duration
			reads int
		}{{0, 1}, {49 * time.Second, 1}, {time.Second, 2}, {59 * time.Second, 2}, {time.Second, 3}, {50 * time.Second, 4}} {
			at = at.Add(c.after)
			v.Current(t.Context(), at) //nolint:errcheck // it never fails
			if synctest.Wait(); r.n != c.reads {
				t.Errorf("at %v: %d reads, want %d", at, r.n, c.reads)
			}
		}
	})
}

func TestErrorsNameTheKind(t *testing.T) {
	cause := errors.New("down")
	v := cached.New(cached.Source{Kind: "parameter", Read: func(context.Context, bool) (string, error) { return "", cause }}, asItIs)
	if _, err := v.Current(t.Context(), time.Unix(0, 0)); !errors.Is(err, cause) || !strings.Contains(err.Error(), "read a parameter") {
		t.Error(err)
	}
}
