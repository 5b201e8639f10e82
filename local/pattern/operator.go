package pattern

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
)

func parseRule(path string, v any) (rule, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return equals(path, v)
	}
	if len(m) != 1 {
		return nil, fmt.Errorf("%s: an operator is an object with one key", path)
	}
	for name, arg := range m {
		parse := operators[name]
		if parse == nil {
			return nil, fmt.Errorf("%s: the operator %q is not imitated", path, name)
		}
		return parse(path+"."+name, arg)
	}
	panic("unreachable")
}

var operators map[string]func(path string, arg any) (rule, error)

func init() { // a literal would refer to itself through anything-but
	operators = map[string]func(path string, arg any) (rule, error){
		"exists":             exists,
		"prefix":             text(strings.HasPrefix),
		"suffix":             text(strings.HasSuffix),
		"equals-ignore-case": text(strings.EqualFold),
		"anything-but":       anythingBut,
		"numeric":            numeric,
	}
}

// equals matches an exact value: text, number, true, false or null.
func equals(path string, want any) (rule, error) {
	if n, ok := want.(json.Number); ok {
		w, err := rational(n)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return func(v any, _ bool) bool { g, err := rational(v); return err == nil && g.Cmp(w) == 0 }, nil
	}
	if _, ok := want.([]any); ok {
		return nil, fmt.Errorf("%s: a list in a list is not a rule", path)
	}
	return func(v any, present bool) bool { return present && v == want }, nil
}

// exists matches leaves only. An object or a list in a record is not a leaf, so a DynamoDB pattern must name the typed
// leaf.
func exists(path string, arg any) (rule, error) {
	want, ok := arg.(bool)
	if !ok {
		return nil, fmt.Errorf("%s: must be true or false", path)
	}
	return func(v any, present bool) bool {
		_, object := v.(map[string]any)
		return (present && !object) == want
	}, nil
}

func text(holds func(s, arg string) bool) func(string, any) (rule, error) {
	return func(path string, arg any) (rule, error) {
		want, ok := arg.(string)
		if !ok {
			return nil, fmt.Errorf("%s: must be text", path)
		}
		return func(v any, _ bool) bool { s, ok := v.(string); return ok && holds(s, want) }, nil
	}
}

// anythingBut matches a leaf that is present and equals none of the values, or that does not have the prefix or suffix.
func anythingBut(path string, arg any) (rule, error) {
	list, ok := arg.([]any)
	if !ok {
		list = []any{arg}
	}
	var not rules
	for _, e := range list {
		if m, ok := e.(map[string]any); ok && (m["prefix"] == nil && m["suffix"] == nil) {
			return nil, fmt.Errorf("%s: only values, prefix and suffix are imitated", path)
		}
		r, err := parseRule(path, e)
		if err != nil {
			return nil, err
		}
		not = append(not, r)
	}
	if len(not) == 0 {
		return nil, fmt.Errorf("%s: must not be empty", path)
	}
	return func(v any, present bool) bool {
		_, object := v.(map[string]any)
		return present && !object && !not.match(v, true)
	}, nil
}

var comparisons = map[string]func(order int) bool{
	"=":  func(o int) bool { return o == 0 },
	"<":  func(o int) bool { return o < 0 },
	"<=": func(o int) bool { return o <= 0 },
	">":  func(o int) bool { return o > 0 },
	">=": func(o int) bool { return o >= 0 },
}

// numeric matches a list of comparisons, such as [">", 0, "<=", 5], all of which must hold.
func numeric(path string, arg any) (rule, error) {
	list, _ := arg.([]any)
	if len(list) != 2 && len(list) != 4 {
		return nil, fmt.Errorf("%s: must be one or two comparisons", path)
	}
	var all []func(*big.Rat) bool
	for i := 0; i < len(list); i += 2 {
		name, _ := list[i].(string)
		compare := comparisons[name]
		want, err := rational(list[i+1])
		if compare == nil || err != nil {
			return nil, fmt.Errorf("%s: %v %v is not a comparison", path, list[i], list[i+1])
		}
		all = append(all, func(n *big.Rat) bool { return compare(n.Cmp(want)) })
	}
	return func(v any, _ bool) bool {
		n, err := rational(v)
		if err != nil {
			return false
		}
		for _, holds := range all {
			if !holds(n) {
				return false
			}
		}
		return true
	}, nil
}

// rational returns a JSON number exactly. The exponent is bounded as those of DynamoDB and EventBridge are, so that a
// pattern of a few bytes cannot use gigabytes of memory.
func rational(v any) (*big.Rat, error) {
	n, ok := v.(json.Number)
	if !ok {
		return nil, fmt.Errorf("not a number")
	}
	if f, err := n.Float64(); err != nil || f > 1e130 || f < -1e130 {
		return nil, fmt.Errorf("number out of range")
	}
	if _, exponent, ok := strings.Cut(strings.ToLower(n.String()), "e"); ok && len(exponent) > 4 {
		return nil, fmt.Errorf("number out of range")
	}
	r, ok := new(big.Rat).SetString(n.String())
	if !ok {
		return nil, fmt.Errorf("not a number")
	}
	return r, nil
}
