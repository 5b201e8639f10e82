package template

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// intrinsics are the functions that the development stack evaluates, each with the number of its arguments, which it gets
// unresolved; 0 is for a function that has one argument, not a list. at is the place of the call. A function returns nil
// for AWS::NoValue, and after an error.
var intrinsics map[string]struct {
	arguments int
	evaluate  func(at place, arguments []place) *yaml.Node
}

func init() { // a literal would refer to itself through resolve
	intrinsics = map[string]struct {
		arguments int
		evaluate  func(at place, arguments []place) *yaml.Node
	}{
		"Ref":           {0, func(at place, _ []place) *yaml.Node { return at.ref(at.node.Value) }},
		"Fn::Sub":       {0, sub},
		"Fn::GetAtt":    {0, getAtt},
		"Fn::If":        {3, branch},
		"Fn::FindInMap": {3, findInMap}, // a fourth, the default, needs the transform AWS::LanguageExtensions
		"Fn::Select":    {2, pick},
		"Fn::Split":     {2, split},
	}
}

// intrinsic returns the name of the function that a node calls, in its long or short form, and its argument.
func (p place) intrinsic() (string, place) {
	n := p.node
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		name := strings.TrimPrefix(n.Tag, "!")
		if name != "Ref" && name != "Condition" {
			name = "Fn::" + name
		}
		plain := *n
		plain.Tag = ""
		return name, p.with(&plain)
	}
	if n.Kind == yaml.MappingNode && len(n.Content) == 2 {
		key := n.Content[0].Value
		if key == "Ref" || key == "Condition" && n.Content[1].Kind == yaml.ScalarNode || strings.HasPrefix(key, "Fn::") {
			return key, p.with(n.Content[1])
		}
	}
	return "", p
}

// resolve returns the value with each intrinsic in it replaced by what it stands for: the property of an AWS::NoValue is
// left out, and for one alone resolve returns nil.
func (p place) resolve() *yaml.Node {
	if p.tooMuch() {
		return nil
	}
	p.depth++
	defer func() { p.depth-- }()
	if name, argument := p.intrinsic(); name != "" {
		f, known := intrinsics[name]
		if !known {
			p.failf("the development stack does not know the intrinsic %s here", name)
			return nil
		}
		arguments, ok := argument.arguments(f.arguments)
		if !ok {
			return nil
		}
		return f.evaluate(argument, arguments)
	}
	out := *p.node
	out.Content = nil
	for _, e := range p.entries() {
		value := e.resolve()
		switch {
		case value == nil:
		case p.node.Kind == yaml.MappingNode:
			out.Content = append(out.Content, scalar(e.node.Line, e.key), value)
		default:
			out.Content = append(out.Content, value)
		}
	}
	return &out
}

// resolveAndDecode reads a value that may have intrinsics into a struct.
func (p place) resolveAndDecode(into any) {
	if node := p.resolve(); node != nil {
		p.with(node).decode(into)
	}
}

// tooMuch stops the evaluation of values that refer to themselves, in whatever way. No template needs this many steps.
func (p place) tooMuch() bool {
	p.steps++
	switch {
	case p.steps > 100_000:
		p.stopped = true
	case p.depth > 50:
		p.failf("refers to itself")
	default:
		return false
	}
	return true
}

// text returns a single value, resolved. It is in the form in which CloudFormation passes on numbers and booleans.
func (p place) text() (s string) {
	p.resolveAndDecode(&s)
	return s
}

// arguments returns the n arguments of a function, unresolved. It returns false if there is another number of them.
func (p place) arguments(n int) ([]place, bool) {
	if n > 0 && (p.node.Kind != yaml.SequenceNode || len(p.node.Content) != n) {
		p.failf("wrong number of arguments")
		return nil, false
	}
	return p.entries(), true
}

// scalar makes the node that an intrinsic stands for. line is that of the intrinsic.
func scalar(line int, s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s, Line: line}
}

func (p place) ref(name string) *yaml.Node {
	if name == "AWS::NoValue" {
		return nil
	}
	s, ok := p.out.Parameters[name]
	if !ok {
		s, ok = p.pseudo(name)
	}
	if res := p.resource(name); res != nil && !ok {
		s, ok = res.reference(p)
	} else if !ok {
		p.failf("refers to %q, which is no parameter and no resource of this template", name)
	}
	if !ok {
		return nil
	}
	return scalar(p.node.Line, s)
}

func getAtt(p place, parts []place) *yaml.Node {
	name, attribute, ok := strings.Cut(p.node.Value, ".")
	if len(parts) == 2 {
		name, attribute, ok = parts[0].node.Value, parts[1].node.Value, true
	}
	if !ok {
		p.failf("must name a resource and its attribute")
		return nil
	}
	return p.attribute(name, attribute)
}

