package template

import (
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"streamotp/local/iam"
	"streamotp/local/pattern"
)

// Function is a Lambda function.
type Function struct {
	ID   string `name:"-"` // logical id
	Name string `name:"-"` // physical name
	Role Role   `name:"-"`

	Routes []Route  `name:"-"`
	Topics []string `name:"-"` // ARNs of the topics that it subscribes to

	Runtime                      string `in:"provided.al2023"`
	Handler, CodeUri             string
	MemorySize                   int           `range:"128 10240"` // MB
	Timeout                      time.Duration `range:"1 900"`
	ReservedConcurrentExecutions *int          `range:"0 100000"`
	LoggingConfig                struct {
		LogFormat string `in:"JSON Text"`
		LogGroup  string
	}
	Environment struct{ Variables map[string]string }
	Policies    []policyDocument
	Events      ignored // read below, in the template's order
}

// Role is a function's own role.
type Role struct {
	Session string // the ARN that its calls come from
	Policy  iam.Policy
}

// Route is one route of the API.
type Route struct {
	ApiId  string
	Method string `in:"GET POST PUT PATCH DELETE HEAD OPTIONS"`
	Path   string
}

// ARN is the function's ARN.
func (f *Function) ARN() string { return ARN("lambda", "function:"+f.Name) }

func readFunction(res *resource) {
	p := res.properties
	f := Function{ID: res.id, Name: res.name, MemorySize: 128, Timeout: 3 * time.Second}
	f.LoggingConfig.LogFormat, f.LoggingConfig.LogGroup = "Text", "/aws/lambda/"+f.Name
	// The role that SAM creates. The permissions that SAM itself adds (for logs and for reading the stream) are for the
	// host's calls, not for the function's.
	f.Role.Session = "arn:aws:sts::" + Account + ":assumed-role/" + p.physicalName(res.id+"Role") + "/" + f.Name
	metadata, _ := p.section("Resources").at(res.id)
	metadata, _ = metadata.at("Metadata")
	if method, ok := metadata.at("BuildMethod"); !ok || method.text() != "makefile" {
		p.failf("must have Metadata.BuildMethod makefile: the development stack builds functions no other way")
	}
	if globals, ok := p.section("Globals").at("Function"); ok {
		res.properties.node = merge(globals.node, p.node)
	}
	res.decode(&f)
	for _, document := range f.Policies {
		for _, s := range document.Statement {
			f.Role.Policy = append(f.Role.Policy, s.statement())
		}
	}
	if events, ok := p.at("Events"); ok {
		for _, e := range events.entries() {
			e.readEvent(&f)
		}
	}
	p.out.Functions = append(p.out.Functions, f)
}

// merge returns the properties of Globals and of a function together, as SAM does: the function's own replace those of
// Globals, except that mappings are merged.
func merge(globals, own *yaml.Node) *yaml.Node {
	if name, _ := (place{node: own}).intrinsic(); name != "" || globals.Kind != yaml.MappingNode || own.Kind != yaml.MappingNode {
		return own
	}
	out := *own
	out.Content = slices.Clone(own.Content)
	for i := 0; i+1 < len(globals.Content); i += 2 {
		key, value := globals.Content[i], globals.Content[i+1]
		at := -1
		for j := 0; j+1 < len(own.Content); j += 2 {
			if own.Content[j].Value == key.Value {
				at = j + 1
			}
		}
		if at < 0 {
			out.Content = append(out.Content, key, value)
		} else {
			out.Content[at] = merge(value, own.Content[at])
		}
	}
	return &out
}

func (p place) readEvent(f *Function) {
	var event struct {
		Type       string `in:"HttpApi DynamoDB SNS"`
		Properties ignored
	}
	p.decode(&event)
	properties, ok := p.at("Properties")
	if !ok {
		p.failf("must have Properties")
		return
	}
	switch event.Type {
	case "HttpApi":
		var r Route
		properties.resolveAndDecode(&r)
		f.Routes = append(f.Routes, r)
	case "DynamoDB":
		m := Mapping{ID: f.ID + "." + p.key, FunctionID: f.ID, BatchSize: 100, ParallelizationFactor: 1, MaximumRetryAttempts: -1}
		properties.resolveAndDecode(&m)
		p.out.Mappings = append(p.out.Mappings, m)
	case "SNS":
		var subscription struct{ Topic string }
		properties.resolveAndDecode(&subscription)
		f.Topics = append(f.Topics, subscription.Topic)
	}
}

func (r *Route) check(p place) {
	if r.ApiId != APIID {
		p.failf("ApiId must refer to the template's AWS::Serverless::HttpApi")
	}
	if !strings.HasPrefix(r.Path, "/") || strings.ContainsAny(r.Path, "{$*") {
		p.failf("the development stack imitates only plain paths that begin with /, not %q", r.Path)
	}
}

