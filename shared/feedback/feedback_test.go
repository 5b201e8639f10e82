package feedback_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"streamotp/shared/feedback"
	"streamotp/shared/store"
)

func captured(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestParse(t *testing.T) {
	bounce := func(kind, sub string) string {
		return strings.Replace(captured(t, "bounce"), `"bounceType":"Permanent","bounceSubType":"General"`,
			fmt.Sprintf(`"bounceType":%q,"bounceSubType":%q`, kind, sub), 1)
	}
	for _, c := range []struct {
		rule, text string
		want       feedback.Kind
		reason     string
	}{
		{"a permanent bounce", captured(t, "bounce"), feedback.Bounced, "Permanent/General"},
		{"one that SES's own list made", bounce("Permanent", "OnAccountSuppressionList"), feedback.Bounced, "Permanent/OnAccountSuppressionList"},
		{"a full mailbox may be emptied", bounce("Transient", "MailboxFull"), feedback.Failed, "Transient/MailboxFull"},
		{"what nobody understands may pass", bounce("Undetermined", "Undetermined"), feedback.Failed, "Undetermined/Undetermined"},
		{"an out-of-office reply looks like one that may pass", bounce("Transient", "General"), feedback.Failed, "Transient/General"},
		{"a complaint", captured(t, "complaint"), feedback.Complaint, "abuse"},
		{"a complaint that SES made of an earlier one", strings.Replace(captured(t, "complaint"), `"complaintSubType":null`, `"complaintSubType":"OnAccountSuppressionList"`, 1),
			feedback.Bounced, "OnAccountSuppressionList"},
		{"the contrary of a complaint", strings.Replace(captured(t, "complaint"), `"abuse"`, `"not-spam"`, 1), feedback.Other, "not-spam"},
		{"a delivery", captured(t, "delivery"), feedback.Delivered, ""},
		{"an event that was not asked for", `{"eventType":"Open","mail":{}}`, feedback.Other, ""},
	} {
		t.Run(c.rule, func(t *testing.T) {
			e, err := feedback.Parse(c.text)
			if err != nil || e.Kind != c.want || e.Reason != c.reason {
				t.Errorf("%+v, %v", e, err)
			}
		})
	}
	t.Run("an event is as old as it says; one that may be an out-of-office reply, as old as its message", func(t *testing.T) {
		for _, c := range []struct{ text, want string }{
			{captured(t, "delivery"), "2026-11-20T22:25:59.646Z"},
			{captured(t, "bounce"), "2026-11-20T22:25:59.112Z"},
			{bounce("Transient", "General"), "2026-11-20T22:25:58.523Z"},
			{captured(t, "complaint"), "2026-11-20T22:26:02Z"},
		} {
			e, err := feedback.Parse(c.text)
			if got := e.At.Format(time.RFC3339Nano); err != nil || got != c.want {
				t.Errorf("%s, %v, want %s", got, err, c.want)
			}
		}
	})
	t.Run("a time that cannot be read does not lose the event", func(t *testing.T) {
		e, err := feedback.Parse(strings.Replace(captured(t, "bounce"), "2026-11-20T22:25:59.112Z", "yesterday", 1))
		if err != nil || e.Kind != feedback.Bounced || !e.At.IsZero() {
			t.Errorf("%+v, %v", e, err)
		}
	})
	t.Run("tags come back as they went", func(t *testing.T) {
		e, err := feedback.Parse(captured(t, "delivery"))
		want := feedback.Tags{Destination: "A6-fAyiF9Ki_7nHl0JabkYw8UOknsyYSjavYar9jUYE",
			Verify: "2nMq7Jc0uKX1r5s0Yb2m8d9nVq4mJY3cQh1pVtE6b8A", Login: "f0Jt2wq8N3sYc5v7Lk1pZr4xQe6uHb9mTg2aWdD3oVE",
			Session: "6f2a9d0c-3b1e-4a77-9d3e-0c1b2a3d4e5f", Digest: "eVQ1xFAzc0a4zYQXAMjN0m8mJk0Wm9dY3Hn2rS6uTqk"}
		if err != nil || e.Tags != want || e.Took != 1123*time.Millisecond {
			t.Errorf("%+v, %v", e, err)
		}
		for name, value := range want.Map() {
			if !strings.Contains(captured(t, "delivery"), fmt.Sprintf("%q:[%q]", name, value)) {
				t.Errorf("%s=%s is not what came back", name, value)
			}
		}
	})
	for _, text := range []string{"", "Successfully validated SNS topic for Amazon SES event publishing.", "{}", "[]", `{"notificationType":"Bounce"}`} {
		t.Run("no event: "+text, func(t *testing.T) {
			if e, err := feedback.Parse(text); !errors.Is(err, feedback.ErrNoEvent) {
				t.Errorf("%+v, %v", e, err)
			}
		})
	}
}

func TestSuppressionReason(t *testing.T) {
	for kind, want := range map[feedback.Kind]store.Reason{
		feedback.Bounced: store.Bounce, feedback.Complaint: store.Complaint, feedback.Failed: "", feedback.Delivered: "", feedback.Other: "",
	} {
		if got, is := kind.SuppressionReason(); got != want || is != (want != "") {
			t.Errorf("%d: %q, %t", kind, got, is)
		}
	}
}

// FuzzParse: no event from the topic crashes the function, and a tag is read as it is in the event.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"bounce", "complaint", "delivery"} {
		data, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := feedback.Parse(text)
		if err != nil && e != (feedback.Event{}) {
			t.Errorf("%+v beside %v", e, err)
		}
	})
}
