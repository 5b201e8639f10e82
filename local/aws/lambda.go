package aws

// lambdaAccount answers GetAccountSettings with the account's limit of concurrent executions.
func (e *Endpoint) lambdaAccount(q *request) *reply {
	return q.ok(map[string]any{"AccountLimit": map[string]int{"ConcurrentExecutions": e.Concurrency}})
}
