// Package template reads the parts of template.yaml that the development stack imitates.
//
// It promises: (T1) what it does not understand is an error that names the place, never a guess; (T2) what it understands
// but the development stack ignores is on a list (ignored.go); (T3) all errors in a template are reported at once.
package template

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"streamotp/local/iam"
)

// The imitated stack's region and account. CloudFormation's pseudo parameters return them, and every ARN contains them.
const (
	Region  = "us-east-1"
	Account = "123456789012"
	APIID   = "local00000"
	APIHost = APIID + ".execute-api." + Region + ".amazonaws.com"

	SiteHost = "d111111abcdef8.cloudfront.net" // of the distribution
)

// Stack is the template with its parameters applied: everything that is to run.
type Stack struct {
	Name              string // as samconfig.toml names it
	API               API
	Functions         []Function
	Mappings          []Mapping
	Queues            []Queue
	Tables            []Table
	Secrets           []Secret
	SSM               map[string]string // parameters of SSM: values by name
	Outputs           []Output
	MailSets          []string // names of the SES configuration sets
	EventDestinations []EventDestination
	Maps              Maps // the section Mappings

	QueueMappings []QueueMapping

	PageHeaders map[string]string // what the distribution adds to each page

	Parameters map[string]string // by name, defaults and overrides
	NoEcho     map[string]bool   // the parameters whose values CloudFormation does not return
}

// API is the HTTP API and its one stage.
type API struct {
	Stage string
	Rate  float64 // requests a second; 0: no limit of its own
	Burst int
	CORS  *CORS // nil: no CORS configuration
}

// CORS is the API's CorsConfiguration.
type CORS struct {
	Origins, Methods, Headers, Expose []string
	MaxAge                            int // seconds
	Credentials                       bool
}

// EventDestination is an event destination of a configuration set: SES publishes events of these types to the topic.
type EventDestination struct {
	Set   string   // the configuration set's name
	Types []string // delivery, bounce, complaint
	Topic string   // ARN
}

// Function is a Lambda function.
type Function struct {
	ID          string // logical id
	Name        string // physical name
	Handler     string
	CodeURI     string
	MemoryMB    int
	Timeout     time.Duration
	Reserved    int // ReservedConcurrentExecutions; -1 if it is not set
	LogFormat   string
	LogGroup    string
	Environment map[string]string
	Routes      []Route
	Topics      []string // ARNs of the topics that it subscribes to
	Role        Role
}

// Role is a function's own role.
type Role struct {
	Session string // the ARN that its calls come from
	Policy  iam.Policy
}

// ARN is the function's ARN.
func (f Function) ARN() string { return ARN("lambda", "function:"+f.Name) }

// Route is one route of the API.
type Route struct{ Method, Path string }

// Mapping is an event source mapping from a table's stream to a function.
type Mapping struct {
	ID            string // SendFunction.Codes
	FunctionID    string
	TableName     string
	StreamARN     string
	Latest        bool // StartingPosition LATEST; otherwise TRIM_HORIZON
	BatchSize     int
	Window        time.Duration
	Lanes         int // ParallelizationFactor
	Bisect        bool
	MaxRetries    int           // -1: until the records are too old
	MaxAge        time.Duration // 0: no limit but the stream's own
	PartialFailed bool          // FunctionResponseTypes has ReportBatchItemFailures
	Patterns      []string
	DeadLetters   string // URL of the queue that is the on-failure destination; empty if there is none
}

// Table is a DynamoDB table.
type Table struct {
	ID         string
	Name       string
	Keys       []Key
	Types      []Key // attribute definitions: Type is S, N or B
	StreamView string
	TTL        string
}

// Key is a key's or an attribute's name and its type.
type Key struct{ Name, Type string }

// Secret is a Secrets Manager secret with its first value, or the rule that generates it.
type Secret struct {
	ID, Name, ARN string
	Value         string    // SecretString; empty if it is generated, or if the secret has no value yet
	Generate      *Generate // GenerateSecretString; nil without it
}

// Output is a stack output.
type Output struct{ Key, Value, Description string }

