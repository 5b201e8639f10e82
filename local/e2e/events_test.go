package e2e

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// event is a log line that reports an event.
type event map[string]any

// events returns those of the functions' log lines that have an event, in order. Every line must be one JSON object.
func (s *Stack) events() (out []event) {
	s.t.Helper()
	for _, line := range s.Logs() {
		_, text, _ := strings.Cut(line, "\t")
		var e event
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			s.t.Errorf("no JSON object: %s", text)
		}
		if e["event"] != nil {
			out = append(out, e)
		}
	}
	return out
}

// short describes an event in words: its name, channel, purpose and reason.
func (e event) short() string {
	words := []string{}
	for _, name := range []string{"event", "Channel", "Purpose", "reason"} {
		if e[name] != nil {
			words = append(words, fmt.Sprint(e[name]))
		}
	}
	return strings.Join(words, " ")
}

// embedded is the content of a line in CloudWatch's embedded metric format.
type embedded struct {
	Timestamp         int64
	CloudWatchMetrics []struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []struct{ Name, Unit string }
	}
}

func (e event) embedded(t *testing.T) (meta embedded) {
	t.Helper()
	raw, _ := json.Marshal(e["_aws"])
	if err := json.Unmarshal(raw, &meta); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return meta
}

// checkMetric compares a line with CloudWatch's embedded metric format.
func checkMetric(t *testing.T, e event) {
	t.Helper()
	name := e["event"].(string)
	if name == "WrongPassword" {
		if e["_aws"] != nil {
			t.Errorf("%v is a metric", e)
		}
		return
	}
	meta := e.embedded(t)
	settled := 0
	if e["Settled"] != nil { // a message that is to be sent, or that needs nothing more
		settled = 1
	}
	if len(meta.CloudWatchMetrics) != 1+settled || meta.Timestamp < 1e12 {
		t.Fatalf("%v", e)
	}
	m := meta.CloudWatchMetrics[0]
	if name == "Delivered" && len(m.Metrics) == 2 && m.Metrics[1].Name == "DeliveryTime" && m.Metrics[1].Unit == "Milliseconds" && e["DeliveryTime"] != nil {
		m.Metrics = m.Metrics[:1]
	}
	if m.Namespace != "StreamOTP/streamotp" || len(m.Metrics) != 1 || m.Metrics[0].Name != name || m.Metrics[0].Unit != "Count" || e[name] != 1.0 {
		t.Errorf("%v", e)
	}
	want := [][]string{}
	for _, dimension := range []string{"Channel", "Purpose"} {
		if e[dimension] != nil {
			want = append(want, []string{dimension})
		}
	}
	if slices.Contains([]string{"ProviderError", "Locked", "Blocked", "Sent"}, name) {
		want = append(want, []string{}) // the total for the alarms
	}
	if !reflect.DeepEqual(m.Dimensions, want) {
		t.Errorf("dimensions %v, want %v", m.Dimensions, want)
	}
}

func TestEvents(t *testing.T) {
	s := Start(t, "-parameter", "SendsPerHour=2", "-parameter", "PasswordTriesPerHour=1")
	id, code := session(t, s, fields{"email": "eve@example.com"}, "eve@example.com")
	s.Post("/api/verify", try(id, wrong(code)))
	s.Post("/api/verify", try(id, code))
	s.Post("/api/verify", try(id, code))
	session(t, s, fields{"phone": "+4915123456789"}, "+4915123456789")
	session(t, s, fields{"email": "eve@example.com"}, "eve@example.com")
	s.Post("/api/generate", fields{"email": "eve@example.com"})
	s.Post("/api/generate", fields{"email": "eve@example.com", "contact_me_by_fax_only": "x"})
	s.Post("/api/generate", fields{"phone": "+33612345678"})
	session(t, s, login("ada@example.com", demoPassword), "ada@example.com")
	s.Post("/api/generate", login("ada@example.com", "not the password"))
	s.Post("/api/generate", login("ada@example.com", "not the password"))
	s.Post("/api/generate", fields{"email": "nobody@example.com", "purpose": "reset"})
	s.Fault(fields{"service": "dynamodb", "action": "Query", "error": "InternalServerError"})
	s.Post("/api/verify", try(id, code))
	s.ClearFaults()
	s.Fault(fields{"service": "ses", "action": "SendEmail", "error": "MessageRejected", "message": "Address blacklisted.", "count": 1})
	s.Post("/api/generate", fields{"email": "gone@example.com"})

	got := func() (out []string) {
		for _, e := range s.events() {
			out = append(out, e.short())
		}
		slices.Sort(out)
		return out
	}
	want := []string{
		"Blocked email verify honeypot", "Blocked sms verify country", "Delivered email", "Delivered email", "Delivered email", "Expired email verify code_used",
		"Generated email login", "Generated email reset decoy", "Generated email verify", "Generated email verify", "Generated email verify",
		"Generated sms verify", "Limited email verify subject", "Limited login subject_passwords",
		"ProviderError email verify refused", "ProviderError unavailable",
		"Sent email login code", "Sent email verify code", "Sent email verify code", "Sent sms verify code",
		"Verified email verify", "WrongCode email verify wrong_code", "WrongPassword login invalid_credentials",
	}
	until(t, Patience, "every event", func() bool { return len(got()) >= len(want) })
	if got := got(); !slices.Equal(got, want) {
		t.Errorf("events\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, e := range s.events() {
		checkMetric(t, e)
		if name := e["event"]; (name == "Verified" || name == "WrongCode" || name == "Sent") && (e["session"] == nil || e["subject"] == nil) {
			t.Errorf("whose? %v", e)
		}
		if text := fmt.Sprint(e); strings.Contains(text, id) {
			t.Errorf("the session's id is in the log: %s", text)
		}
	}
}
