package template

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// kind is what the development stack knows of a resource type. In texts, {name} is the resource's physical name, {lower}
// the same in lower case, and {end} its last six characters.
type kind struct {
	read       func(res *resource) // nil for a type that has no local counterpart
	last       bool                // it is read when all functions and queues are known
	reference  string              // value of Ref; empty: the physical name
	named      string              // property that is the value of Ref instead
	attributes map[string]string   // values of GetAtt
	ignored    []string            // properties that the development stack knows and ignores on purpose
}

var kinds map[string]kind

func init() { // a literal would refer to itself through the functions that read
	kinds = map[string]kind{
		"AWS::Serverless::HttpApi": {read: readAPI, reference: APIID,
			attributes: map[string]string{"ApiEndpoint": "https://" + APIHost},
			ignored:    []string{"Description", "Tags", "AccessLogSettings"}},
		"AWS::Serverless::Function": {read: readFunction,
			attributes: map[string]string{"Arn": ARN("lambda", "function:{name}")},
			ignored:    []string{"Architectures", "Description", "Tags", "Tracing", "AutoPublishAlias", "VersionDeletionPolicy"}},
		"AWS::Lambda::EventSourceMapping": {read: readQueueMapping, last: true},
		"AWS::DynamoDB::Table": {read: readTable,
			attributes: map[string]string{"Arn": ARN("dynamodb", "table/{name}"), "StreamArn": streamARN("{name}")},
			ignored:    []string{"PointInTimeRecoverySpecification", "SSESpecification", "Tags", "DeletionProtectionEnabled"}},
		"AWS::SQS::Queue": {read: readQueue, reference: "https://sqs." + Region + ".amazonaws.com/" + Account + "/{name}",
			attributes: map[string]string{"Arn": ARN("sqs", "{name}"), "QueueName": "{name}"},
			ignored:    []string{"SqsManagedSseEnabled", "Tags"}},
		"AWS::SecretsManager::Secret": {read: readSecret, reference: ARN("secretsmanager", "secret:{name}-{end}"),
			attributes: map[string]string{"Id": ARN("secretsmanager", "secret:{name}-{end}")},
			ignored:    []string{"Description", "KmsKeyId", "Tags"}},
		"AWS::KMS::Key": {read: readKey, attributes: map[string]string{"Arn": ARN("kms", "key/{name}")},
			ignored: []string{"Description", "KeyPolicy", "Tags"}},
		"AWS::KMS::Alias":     {read: readKeyAlias, named: "AliasName"},
		"AWS::SSM::Parameter": {read: readSSMParameter, named: "Name", ignored: []string{"Description", "Tags"}},

		// But SendEmail rejects a set that the template does not have.
		"AWS::SES::ConfigurationSet":                 {read: readMailSet, ignored: []string{"DeliveryOptions", "ReputationOptions", "SuppressionOptions"}},
		"AWS::SES::ConfigurationSetEventDestination": {read: readEventDestination},
		"AWS::SNS::Topic":                            {reference: ARN("sns", "{name}")}, // but SES's events for a topic go to the functions that subscribe to it
		"AWS::SNS::TopicPolicy":                      {},
		"AWS::Logs::LogGroup":                        {attributes: map[string]string{"Arn": ARN("logs", "log-group:{name}:*")}},
		"AWS::CloudWatch::Alarm":                     {},
		"AWS::CloudWatch::Dashboard":                 {},

		// The site: pages come from frontend/ and the API from the same server.
		"AWS::CloudFront::ResponseHeadersPolicy": {read: readPageHeaders},
		"AWS::CloudFront::Distribution":          {attributes: map[string]string{"DomainName": SiteHost}},
		"AWS::CloudFront::Function":              {},
		"AWS::CloudFront::OriginAccessControl":   {},
		"AWS::CloudFront::OriginRequestPolicy":   {},
		"AWS::CloudFront::CachePolicy":           {},
		"AWS::S3::Bucket":                        {reference: "{lower}", attributes: map[string]string{"Arn": "arn:aws:s3:::{lower}"}},
		"AWS::S3::BucketPolicy":                  {},
	}
}