// Maps are the template's section Mappings: values by mapping, top-level key and second-level key.
type Maps map[string]map[string]map[string]string

// reader holds the state of a read. resources are those whose condition is true.
type reader struct {
	name        string // of the file
	stack       string
	suffix      string
	root        *yaml.Node
	parameters  map[string]parameter
	resources   []*resource
	globals     value
	depth       int
	evaluations int
	stopped     bool // too many evaluations
	errs        []error
	out         *Stack
}

// Read reads the template at path with the parameters that differ from their defaults. suffix distinguishes this stack's
// physical names from another's.
func Read(path, stackName, suffix string, overrides map[string]string) (*Stack, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(filepath.Base(path), data, stackName, suffix, overrides)
}

// Parse reads the text of a template as Read does. name is used in errors.
func Parse(name string, data []byte, stackName, suffix string, overrides map[string]string) (*Stack, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s: is not a template", name)
	}
	r := &reader{name: name, stack: stackName, suffix: suffix, root: doc.Content[0],
		out: &Stack{Name: stackName, Parameters: map[string]string{}, NoEcho: map[string]bool{}, Maps: Maps{}, SSM: map[string]string{}, PageHeaders: map[string]string{}}}
	r.read(overrides)
	if r.stopped {
		r.errs = append(r.errs[:min(len(r.errs), 10)], fmt.Errorf("%s: refers to itself too often", name))
	}
	return r.out, errors.Join(r.errs...)
}

func (r *reader) read(overrides map[string]string) {
	later := func(value) {}
	value{r, r.root, ""}.fields(map[string]func(value){
		"Parameters": later, "Rules": later, "Mappings": later, "Conditions": later, "Globals": later, "Resources": later, "Outputs": later,
		"Transform": func(v value) { v.oneOf("AWS::Serverless-2016-10-31") },
	}, "AWSTemplateFormatVersion", "Description", "Metadata")
	r.readParameters(overrides)
	if len(r.errs) > 0 { // every Ref to a bad parameter would be one more error
		return
	}
	r.readMaps()
	r.section("Rules").each(func(_ string, v value) { v.readRule() })
	r.section("Globals").fields(map[string]func(value){"Function": func(v value) { r.globals = v }})
	r.readResources()
	r.section("Outputs").each(func(key string, v value) { v.readOutput(key) })
}

// section returns a top-level mapping of the template, empty if the template has none.
func (r *reader) section(name string) value {
	root := value{r, r.root, ""}
	if v, ok := root.at(name); ok {
		return v
	}
	return value{r, &yaml.Node{Kind: yaml.MappingNode}, name}
}

func (v value) readOutput(key string) {
	o := Output{Key: key}
	if c, ok := v.at("Condition"); ok && !v.condition(c.node.Value, c) {
		return
	}
	v.fields(map[string]func(value){
		"Value":       func(v value) { o.Value = v.str() },
		"Description": func(v value) { o.Description = v.str() },
	}, "Condition", "Export")
	v.out.Outputs = append(v.out.Outputs, o)
}

// pseudo returns the value of one of CloudFormation's pseudo parameters.
func (r *reader) pseudo(name string) (string, bool) {
	s, ok := map[string]string{
		"AWS::Region": Region, "AWS::AccountId": Account, "AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com",
		"AWS::StackName": r.stack, "AWS::StackId": ARN("cloudformation", "stack/"+r.stack+"/"+r.suffix),
	}[name]
	return s, ok
}

// ARN returns the ARN of a resource in the imitated stack's region and account.
func ARN(service, rest string) string {
	return "arn:aws:" + service + ":" + Region + ":" + Account + ":" + rest
}

// physicalName returns a physical name as CloudFormation makes it of a logical id: stack-LogicalId-RANDOM.
func (r *reader) physicalName(id string) string {
	sum := sha256.Sum256([]byte(r.suffix + "/" + id))
	return r.stack + "-" + id + "-" + strings.TrimRight(base32.StdEncoding.EncodeToString(sum[:]), "=")[:12]
}
