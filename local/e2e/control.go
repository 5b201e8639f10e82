package e2e

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
)

// Item is an item in DynamoDB JSON, such as {"email":{"S":"ada@example.com"}}.
type Item map[string]map[string]any

// Messages returns the messages in the mailbox, newest first.
func (s *Stack) Messages() (out []Message) {
	s.t.Helper()
	s.get("/_local/messages", &out)
	return out
}

// ClearMessages empties the mailbox.
func (s *Stack) ClearMessages() { s.t.Helper(); s.call(http.MethodDelete, "/_local/messages", nil) }

// WaitMessage waits for a message to this address or number. If match is not nil, the message must match too.
func (s *Stack) WaitMessage(to string, match func(Message) bool) (found Message) {
	s.t.Helper()
	until(s.t, Patience, "a message to "+to, func() bool {
		for _, m := range s.Messages() {
			if m.To == to && (match == nil || match(m)) {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

// CodeSince returns the code that arrived at this address or number after the given messages, or "" if none has. A
// security notification may arrive late; it has no code.
func (s *Stack) CodeSince(before []Message, to string) string {
	s.t.Helper()
	for _, m := range s.Messages() {
		if m.To == to && Code(m) != "" && !slices.ContainsFunc(before, func(b Message) bool { return b.ID == m.ID }) {
			return Code(m)
		}
	}
	return ""
}

var codeLine = regexp.MustCompile(`(?m)^(?:@\S+ #)?([0-9]{6,10})\r?$`)

// Code returns the code in a message, or "" if it has none.
func Code(m Message) string {
	if c := codeLine.FindStringSubmatch(m.Text); c != nil {
		return c[1]
	}
	return ""
}

// Code returns the code in a message. A message without a code fails the test.
func (s *Stack) Code(m Message) string {
	s.t.Helper()
	c := Code(m)
	if c == "" {
		s.t.Fatalf("no code in %q", m.Text)
	}
	return c
}

// Calls returns every AWS call of the functions, oldest first.
func (s *Stack) Calls() (out []Call) { s.t.Helper(); s.get("/_local/calls", &out); return out }

// ClearCalls empties the record of calls.
func (s *Stack) ClearCalls() { s.t.Helper(); s.call(http.MethodDelete, "/_local/calls", nil) }

// Items returns all items of a table, given its logical id.
func (s *Stack) Items(table string) (out []Item) {
	s.t.Helper()
	s.get("/_local/items?table="+url.QueryEscape(table), &out)
	return out
}

// PutItem writes an item unchanged.
func (s *Stack) PutItem(table string, item Item) {
	s.t.Helper()
	s.call(http.MethodPut, "/_local/items?table="+url.QueryEscape(table), item)
}

// Fault sets a fault, in the form that POST /_local/faults accepts.
func (s *Stack) Fault(fault map[string]any) {
	s.t.Helper()
	s.call(http.MethodPost, "/_local/faults", fault)
}

// ClearFaults removes all faults.
func (s *Stack) ClearFaults() { s.t.Helper(); s.call(http.MethodDelete, "/_local/faults", nil) }

// Kill kills the processes of a function with signal 9.
func (s *Stack) Kill(function string) {
	s.t.Helper()
	s.call(http.MethodPost, "/_local/kill", map[string]string{"function": function})
}

// Logs returns the functions' log lines, each after its function's logical id and a tab.
func (s *Stack) Logs() []string {
	s.t.Helper()
	return lines(string(s.call(http.MethodGet, "/_local/logs", nil)))
}

// DeadLetters returns the messages in the dead-letter queue.
func (s *Stack) DeadLetters() (out []map[string]any) {
	s.t.Helper()
	s.get("/_local/deadletters", &out)
	return out
}
