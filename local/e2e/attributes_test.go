package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestAttributes: an attacker with the credentials of a function can change no more of an item than the function must,
// and the call returns nothing of the item.
func TestAttributes(t *testing.T) {
	s := startWith(t, readTemplate(t), false)
	for _, f := range flows { // these start each function
		if err := f.run(t, s); err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
	}
	held := map[string]Item{ // no function knows these
		"CodesTable":  {"sessionId": {"S": "held"}, "code": {"S": "digest"}, "expiredAt": {"N": "1"}, "usedAt": {"N": "1"}, "sealed": {"B": "eA=="}},
		"LimitsTable": {"key": {"S": "held"}, "tries": {"N": "5"}, "ceiling": {"N": "5"}, "m0": {"N": "1"}},
		"UsersTable":  {"email": {"S": "held@example.com"}, "passwordHash": {"S": "hash"}, "channel": {"S": "email"}},
	}
	for table, item := range held {
		s.PutItem(table, item)
	}
	const (
		mark     = "SET deliveredAt = :v"
		sent     = "SET sentAt = :v"
		suppress = "SET suppressedUntil = :v"
		password = "SET passwordHash = :v"
	)
	for _, c := range []struct {
		name, function, table, update string
		rest                          fields // of the call
		allowed                       bool
	}{
		{"marks a delivery", "FeedbackFunction", "CodesTable", mark, nil, true},
		{"marks a bounce", "FeedbackFunction", "CodesTable", "SET bouncedAt = :v", nil, true},
		{"does not use a code up", "FeedbackFunction", "CodesTable", "SET usedAt = :v", nil, false},
		{"does not give a used code back", "FeedbackFunction", "CodesTable", "REMOVE usedAt", nil, false},
		{"does not prolong a code", "FeedbackFunction", "CodesTable", mark + ", expiredAt = :v", nil, false},
		{"does not change what is sealed", "FeedbackFunction", "CodesTable", "SET sealed = :v", nil, false},
		{"does not have a code sent", "FeedbackFunction", "CodesTable", "SET #s = :v", fields{"ExpressionAttributeNames": fields{"#s": "send"}}, false},
		{"asks for nothing else of a session", "FeedbackFunction", "CodesTable", mark, fields{"ConditionExpression": "begins_with(sealed, :v)"}, false},
		{"copies nothing", "FeedbackFunction", "CodesTable", "SET deliveredAt = sealed", nil, false},
		{"gets no session before", "FeedbackFunction", "CodesTable", mark, fields{"ReturnValues": "ALL_OLD"}, false},
		{"gets no session after", "FeedbackFunction", "CodesTable", mark, fields{"ReturnValues": "ALL_NEW"}, false},
		{"suppresses", "FeedbackFunction", "LimitsTable", suppress, nil, true},
		{"ends no lock", "FeedbackFunction", "LimitsTable", "SET tries = :v", nil, false},
		{"clears no attempts", "FeedbackFunction", "LimitsTable", "REMOVE tries", nil, false},
		{"allows no further message", "FeedbackFunction", "LimitsTable", "REMOVE a1", nil, false},
		{"ends no session", "FeedbackFunction", "LimitsTable", "SET notBefore = :v", nil, false},
		{"gets no counts", "FeedbackFunction", "LimitsTable", suppress, fields{"ReturnValues": "ALL_NEW"}, false},
		{"marks what was sent", "SendFunction", "CodesTable", sent, nil, true},
		{"marks what was refused", "SendFunction", "CodesTable", "SET bouncedAt = :v", nil, true},
		{"does not use a code up", "SendFunction", "CodesTable", "SET usedAt = :v", nil, false},
		{"does not give a used code back", "SendFunction", "CodesTable", sent + " REMOVE usedAt", nil, false},
		{"does not prolong a code", "SendFunction", "CodesTable", "SET expiredAt = :v", nil, false},
		{"does not mark a delivery", "SendFunction", "CodesTable", mark, nil, false},
		{"gets a session by reading it alone", "SendFunction", "CodesTable", sent, fields{"ReturnValues": "ALL_OLD"}, false},
		{"sets a password", "ResetFunction", "UsersTable", password, nil, true},
		{"does not have codes sent to another phone", "ResetFunction", "UsersTable", "SET phone = :v", nil, false},
		{"does not have codes sent by another channel", "ResetFunction", "UsersTable", password + ", channel = :v", nil, false},
		{"does not rename", "ResetFunction", "UsersTable", "SET #n = :v", fields{"ExpressionAttributeNames": fields{"#n": "name"}}, false},
		{"gets no account before", "ResetFunction", "UsersTable", password, fields{"ReturnValues": "ALL_OLD"}, false},
		{"gets no account after", "ResetFunction", "UsersTable", password, fields{"ReturnValues": "ALL_NEW"}, false},
	} {
		t.Run(c.function+" "+c.name, func(t *testing.T) {
			s := s.In(t)
			key := primaryKey(held[c.table])
			update := fields{"TableName": stackOutput(t, s, c.table+"Name"), "Key": key, "UpdateExpression": c.update}
			if strings.Contains(fmt.Sprint(c.update, c.rest), ":v") {
				update["ExpressionAttributeValues"] = fields{":v": fields{"S": "x"}}
			}
			maps.Copy(update, c.rest)
			calls := map[string]any{"UpdateItem": update}
			if c.rest["ReturnValues"] == nil { // an update in a transaction does not have this
				calls["TransactWriteItems"] = fields{"TransactItems": []fields{{"Update": update}}}
			}
			for action, body := range calls {
				before := found(s, c.table, key)
				status, text := awsAs(t, s, credential(t, s, c.function), "dynamodb", "DynamoDB_20120810."+action, body)
				answer := string(text)
				refused := status == http.StatusBadRequest && strings.Contains(answer, "AccessDeniedException") &&
					strings.Contains(answer, "no identity-based policy allows the dynamodb:UpdateItem action")
				if refused == c.allowed || c.allowed && status != http.StatusOK {
					t.Errorf("%s: %d %s", action, status, answer)
				}
				if after := found(s, c.table, key); !c.allowed && !reflect.DeepEqual(before, after) {
					t.Errorf("%s: it is %v, and was %v", action, after, before)
				}
			}
		})
	}
}

// primaryKey returns the key of an item of these tables.
func primaryKey(item Item) Item {
	key := Item{}
	for _, name := range []string{"sessionId", "code", "key", "email"} {
		if item[name] != nil {
			key[name] = item[name]
		}
	}
	return key
}

// found returns the item with this key.
func found(s *Stack, table string, key Item) Item {
	items := s.Items(table)
	return items[slices.IndexFunc(items, func(i Item) bool { return reflect.DeepEqual(primaryKey(i), key) })]
}

// credential returns a function's access key, which is in the environment of its processes.
func credential(t *testing.T, s *Stack, function string) string {
	t.Helper()
	for _, p := range descendants(s.Pid) {
		data, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.pid), "environ")) // the process may have ended
		variables := strings.Split(string(data), "\x00")
		if !slices.ContainsFunc(variables, func(v string) bool { return strings.HasPrefix(v, "AWS_LAMBDA_FUNCTION_NAME=streamotp-"+function) }) {
			continue
		}
		for _, v := range variables {
			if key, ok := strings.CutPrefix(v, "AWS_ACCESS_KEY_ID="); ok {
				return key
			}
		}
	}
	t.Fatalf("%s has no process", function)
	return ""
}
