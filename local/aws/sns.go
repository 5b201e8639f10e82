package aws

import (
	"cmp"
	"regexp"
	"strings"
)

// e164 is the form in which SNS accepts a phone number.
var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// publish answers SNS's Publish to a phone number.
func (e *Endpoint) publish(q *request) *reply {
	switch {
	case q.form.Get("TopicArn") != "" || q.form.Get("TargetArn") != "":
		return q.fail("InvalidParameter", "The development stack imitates PhoneNumber only.")
	case !e164.MatchString(q.form.Get("PhoneNumber")):
		return q.fail("InvalidParameter", "Invalid parameter: PhoneNumber Reason: "+q.form.Get("PhoneNumber")+" is not valid to publish to")
	case q.form.Get("Message") == "":
		return q.fail("InvalidParameter", "Invalid parameter: Empty message")
	}
	from := q.smsAttribute("AWS.SNS.SMS.SenderID")
	if from == "" {
		from = q.smsAttribute("AWS.MM.SMS.OriginationNumber")
	}
	id := e.deliver(q, Message{Channel: "sms", To: q.form.Get("PhoneNumber"), From: from, Text: q.form.Get("Message")})
	return q.okXML("<MessageId>" + id + "</MessageId>")
}

// publishPermissions returns the permission to publish to a topic, or to a phone number, which has no ARN and stands for
// itself.
func publishPermissions(_ *Endpoint, q *request) []permission {
	out := []permission{{action: "sns:Publish", resource: cmp.Or(q.form.Get("TopicArn"), q.form.Get("TargetArn"), q.form.Get("PhoneNumber"))}}
	if q.form.Get("PhoneNumber") != "" { // SNS calls End User Messaging in the caller's name
		out = append(out, permission{"sms-voice:SendTextMessage", "*", map[string][]string{"aws:CalledViaLast": {"sns.amazonaws.com"}}})
	}
	return out
}

func smsAccount(_ *Endpoint, q *request) *reply {
	return q.okXML("<IsInSandbox>false</IsInSandbox>")
}

// smsAttribute returns the text of one of Publish's MessageAttributes.
func (q *request) smsAttribute(name string) string {
	for k := range q.form {
		if entry, ok := strings.CutSuffix(k, ".Name"); ok && q.form.Get(k) == name && strings.HasPrefix(k, "MessageAttributes.entry.") {
			return q.form.Get(entry + ".Value.StringValue")
		}
	}
	return ""
}