func (p place) attribute(name, attribute string) *yaml.Node {
	res := p.resource(name)
	if res == nil {
		p.failf("refers to %q, which is no resource of this template", name)
		return nil
	}
	text, ok := res.kind.attributes[attribute]
	if !ok {
		p.failf("the development stack does not know the attribute %s of %s", attribute, res.Type)
		return nil
	}
	return scalar(p.node.Line, res.expand(text))
}

var placeholder = regexp.MustCompile(`\$\{(!?)([^}]*)\}`)

func sub(p place, arguments []place) *yaml.Node {
	text, own := p, p
	if len(arguments) == 2 {
		text, own = arguments[0], arguments[1]
	}
	if !text.is(yaml.ScalarNode, "text") {
		return nil
	}
	out := placeholder.ReplaceAllStringFunc(text.node.Value, func(match string) string {
		m := placeholder.FindStringSubmatch(match)
		if m[1] == "!" { // ${!Name} is a literal ${Name}
			return "${" + m[2] + "}"
		}
		if value, ok := own.at(m[2]); ok {
			return value.text()
		}
		node := (*yaml.Node)(nil)
		if name, attribute, ok := strings.Cut(m[2], "."); ok {
			node = p.attribute(name, attribute)
		} else {
			node = p.ref(m[2])
		}
		if node == nil {
			return ""
		}
		return node.Value
	})
	return scalar(p.node.Line, out)
}

func branch(p place, arguments []place) *yaml.Node {
	if p.condition(arguments[0].node.Value) {
		return arguments[1].resolve()
	}
	return arguments[2].resolve()
}

func findInMap(p place, arguments []place) *yaml.Node {
	name, top, second := arguments[0].text(), arguments[1].text(), arguments[2].text()
	found, ok := p.maps[name][top][second]
	if !ok {
		p.failf("there is no mapping %s.%s.%s", name, top, second)
		return nil
	}
	return scalar(p.node.Line, found)
}

func split(p place, arguments []place) *yaml.Node {
	out := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: p.node.Line}
	for _, s := range strings.Split(arguments[1].text(), arguments[0].text()) {
		out.Content = append(out.Content, scalar(p.node.Line, s))
	}
	return out
}

func pick(p place, arguments []place) *yaml.Node {
	var list []string
	arguments[1].resolveAndDecode(&list)
	i, err := strconv.Atoi(arguments[0].text())
	if err != nil || i < 0 || i >= len(list) {
		p.failf("the list has no entry %s", arguments[0].node.Value)
		return nil
	}
	return scalar(p.node.Line, list[i])
}

// conditionHolds reports whether what has this place is created: its own Condition, if it has one, is true.
func (p place) conditionHolds() bool {
	c, ok := p.at("Condition")
	return !ok || c.condition(c.node.Value)
}

// condition evaluates an entry of the section Conditions for the place that uses it.
func (p place) condition(name string) bool {
	c, ok := p.section("Conditions").at(name)
	if !ok {
		p.failf("there is no condition %q", name)
		return false
	}
	return c.truth()
}

// truth evaluates one condition function.
func (p place) truth() bool {
	if p.tooMuch() {
		return false
	}
	p.depth++
	defer func() { p.depth-- }()
	name, argument := p.intrinsic()
	switch name {
	case "Condition":
		return p.condition(argument.node.Value)
	case "Fn::Equals":
		sides, ok := argument.arguments(2)
		return ok && sides[0].text() == sides[1].text()
	case "Fn::Not":
		other, ok := argument.arguments(1)
		return ok && !other[0].truth()
	case "Fn::And", "Fn::Or":
		conditions := argument.entries()
		if argument.node.Kind != yaml.SequenceNode || len(conditions) < 2 {
			argument.failf("wrong number of arguments")
		}
		if name == "Fn::Or" {
			return slices.ContainsFunc(conditions, place.truth)
		}
		return !slices.ContainsFunc(conditions, func(p place) bool { return !p.truth() })
	}
	p.failf("the development stack does not know the condition function %q", name)
	return false
}

// readRules checks the section Rules, as a deployment does before it creates anything.
func (r *reader) readRules() {
	for _, p := range r.section("Rules").entries() {
		var rule struct{ RuleCondition, Assertions ignored } // read below
		p.decode(&rule)
		condition, conditional := p.at("RuleCondition")
		assertions, ok := p.at("Assertions")
		if !ok || conditional && !condition.truth() {
			continue
		}
		for _, a := range assertions.entries() {
			var assertion struct {
				Assert            ignored
				AssertDescription string
			}
			a.decode(&assertion)
			if assert, ok := a.at("Assert"); ok && !assert.truth() {
				assert.failf("%s", assertion.AssertDescription)
			}
		}
	}
}
