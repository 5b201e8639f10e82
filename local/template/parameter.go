package template

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// LocalDefaults replace defaults of the template that would make a first run dull: the template has no default sender,
// and SMS is off by default.
var LocalDefaults = map[string]string{
	"SesFromAddress":   "login@example.com",
	"AllowedCountries": "US,GB,DE,IN",
}

// parameter is one template parameter with its current value.
type parameter struct {
	value    string
	given    bool
	list     bool
	number   bool
	hidden   bool
	pattern  *regexp.Regexp
	allowed  []string
	min, max string
	shortest int
	longest  int
	says     string // ConstraintDescription
}

func (r *reader) readParameters(overrides map[string]string) {
	r.parameters = map[string]parameter{}
	r.section("Parameters").each(func(name string, v value) {
		p := v.readParameter()
		if d, ok := LocalDefaults[name]; ok {
			p.value, p.given = d, true
		}
		if o, ok := overrides[name]; ok {
			p.value, p.given = o, true
		}
		if !p.given {
			v.failf("has no default: give -parameter %s=…", name)
		} else if err := p.check(); err != nil {
			v.failf("%q %s: give another value by -parameter %s=…", p.value, err, name)
		}
		r.parameters[name] = p
		r.out.Parameters[name], r.out.NoEcho[name] = p.value, p.hidden
	})
	for _, name := range keys(overrides) {
		if _, ok := r.parameters[name]; !ok {
			r.errs = append(r.errs, fmt.Errorf("-parameter %s: the template has no such parameter; it has %s",
				name, strings.Join(keys(r.parameters), ", ")))
		}
	}
}

func (v value) readParameter() parameter {
	p := parameter{longest: 4096} // CloudFormation's own limit
	v.fields(map[string]func(value){
		"Type": func(v value) {
			kind := v.oneOf("String", "Number", "CommaDelimitedList")
			p.list, p.number = kind == "CommaDelimitedList", kind == "Number"
		},
		"Default":               func(v value) { p.value, p.given = v.str(), true },
		"AllowedPattern":        func(v value) { p.pattern = v.regexp() },
		"AllowedValues":         func(v value) { p.allowed = v.strs() },
		"MinValue":              func(v value) { p.min = v.str() },
		"MaxValue":              func(v value) { p.max = v.str() },
		"MinLength":             func(v value) { p.shortest = v.integer(0, 4096) },
		"MaxLength":             func(v value) { p.longest = v.integer(0, 4096) },
		"ConstraintDescription": func(v value) { p.says = v.str() },
		"NoEcho":                func(v value) { p.hidden = v.boolean() },
	}, "Description")
	return p
}

// regexp compiles an AllowedPattern, which must match the whole value, as in CloudFormation.
func (v value) regexp() *regexp.Regexp {
	re, err := regexp.Compile(`^(?:` + v.str() + `)$`)
	if err != nil {
		v.failf("not a pattern: %v", err)
		return nil
	}
	return re
}

// check returns what is wrong with the parameter's value, in the words of its ConstraintDescription if it has one.
func (p parameter) check() error {
	parts := []string{p.value}
	if p.list {
		parts = strings.Split(p.value, ",")
	}
	for _, s := range parts {
		if err := p.checkOne(s); err != nil {
			if p.says != "" {
				return fmt.Errorf("%s", p.says)
			}
			return err
		}
	}
	return nil
}

func (p parameter) checkOne(s string) error {
	if p.pattern != nil && !p.pattern.MatchString(s) {
		return fmt.Errorf("does not match %s", p.pattern)
	}
	if p.allowed != nil && !slices.Contains(p.allowed, s) {
		return fmt.Errorf("is not one of %s", strings.Join(p.allowed, ", "))
	}
	if len(s) < p.shortest || len(s) > p.longest {
		return fmt.Errorf("is not %d to %d characters long", p.shortest, p.longest)
	}
	if p.number {
		return p.checkNumber(s)
	}
	return nil
}

func (p parameter) checkNumber(s string) error {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return fmt.Errorf("is not a number")
	}
	if lowest, err := strconv.ParseFloat(p.min, 64); err == nil && n < lowest {
		return fmt.Errorf("is under %s", p.min)
	}
	if highest, err := strconv.ParseFloat(p.max, 64); err == nil && n > highest {
		return fmt.Errorf("is over %s", p.max)
	}
	return nil
}
