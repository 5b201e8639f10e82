package template

// readRule checks an entry of the section Rules, as a deployment does before it creates anything.
func (v value) readRule() {
	holds := true
	v.fields(map[string]func(value){
		"RuleCondition": func(v value) { holds = v.truth() },
		"Assertions":    func(value) {},
	})
	assertions, _ := v.at("Assertions")
	if assertions.node == nil || !holds {
		return
	}
	for _, a := range assertions.list() {
		says := ""
		if d, ok := a.at("AssertDescription"); ok {
			says = d.str()
		}
		a.fields(map[string]func(value){
			"Assert": func(v value) {
				if !v.truth() {
					v.failf("%s", says)
				}
			},
		}, "AssertDescription")
	}
}
