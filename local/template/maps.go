package template

import "gopkg.in/yaml.v3"

// readMaps reads the section Mappings. Its values are literals; lists in it are not imitated.
func (r *reader) readMaps() {
	r.section("Mappings").each(func(name string, v value) {
		r.out.Maps[name] = map[string]map[string]string{}
		v.each(func(top string, v value) {
			r.out.Maps[name][top] = map[string]string{}
			v.each(func(second string, v value) { r.out.Maps[name][top][second] = v.literal() })
		})
	})
}

// literal returns a scalar that is not an intrinsic: a mapping may not have any.
func (v value) literal() string {
	if name, _ := v.intrinsic(); name != "" {
		v.failf("must be literal, not %s", name)
		return ""
	}
	return v.str()
}

func (v value) findInMap() *yaml.Node {
	args := v.args(3, 3) // a fourth, the default, needs the transform AWS::LanguageExtensions
	if args == nil {
		return nil
	}
	name, top, second := args[0].str(), args[1].str(), args[2].str()
	found, ok := v.out.Maps[name][top][second]
	if !ok {
		v.failf("there is no mapping %s.%s.%s", name, top, second)
		return nil
	}
	return scalar(v.node.Line, found)
}
