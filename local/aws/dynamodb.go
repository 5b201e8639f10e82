package aws

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"streamotp/local/dynamo"
)

// metered are the actions that report their consumed capacity on request.
var metered = []string{"GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem", "BatchWriteItem",
	"TransactGetItems", "TransactWriteItems"}

// skippable are settings of a table that an engine may lack. They make no difference here.
var skippable = []string{"UpdateContinuousBackups", "UpdateTimeToLive", "TagResource"}

// forward passes a call on to the engine. Every metered call reports its consumed capacity, for the record.
func (e *Endpoint) forward(ctx context.Context, q *request) *reply {
	prefix := dynamo.Tables
	if q.service == "streams" {
		prefix, q.body = dynamo.Streams, e.ofEngine(q)
	}
	body, asked := q.body, true
	if slices.Contains(metered, q.action) {
		body, asked = withCapacity(q.body)
	}
	status, answer, err := e.Engine.Send(ctx, prefix+q.action, body)
	if err != nil {
		return q.fail("InternalServerError", "the DynamoDB engine does not answer: "+err.Error())
	}
	res := &reply{status: status, header: q.contentType(), body: answer}
	switch {
	case status == http.StatusOK:
		res.units, res.body = capacity(answer, asked)
		e.noteWrites(q)
	case slices.Contains(skippable, q.action) && dynamo.ParseError(answer).Code == "UnknownOperationException":
		e.Skipped(q.action)
		return q.ok(struct{}{})
	}
	return res
}

// withCapacity makes a request ask for the consumed capacity. It returns true if the caller has asked for it already.
func withCapacity(body []byte) ([]byte, bool) {
	var in map[string]json.RawMessage
	if json.Unmarshal(body, &in) != nil || in == nil {
		return body, true // the engine reports what is wrong with it
	}
	if level := string(in["ReturnConsumedCapacity"]); level != "" && level != `"NONE"` {
		return body, true
	}
	in["ReturnConsumedCapacity"] = json.RawMessage(`"TOTAL"`)
	out, err := json.Marshal(in)
	if err != nil {
		return body, true
	}
	return out, false
}

// capacity adds up the capacity units in a response, and removes them from it if the caller has not asked for them.
func capacity(answer []byte, asked bool) (float64, []byte) {
	var out map[string]json.RawMessage
	if json.Unmarshal(answer, &out) != nil || out["ConsumedCapacity"] == nil {
		return 0, answer
	}
	type consumed struct{ CapacityUnits float64 }
	var one consumed
	var many []consumed
	if json.Unmarshal(out["ConsumedCapacity"], &one) == nil {
		many = []consumed{one}
	} else {
		_ = json.Unmarshal(out["ConsumedCapacity"], &many)
	}
	units := 0.0
	for _, c := range many {
		units += c.CapacityUnits
	}
	if !asked {
		delete(out, "ConsumedCapacity")
		if body, err := json.Marshal(out); err == nil {
			answer = body
		}
	}
	return units, answer
}

// target is an item or a table that a call of DynamoDB reads or writes.
type target struct {
	TableName      string
	Item, Key      map[string]json.RawMessage
	ConsistentRead bool

	UpdateExpression, ConditionExpression, ReturnValues string
	ExpressionAttributeNames                            map[string]string
	AttributeUpdates, Expected                          map[string]json.RawMessage // the form before expressions existed

	operation string // of a transaction's item: Put, Update, Delete, ConditionCheck or Get
}

// table returns the physical name, also if TableName is a table's ARN.
func (t target) table() string { return t.TableName[strings.LastIndex(t.TableName, "/")+1:] }

// targets returns the targets of a call: one for most calls, one per item for transactions, one per table for batches.
func targets(q *request) []target {
	var in struct {
		target
		TransactItems []map[string]target
		RequestItems  map[string]json.RawMessage
	}
	if json.Unmarshal(q.body, &in) != nil {
		return nil
	}
	var out []target
	if in.TableName != "" {
		out = append(out, in.target)
	}
	for _, item := range in.TransactItems {
		for operation, t := range item {
			t.operation = operation
			out = append(out, t)
		}
	}
	for name, item := range in.RequestItems {
		t := target{TableName: name}
		_ = json.Unmarshal(item, &t) // BatchGetItem's has ConsistentRead, BatchWriteItem's is a list
		t.TableName = name
		out = append(out, t)
	}
	return out
}

// tablesOf returns the logical ids of a call's tables, and whether a consistent read was asked for.
func (e *Endpoint) tablesOf(q *request) (string, bool) {
	var ids []string
	consistent := false
	for _, t := range targets(q) {
		name := t.table()
		if id := e.Tables[name]; id != "" {
			name = id
		}
		ids = append(ids, name)
		consistent = consistent || t.ConsistentRead
	}
	slices.Sort(ids)
	return strings.Join(slices.Compact(ids), ","), consistent
}

// Write is a written item, by its table's physical name and its key.
type Write struct {
	Table string
	Key   map[string]json.RawMessage
}

func (e *Endpoint) noteWrites(q *request) {
	switch q.action {
	case "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems":
	default:
		return
	}
	var writes []Write
	for _, t := range targets(q) {
		w := Write{Table: t.TableName, Key: t.Key}
		if t.Item != nil {
			w.Key = map[string]json.RawMessage{}
			for _, k := range e.Keys(t.TableName) {
				w.Key[k] = t.Item[k]
			}
		}
		writes = append(writes, w)
	}
	e.Wrote(q.caller, writes)
}
