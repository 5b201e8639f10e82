package template

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// value is a place in the template: a node, and the path that names it in an error. Intrinsics in it are resolved only
// when it is read, so a part that nothing reads (a table's tags, say) need not be understood.
type value struct {
	*reader
	node *yaml.Node
	path string
}

// failf records an error at this place. Reading goes on, so that one run reports all errors.
func (v value) failf(format string, args ...any) {
	if len(v.errs) > 1000 { // one mistake, repeated many times
		return
	}
	v.errs = append(v.errs, fmt.Errorf("%s:%d: %s: %s", v.name, v.node.Line, v.path, fmt.Sprintf(format, args...)))
}

// at returns the value of a key of this mapping, or false if the key is missing.
func (v value) at(key string) (value, bool) {
	for i := 0; i+1 < len(v.node.Content) && v.node.Kind == yaml.MappingNode; i += 2 {
		if v.node.Content[i].Value == key {
			return v.child(v.node.Content[i+1], key), true
		}
	}
	return value{}, false
}

func (v value) child(node *yaml.Node, key string) value {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	path := key
	if v.path != "" {
		path = v.path + "." + key
	}
	return value{v.reader, node, path}
}

// each calls f for every entry of a mapping, in the template's order.
func (v value) each(f func(key string, v value)) {
	r, ok := v.resolve()
	if !ok {
		return
	}
	if r.node.Kind != yaml.MappingNode {
		r.failf("must be a mapping")
		return
	}
	for i := 0; i+1 < len(r.node.Content); i += 2 {
		f(r.node.Content[i].Value, r.child(r.node.Content[i+1], r.node.Content[i].Value))
	}
}

// fields reads a mapping. It calls each key's function. An unknown key is an error; a key on the ignored list is skipped.
func (v value) fields(known map[string]func(value), ignored ...string) {
	v.each(func(key string, f value) {
		if read := known[key]; read != nil {
			read(f)
			return
		}
		for _, i := range ignored {
			if i == key {
				return
			}
		}
		f.failf("the development stack does not know this property; known are %s", strings.Join(keys(known), ", "))
	})
}

// list returns the entries of a sequence. A single scalar does not count as a list.
func (v value) list() []value {
	r, ok := v.resolve()
	if !ok {
		return nil
	}
	if r.node.Kind != yaml.SequenceNode {
		r.failf("must be a list")
		return nil
	}
	var out []value
	for i, n := range r.node.Content {
		if e, ok := r.child(n, strconv.Itoa(i)).resolve(); ok {
			out = append(out, e)
		}
	}
	return out
}

// str returns a scalar as text, in the form in which CloudFormation passes on numbers and booleans.
func (v value) str() string {
	r, ok := v.resolve()
	if !ok {
		return ""
	}
	if r.node.Kind != yaml.ScalarNode {
		r.failf("must be a single value")
		return ""
	}
	return r.node.Value
}

// strs returns a list of scalars.
func (v value) strs() []string {
	var out []string
	for _, e := range v.list() {
		out = append(out, e.str())
	}
	return out
}

// integer returns a whole number between lowest and highest, which are AWS's own bounds for the property.
func (v value) integer(lowest, highest int) int {
	s := v.str()
	n, err := strconv.Atoi(s)
	if err != nil || n < lowest || n > highest {
		v.failf("must be a whole number from %d to %d, is %q", lowest, highest, s)
	}
	return n
}

func (v value) number() float64 {
	s := v.str()
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || n < 0 {
		v.failf("must be a number that is not negative, is %q", s)
	}
	return n
}

func (v value) boolean() bool {
	s := v.str()
	if s != "true" && s != "false" {
		v.failf("must be true or false, is %q", s)
	}
	return s == "true"
}

// oneOf returns a scalar that must be one of the words that the development stack imitates.
func (v value) oneOf(words ...string) string {
	s := v.str()
	for _, w := range words {
		if s == w {
			return s
		}
	}
	v.failf("the development stack imitates only %s here, not %q", strings.Join(words, ", "), s)
	return s
}

func keys[T any](m map[string]T) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// scalar and sequence make the nodes that intrinsics resolve to. line is that of the intrinsic.
func scalar(line int, s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s, Line: line}
}

func sequence(line int, list []string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: line}
	for _, s := range list {
		n.Content = append(n.Content, scalar(line, s))
	}
	return n
}
