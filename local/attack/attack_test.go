// Package attack does what an attacker would do, from outside over HTTP, with the default limits of a deployment.
//
// Each attack runs against the stack as it ships, where it must fail. For each control that stops it, the attack runs again with
// only that control removed, and must then succeed. This shows that the control stops the attack, and not a mistake in its script.
// The test removes a control by setting a parameter to "no limit", or by building a changed copy of one file (e2e.StartChanged).
// Nothing that ships has a switch for this.
//
// `go test` in this folder prints a line for each run, as `make attack` does.
package attack

import (
	"fmt"
	"slices"
	"testing"

	"streamotp/local/e2e"
)

// An attack is a script, with the controls that stop it.
type attack struct {
	name     string
	run      func(t *testing.T, s *e2e.Stack) result
	controls []control
	settings []string // parameters that a deployment sets to have the controls; empty if it has them by default
}

// A control stops an attack until it is removed, by these parameters or by these edits.
type control struct {
	name       string // completes "without …"
	parameters []string
	edits      []e2e.Edit
}

// result is the outcome of an attack.
type result struct {
	tries  int
	got    int    // how much of its goal the attacker reached
	what   string // the unit of got, such as "judged"
	breach bool   // more than a deployment may allow
}

func TestAttacks(t *testing.T) {
	shipped := e2e.Start(t)
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			s := shipped.In(t)
			if len(a.settings) > 0 {
				s = e2e.Start(t, flags(a.settings)...)
			}
			r := a.run(t, s)
			report(r, a.name)
			if r.breach {
				t.Errorf("got through: %+v", r)
			}
			if len(a.controls) == 0 {
				t.Error("no control is named that it is up against: it may be unable to fail")
			}
			for _, c := range a.controls {
				t.Run("without "+c.name, func(t *testing.T) { a.runWithout(t, c) })
			}
		})
	}
}

func (a attack) runWithout(t *testing.T, c control) {
	args := flags(slices.Concat(a.settings, c.parameters))
	var s *e2e.Stack
	if len(c.edits) > 0 {
		s = e2e.StartChanged(t, c.edits, args...)
		s.AllowLeaks() // what it stores and logs may be the very breach
	} else {
		s = e2e.Start(t, args...)
	}
	r := a.run(t, s)
	report(r, "  … without "+c.name)
	if !r.breach {
		t.Errorf("reports that it was held though the control is gone: %+v", r)
	}
}

func flags(parameters []string) (args []string) {
	for _, p := range parameters {
		args = append(args, "-parameter", p)
	}
	return args
}

func report(r result, name string) {
	verdict := "held"
	if r.breach {
		verdict = "BREACHED"
	}
	fmt.Printf("%-8s  %-66s %7d tries  %5d %s\n", verdict, name, r.tries, r.got, r.what)
}

// TestEditsAreThere checks that each edit that removes a control still matches its file. It needs no stack.
func TestEditsAreThere(t *testing.T) {
	for _, a := range attacks {
		for _, c := range a.controls {
			if err := e2e.CheckEdits(c.edits); err != nil {
				t.Errorf("%s, without %s: %v", a.name, c.name, err)
			}
		}
	}
}
