package template

import (
	"time"

	"streamotp/local/iam"
)

// Queue is an SQS standard queue.
type Queue struct {
	ID, URL, ARN      string
	Delay             time.Duration
	VisibilityTimeout time.Duration
	Retention         time.Duration
	MaxReceives       int    // maxReceiveCount; 0 without a RedrivePolicy
	DeadLetters       string // URL of the queue that the RedrivePolicy names
}

// QueueMapping is an event source mapping from a queue to a function.
type QueueMapping struct {
	FunctionID    string
	QueueURL      string
	BatchSize     int
	Concurrency   int  // ScalingConfig.MaximumConcurrency; 0: no limit
	PartialFailed bool // FunctionResponseTypes has ReportBatchItemFailures
}

func (res *resource) readQueue() {
	v := res.properties
	q := Queue{ID: res.id, URL: v.physicalID(res), ARN: ARN("sqs", v.physicalName(res.id)), VisibilityTimeout: 30 * time.Second, Retention: 4 * 24 * time.Hour}
	res.fields(map[string]func(value){
		"DelaySeconds":           func(v value) { q.Delay = v.seconds(0, 900) },
		"VisibilityTimeout":      func(v value) { q.VisibilityTimeout = v.seconds(0, 43200) },
		"MessageRetentionPeriod": func(v value) { q.Retention = v.seconds(60, 1209600) },
		"RedrivePolicy": func(v value) {
			v.fields(map[string]func(value){
				"deadLetterTargetArn": func(v value) { q.DeadLetters = v.queue() },
				"maxReceiveCount":     func(v value) { q.MaxReceives = v.integer(1, 1000) },
			})
			if q.DeadLetters == "" || q.MaxReceives == 0 {
				v.failf("must have deadLetterTargetArn and maxReceiveCount")
			}
		},
	})
	v.out.Queues = append(v.out.Queues, q)
}

func (v value) seconds(lowest, highest int) time.Duration {
	return time.Duration(v.integer(lowest, highest)) * time.Second
}

// queue returns the URL of the queue whose ARN the value is.
func (v value) queue() string {
	arn := v.str()
	for _, res := range v.resources {
		if res.kind == "AWS::SQS::Queue" && arn == ARN("sqs", v.physicalName(res.id)) {
			return v.physicalID(res)
		}
	}
	v.failf("must be the Arn of a queue of this template")
	return ""
}

// readQueueMapping reads the event source mapping of a queue. The mapping of a stream is an event of its function
// instead.
func (res *resource) readQueueMapping() {
	v := res.properties
	m := QueueMapping{BatchSize: 10}
	name := ""
	res.fields(map[string]func(value){
		"EventSourceArn":                 func(v value) { m.QueueURL = v.queue() },
		"FunctionName":                   func(v value) { name = v.str() },
		"BatchSize":                      func(v value) { m.BatchSize = v.integer(1, 10) },
		"MaximumBatchingWindowInSeconds": func(v value) { v.oneOf("0") },
		"FunctionResponseTypes":          func(v value) { m.PartialFailed = v.reportsFailures() },
		"MetricsConfig":                  func(value) {}, // there is no CloudWatch
		"ScalingConfig": func(v value) {
			v.fields(map[string]func(value){"MaximumConcurrency": func(v value) { m.Concurrency = v.integer(2, 1000) }})
		},
	})
	for _, f := range v.out.Functions {
		if f.Name == name {
			m.FunctionID = f.ID
			v.checkQueueMapping(m, f)
		}
	}
	if m.FunctionID == "" || m.QueueURL == "" {
		v.failf("must have an EventSourceArn and the FunctionName of a function of this template")
	}
	v.out.QueueMappings = append(v.out.QueueMappings, m)
}

// checkQueueMapping reports what AWS would reject: a queue that returns messages while the function still handles them, and a
// role that does not let Lambda read the queue. The development stack wakes one reader of a queue, so it rejects a second one.
func (v value) checkQueueMapping(m QueueMapping, f Function) {
	for _, q := range v.out.Queues {
		if q.URL != m.QueueURL {
			continue
		}
		if q.VisibilityTimeout < f.Timeout {
			v.failf("%s has a VisibilityTimeout of %s, less than the Timeout of %s, %s", q.ID, q.VisibilityTimeout, f.ID, f.Timeout)
		}
		for _, action := range []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"} {
			if f.Role.Policy.Decide(action, q.ARN, nil) != iam.Allowed {
				v.failf("the Policies of %s do not allow %s on %s, which Lambda needs", f.ID, action, q.ID)
			}
		}
	}
	for _, other := range v.out.QueueMappings {
		if other.QueueURL == m.QueueURL {
			v.failf("the development stack imitates one event source mapping of a queue")
		}
	}
}