// Mapping is an event source mapping from a table's stream to a function.
type Mapping struct {
	ID         string             `name:"-"` // SendFunction.Codes
	FunctionID string             `name:"-"`
	TableName  string             `name:"-"` // physical
	Filters    []*pattern.Pattern `name:"-"`

	Stream                         string        // ARN
	StartingPosition               string        `in:"TRIM_HORIZON LATEST"`
	BatchSize                      int           `range:"1 1000"`
	MaximumBatchingWindowInSeconds time.Duration `range:"0 300"`
	ParallelizationFactor          int           `range:"1 10"`
	BisectBatchOnFunctionError     bool
	MaximumRetryAttempts           int           `range:"-1 10000"`  // -1: until the records are too old
	MaximumRecordAgeInSeconds      time.Duration `range:"-1 604800"` // not over 0: no limit but the stream's own
	FunctionResponseTypes          []string      `in:"ReportBatchItemFailures"`
	FilterCriteria                 struct{ Filters []filter }
	DestinationConfig              struct {
		OnFailure struct {
			Type        string `in:"SQS"`
			Destination queueARN
		}
	}
	MetricsConfig ignored // there is no CloudWatch
}

type filter struct {
	Pattern string
	parsed  *pattern.Pattern
}

func (f *filter) check(p place) {
	var err error
	if f.parsed, err = pattern.Parse(f.Pattern); err != nil {
		at, _ := p.at("Pattern")
		at.failf("%v", err)
	}
}

func (m *Mapping) check(p place) {
	if m.StartingPosition == "" {
		p.failf("StartingPosition is missing")
	}
	if m.MaximumRecordAgeInSeconds >= 0 && m.MaximumRecordAgeInSeconds < time.Minute {
		if at, ok := p.at("MaximumRecordAgeInSeconds"); ok {
			at.failf("MaximumRecordAgeInSeconds must be -1 or at least 60")
		}
	}
	for _, f := range m.FilterCriteria.Filters {
		m.Filters = append(m.Filters, f.parsed)
	}
	for _, res := range p.resources {
		if _, ok := res.properties.at("StreamSpecification"); ok && m.Stream == streamARN(res.name) {
			m.TableName = res.name
		}
	}
	if m.TableName == "" {
		p.failf("Stream must be the StreamArn of a table of this template that has a StreamSpecification")
	}
}

// policyDocument is an entry of a function's Policies. Only inline documents are imitated.
type policyDocument struct {
	Version   string `in:"2012-10-17"`
	Statement []statement
}

func (d *policyDocument) check(p place) {
	if d.Version == "" { // IAM would use the older language version
		p.failf("must have a Version")
	}
}

type statement struct {
	Sid              ignored
	Effect           string `in:"Allow Deny"`
	Action, Resource words
	Condition        conditions
}

// conditions holds the operands by operator and condition key.
type conditions map[iam.Operator]map[string]words

// conditionKeys are the condition keys that the AWS endpoint sets for calls, each after its operator.
var conditionKeys = []string{"StringEquals dynamodb:Select", "StringEquals ses:FromAddress", "StringEquals aws:CalledViaLast", "StringEquals kms:RequestAlias",
	"StringEquals kms:SigningAlgorithm", "StringEquals kms:MessageType", "StringLike ses:FromAddress",
	"StringEqualsIfExists dynamodb:ReturnValues", "ForAllValues:StringEquals dynamodb:Attributes",
	"ForAllValues:StringLike dynamodb:Attributes", "ForAllValues:StringLike dynamodb:LeadingKeys"}

func (c *conditions) check(p place) {
	for _, operator := range p.entries() {
		for _, key := range operator.entries() {
			if !slices.Contains(conditionKeys, operator.key+" "+key.key) {
				key.failf("the development stack does not know this condition; known are %s", strings.Join(conditionKeys, ", "))
			}
		}
	}
}

func (s *statement) check(p place) {
	if s.Effect == "" || len(s.Action) == 0 || len(s.Resource) == 0 {
		p.failf("must have Effect, Action and Resource")
	}
	for _, a := range s.Action {
		if a != "*" && !strings.Contains(a, ":") {
			p.failf("Action must be service:Action, not %q", a)
		}
	}
	for _, keys := range s.Condition {
		if keys["dynamodb:Attributes"] != nil && !slices.Equal(s.Action, words{"dynamodb:UpdateItem"}) && !slices.Equal(s.Action, words{"dynamodb:Scan"}) {
			p.failf("the development stack knows the dynamodb:Attributes of dynamodb:UpdateItem and of dynamodb:Scan alone")
		}
	}
}

func (w *words) check(p place) {
	for _, s := range *w {
		if strings.Contains(s, "${") {
			p.failf("the development stack imitates no policy variables, as in %q", s)
		}
	}
}

func (s *statement) statement() iam.Statement {
	out := iam.Statement{Deny: s.Effect == "Deny", Actions: s.Action, Resources: s.Resource}
	for operator, keys := range s.Condition {
		for key, values := range keys {
			out.Conditions = append(out.Conditions, iam.Condition{Operator: operator, Key: key, Values: values})
		}
	}
	return out
}
