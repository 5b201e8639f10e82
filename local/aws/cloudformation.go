package aws

import "encoding/xml"

// describeStacks answers CloudFormation's DescribeStacks for the one stack there is.
func (e *Endpoint) describeStacks(q *request) *reply {
	s := e.Template
	if n := q.form.Get("StackName"); n != "" && n != s.Name && n != s.ID {
		return q.fail("ValidationError", "Stack with id "+n+" does not exist")
	}
	type parameter struct{ ParameterKey, ParameterValue string }
	type output struct {
		OutputKey, OutputValue string
		Description            string `xml:",omitempty"`
	}
	type stack struct {
		XMLName                                       xml.Name `xml:"member"`
		StackName, StackId, StackStatus, CreationTime string
		Parameters                                    []parameter `xml:"Parameters>member"`
		Outputs                                       []output    `xml:"Outputs>member"`
	}
	out := stack{StackName: s.Name, StackId: s.ID, StackStatus: "CREATE_COMPLETE", CreationTime: "2026-01-01T00:00:00Z"}
	for name, value := range s.Parameters {
		if s.NoEcho[name] {
			value = "****" // as CloudFormation shows it
		}
		out.Parameters = append(out.Parameters, parameter{name, value})
	}
	for _, o := range s.Outputs {
		out.Outputs = append(out.Outputs, output{o.Key, e.Here(o.Value), o.Description})
	}
	body, err := xml.Marshal(out)
	if err != nil {
		panic(err) // only text
	}
	return q.okXML("<Stacks>" + string(body) + "</Stacks>")
}
