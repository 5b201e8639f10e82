// Package template reads the parts of template.yaml that the development stack imitates.
//
// It reads in two steps. resolve.go replaces intrinsics by their values. decode.go reads the result into structs, whose
// fields are named like the template's properties. resources.go has a row for each resource type.
//
// It promises: (T1) a part of the template that it does not understand is an error that names the place, never a guess; (T2) a part
// that it understands but that the development stack ignores is listed in resources.go, or is a field of the type ignored; (T3) all
// errors in a template are reported at once.
package template

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gopkg.in/yaml.v3"
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
	ID                string // its ARN
	API               API
	Functions         []Function
	Mappings          []Mapping
	QueueMappings     []QueueMapping
	Queues            []Queue
	Tables            []Table
	Secrets           []Secret
	SSM               map[string]string // parameters of SSM: values by name
	Keys              []string          // ids of the KMS keys
	KeyAliases        []KeyAlias
	Outputs           []Output
	MailSets          []string // names of the SES configuration sets
	EventDestinations []EventDestination
	PageHeaders       map[string]string // what the distribution adds to each page
	PublicHeaders     map[string]string // and to what pages of other origins may read
	OauthHeaders      map[string]string // and to the responses of hosted login
	OauthRemoved      []string          // the headers that it takes away from those

	Parameters map[string]string // by name, defaults and overrides
	NoEcho     map[string]bool   // the parameters whose values CloudFormation does not return
}

// Table returns the table with this logical id or physical name, or nil.
func (s *Stack) Table(name string) *Table {
	return find(s.Tables, func(t *Table) bool { return t.ID == name || t.Name == name })
}

// Function returns the function with this logical id, physical name or ARN, or nil.
func (s *Stack) Function(name string) *Function {
	return find(s.Functions, func(f *Function) bool { return f.ID == name || f.Name == name || f.ARN() == name })
}

// Queue returns the queue with this URL or ARN, or nil.
func (s *Stack) Queue(name string) *Queue {
	return find(s.Queues, func(q *Queue) bool { return q.URL == name || q.ARN == name })
}

func find[T any](all []T, is func(*T) bool) *T {
	for i := range all {
		if is(&all[i]) {
			return &all[i]
		}
	}
	return nil
}

// Output is a stack output.
type Output struct {
	Key                string `name:"-"`
	Value, Description string
	Condition, Export  ignored
}

// reader holds the state of a read.
type reader struct {
	file      string
	suffix    string
	document  place
	maps      map[string]map[string]map[string]string // the section Mappings
	resources []*resource                             // those whose condition is true
	depth     int
	steps     int
	stopped   bool // too many steps
	errs      []error
	out       *Stack
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
	r := &reader{file: name, suffix: suffix, out: &Stack{
		Name: stackName, ID: ARN("cloudformation", "stack/"+stackName+"/"+suffix),
		Parameters: map[string]string{}, NoEcho: map[string]bool{}, SSM: map[string]string{}, PageHeaders: map[string]string{}, PublicHeaders: map[string]string{},
		OauthHeaders: map[string]string{}}}
	r.document = place{reader: r, node: doc.Content[0]}
	r.read(overrides)
	if r.stopped {
		r.errs = append(r.errs[:min(len(r.errs), 10)], fmt.Errorf("%s: refers to itself too often", name))
	}
	return r.out, errors.Join(r.errs...)
}

func (r *reader) read(overrides map[string]string) {
	var sections struct {
		AWSTemplateFormatVersion, Description, Metadata            ignored
		Parameters, Rules, Conditions, Globals, Resources, Outputs ignored // read below, in this order
		Transform                                                  string  `in:"AWS::Serverless-2016-10-31"`
		Mappings                                                   map[string]map[string]map[string]string
	}
	r.document.decode(&sections)
	r.maps = sections.Mappings
	r.readParameters(overrides)
	if len(r.errs) > 0 { // every Ref to a bad parameter would be one more error
		return
	}
	r.readRules()
	r.readResources()
	for _, p := range r.section("Outputs").entries() {
		o := Output{Key: p.key}
		if p.conditionHolds() {
			p.resolveAndDecode(&o)
			r.out.Outputs = append(r.out.Outputs, o)
		}
	}
}

// section returns a top-level mapping of the template, empty if the template has none.
func (r *reader) section(name string) place {
	if p, ok := r.document.at(name); ok {
		return p
	}
	return r.document.child(name, &yaml.Node{Kind: yaml.MappingNode})
}

// pseudo returns the value of one of CloudFormation's pseudo parameters.
func (r *reader) pseudo(name string) (string, bool) {
	s, ok := map[string]string{
		"AWS::Region": Region, "AWS::AccountId": Account, "AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com",
		"AWS::StackName": r.out.Name, "AWS::StackId": r.out.ID,
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
	return r.out.Name + "-" + id + "-" + strings.TrimRight(base32.StdEncoding.EncodeToString(sum[:]), "=")[:12]
}
