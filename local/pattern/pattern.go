// Package pattern matches records against the filter patterns of an event source mapping, as Lambda defines them
// (Lambda developer guide, "Control which events Lambda sends to your function").
//
// A pattern is a JSON object with the shape of a record. Each of its leaves is a list of texts and of the operator exists: the record
// matches if its own leaf equals one of the texts, or if the operator holds. Parts of a record that the pattern does not name are
// ignored. Anything else in a pattern is an error, never a filter that matches everything or nothing.
package pattern

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Pattern is a filter pattern that has been checked.
type Pattern struct{ fields map[string]any }

// Parse reads and checks a pattern.
func Parse(text string) (*Pattern, error) {
	p := &Pattern{}
	err := json.Unmarshal([]byte(text), &p.fields)
	if err == nil {
		err = check("$", p.fields)
	}
	if err != nil {
		return nil, fmt.Errorf("filter pattern: %w", err)
	}
	return p, nil
}

func check(path string, pattern any) (err error) {
	size := 0
	switch p := pattern.(type) {
	case map[string]any:
		size = len(p)
		for name, inner := range p {
			if strings.HasPrefix(name, "$") {
				return fmt.Errorf("%s: %s is not imitated", path, name)
			}
			if err := check(path+"."+name, inner); err != nil {
				return err
			}
		}
	case []any:
		size = len(p)
		for i, leaf := range p {
			if err := checkLeaf(fmt.Sprintf("%s[%d]", path, i), leaf); err != nil {
				return err
			}
		}
	}
	if size == 0 {
		return fmt.Errorf("%s: must be an object or a list, not empty", path)
	}
	return nil
}

func checkLeaf(path string, leaf any) error {
	if _, ok := leaf.(string); ok {
		return nil
	}
	operators, _ := leaf.(map[string]any)
	for name := range operators {
		if name != "exists" {
			return fmt.Errorf("%s: the operator %q is not imitated", path, name)
		}
	}
	if _, ok := operators["exists"].(bool); !ok {
		return fmt.Errorf("%s: must be text or an operator", path)
	}
	return nil
}

// Match reports whether a record, given as JSON, matches the pattern.
func (p *Pattern) Match(record []byte) bool {
	var v any
	return json.Unmarshal(record, &v) == nil && matches(p.fields, v, true)
}

// matches matches one value of a record; present is false where the record has no value. If the value is a list, one of its entries must
// match.
func matches(pattern, v any, present bool) bool {
	if list, ok := v.([]any); ok {
		return slices.ContainsFunc(list, func(entry any) bool { return matches(pattern, entry, true) })
	}
	object, isObject := v.(map[string]any)
	if fields, ok := pattern.(map[string]any); ok {
		for name, inner := range fields {
			if value, present := object[name]; !matches(inner, value, present) {
				return false
			}
		}
		return true
	}
	return slices.ContainsFunc(pattern.([]any), func(leaf any) bool {
		if operators, ok := leaf.(map[string]any); ok {
			// An object is no leaf, so a pattern for DynamoDB must name the typed leaf.
			return operators["exists"] == (present && !isObject)
		}
		return present && v == leaf
	})
}
