package template

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"streamotp/local/iam"
)

// roleOf returns the role that SAM creates for a function. The permissions that SAM itself adds (for logs and for reading
// the stream) are for the host's calls, not for the function's.
func (r *reader) roleOf(id string) Role {
	return Role{Session: "arn:aws:sts::" + Account + ":assumed-role/" + r.physicalName(id+"Role") + "/" + r.physicalName(id)}
}

// readPolicies reads a function's Policies. Only inline documents are imitated.
func (v value) readPolicies() (out iam.Policy) {
	for _, document := range v.list() {
		if document.node.Kind != yaml.MappingNode {
			document.failf("must be a policy document: the development stack does not know what %q allows", document.node.Value)
			continue
		}
		version := ""
		document.fields(map[string]func(value){
			"Version": func(v value) { version = v.oneOf("2012-10-17") },
			"Statement": func(v value) {
				for _, s := range v.list() {
					out = append(out, s.readStatement())
				}
			},
		})
		if version == "" { // IAM would use the older language version
			document.failf("must have a Version")
		}
	}
	return out
}

func (v value) readStatement() (s iam.Statement) {
	effect := ""
	v.fields(map[string]func(value){
		"Effect":    func(v value) { effect = v.oneOf("Allow", "Deny") },
		"Action":    func(v value) { s.Actions = v.patterns() },
		"Resource":  func(v value) { s.Resources = v.patterns() },
		"Condition": func(v value) { s.Conditions = v.readConditions() },
	}, "Sid")
	if effect == "" || len(s.Actions) == 0 || len(s.Resources) == 0 {
		v.failf("must have Effect, Action and Resource")
	}
	for _, a := range s.Actions {
		if a != "*" && !strings.Contains(a, ":") {
			v.failf("Action must be service:Action, not %q", a)
		}
	}
	named := slices.ContainsFunc(s.Conditions, func(c iam.Condition) bool { return c.Key == "dynamodb:Attributes" })
	if named && !slices.Equal(s.Actions, []string{"dynamodb:UpdateItem"}) {
		v.failf("the development stack knows the dynamodb:Attributes of dynamodb:UpdateItem alone")
	}
	s.Deny = effect == "Deny"
	return s
}

// conditionKeys are, for each operator, the condition keys that the AWS endpoint sets for calls.
var conditionKeys = map[iam.Operator][]string{
	iam.Equals: {"ses:FromAddress", "aws:CalledViaLast"}, iam.Like: {"ses:FromAddress"}, iam.EqualsIfExists: {"dynamodb:ReturnValues"},
	iam.AllEqual: {"dynamodb:Attributes"}, iam.AllLike: {"dynamodb:Attributes", "dynamodb:LeadingKeys"},
}

func (v value) readConditions() (out []iam.Condition) {
	known := map[string]func(value){}
	for operator, keys := range conditionKeys {
		known[string(operator)] = func(v value) {
			fields := map[string]func(value){}
			for _, key := range keys {
				fields[key] = func(v value) {
					out = append(out, iam.Condition{Operator: operator, Key: key, Values: v.patterns()})
				}
			}
			v.fields(fields)
		}
	}
	v.fields(known)
	return out
}

// patterns returns one text or a list of texts, as policies allow both.
func (v value) patterns() []string {
	r, ok := v.resolve()
	if !ok {
		return nil
	}
	out := []string{}
	if r.node.Kind == yaml.SequenceNode {
		out = r.strs()
	} else {
		out = append(out, r.str())
	}
	for _, s := range out {
		if strings.Contains(s, "${") {
			v.failf("the development stack imitates no policy variables, as in %q", s)
		}
	}
	return out
}
