package template

import (
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// intrinsics are the functions that the development stack evaluates. Each gets its argument unresolved. A nil node means
// AWS::NoValue: the property counts as not written.
var intrinsics map[string]func(v value) *yaml.Node

func init() { // a literal would refer to itself through resolve
	intrinsics = map[string]func(v value) *yaml.Node{
		"Ref":           func(v value) *yaml.Node { return v.ref(v.node.Value) },
		"Fn::Sub":       value.sub,
		"Fn::GetAtt":    value.getAtt,
		"Fn::If":        value.branch,
		"Fn::FindInMap": value.findInMap,
		"Fn::Join":      value.join,
		"Fn::Select":    value.pick,
		"Fn::Split":     value.split,
	}
}

// intrinsic returns the name of the function that a node calls, in its long or short form, and its argument.
func (v value) intrinsic() (string, value) {
	n := v.node
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		name := strings.TrimPrefix(n.Tag, "!")
		if name != "Ref" && name != "Condition" {
			name = "Fn::" + name
		}
		plain := *n
		plain.Tag = ""
		return name, value{v.reader, &plain, v.path}
	}
	if n.Kind == yaml.MappingNode && len(n.Content) == 2 {
		key := n.Content[0].Value
		if key == "Ref" || key == "Condition" && n.Content[1].Kind == yaml.ScalarNode || strings.HasPrefix(key, "Fn::") {
			return key, value{v.reader, n.Content[1], v.path}
		}
	}
	return "", v
}

// resolve evaluates the intrinsic if the value is one. It returns false for AWS::NoValue.
func (v value) resolve() (value, bool) {
	name, arg := v.intrinsic()
	if name == "" {
		return v, true
	}
	f := intrinsics[name]
	if f == nil {
		v.failf("the development stack does not know the intrinsic %s here", name)
		return v, false
	}
	if v.tooMuch() {
		return v, false
	}
	v.depth++
	defer func() { v.depth-- }()
	node := f(arg)
	if node == nil {
		return v, false
	}
	return value{v.reader, node, v.path}.resolve()
}

// tooMuch stops the evaluation of values that refer to themselves, in whatever way. No template needs this many
// evaluations.
func (v value) tooMuch() bool {
	v.evaluations++
	switch {
	case v.evaluations > 10_000:
		v.stopped = true
	case v.depth > 50:
		v.failf("refers to itself")
	default:
		return false
	}
	return true
}

// args returns the argument list of an intrinsic, unresolved.
func (v value) args(lowest, highest int) []value {
	if v.node.Kind != yaml.SequenceNode || len(v.node.Content) < lowest || len(v.node.Content) > highest {
		v.failf("wrong number of arguments")
		return nil
	}
	var out []value
	for i, n := range v.node.Content {
		out = append(out, v.child(n, strconv.Itoa(i)))
	}
	return out
}

func (v value) ref(name string) *yaml.Node {
	if name == "AWS::NoValue" {
		return nil
	}
	if p, ok := v.parameters[name]; ok {
		if p.list {
			return sequence(v.node.Line, strings.Split(p.value, ","))
		}
		return scalar(v.node.Line, p.value)
	}
	if s, ok := v.pseudo(name); ok {
		return scalar(v.node.Line, s)
	}
	if r := v.resource(name); r != nil && r.custom() {
		v.failf("refers to %q, a custom resource, whose function alone knows its physical id", name)
		return nil
	} else if r != nil {
		return scalar(v.node.Line, v.physicalID(r))
	}
	v.failf("refers to %q, which is no parameter and no resource of this template", name)
	return nil
}

func (v value) getAtt() *yaml.Node {
	parts := strings.SplitN(v.node.Value, ".", 2)
	if v.node.Kind == yaml.SequenceNode {
		parts = v.strs()
	}
	if len(parts) != 2 {
		v.failf("must name a resource and its attribute")
		return nil
	}
	return v.attribute(parts[0], parts[1])
}

func (v value) attribute(name, attribute string) *yaml.Node {
	r := v.resource(name)
	if r == nil {
		v.failf("refers to %q, which is no resource of this template", name)
		return nil
	}
	s, ok := v.attributeOf(r, attribute)
	if !ok {
		v.failf("the development stack does not know the attribute %s of %s", attribute, r.kind)
		return nil
	}
	return scalar(v.node.Line, s)
}

var placeholder = regexp.MustCompile(`\$\{(!?)([^}]*)\}`)

func (v value) sub() *yaml.Node {
	text, own := v, value{}
	if v.node.Kind == yaml.SequenceNode {
		args := v.args(2, 2)
		if args == nil {
			return nil
		}
		text, own = args[0], args[1]
	}
	out := placeholder.ReplaceAllStringFunc(text.node.Value, func(match string) string {
		m := placeholder.FindStringSubmatch(match)
		if m[1] == "!" { // ${!Name} is a literal ${Name}
			return "${" + m[2] + "}"
		}
		return v.substitute(m[2], own)
	})
	return scalar(v.node.Line, out)
}

func (v value) substitute(name string, own value) string {
	if own.node != nil {
		if o, ok := own.at(name); ok {
			return o.str()
		}
	}
	var node *yaml.Node
	if resource, attribute, ok := strings.Cut(name, "."); ok {
		node = v.attribute(resource, attribute)
	} else {
		node = v.ref(name)
	}
	if node == nil {
		return ""
	}
	return value{v.reader, node, v.path}.str()
}

func (v value) branch() *yaml.Node {
	args := v.args(3, 3)
	if args == nil {
		return nil
	}
	if v.condition(args[0].node.Value, v) {
		return args[1].node
	}
	return args[2].node
}

func (v value) join() *yaml.Node {
	args := v.args(2, 2)
	if args == nil {
		return nil
	}
	return scalar(v.node.Line, strings.Join(args[1].strs(), args[0].str()))
}

func (v value) split() *yaml.Node {
	args := v.args(2, 2)
	if args == nil {
		return nil
	}
	return sequence(v.node.Line, strings.Split(args[1].str(), args[0].str()))
}

func (v value) pick() *yaml.Node {
	args := v.args(2, 2)
	if args == nil {
		return nil
	}
	list := args[1].list()
	i := args[0].integer(0, 1<<16)
	if i < 0 || i >= len(list) {
		v.failf("the list has no entry %d", i)
		return nil
	}
	return list[i].node
}
