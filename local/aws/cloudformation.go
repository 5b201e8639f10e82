package aws

import "encoding/xml"

// Stack holds what DescribeStacks returns.
type Stack struct {
	Name, ID   string
	Parameters []Parameter
	Outputs    []Output
}

// Parameter is a stack parameter with its current value.
type Parameter struct{ ParameterKey, ParameterValue string }

// Output is a stack output.
type Output struct {
	OutputKey, OutputValue string
	Description            string `xml:",omitempty"`
}

// describeStacks answers CloudFormation's DescribeStacks for the one stack there is.
func (e *Endpoint) describeStacks(q *request) *reply {
	s := e.Stack()
	if q.action != "DescribeStacks" {
		return q.fail("InvalidAction", "The development stack imitates DescribeStacks only, not "+q.action+".")
	}
	if n := q.form["StackName"]; n != "" && n != s.Name && n != s.ID {
		return q.fail("ValidationError", "Stack with id "+n+" does not exist")
	}
	type member struct {
		StackName, StackId, StackStatus, CreationTime string
		Parameters                                    []Parameter `xml:"Parameters>member"`
		Outputs                                       []Output    `xml:"Outputs>member"`
	}
	body, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"DescribeStacksResponse"`
		XMLNS   string   `xml:"xmlns,attr"`
		Stacks  []member `xml:"DescribeStacksResult>Stacks>member"`
	}{
		XMLNS:  xmlns["cloudformation"],
		Stacks: []member{{s.Name, s.ID, "CREATE_COMPLETE", "2026-01-01T00:00:00Z", s.Parameters, s.Outputs}},
	})
	if err != nil {
		panic(err) // only text
	}
	return &reply{status: 200, header: q.contentType(), body: body}
}
