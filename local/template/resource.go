package template

import "strings"

// resource is one entry of the section Resources whose condition is true.
type resource struct {
	id, kind   string
	properties value
	makefile   bool // Metadata.BuildMethod is makefile
}

// readers are the resource types that the development stack imitates.
var readers map[string]func(r *resource)

func init() {
	readers = map[string]func(r *resource){
		"AWS::Serverless::HttpApi":    (*resource).readAPI,
		"AWS::Serverless::Function":   (*resource).readFunction,
		"AWS::DynamoDB::Table":        (*resource).readTable,
		"AWS::SecretsManager::Secret": (*resource).readSecret,
		"AWS::SSM::Parameter":         (*resource).readSSMParameter,
		"AWS::SQS::Queue":             (*resource).readQueue,

		"AWS::CloudFront::ResponseHeadersPolicy":     (*resource).readPageHeaders,
		"AWS::SES::ConfigurationSetEventDestination": (*resource).readEventDestination,
	}
}

// queueMapping is the type of an event source mapping that refers to a queue and a function.
const queueMapping = "AWS::Lambda::EventSourceMapping"

func (r *reader) readResources() {
	r.section("Resources").each(func(id string, v value) {
		if c, ok := v.at("Condition"); ok && !r.condition(c.node.Value, c) {
			return
		}
		r.resources = append(r.resources, v.readResource(id))
	})
	for _, res := range r.resources { // only now, as a resource may refer to one further down
		if read := readers[res.kind]; read != nil {
			read(res)
		}
		if res.kind == "AWS::SES::ConfigurationSet" {
			r.out.MailSets = append(r.out.MailSets, r.physicalName(res.id))
		}
	}
	for _, res := range r.resources { // last, when all functions and queues are known
		switch {
		case res.custom():
			res.readCustom()
		case res.kind == queueMapping:
			res.readQueueMapping()
		}
	}
}

func (v value) readResource(id string) *resource {
	res := &resource{id: id, properties: v}
	v.fields(map[string]func(value){
		"Type":       func(v value) { res.kind = v.str() },
		"Properties": func(v value) { res.properties = v },
		"Metadata": func(v value) {
			if m, ok := v.at("BuildMethod"); ok {
				res.makefile = m.oneOf("makefile") == "makefile"
			}
		},
		"Condition": func(value) {},
	}, ignoredAttributes...)
	if _, ok := inert[res.kind]; !ok && readers[res.kind] == nil && !res.custom() && res.kind != queueMapping {
		v.failf("the development stack does not know the resource type %q", res.kind)
	}
	return res
}

// fields reads the resource's properties and skips those on its type's ignored list.
func (res *resource) fields(known map[string]func(value)) {
	if !strings.HasSuffix(res.properties.path, ".Properties") {
		return // a resource without properties
	}
	res.properties.fields(known, ignored[res.kind]...)
}

func (r *reader) resource(id string) *resource {
	for _, res := range r.resources {
		if res.id == id {
			return res
		}
	}
	return nil
}

// physicalID returns the value of Ref for a resource.
func (r *reader) physicalID(res *resource) string {
	name := r.physicalName(res.id)
	switch res.kind {
	case "AWS::Serverless::HttpApi":
		return APIID
	case "AWS::SecretsManager::Secret":
		return r.secretARN(res.id)
	case "AWS::SSM::Parameter":
		name, _ := res.properties.at("Name")
		return name.str()
	case "AWS::S3::Bucket":
		return strings.ToLower(name)
	case "AWS::SNS::Topic":
		return ARN("sns", name)
	case "AWS::SQS::Queue":
		return "https://sqs." + Region + ".amazonaws.com/" + Account + "/" + name
	}
	return name
}

// attributeOf returns the value of GetAtt, for the attributes that the development stack knows.
func (r *reader) attributeOf(res *resource, attribute string) (string, bool) {
	name := r.physicalName(res.id)
	known := map[string]string{
		"AWS::Serverless::Function.Arn":            ARN("lambda", "function:"+name),
		"AWS::Serverless::HttpApi.ApiEndpoint":     "https://" + APIHost,
		"AWS::DynamoDB::Table.Arn":                 ARN("dynamodb", "table/"+name),
		"AWS::DynamoDB::Table.StreamArn":           streamARN(name),
		"AWS::SecretsManager::Secret.Id":           r.secretARN(res.id),
		"AWS::SQS::Queue.Arn":                      ARN("sqs", name),
		"AWS::SQS::Queue.QueueName":                name,
		"AWS::Logs::LogGroup.Arn":                  ARN("logs", "log-group:"+name+":*"),
		"AWS::S3::Bucket.Arn":                      "arn:aws:s3:::" + strings.ToLower(name),
		"AWS::CloudFront::Distribution.DomainName": SiteHost,
	}
	s, ok := known[res.kind+"."+attribute]
	if ok {
		return s, true
	}
	for _, a := range inert[res.kind] {
		if a == attribute {
			service := strings.ToLower(strings.Split(res.kind, "::")[1])
			return ARN(service, name), true
		}
	}
	return "", false
}

func (r *reader) secretARN(id string) string {
	name := r.physicalName(id)
	return ARN("secretsmanager", "secret:"+name+"-"+strings.ToLower(name[len(name)-6:]))
}

// streamARN returns an ARN with a fixed label, so that functions see a stable ARN. In AWS the label is the time at which
// the stream was created.
func streamARN(table string) string {
	return ARN("dynamodb", "table/"+table+"/stream/2026-01-01T00:00:00.000")
}
