package aws

import "path"

// invoke answers Invoke with InvocationType RequestResponse.
func (e *Endpoint) invoke(q *request) *reply {
	if kind := q.header.Get("X-Amz-Invocation-Type"); kind != "" && kind != "RequestResponse" {
		return q.fail("InvalidParameterValueException", "The development stack imitates RequestResponse only.")
	}
	name := path.Base(path.Dir(q.path))
	f := e.Template.Function(name)
	if f == nil {
		return q.fail("ResourceNotFoundException", "Function not found: "+name)
	}
	out := e.Invoke(q.ctx, f, q.body)
	res := q.respond(out.Payload)
	res.header["X-Amz-Executed-Version"] = "$LATEST"
	if out.Err != nil {
		res.header["X-Amz-Function-Error"] = "Unhandled"
	}
	return res
}

// lambdaAccount answers GetAccountSettings with the account's limit of concurrent executions.
func (e *Endpoint) lambdaAccount(q *request) *reply {
	return q.ok(map[string]any{"AccountLimit": map[string]int{"ConcurrentExecutions": e.Concurrency}})
}
