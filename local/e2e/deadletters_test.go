package e2e

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// redriven is a dead letter in the output of otpctl deadletters redrive --json.
type redriven struct {
	Kind, Row       string
	Queued, Deleted bool
	Problem         string
}

// deadletters runs a command of otpctl deadletters. Its output must contain neither a row's key nor an address. ok
// reports whether its exit code was 0.
func deadletters(t *testing.T, s *Stack, args ...string) (said string, ok bool) {
	t.Helper()
	said, err := tryOtpctl(t, s, "", append([]string{"deadletters"}, args...)...)
	for _, item := range s.Items("CodesTable") {
		if strings.Contains(said, item["sessionId"]["S"].(string)) || strings.Contains(said, item["code"]["S"].(string)) {
			t.Errorf("it prints a row's key: %s", said)
		}
	}
	if strings.Contains(said, "@") {
		t.Errorf("it prints an address: %s", said)
	}
	return said, err == nil
}

// redrive runs otpctl deadletters redrive.
func redrive(t *testing.T, s *Stack, args ...string) (letters []redriven, ok bool) {
	t.Helper()
	said, ok := deadletters(t, s, append([]string{"redrive", "--json"}, args...)...)
	var report struct{ Data struct{ Letters []redriven } }
	if err := json.Unmarshal([]byte(said), &report); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return report.Data.Letters, ok
}

// rowOf changes the row of a session's code.
func rowOf(t *testing.T, s *Stack, id string, change func(Item)) (row Item) {
	t.Helper()
	for _, item := range s.Items("CodesTable") {
		if item["sessionId"]["S"] == id {
			change(item)
			s.PutItem("CodesTable", item)
			row = item
		}
	}
	if row == nil {
		t.Fatal("the row is gone")
	}
	return row
}

// strand requests a code, which is delivered. It then makes the code's row look unsent, with a dead letter that points to
// it.
func strand(t *testing.T, s *Stack, to string) (id, code string) {
	t.Helper()
	id, code = session(t, s, fields{"email": to}, to)
	until(t, Patience, "the mark that it was sent", func() bool {
		for _, item := range s.Items("CodesTable") {
			if item["sessionId"]["S"] == id {
				return item["sentAt"] != nil
			}
		}
		return false
	})
	row := rowOf(t, s, id, func(item Item) { delete(item, "sentAt") })
	body, err := json.Marshal(map[string]any{"sessionId": id, "code": row["code"]["S"]})
	if err != nil {
		t.Fatal(err)
	}
	status, text := awsAs(t, s, "operator", "sqs", "AmazonSQS.SendMessage",
		fields{"QueueUrl": stackOutput(t, s, "DeadLetterQueueUrl"), "MessageBody": string(body)})
	if status != 200 {
		t.Fatalf("SendMessage: %d %s", status, text)
	}
	return id, code
}

// wantLetters fails the test unless this many dead letters are in the queue and all are visible.
func wantLetters(t *testing.T, s *Stack, n int) {
	t.Helper()
	said, _ := deadletters(t, s, "list")
	if got := strings.Count(said, "\n") - 1; got != n || strings.Contains(said, "more just now") || len(s.DeadLetters()) != n {
		t.Errorf("want %d dead letters:\n%s", n, said)
	}
}

// wantMessages waits until this many messages have arrived at an address. It then requests a code for another address,
// and fails the test if more messages arrive before that code does.
func wantMessages(t *testing.T, s *Stack, to string, n int) {
	t.Helper()
	until(t, Patience, fmt.Sprint(n, " messages to ", to), func() bool { return count(s, to) >= n })
	later := "later-" + to
	session(t, s, fields{"email": later}, later)
	if got := count(s, to); got != n {
		t.Errorf("%d messages to %s, want %d", got, to, n)
	}
}

