package aws

import (
	"encoding/json"
	"slices"
	"testing"
)

// TestAttributes: attributes returns every attribute that an update or a scan names, in whatever form, and no others.
func TestAttributes(t *testing.T) {
	for _, c := range []struct {
		name, update string
		want         []string
	}{
		{"the key alone", `{}`, nil},
		{"what is set", `{"UpdateExpression":"SET a = :v, b=:w"}`, []string{"a", "b"}},
		{"what is removed, added to and deleted from", `{"UpdateExpression":"remove a ADD b :v delete c :w"}`, []string{"a", "b", "c"}},
		{"what a value is made of", `{"UpdateExpression":"SET a = if_not_exists(b, :v) + c"}`, []string{"a", "b", "c"}},
		{"a condition", `{"ConditionExpression":"(attribute_exists(a)) AND NOT (b<:v OR size (c) BETWEEN d AND :w) and e IN (f, :v)"}`, []string{"a", "b", "c", "d", "e", "f"}},
		{"names under other names", `{"UpdateExpression":"SET #a = :v","ConditionExpression":"#b > :v","ExpressionAttributeNames":{"#a":"name","#b":"size"}}`, []string{"name", "size"}},
		{"of a path its beginning", `{"UpdateExpression":"SET a.b[0].c = :v, #a . d = e[1]","ExpressionAttributeNames":{"#a":"f"}}`, []string{"a", "f", "e"}},
		{"what looks like a keyword's beginning", `{"UpdateExpression":"SET settings = :v REMOVE orders, inner1"}`, []string{"settings", "orders", "inner1"}},
		{"as it was before expressions", `{"AttributeUpdates":{"a":{}},"Expected":{"b":{}}}`, []string{"a", "b"}},
		{"what a scan reads", `{"ProjectionExpression":"a, #b,c.d[0]","ExpressionAttributeNames":{"#b":"name"}}`, []string{"a", "name", "c"}},
		{"what a scan filters by", `{"FilterExpression":"attribute_exists(a) AND NOT begins_with(b, :v)"}`, []string{"a", "b"}},
		{"a scan as it was before expressions", `{"AttributesToGet":["a"],"ScanFilter":{"b":{}}}`, []string{"a", "b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			update := target{Key: map[string]json.RawMessage{"id": nil}}
			if err := json.Unmarshal([]byte(c.update), &update); err != nil {
				t.Fatal(err)
			}
			got, want := update.attributes(), append(c.want, "id")
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}
