package template

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// place is a node of the template, its key, and the path that names it in an error.
type place struct {
	*reader
	node *yaml.Node
	key  string
	path string
}

// failf records an error at this place. Reading goes on, so that one run reports all errors.
func (p place) failf(format string, args ...any) {
	if len(p.errs) > 1000 { // one mistake, repeated many times
		return
	}
	p.errs = append(p.errs, fmt.Errorf("%s:%d: %s: %s", p.file, p.node.Line, p.path, fmt.Sprintf(format, args...)))
}

// with returns the place with another node.
func (p place) with(node *yaml.Node) place {
	p.node = node
	return p
}

func (p place) child(key string, node *yaml.Node) place {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return place{p.reader, node, key, strings.TrimPrefix(p.path+"."+key, ".")}
}

// at returns the value of a key of this mapping, or false if the key is missing.
func (p place) at(key string) (place, bool) {
	for i := 0; i+1 < len(p.node.Content) && p.node.Kind == yaml.MappingNode; i += 2 {
		if p.node.Content[i].Value == key {
			return p.child(key, p.node.Content[i+1]), true
		}
	}
	return p, false
}

// entries returns the values of a mapping, or the entries of a list, in the template's order.
func (p place) entries() (out []place) {
	for i, n := range p.node.Content {
		switch {
		case p.node.Kind == yaml.SequenceNode:
			out = append(out, p.child(strconv.Itoa(i), n))
		case i%2 == 1:
			out = append(out, p.child(p.node.Content[i-1].Value, n))
		}
	}
	return out
}

// ignored is the type of a property that the development stack knows and ignores on purpose.
type ignored struct{}

// words is one text or a list of texts.
type words []string

// checker is a type with rules that tags do not express. check reports what breaks them at the value's place.
type checker interface{ check(p place) }

// decode reads a value without intrinsics into a struct. A field is named like its property, or by the tag name; the name
// "-" is that of no property. An unknown property is an error. Further tags: in lists the words that the development stack
// imitates; range has AWS's own bounds of a whole number. A Duration is a number of seconds.
func (p place) decode(into any) { p.fill(reflect.ValueOf(into).Elem(), "") }

func (p place) fill(v reflect.Value, tag reflect.StructTag) {
	if name, _ := p.intrinsic(); name != "" {
		p.failf("must be literal, not %s", name)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		p.fill(v.Elem(), tag)
		return
	case reflect.Struct:
		p.fillStruct(v)
	case reflect.Map:
		p.fillMap(v, tag)
	case reflect.Slice:
		p.fillSlice(v, tag)
	default:
		p.fillScalar(v, tag)
	}
	if c, ok := v.Addr().Interface().(checker); ok {
		c.check(p)
	}
}

// is reports whether the node is of a kind. If it is not, it records an error.
func (p place) is(kind yaml.Kind, name string) bool {
	if p.node.Kind != kind {
		p.failf("must be %s, not %q", name, p.node.Value)
	}
	return p.node.Kind == kind
}

func (p place) fillStruct(v reflect.Value) {
	if !p.is(yaml.MappingNode, "a mapping") {
		return
	}
	fields := map[string]reflect.StructField{}
	for _, f := range reflect.VisibleFields(v.Type()) {
		name := f.Name
		if tag := f.Tag.Get("name"); tag != "" {
			name = tag
		}
		if f.IsExported() && name != "-" {
			fields[name] = f
		}
	}
	for _, e := range p.entries() {
		switch f, known := fields[e.key]; {
		case !known:
			e.failf("the development stack does not know this property; known are %s", strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
		case f.Type != reflect.TypeFor[ignored]():
			e.fill(v.FieldByIndex(f.Index), f.Tag)
		}
	}
}

func (p place) fillMap(v reflect.Value, tag reflect.StructTag) {
	v.Set(reflect.MakeMap(v.Type()))
	if !p.is(yaml.MappingNode, "a mapping") {
		return
	}
	for _, e := range p.entries() {
		value := reflect.New(v.Type().Elem()).Elem()
		e.fill(value, tag)
		v.SetMapIndex(reflect.ValueOf(e.key).Convert(v.Type().Key()), value)
	}
}

func (p place) fillSlice(v reflect.Value, tag reflect.StructTag) {
	entries := p.entries()
	if v.Type() == reflect.TypeFor[words]() && p.node.Kind == yaml.ScalarNode {
		entries = []place{p}
	} else if !p.is(yaml.SequenceNode, "a list") {
		return
	}
	for _, e := range entries {
		value := reflect.New(v.Type().Elem()).Elem()
		e.fill(value, tag)
		v.Set(reflect.Append(v, value))
	}
}

func (p place) fillScalar(v reflect.Value, tag reflect.StructTag) {
	if !p.is(yaml.ScalarNode, "a single value") {
		return
	}
	text := p.node.Value
	switch v.Kind() {
	case reflect.String:
		if in := strings.Fields(tag.Get("in")); len(in) > 0 && !slices.Contains(in, text) {
			p.failf("the development stack imitates only %s here, not %q", strings.Join(in, ", "), text)
		}
		v.SetString(text)
	case reflect.Bool:
		if text != "true" && text != "false" {
			p.failf("must be true or false, is %q", text)
		}
		v.SetBool(text == "true")
	case reflect.Float64:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || n < 0 {
			p.failf("must be a number that is not negative, is %q", text)
		}
		v.SetFloat(n)
	default:
		v.SetInt(p.integer(tag.Get("range"), v.Type() == reflect.TypeFor[time.Duration]()))
	}
}

func (p place) integer(bounds string, seconds bool) int64 {
	var lowest, highest int64
	if _, err := fmt.Sscan(bounds, &lowest, &highest); err != nil {
		panic("a number without the tag range at " + p.path)
	}
	n, err := strconv.ParseInt(p.node.Value, 10, 64)
	if err != nil || n < lowest || n > highest {
		p.failf("must be a whole number from %d to %d, is %q", lowest, highest, p.node.Value)
		return lowest
	}
	if seconds {
		n *= int64(time.Second)
	}
	return n
}
