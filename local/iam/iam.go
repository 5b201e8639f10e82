// Package iam decides, as IAM does, whether identity-based policies let a call through. It knows what template.yaml
// uses: Allow and Deny, wildcards in actions and resources, and five condition operators.
//
// It promises: (P1) a statement that denies a call wins over any number that allow it; (P2) what no statement allows is
// not allowed; (P3) a condition on a key that the call does not have holds for all operators but StringEquals and StringLike.
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
	Deny       bool        // Effect is Deny, not Allow
	Actions    []string    // service:Action, with wildcards
	Resources  []string    // ARNs with wildcards, or * for everything
	Conditions []Condition // which must all hold
}

// Condition holds where each value that a call has for a key is one of these.
type Condition struct {
	Operator Operator
	Key      string
	Values   []string // patterns of the two operators with Like
}

// Operator is a condition operator, as policies name it. Whether a key has one value or several is the key's own matter.
type Operator string

const (
	Equals         Operator = "StringEquals"
	Like           Operator = "StringLike"
	EqualsIfExists Operator = "StringEqualsIfExists"
	AllEqual       Operator = "ForAllValues:StringEquals"
	AllLike        Operator = "ForAllValues:StringLike"
)

// Decision is what IAM says to a call.
type Decision int

const (
	NotAllowed Decision = iota // no statement allows it
	Allowed
	Denied // a statement denies it
)

// Decide judges one action on one resource. Context has the call's condition keys.
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

// Allows is Decide for who does not ask why.
func (p Policy) Allows(action, resource string, context map[string][]string) bool {
	return p.Decide(action, resource, context) == Allowed
}

// applies compares actions without case, as IAM does, and resources with it.
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
