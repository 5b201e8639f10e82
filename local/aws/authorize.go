package aws

import (
	"fmt"
	"strings"

	"streamotp/local/iam"
)

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
	needed := []permission{{action: q.service + ":" + q.action, resource: "*"}} // the resource of the call is not known here
	if q.call.permissions != nil {
		if all := q.call.permissions(e, q); len(all) > 0 {
			needed = all
		}
	}
	role := e.Template.Function(q.caller.Function).Role
	for _, p := range needed {
		if d := role.Policy.Decide(p.action, p.resource, p.context); d != iam.Allowed {
			return q.fail(services[q.service].denied, q.denial(role.Session, p, d))
		}
	}
	return nil
}

// denial returns the message of AWS's access-denied error. SES, SNS and SQS each have their own wording.
func (q *request) denial(role string, p permission, d iam.Decision) string {
	switch q.service {
	case "ses":
		return fmt.Sprintf("User `%s' is not authorized to perform `%s' on resource `%s'", role, p.action, p.resource)
	case "sns":
		p.action = strings.Replace(p.action, "sns:", "SNS:", 1)
	case "sqs":
		p.action = strings.ToLower(p.action)
	}
	why := "because no identity-based policy allows the " + p.action + " action"
	if d == iam.Denied {
		why = "with an explicit deny in an identity-based policy"
	}
	return fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s %s", role, p.action, p.resource, why)
}
