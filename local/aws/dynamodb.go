package aws

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"streamotp/local/dynamo"
	"streamotp/local/template"
)

// reads and writes are the actions on items. They report their consumed capacity on request.
var (
	reads  = []string{"GetItem", "Query", "Scan", "BatchGetItem", "TransactGetItems"}
	writes = []string{"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}
)

// forward passes a call on to the engine. Every metered call reports its consumed capacity, for the record.
func (e *Endpoint) forward(q *request) *reply {
	body, asked := q.body, true
	written := slices.Contains(writes, q.action)
	if written || slices.Contains(reads, q.action) {
		body, asked = withCapacity(q.body)
	}
	status, answer, err := e.Engine.Send(q.ctx, dynamo.Tables+q.action, body)
	if err != nil {
		return q.fail("InternalServerError", "the DynamoDB engine does not answer: "+err.Error())
	}
	res := q.respond(answer)
	res.status = status
	if status == http.StatusOK {
		res.units, res.body = capacity(answer, asked)
		for _, t := range targets(q) {
			if written {
				e.Wrote(t.table())
			}
		}
	}
	return res
}

// withCapacity makes a request ask for the consumed capacity. It returns true if the caller has asked for it already.
func withCapacity(body []byte) (out []byte, asked bool) {
	out = change(body, func(in map[string]json.RawMessage) bool {
		level := string(in["ReturnConsumedCapacity"])
		asked = level != "" && level != `"NONE"`
		in["ReturnConsumedCapacity"] = json.RawMessage(`"TOTAL"`)
		return !asked
	})
	return out, asked
}

// change returns a JSON object with a change made to it, or the text as it is if it is none or if the change is not
// wanted. The engine reports what is wrong with a request.
func change(text []byte, change func(map[string]json.RawMessage) (wanted bool)) []byte {
	var object map[string]json.RawMessage
	if json.Unmarshal(text, &object) != nil || object == nil || !change(object) {
		return text
	}
	out, err := json.Marshal(object)
	if err != nil {
		return text
	}
	return out
}

// capacity adds up the capacity units in a response, and removes them from it if the caller has not asked for them.
func capacity(answer []byte, asked bool) (units float64, out []byte) {
	out = change(answer, func(out map[string]json.RawMessage) bool {
		var many []struct{ CapacityUnits float64 }
		if consumed := out["ConsumedCapacity"]; json.Unmarshal(consumed, &many) != nil { // of one table, it is no list
			_ = json.Unmarshal(fmt.Appendf(nil, "[%s]", consumed), &many)
		}
		for _, c := range many {
			units += c.CapacityUnits
		}
		delete(out, "ConsumedCapacity")
		return !asked
	})
	return units, out
}

// target is an item or a table that a call of DynamoDB reads or writes.
type target struct {
	TableName      string
	Item, Key      map[string]json.RawMessage
	ConsistentRead bool

	UpdateExpression, ConditionExpression, ReturnValues string
	ProjectionExpression, FilterExpression, Select      string
	ExpressionAttributeNames                            map[string]string
	AttributeUpdates, Expected, ScanFilter              map[string]json.RawMessage // the form before expressions existed
	AttributesToGet                                     []string

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
		id := t.table()
		if table := e.Template.Table(id); table != nil {
			id = table.ID
		}
		ids = append(ids, id)
		consistent = consistent || t.ConsistentRead
	}
	slices.Sort(ids)
	return strings.Join(slices.Compact(ids), ","), consistent
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
		out = append(out, permission{"dynamodb:" + action, template.ARN("dynamodb", "table/"+t.table()), e.conditionKeys(t)})
	}
	return out
}

// conditionKeys returns the condition keys of a call on one item ("Specifying conditions: Using condition keys"). AWS has
// no condition key for ReturnValuesOnConditionCheckFailure.
func (e *Endpoint) conditionKeys(t target) map[string][]string {
	out := map[string][]string{"dynamodb:Attributes": t.attributes()}
	for key, value := range map[string]string{"dynamodb:ReturnValues": t.ReturnValues, "dynamodb:Select": t.Select} {
		if value != "" {
			out[key] = []string{value}
		}
	}
	table := e.Template.Table(t.table())
	if table == nil || len(table.KeySchema) == 0 {
		return out
	}
	var key struct{ S *string }
	for _, item := range []map[string]json.RawMessage{t.Key, t.Item} {
		if json.Unmarshal(item[table.KeySchema[0].AttributeName], &key) == nil && key.S != nil {
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

// attributes returns the top-level attributes that an update or a scan names: those of the key, and those that it writes, reads or
// has in its condition or filter. A scan that names none reads them all.
func (t target) attributes() []string {
	out := slices.Clone(t.AttributesToGet)
	for _, named := range []map[string]json.RawMessage{t.Key, t.AttributeUpdates, t.Expected, t.ScanFilter} {
		out = slices.AppendSeq(out, maps.Keys(named))
	}
	for _, expression := range []string{t.UpdateExpression, t.ConditionExpression, t.ProjectionExpression, t.FilterExpression} {
		for _, m := range operand.FindAllStringSubmatch(expression, -1) {
			if name := m[2]; m[1]+m[3] == "" && name[0] != ':' && !keyword.MatchString(name) {
				out = append(out, cmp.Or(t.ExpressionAttributeNames[name], name))
			}
		}
	}
	return out
}
