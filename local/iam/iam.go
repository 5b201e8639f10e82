// Package iam decides, as IAM does, whether identity-based policies let a call through. It knows what template.yaml
// uses: Allow and Deny, wildcards in actions and resources, and the condition operators StringEquals and
// ForAllValues:StringLike.
//
// It promises: (P1) a statement that denies a call wins over any number that allow it; (P2) what no statement allows is
// not allowed; (P3) a condition on a key that the call does not have does not hold, but for one on all of its values.
package iam

import (
	"path"
	"slices"
	"strings"
)

// Policy is all statements of a role, in any order.
type Policy []Statement

// Statement is one statement of a policy document.
type Statement struct {
	Deny      bool                // Effect is Deny, not Allow
	Actions   []string            // service:Action, with wildcards
	Resources []string            // ARNs with wildcards, or * for everything
	Equals    map[string][]string // Condition StringEquals: the values of each key, of which one must be the call's
	AllLike   map[string][]string // Condition ForAllValues:StringLike: patterns, of which one must fit the call's, if it has any
}

// Decision is what IAM says to a call.
type Decision int

const (
	NotAllowed Decision = iota // no statement allows it
	Allowed
	Denied // a statement denies it
)

// Decide judges one action on one resource. Context has the call's condition keys.
func (p Policy) Decide(action, resource string, context map[string]string) Decision {
	decision := NotAllowed
	for _, s := range p {
		switch applies := s.applies(action, resource, context); {
		case applies && s.Deny:
			return Denied
		case applies:
			decision = Allowed
		}
	}
	return decision
}

// Allows is Decide for who does not ask why.
func (p Policy) Allows(action, resource string, context map[string]string) bool {
	return p.Decide(action, resource, context) == Allowed
}

// applies compares actions without case, as IAM does, and resources with it.
func (s Statement) applies(action, resource string, context map[string]string) bool {
	action = strings.ToLower(action)
	return slices.ContainsFunc(s.Actions, func(pattern string) bool { return matches(strings.ToLower(pattern), action) }) &&
		slices.ContainsFunc(s.Resources, func(pattern string) bool { return matches(pattern, resource) }) && s.holds(context)
}

func (s Statement) holds(context map[string]string) bool {
	for key, values := range s.Equals {
		if value, ok := context[key]; !ok || !slices.Contains(values, value) {
			return false
		}
	}
	for key, patterns := range s.AllLike {
		value, ok := context[key]
		if ok && !slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, value) }) {
			return false
		}
	}
	return true
}

// matches holds where * stands for any text, also none, and ? for one character.
func matches(pattern, text string) bool {
	ok, err := path.Match(literal.Replace(pattern), literalSlash.Replace(text))
	return err == nil && ok
}

// path.Match has the same two wildcards, but they stop at a slash, and it takes a bracket and a backslash for its own.
var (
	literalSlash = strings.NewReplacer("/", "\x00")
	literal      = strings.NewReplacer("/", "\x00", "[", `\[`, `\`, `\\`)
)
