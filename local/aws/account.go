package aws

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
)

// route is an action of a service that is named by method and path.
type route struct{ service, method, pattern, action string }

var routes = []route{
	{"ses", http.MethodPost, "/v2/email/outbound-emails", "SendEmail"},
	{"ses", http.MethodGet, "/v2/email/account", "GetAccount"},
	{"ses", http.MethodGet, "/v2/email/identities/*", "GetEmailIdentity"},
	{"lambda", http.MethodPost, "/2015-03-31/functions/*/invocations", "Invoke"},
	{"lambda", http.MethodGet, "/2016-08-19/account-settings", "GetAccountSettings"},
}

// match finds the route of a call. The action stays empty if there is no such route.
func (q *request) match(method, at string) {
	q.path = path.Clean(at)
	for _, r := range routes {
		if ok, _ := path.Match(r.pattern, q.path); ok && r.service == q.service && r.method == method {
			q.action = r.action
		}
	}
}

func (e *Endpoint) ses(q *request) *reply {
	switch q.action {
	case "GetAccount":
		return q.ok(map[string]any{"ProductionAccessEnabled": true, "SendingEnabled": true, "EnforcementStatus": "HEALTHY",
			"SendQuota": map[string]float64{"Max24HourSend": -1, "MaxSendRate": -1, "SentLast24Hours": float64(e.Sent())}})
	case "GetEmailIdentity":
		return e.identity(q)
	}
	return e.sendEmail(q)
}

// identity describes the one SES identity, the sender. Its e-mail is not signed here.
func (e *Endpoint) identity(q *request) *reply {
	name := path.Base(q.path)
	if name != e.From {
		return q.fail("NotFoundException", "Email identity "+name+" does not exist.")
	}
	return q.ok(map[string]any{"IdentityType": "EMAIL_ADDRESS", "VerifiedForSendingStatus": true, "VerificationStatus": "SUCCESS",
		"DkimAttributes": map[string]any{"SigningEnabled": false, "Status": "NOT_STARTED"}})
}

func (e *Endpoint) sns(q *request) *reply {
	if q.action != "GetSMSSandboxAccountStatus" {
		return e.publish(q)
	}
	body := fmt.Sprintf(`<%[1]sResponse xmlns=%[2]q><%[1]sResult><IsInSandbox>false</IsInSandbox></%[1]sResult></%[1]sResponse>`, q.action, xmlns["sns"])
	return &reply{status: http.StatusOK, header: q.contentType(), body: []byte(body)}
}

// getParameter is SSM's GetParameter for the template's parameters.
func (e *Endpoint) getParameter(q *request) *reply {
	if q.action != "GetParameter" {
		return q.fail("UnknownOperationException", "the development stack does not imitate "+q.action)
	}
	var in struct{ Name string }
	if err := strict(q.body, &in); err != nil {
		return q.fail("ValidationException", err.Error())
	}
	value, ok := e.Parameters[in.Name]
	if !ok {
		return q.fail("ParameterNotFound", "Parameter "+in.Name+" not found.")
	}
	return q.ok(map[string]any{"Parameter": map[string]any{"Name": in.Name, "Type": "String", "Value": value, "Version": 1,
		"DataType": "text", "ARN": e.ARN("ssm", "parameter"+in.Name)}})
}

// lambda answers Invoke with InvocationType RequestResponse, and GetAccountSettings with the account's limit of
// concurrent executions.
func (e *Endpoint) lambda(ctx context.Context, q *request) *reply {
	if q.action == "GetAccountSettings" {
		return q.ok(map[string]any{"AccountLimit": map[string]int{"ConcurrentExecutions": e.Concurrency}})
	}
	if kind := q.header.Get("X-Amz-Invocation-Type"); kind != "" && kind != "RequestResponse" {
		return q.fail("InvalidParameterValueException", "The development stack imitates RequestResponse only.")
	}
	name := path.Base(path.Dir(q.path))
	payload, failure, ok := e.Invoke(ctx, name, q.body)
	if !ok {
		return q.fail("ResourceNotFoundException", "Function not found: "+name)
	}
	res := &reply{status: http.StatusOK, header: q.contentType(), body: payload}
	res.header["X-Amz-Executed-Version"] = "$LATEST"
	if failure != "" {
		res.header["X-Amz-Function-Error"] = failure
	}
	return res
}

// ofEngine replaces the stream ARN in a call of DynamoDB Streams by the engine's: it differs from the ARN in the
// template.
func (e *Endpoint) ofEngine(q *request) []byte {
	var in map[string]any
	if json.Unmarshal(q.body, &in) != nil {
		return q.body // the engine reports what is wrong with it
	}
	arn, ok := in["StreamArn"].(string)
	if !ok || e.Streams[arn] == "" {
		return q.body
	}
	in["StreamArn"] = e.Streams[arn]
	out, err := json.Marshal(in)
	if err != nil {
		return q.body
	}
	return out
}
