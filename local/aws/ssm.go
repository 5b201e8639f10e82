package aws

import (
	"encoding/json"
	"strings"

	"streamotp/local/template"
)

// getParameter answers SSM's GetParameter for the template's parameters.
func (e *Endpoint) getParameter(q *request) *reply {
	var in struct{ Name string }
	if err := Strict(q.body, &in); err != nil {
		return q.fail("ValidationException", err.Error())
	}
	value, ok := e.Template.SSM[in.Name]
	if !ok {
		return q.fail("ParameterNotFound", "Parameter "+in.Name+" not found.")
	}
	return q.ok(map[string]any{"Parameter": map[string]any{"Name": in.Name, "Type": "String", "Value": e.Here(value), "Version": 1,
		"DataType": "text", "ARN": template.ARN("ssm", "parameter"+in.Name)}})
}

func parameterPermissions(_ *Endpoint, q *request) []permission {
	var in struct{ Name string }
	_ = json.Unmarshal(q.body, &in) // if the call is allowed, its handler reports what is wrong with it
	return []permission{{action: "ssm:" + q.action, resource: template.ARN("ssm", "parameter/"+strings.TrimPrefix(in.Name, "/"))}}
}
