package template

// condition evaluates an entry of the section Conditions. at is the place that uses it, for the error.
func (r *reader) condition(name string, at value) bool {
	v, ok := r.section("Conditions").at(name)
	if !ok {
		at.failf("there is no condition %q", name)
		return false
	}
	if v.tooMuch() {
		return false
	}
	r.depth++
	defer func() { r.depth-- }()
	return v.truth()
}

// truth evaluates one condition function.
func (v value) truth() bool {
	name, arg := v.intrinsic()
	switch name {
	case "Condition":
		return v.condition(arg.node.Value, v)
	case "Fn::Equals":
		args := arg.args(2, 2)
		return args != nil && args[0].str() == args[1].str()
	case "Fn::Not":
		args := arg.args(1, 1)
		return args != nil && !args[0].truth()
	case "Fn::And":
		for _, a := range arg.args(2, 10) {
			if !a.truth() {
				return false
			}
		}
		return true
	case "Fn::Or":
		for _, a := range arg.args(2, 10) {
			if a.truth() {
				return true
			}
		}
		return false
	}
	v.failf("the development stack does not know the condition function %q", name)
	return false
}
