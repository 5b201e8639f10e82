// Package iam decides, as IAM does, whether identity-based policies allow a call. It knows what template.yaml uses: Allow
// and Deny, wildcards in actions and resources, and five condition operators.
//
// It promises: (P1) one statement that denies a call overrules all statements that allow it; (P2) a call that no statement
// allows is denied; (P3) if a call does not have the key of a condition, the condition holds, except with StringEquals
// and StringLike.
package iam

import (
	"path"
	"slices"
	"strings"
)

// Policy has all statements of a role, in any order.
type Policy []Statement

// Statement is one statement of a policy document.
type Statement struct {
	Deny       bool        // Effect is Deny, not Allow
	Actions    []string    // service:Action, with wildcards
	Resources  []string    // ARNs with wildcards, or * for everything
	Conditions []Condition // all must hold
}

// Condition holds if each value of the call's key is one of Values.
type Condition struct {
	Operator Operator
	Key      string
	Values   []string // patterns, with the two Like operators
}

// Operator is a condition operator, as policies name it. Whether a key has one value or several depends on the key.
type Operator string

const (
	Equals         Operator = "StringEquals"
	Like           Operator = "StringLike"
	EqualsIfExists Operator = "StringEqualsIfExists"
	AllEqual       Operator = "ForAllValues:StringEquals"
	AllLike        Operator = "ForAllValues:StringLike"
)

// Decision is IAM's decision on a call.
type Decision int

const (
	NotAllowed Decision = iota // no statement allows it
	Allowed
	Denied // a statement denies it
)

// Decide decides on one action on one resource. context has the call's condition keys.
func (p Policy) Decide(action, resource string, context map[string][]string) Decision {
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

// applies reports whether a statement covers the action and the resource and all its conditions hold. The case of actions
// does not matter, as in IAM; that of resources does.
func (s Statement) applies(action, resource string, context map[string][]string) bool {
	action = strings.ToLower(action)
	return slices.ContainsFunc(s.Actions, func(pattern string) bool { return matches(strings.ToLower(pattern), action) }) &&
		slices.ContainsFunc(s.Resources, func(pattern string) bool { return matches(pattern, resource) }) &&
		!slices.ContainsFunc(s.Conditions, func(c Condition) bool { return !c.holds(context) })
}

func (c Condition) holds(context map[string][]string) bool {
	given, ok := context[c.Key]
	if !ok {
		return c.Operator != Equals && c.Operator != Like
	}
	for _, value := range given {
		fits := func(v string) bool {
			return v == value || (c.Operator == Like || c.Operator == AllLike) && matches(v, value)
		}
		if !slices.ContainsFunc(c.Values, fits) {
			return false
		}
	}
	return true
}

// matches reports whether text matches a pattern in which * stands for any text, also none, and ? for one character.
func matches(pattern, text string) bool {
	ok, err := path.Match(literal.Replace(pattern), literalSlash.Replace(text))
	return err == nil && ok
}

// path.Match has the same two wildcards, but its wildcards stop at a slash, and brackets and backslashes are special to
// it.
var (
	literalSlash = strings.NewReplacer("/", "\x00")
	literal      = strings.NewReplacer("/", "\x00", "[", `\[`, `\`, `\\`)
)
