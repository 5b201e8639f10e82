package aws

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/mail"
	"regexp"
	"slices"
	"strings"

	"streamotp/local/iam"
)

// Role holds what a function may do.
type Role struct {
	Session string // the ARN that its calls come from, as an access-denied error names it
	Policy  iam.Policy
}

// permission is one permission that a call needs.
type permission struct {
	action, resource string
	context          map[string][]string // condition keys
}

// authorize rejects a function's call that needs a permission which the function's role does not give. It returns nil if
// the call is allowed. An operator may do everything.
func (e *Endpoint) authorize(q *request) *reply {
	if q.caller.Function == "" {
		return nil
	}
	role := e.Roles[q.caller.Function] // the zero Role allows nothing
	for _, p := range e.permissions(q) {
		if d := role.Policy.Decide(p.action, p.resource, p.context); d != iam.Allowed {
			return q.fail(q.refusalCode(), q.refusal(role, p, d))
		}
	}
	return nil
}

func (q *request) refusalCode() string {
	switch q.service {
	case "sns":
		return "AuthorizationError"
	case "sqs":
		return "AccessDenied"
	}
	return "AccessDeniedException"
}

// refusal returns the message of AWS's access-denied error. SES, SNS and SQS each have their own wording.
func (q *request) refusal(role Role, p permission, d iam.Decision) string {
	switch q.service {
	case "ses":
		return fmt.Sprintf("User `%s' is not authorized to perform `%s' on resource `%s'", role.Session, p.action, p.resource)
	case "sns":
		p.action = strings.Replace(p.action, "sns:", "SNS:", 1)
	case "sqs":
		p.action = strings.ToLower(p.action)
	}
	why := "because no identity-based policy allows the " + p.action + " action"
	if d == iam.Denied {
		why = "with an explicit deny in an identity-based policy"
	}
	return fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s %s", role.Session, p.action, p.resource, why)
}

// permissions returns what a call needs, at least one permission. If the resource of the call is not known here, the
// permission is for all resources.
func (e *Endpoint) permissions(q *request) (out []permission) {
	action := q.name() + ":" + q.action
	switch action {
	case "ses:SendEmail":
		out = e.sendPermissions(q)
	case "sns:Publish":
		out = []permission{{action: action, resource: q.published()}}
		if q.form["PhoneNumber"] != "" { // SNS calls End User Messaging in the caller's name
			out = append(out, permission{"sms-voice:SendTextMessage", "*", map[string][]string{"aws:CalledViaLast": {"sns.amazonaws.com"}}})
		}
	case "secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret", "secretsmanager:PutSecretValue":
		var in struct{ SecretId string }
		_ = json.Unmarshal(q.body, &in) // if the call is allowed, its handler reports what is wrong with it
		out = []permission{{action: action, resource: e.Secrets.arn(in.SecretId)}}
	case "ssm:GetParameter":
		var in struct{ Name string }
		_ = json.Unmarshal(q.body, &in)
		out = []permission{{action: action, resource: e.ARN("ssm", "parameter/"+strings.TrimPrefix(in.Name, "/"))}}
	default:
		switch q.service {
		case "dynamodb":
			out = e.tablePermissions(q)
		case "sqs":
			out = []permission{e.queuePermission(q)}
		}
	}
	if len(out) == 0 {
		out = []permission{{action: action, resource: "*"}}
	}
	return out
}

// operations are the permissions that a transaction's items need ("Using IAM with DynamoDB transactions"). There is no
// permission for the transaction itself.
var operations = map[string]string{"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "Get": "GetItem",
	"ConditionCheck": "ConditionCheckItem"}

func (e *Endpoint) tablePermissions(q *request) (out []permission) {
	for _, t := range targets(q) {
		action := q.action
		if t.operation != "" {
			action = operations[t.operation]
		}
		out = append(out, permission{"dynamodb:" + action, e.ARN("dynamodb", "table/"+t.table()), e.conditionKeys(t)})
	}
	return out
}

// conditionKeys returns the condition keys of a call on one item ("Specifying conditions: Using condition keys"). AWS has
// no condition key for ReturnValuesOnConditionCheckFailure.
func (e *Endpoint) conditionKeys(t target) map[string][]string {
	out := map[string][]string{"dynamodb:Attributes": t.attributes()}
	if t.ReturnValues != "" {
		out["dynamodb:ReturnValues"] = []string{t.ReturnValues}
	}
	names := e.Keys(t.table())
	if len(names) == 0 {
		return out
	}
	var key struct{ S *string }
	for _, item := range []map[string]json.RawMessage{t.Key, t.Item} {
		if json.Unmarshal(item[names[0]], &key) == nil && key.S != nil {
			out["dynamodb:LeadingKeys"] = []string{*key.S}
		}
	}
	return out
}

var (
	// operand is a name in an expression, with the characters that show it is no attribute of the item itself: a dot or
	// a bracket before it, or the parenthesis of a function.
	operand = regexp.MustCompile(`([.[]\s*)?([#:]?\w+)(\s*\()?`)
	keyword = regexp.MustCompile(`(?i)^(SET|REMOVE|ADD|DELETE|AND|OR|NOT|BETWEEN|IN)$`)
)

// attributes returns the top-level attributes that an update names: those of the key, and those that it writes, reads or
// has in its condition.
func (t target) attributes() []string {
	var out []string
	for _, named := range []map[string]json.RawMessage{t.Key, t.AttributeUpdates, t.Expected} {
		out = slices.AppendSeq(out, maps.Keys(named))
	}
	for _, expression := range []string{t.UpdateExpression, t.ConditionExpression} {
		for _, m := range operand.FindAllStringSubmatch(expression, -1) {
			if name := m[2]; m[1]+m[3] == "" && name[0] != ':' && !keyword.MatchString(name) {
				out = append(out, cmp.Or(t.ExpressionAttributeNames[name], name))
			}
		}
	}
	return out
}

// sendPermissions returns the permissions for the sender's identity (taken to be the address itself), for the
// configuration set and for the recipients' identities. SES requires the last only in its sandbox, where every account
// begins.
func (e *Endpoint) sendPermissions(q *request) (out []permission) {
	var in outbound
	_ = json.Unmarshal(q.body, &in)
	from := bare(in.FromEmailAddress)
	need := func(resource string) {
		out = append(out, permission{"ses:SendEmail", e.ARN("ses", resource), map[string][]string{"ses:FromAddress": {from}}})
	}
	need("identity/" + from)
	for _, list := range [][]string{in.Destination.ToAddresses, in.Destination.CcAddresses, in.Destination.BccAddresses} {
		for _, to := range list {
			need("identity/" + bare(to))
		}
	}
	if in.ConfigurationSetName != "" {
		need("configuration-set/" + in.ConfigurationSetName)
	}
	return out
}

// bare returns an address without its display name.
func bare(address string) string {
	if a, err := mail.ParseAddress(address); err == nil {
		return a.Address
	}
	return address
}

// published returns what a Publish goes to. A phone number has no ARN and stands for itself.
func (q *request) published() string {
	for _, name := range []string{"TopicArn", "TargetArn"} {
		if q.form[name] != "" {
			return q.form[name]
		}
	}
	return q.form["PhoneNumber"]
}