// streamARN returns an ARN with a fixed label, so that functions see a stable ARN. In AWS the label is the time at which
// the stream was created.
func streamARN(table string) string {
	return ARN("dynamodb", "table/"+table+"/stream/2026-01-01T00:00:00.000")
}

// resource is one entry of the section Resources whose condition is true.
type resource struct {
	id, name   string // logical and physical
	kind       kind
	properties place

	Type                                           string
	Condition, Properties, Metadata                ignored // read where they matter
	DeletionPolicy, UpdateReplacePolicy, DependsOn ignored // these matter only to a deployment
}

func (r *reader) readResources() {
	for _, p := range r.section("Resources").entries() {
		if !p.conditionHolds() {
			continue
		}
		res := &resource{id: p.key, name: r.physicalName(p.key)}
		p.decode(res)
		known := false
		if res.kind, known = kinds[res.Type]; res.custom() {
			res.kind = kind{read: readCustom, last: true}
		} else if !known {
			p.failf("the development stack does not know the resource type %q", res.Type)
		}
		if res.properties, known = p.at("Properties"); !known {
			res.properties.node = &yaml.Node{Kind: yaml.MappingNode, Line: p.node.Line}
		}
		r.resources = append(r.resources, res)
	}
	for _, last := range []bool{false, true} {
		for _, res := range r.resources { // only now, as a resource may refer to one further down
			if res.kind.read != nil && res.kind.last == last {
				res.kind.read(res)
			}
		}
	}
}

// decode reads the resource's properties, except for those that its type ignores.
func (res *resource) decode(into any) {
	res.properties.without(res.kind.ignored).resolveAndDecode(into)
}

// without returns a mapping without some of its keys.
func (p place) without(keys []string) place {
	node := *p.node
	node.Content = nil
	for i := 0; i+1 < len(p.node.Content); i += 2 {
		if !slices.Contains(keys, p.node.Content[i].Value) {
			node.Content = append(node.Content, p.node.Content[i:i+2]...)
		}
	}
	return p.with(&node)
}

func (r *reader) resource(id string) *resource {
	for _, res := range r.resources {
		if res.id == id {
			return res
		}
	}
	return nil
}

// expand replaces {name}, {lower} and {end} in a text of the table kinds.
func (res *resource) expand(text string) string {
	lower := strings.ToLower(res.name)
	return strings.NewReplacer("{name}", res.name, "{lower}", lower, "{end}", lower[len(lower)-6:]).Replace(text)
}

// reference returns the value of Ref for the resource, at the place that refers to it.
func (res *resource) reference(p place) (string, bool) {
	if res.custom() {
		p.failf("refers to %q, a custom resource, whose function alone knows its physical id", res.id)
		return "", false
	}
	if res.kind.named != "" {
		if name, ok := res.properties.at(res.kind.named); ok {
			return name.text(), true
		}
	}
	if res.kind.reference == "" {
		return res.name, true
	}
	return res.expand(res.kind.reference), true
}

// custom reports whether the resource is a custom resource.
func (res *resource) custom() bool { return strings.HasPrefix(res.Type, "Custom::") }

// readCustom removes the function behind a custom resource from those that run: it acts on a deployment, and there is
// none here. The attributes that it would return (by Ref and GetAtt of the resource) are unknown.
func readCustom(res *resource) {
	token, ok := res.properties.at("ServiceToken")
	if !ok {
		res.properties.failf("ServiceToken is missing")
		return
	}
	out := res.properties.out
	f := out.Function(token.text())
	if f == nil {
		token.failf("must be the Arn of a function of this template that no other custom resource has")
		return
	}
	if len(f.Routes) > 0 || slices.ContainsFunc(out.Mappings, func(m Mapping) bool { return m.FunctionID == f.ID }) {
		token.failf("%s has events too: the development stack does not run what a custom resource calls", f.ID)
	}
	id := f.ID
	out.Functions = slices.DeleteFunc(out.Functions, func(f Function) bool { return f.ID == id })
}
