// Package pattern matches records against the filter patterns of an event source mapping, as Lambda defines them
// (Lambda developer guide, "Control which events Lambda sends to your function", and the EventBridge pattern syntax).
//
// A pattern is a JSON object of the record's shape whose leaves are lists. A list holds values, one of which the record's
// leaf must equal, and operators. What a pattern does not name is ignored. An operator that this package does not know is
// an error, never a filter that matches everything or nothing.
package pattern

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Pattern is a filter pattern that has been checked.
type Pattern struct{ root node }

// node matches one value of a record; present is false where the record has none.
type node interface {
	match(v any, present bool) bool
}

// Parse reads and checks a pattern.
func Parse(text string) (*Pattern, error) {
	v, err := decode([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("filter pattern: %w", err)
	}
	root, err := parseNode("$", v)
	if err != nil {
		return nil, fmt.Errorf("filter pattern: %w", err)
	}
	if _, ok := root.(fields); !ok {
		return nil, fmt.Errorf("filter pattern: must be a JSON object")
	}
	return &Pattern{root}, nil
}

// Match reports whether a record, given as JSON, matches the pattern.
func (p *Pattern) Match(record []byte) bool {
	v, err := decode(record)
	return err == nil && p.root.match(v, true)
}

func decode(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("trailing data")
	}
	return v, nil
}

func parseNode(path string, v any) (node, error) {
	switch v := v.(type) {
	case map[string]any:
		return parseFields(path, v)
	case []any:
		return parseRules(path, v)
	}
	return nil, fmt.Errorf("%s: must be an object or a list", path)
}

// fields is an object pattern: every field must match.
type fields map[string]node

func parseFields(path string, m map[string]any) (node, error) {
	if len(m) == 0 {
		return nil, fmt.Errorf("%s: must not be empty", path)
	}
	f := fields{}
	for k, v := range m {
		if strings.HasPrefix(k, "$") {
			return nil, fmt.Errorf("%s: %s is not imitated", path, k)
		}
		n, err := parseNode(path+"."+k, v)
		if err != nil {
			return nil, err
		}
		f[k] = n
	}
	return f, nil
}

func (f fields) match(v any, _ bool) bool {
	m, ok := v.(map[string]any)
	list, isList := v.([]any)
	if isList { // a pattern matches a list of objects if it matches one of them
		for _, e := range list {
			if f.match(e, true) {
				return true
			}
		}
	}
	for k, n := range f {
		e, present := m[k]
		if !n.match(e, present && ok) {
			return false
		}
	}
	return !isList
}

// rules is a list pattern: one rule must match.
type rules []rule

// rule reports whether a leaf matches.
type rule func(v any, present bool) bool

func parseRules(path string, list []any) (node, error) {
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: must not be empty", path)
	}
	var out rules
	for i, e := range list {
		r, err := parseRule(fmt.Sprintf("%s[%d]", path, i), e)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func (r rules) match(v any, present bool) bool {
	if list, ok := v.([]any); ok { // one of the list's entries must match
		for _, e := range list {
			if r.match(e, true) {
				return true
			}
		}
		return false
	}
	for _, rule := range r {
		if rule(v, present) {
			return true
		}
	}
	return false
}
