// Package evidence checks histories of parallel clients against models of what StreamOTP promises, and what holds after a long
// schedule of faults. docs/evidence.md has the models and the results.
//
// `go test streamotp/local/evidence` runs a bounded part. With `-args -full` it runs the whole, as `make evidence` does. Each test prints
// its seed; `-args -seed N` draws the same requests and faults again. How parallel requests interleave cannot be repeated.
package evidence

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"streamotp/local/e2e"
)

var (
	full    = flag.Bool("full", false, "run everything, for hours if need be")
	seed    = flag.Uint64("seed", 0, "draw the same requests and faults as the run that printed it; 0 draws new ones")
	lasting = flag.Duration("for", 30*time.Minute, "how long the whole run of TestFaults lasts")
	most    = flag.Int("operations", 100_000, "the operations of the whole run of TestLinearizable")
)

// bounded is for how long after its start a test of the bounded part begins further rounds.
const bounded = 12 * time.Second

// draw returns the run's seed, and prints it.
func draw(t *testing.T) uint64 {
	n := *seed
	if n == 0 {
		n = rand.Uint64N(1e9)
	}
	fmt.Printf("%s: seed %d\n", t.Name(), n)
	return n
}

// A planted fault takes away what one of the models promises.
type planted struct {
	model string // the model that must find it
	what  string
	edits []e2e.Edit
}

var plantedFaults = []planted{
	{"session", "a code is consumed without a condition", []e2e.Edit{{File: "shared/store/codes.go",
		Old: `"attribute_not_exists(usedAt)"`, New: `"attribute_exists(code)"`}}},
	{"attempts", "an attempt is counted after the comparison", []e2e.Edit{
		{File: "shared/judge/judge.go", Old: "if c.Reserved, err = j.Limits.Reserve(ctx, c.Session, requestID, reserved); err != nil {\n\t\treturn err\n\t}\n", New: ""},
		{File: "shared/judge/judge.go", Old: "[]byte(c.Digest)) != 1 {\n", New: "[]byte(c.Digest)) != 1 {\n" +
			"\t\tif c.Reserved, err = j.Limits.Reserve(ctx, c.Session, requestID, reserved); err != nil {\n\t\t\treturn err\n\t\t}\n"}}},
	{"limit", "a message is given back without a condition", []e2e.Edit{{File: "shared/store/limits_slots.go",
		Old: `u.need(s.name(at) + " = :slot")`, New: `u.need(s.name(at) + " = :slot OR " + s.name(at) + " <> :slot")`}}},
	{"grant", "an exchange reads, and then writes without a condition", []e2e.Edit{{File: "shared/store/codes_transactions.go",
		Old: "all(sameCode, notUsed, notRevoked, notExpired)", New: "all(sameCode, notExpired)"}}},
	{"account", "an older reset code sets the password again", []e2e.Edit{{File: "shared/store/users.go",
		Old: "all(accountExists, accountOlder, passwordOlder)", New: `all(accountExists, "attribute_not_exists(passwordChangedAt) OR passwordChangedAt <> :created")`}}},
}

// TestEditsAreThere: the planted faults still match the source.
func TestEditsAreThere(t *testing.T) {
	for _, p := range append(plantedFaults, planted{"", "clocks", skewed()}) {
		if err := e2e.CheckEdits(p.edits); err != nil {
			t.Errorf("%s: %v", p.what, err)
		}
	}
}

// TestLinearizable: the histories of 50 clients are linearizable, with and without faults.
func TestLinearizable(t *testing.T) {
	seed, start, f := draw(t), time.Now(), &faults{}
	for stack, done := 0, 0; stack == 0 || *full && done < *most; stack++ {
		t.Run(fmt.Sprint("stack ", stack), func(t *testing.T) {
			x := newStage(t, e2e.Start(t, parameters...), seed+uint64(stack), f)
			x.play(func(wrong []string) { report(t, wrong) }, func() bool {
				return *full && done+x.operations() < *most || !*full && time.Since(start) < bounded
			})
			done += x.operations()
		})
	}
}

func report(t *testing.T, wrong []string) {
	t.Helper()
	for _, w := range wrong {
		t.Error("not linearizable: " + w)
	}
}

// TestPlantedFaults: each model finds the fault that is planted for it. The bounded part plants all faults at once, since each build of the
// functions takes its time. The whole run plants each by itself.
func TestPlantedFaults(t *testing.T) {
	seed := draw(t)
	if *full {
		for _, p := range plantedFaults {
			t.Run(p.what, func(t *testing.T) { p.find(newStage(t, e2e.StartChanged(t, p.edits, parameters...), seed, &faults{})) })
		}
		return
	}
	var all []e2e.Edit
	for _, p := range plantedFaults {
		all = append(all, p.edits...)
	}
	x := newStage(t, e2e.StartChanged(t, all, parameters...), seed, &faults{})
	for _, p := range plantedFaults {
		p.find(x)
	}
}

// find plays rounds of one model until it finds its fault. Each round is a new chance, because the fault needs requests that interleave.
func (p planted) find(x *stage) {
	x.t.Helper()
	x.only, x.faulty = p.model, p.model == "limit" // a refund needs a request that fails
	for range 10 {
		if wrong := x.round(); len(wrong) > 0 {
			fmt.Printf("found in round %d: %s: %s\n", x.rounds, p.what, wrong[0])
			return
		}
	}
	x.t.Errorf("not found in ten rounds: %s", p.what)
}
