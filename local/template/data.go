package template

import (
	"strings"
	"time"

	"streamotp/local/iam"
)

// Table is a DynamoDB table.
type Table struct {
	ID          string `name:"-"`
	Name        string `name:"-"`
	BillingMode string `in:"PAY_PER_REQUEST"`
	KeySchema   []struct {
		AttributeName string
		KeyType       string `in:"HASH RANGE"`
	}
	AttributeDefinitions []struct {
		AttributeName string
		AttributeType string `in:"S N B"`
	}
	StreamSpecification struct {
		StreamViewType string `in:"NEW_IMAGE OLD_IMAGE NEW_AND_OLD_IMAGES KEYS_ONLY"`
	}
	TimeToLiveSpecification struct {
		AttributeName string
		Enabled       bool
	}
}

func readTable(res *resource) {
	t := Table{ID: res.id, Name: res.name}
	res.decode(&t)
	res.properties.out.Tables = append(res.properties.out.Tables, t)
}

// Secret is a Secrets Manager secret with its first value, or the rule that generates it. Without either it has no value
// yet.
type Secret struct {
	ID                   string `name:"-"`
	Name                 string `name:"-"`
	ARN                  string `name:"-"`
	SecretString         string
	GenerateSecretString *Generate
}

// Generate is a secret's GenerateSecretString.
type Generate struct {
	SecretStringTemplate, GenerateStringKey string // both or neither
	PasswordLength                          int    `range:"1 4096"`
	ExcludePunctuation                      bool
}

func readSecret(res *resource) {
	s := Secret{ID: res.id, Name: res.name, ARN: res.expand(res.kind.reference)}
	res.decode(&s)
	g := s.GenerateSecretString
	if g != nil && (s.SecretString != "" || (g.SecretStringTemplate == "") != (g.GenerateStringKey == "")) {
		res.properties.failf("must not have both SecretString and GenerateSecretString, that with SecretStringTemplate and GenerateStringKey both or neither")
	}
	if g != nil && g.PasswordLength == 0 {
		g.PasswordLength = 32
	}
	res.properties.out.Secrets = append(res.properties.out.Secrets, s)
}

// readSSMParameter reads a parameter of SSM.
func readSSMParameter(res *resource) {
	var parameter struct {
		Name, Value string
		Type        string `in:"String"`
	}
	res.decode(&parameter)
	if parameter.Name == "" || parameter.Value == "" {
		res.properties.failf("must have Name and Value")
	}
	res.properties.out.SSM[parameter.Name] = parameter.Value
}

// KeyAlias is a name of a KMS key.
type KeyAlias struct{ AliasName, TargetKeyId string }

func readKey(res *resource) {
	var key struct {
		KeySpec  string `in:"RSA_2048"`
		KeyUsage string `in:"SIGN_VERIFY"`
	}
	res.decode(&key)
	if key.KeySpec == "" || key.KeyUsage == "" {
		res.properties.failf("must have KeySpec RSA_2048 and KeyUsage SIGN_VERIFY: the development stack imitates no other key")
	}
	res.properties.out.Keys = append(res.properties.out.Keys, res.name)
}

func readKeyAlias(res *resource) {
	var a KeyAlias
	res.decode(&a)
	if !strings.HasPrefix(a.AliasName, "alias/") || a.TargetKeyId == "" {
		res.properties.failf("must have an AliasName that begins with alias/, and TargetKeyId")
	}
	res.properties.out.KeyAliases = append(res.properties.out.KeyAliases, a)
}

// EventDestination is an event destination of a configuration set: SES publishes events of these types to the topic.
type EventDestination struct {
	ConfigurationSetName string
	EventDestination     struct {
		Name               ignored
		Enabled            string   `in:"true"`
		MatchingEventTypes []string `in:"delivery bounce complaint"`
		SnsDestination     struct{ TopicARN string }
	}
}