func TestDeadLetters(t *testing.T) {
	s := Start(t, unlimited...)
	paused := fields{"service": "ses", "action": "SendEmail", "error": "SendingPausedException"}
	t.Run("C8: a dead letter is listed and stays, is redriven once, and a second redrive sends nothing", func(t *testing.T) {
		s := s.In(t)
		id, code := strand(t, s, "once@example.com")
		for range 2 {
			if said, ok := deadletters(t, s, "list"); !ok || !strings.Contains(said, "undelivered  waiting") {
				t.Errorf("listed:\n%s", said)
			}
		}
		if got, ok := redrive(t, s); !ok || len(got) != 1 || !got[0].Queued || !got[0].Deleted {
			t.Errorf("redriven: %+v", got)
		}
		wantMessages(t, s, "once@example.com", 2)
		if got, ok := redrive(t, s); !ok || len(got) != 0 {
			t.Errorf("redriven again: %+v", got)
		}
		wantMessages(t, s, "once@example.com", 2)
		wantLetters(t, s, 0)
		expect(t, s, "/api/verify", try(id, code), 200, "")
	})
	t.Run("C8: a dead letter whose message cannot be queued stays", func(t *testing.T) {
		s := s.In(t)
		strand(t, s, "again@example.com")
		s.Fault(fields{"service": "sqs", "action": "SendMessage", "error": "AccessDeniedException"})
		if got, ok := redrive(t, s); ok || len(got) != 1 || got[0].Deleted || !strings.Contains(got[0].Problem, "SQS SendMessage") {
			t.Errorf("redriven: %+v", got)
		}
		wantLetters(t, s, 1)
		s.ClearFaults()
		if got, ok := redrive(t, s); !ok || len(got) != 1 || !got[0].Queued {
			t.Errorf("redriven: %+v", got)
		}
		wantMessages(t, s, "again@example.com", 2)
	})
	t.Run("C8: what was sent meanwhile is not sent again", func(t *testing.T) {
		s := s.In(t)
		strand(t, s, "lost@example.com")
		s.Fault(fields{"service": "sqs", "action": "DeleteMessage", "error": "AccessDeniedException"}) // the message is queued, but its dead letter stays
		if got, ok := redrive(t, s); ok || len(got) != 1 || !got[0].Queued || got[0].Deleted {
			t.Errorf("redriven: %+v", got)
		}
		s.ClearFaults()
		wantMessages(t, s, "lost@example.com", 2)
		if got, ok := redrive(t, s); !ok || len(got) != 1 || got[0].Row != "sent" || got[0].Queued || !got[0].Deleted {
			t.Errorf("redriven: %+v", got)
		}
		wantMessages(t, s, "lost@example.com", 2)
	})
	t.Run("C8: an expired code is never sent, and its dead letter is deleted on demand only", func(t *testing.T) {
		s := s.In(t)
		s.Fault(paused)
		id := expect(t, s, "/api/generate", fields{"email": "late@example.com"}, 200, "")["sessionId"].(string)
		until(t, Patience, "the first attempt", func() bool { return strings.Contains(strings.Join(s.Logs(), "\n"), "SendingPausedException") })
		rowOf(t, s, id, func(item Item) { item["expiredAt"]["N"] = fmt.Sprint(time.Now().Add(time.Second).Unix()) })
		until(t, Patience, "the dead letter of what has expired", func() bool {
			said, _ := deadletters(t, s, "list")
			return strings.Contains(said, "undelivered  expired") || strings.Contains(said, "undelivered  gone") // DynamoDB Local deletes the row soon
		})
		s.ClearFaults()
		if got, ok := redrive(t, s); ok || len(got) != 1 || got[0].Queued || got[0].Deleted || !strings.Contains(got[0].Problem, "--drop") {
			t.Errorf("redriven: %+v", got)
		}
		wantLetters(t, s, 1)
		if got, ok := redrive(t, s, "--drop"); !ok || len(got) != 1 || got[0].Queued || !got[0].Deleted {
			t.Errorf("redriven: %+v", got)
		}
		wantMessages(t, s, "late@example.com", 0)
		wantLetters(t, s, 0)
	})
	t.Run("a position in the stream is reported, and deleted on demand only", func(t *testing.T) {
		s := s.In(t)
		s.Fault(paused)
		s.Fault(fields{"service": "sqs", "action": "SendMessage", "function": "SendFunction", "error": "AccessDeniedException"})
		expect(t, s, "/api/generate", fields{"email": "lane@example.com"}, 200, "")
		until(t, 3*Patience, "the position", func() bool { return len(s.DeadLetters()) == 1 })
		s.ClearFaults()
		if said, ok := deadletters(t, s, "list"); !ok || !strings.Contains(said, "position  -") {
			t.Errorf("listed:\n%s", said)
		}
		if got, ok := redrive(t, s); ok || len(got) != 1 || got[0].Kind != "position" || got[0].Deleted || !strings.Contains(got[0].Problem, "--drop") {
			t.Errorf("redriven: %+v", got)
		}
		if got, ok := redrive(t, s, "--drop"); !ok || len(got) != 1 || got[0].Queued || !got[0].Deleted {
			t.Errorf("redriven: %+v", got)
		}
		wantLetters(t, s, 0)
	})
	t.Run("two redrives at once send each message once", func(t *testing.T) {
		s := s.In(t)
		const letters = 6
		to := func(n int) string { return fmt.Sprintf("shared%d@example.com", n) }
		for n := range letters {
			strand(t, s, to(n))
		}
		var wait sync.WaitGroup
		var done [2][]redriven
		for i := range done {
			wait.Go(func() { done[i], _ = redrive(t, s) })
		}
		wait.Wait()
		if n := len(done[0]) + len(done[1]); n != letters {
			t.Errorf("%d dead letters were redriven: %+v", n, done)
		}
		for n := range letters {
			wantMessages(t, s, to(n), 2)
		}
		wantLetters(t, s, 0)
	})
	t.Run("a redrive that is interrupted finishes the dead letter in hand, and leaves the others for the next one", func(t *testing.T) {
		s := s.In(t)
		const letters = 4
		to := func(n int) string { return fmt.Sprintf("stopped%d@example.com", n) }
		for n := range letters {
			strand(t, s, to(n))
		}
		s.Fault(fields{"service": "sqs", "action": "SendMessage", "latencyMs": 1000})
		binary, err := buildOtpctl()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(binary, "--endpoint", s.AWSURL, "deadletters", "redrive")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		until(t, Patience, "the first dead letter to go", func() bool { return len(s.DeadLetters()) < letters })
		_ = cmd.Process.Signal(syscall.SIGINT)
		if err := cmd.Wait(); err == nil {
			t.Error("it says that all is done")
		}
		s.ClearFaults()
		if n := len(s.DeadLetters()); n == 0 {
			t.Error("it was not interrupted")
		} else {
			wantLetters(t, s, n)
		}
		redrive(t, s)
		for n := range letters {
			wantMessages(t, s, to(n), 2)
		}
		wantLetters(t, s, 0)
	})
}