func readEventDestination(res *resource) {
	var d EventDestination
	res.decode(&d)
	if d.ConfigurationSetName == "" || d.EventDestination.SnsDestination.TopicARN == "" {
		res.properties.failf("must have ConfigurationSetName and EventDestination.SnsDestination.TopicARN")
	}
	res.properties.out.EventDestinations = append(res.properties.out.EventDestinations, d)
}

func readMailSet(res *resource) {
	res.decode(&struct{}{})
	res.properties.out.MailSets = append(res.properties.out.MailSets, res.name)
}

// Queue is an SQS standard queue.
type Queue struct {
	ID                     string        `name:"-"`
	URL                    string        `name:"-"`
	ARN                    string        `name:"-"`
	DelaySeconds           time.Duration `range:"0 900"` // of a message that is sent without a delay of its own
	VisibilityTimeout      time.Duration `range:"0 43200"`
	MessageRetentionPeriod time.Duration `range:"60 1209600"`
	RedrivePolicy          RedrivePolicy
}

// RedrivePolicy says that a message that was received maxReceiveCount times goes to another queue. Without it that is 0.
type RedrivePolicy struct {
	DeadLetterTargetArn queueARN `name:"deadLetterTargetArn"`
	MaxReceiveCount     int      `name:"maxReceiveCount" range:"1 1000"`
}

func (policy *RedrivePolicy) check(p place) {
	if policy.DeadLetterTargetArn == "" || policy.MaxReceiveCount == 0 {
		p.failf("must have deadLetterTargetArn and maxReceiveCount")
	}
}

// queueARN is the ARN of a queue of the template.
type queueARN string

func (arn *queueARN) check(p place) {
	for _, res := range p.resources {
		if res.Type == "AWS::SQS::Queue" && string(*arn) == ARN("sqs", res.name) {
			return
		}
	}
	p.failf("must be the Arn of a queue of this template")
}

func readQueue(res *resource) {
	q := Queue{ID: res.id, URL: res.expand(res.kind.reference), ARN: ARN("sqs", res.name),
		VisibilityTimeout: 30 * time.Second, MessageRetentionPeriod: 4 * 24 * time.Hour}
	res.decode(&q)
	res.properties.out.Queues = append(res.properties.out.Queues, q)
}

// QueueMapping is an event source mapping from a queue to a function. The mapping of a stream is an event of its function
// instead.
type QueueMapping struct {
	FunctionID                     string `name:"-"`
	EventSourceArn                 queueARN
	FunctionName                   string
	BatchSize                      int      `range:"1 10"`
	MaximumBatchingWindowInSeconds string   `in:"0"`
	FunctionResponseTypes          []string `in:"ReportBatchItemFailures"`
	MetricsConfig                  ignored  // there is no CloudWatch
	ScalingConfig                  struct {
		MaximumConcurrency int `range:"2 1000"` // 0: no limit
	}
}

// readQueueMapping also reports what AWS would reject: a queue that returns messages while the function still handles
// them, and a role that does not let Lambda read the queue. The development stack wakes one reader of a queue, so it
// rejects a second one.
func readQueueMapping(res *resource) {
	p, m := res.properties, QueueMapping{BatchSize: 10}
	res.decode(&m)
	f, q := p.out.Function(m.FunctionName), p.out.Queue(string(m.EventSourceArn))
	if f == nil || q == nil {
		p.failf("must have an EventSourceArn and the FunctionName of a function of this template")
		return
	}
	m.FunctionID = f.ID
	if q.VisibilityTimeout < f.Timeout {
		p.failf("%s has a VisibilityTimeout of %s, less than the Timeout of %s, %s", q.ID, q.VisibilityTimeout, f.ID, f.Timeout)
	}
	for _, action := range []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"} {
		if f.Role.Policy.Decide(action, q.ARN, nil) != iam.Allowed {
			p.failf("the Policies of %s do not allow %s on %s, which Lambda needs", f.ID, action, q.ID)
		}
	}
	for _, other := range p.out.QueueMappings {
		if other.EventSourceArn == m.EventSourceArn {
			p.failf("the development stack imitates one event source mapping of a queue")
		}
	}
	p.out.QueueMappings = append(p.out.QueueMappings, m)
}
