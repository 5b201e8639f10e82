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

// redriven is a letter in what otpctl deadletters redrive --json prints.
type redriven struct {
	Handed, Failed, Expired int
	Gone, Deleted           bool
	Problem                 string
}

// redrive runs otpctl deadletters redrive, and says whether its exit code was 0.
func redrive(t *testing.T, s *Stack, args ...string) (letters []redriven, ok bool) {
	t.Helper()
	said, err := tryOtpctl(t, s, "", append([]string{"deadletters", "redrive", "--json"}, args...)...)
	if strings.Contains(said, "@") {
		t.Errorf("redrive tells an address: %s", said)
	}
	var report struct{ Letters []redriven }
	if e := json.Unmarshal([]byte(said), &report); e != nil {
		t.Fatalf("%v: %s", e, said)
	}
	return report.Letters, err == nil
}

// letter has a code for an address end in the dead-letter queue, while SES is paused.
func letter(t *testing.T, s *Stack, to string) (session string) {
	t.Helper()
	before := len(s.DeadLetters())
	s.Fault(fields{"service": "ses", "action": "SendEmail", "error": "SendingPausedException"})
	session = expect(t, s, "/api/generate", fields{"email": to}, 200, "")["sessionId"].(string)
	until(t, Patience, "the dead letter", func() bool { return len(s.DeadLetters()) == before+1 })
	return session
}

// wantLetters fails the test unless so many are in the queue and all are visible.
func wantLetters(t *testing.T, s *Stack, n int) {
	t.Helper()
	said := otpctl(t, s, "", "deadletters", "list")
	if got := strings.Count(said, "\n") - 1; got != n || strings.Contains(said, "more") || len(s.DeadLetters()) != n {
		t.Errorf("want %d letters:\n%s", n, said)
	}
}

func TestDeadLetters(t *testing.T) {
	s := Start(t, unlimited...)
	t.Run("C8: a letter is listed and stays, is redriven once, and a second redrive sends nothing", func(t *testing.T) {
		s := s.In(t)
		id := letter(t, s, "paused@example.com")
		for range 2 {
			said := otpctl(t, s, "", "deadletters", "list")
			if !strings.Contains(said, "RetryAttemptsExhausted") || !strings.Contains(said, "  yes  ") || strings.Contains(said, "paused@") {
				t.Errorf("listed:\n%s", said)
			}
		}
		s.ClearFaults()
		if got, ok := redrive(t, s); !ok || len(got) != 1 || got[0].Handed != 1 || !got[0].Deleted {
			t.Errorf("redriven: %+v", got)
		}
		code := s.Code(s.WaitMessage("paused@example.com", nil))
		if got, ok := redrive(t, s); !ok || len(got) != 0 {
			t.Errorf("redriven again: %+v", got)
		}
		if n := count(s, "paused@example.com"); n != 1 {
			t.Errorf("%d messages", n)
		}
		wantLetters(t, s, 0)
		expect(t, s, "/api/verify", try(id, code), 200, "")
	})
	t.Run("C8: a letter whose records fail again stays", func(t *testing.T) {
		s := s.In(t)
		letter(t, s, "again@example.com")
		got, ok := redrive(t, s)
		if ok || len(got) != 1 || got[0].Failed != 1 || got[0].Deleted {
			t.Errorf("redriven: %+v", got)
		}
		wantLetters(t, s, 1)
		s.ClearFaults()
		s.Fault(fields{"service": "lambda", "action": "Invoke", "error": "TooManyRequestsException", "count": 1})
		if got, ok := redrive(t, s); ok || len(got) != 1 || !strings.Contains(got[0].Problem, "throttled") {
			t.Errorf("redriven: %+v", got)
		}
		wantLetters(t, s, 1)
		if got, ok := redrive(t, s); !ok || len(got) != 1 || !got[0].Deleted {
			t.Errorf("redriven: %+v", got)
		}
		s.WaitMessage("again@example.com", nil)
	})
	t.Run("C8: what was sent meanwhile is not sent again", func(t *testing.T) {
		s := s.In(t)
		letter(t, s, "lost@example.com")
		s.ClearFaults()
		s.Fault(fields{"service": "sqs", "action": "DeleteMessage", "error": "AccessDeniedException"}) // sent, but its letter stays
		if got, ok := redrive(t, s); ok || len(got) != 1 || got[0].Deleted {
			t.Errorf("redriven: %+v", got)
		}
		s.ClearFaults()
		if got, ok := redrive(t, s); !ok || len(got) != 1 || !got[0].Deleted {
			t.Errorf("redriven: %+v", got)
		}
		if n := count(s, "lost@example.com"); n != 1 {
			t.Errorf("%d messages", n)
		}
	})
	t.Run("C8: an expired code is never sent", func(t *testing.T) {
		s := s.In(t)
		id := letter(t, s, "late@example.com")
		s.ClearFaults()
		for _, item := range s.Items("CodesTable") {
			if item["sessionId"]["S"] == id {
				item["expiredAt"]["N"] = fmt.Sprint(time.Now().Add(-time.Second).Unix())
				s.PutItem("CodesTable", item)
			}
		}
		if got, ok := redrive(t, s); !ok || len(got) != 1 || !got[0].Deleted {
			t.Errorf("redriven: %+v", got)
		}
		session(t, s, fields{"email": "next@example.com"}, "next@example.com")
		if n := count(s, "late@example.com"); n != 0 {
			t.Errorf("%d messages", n)
		}
		wantLetters(t, s, 0)
	})
	t.Run("a letter whose records are gone is told, and deleted on demand only", func(t *testing.T) {
		s := s.In(t)
		letter(t, s, "gone@example.com")
		s.ClearFaults()
		s.Fault(fields{"service": "dynamodb", "action": "GetShardIterator", "error": "TrimmedDataAccessException"})
		if said := otpctl(t, s, "", "deadletters", "list"); !strings.Contains(said, "  no  ") {
			t.Errorf("listed:\n%s", said)
		}
		if got, ok := redrive(t, s); ok || len(got) != 1 || !got[0].Gone || got[0].Deleted || !strings.Contains(got[0].Problem, "--drop-gone") {
			t.Errorf("redriven: %+v", got)
		}
		wantLetters(t, s, 1)
		if got, ok := redrive(t, s, "--drop-gone"); !ok || len(got) != 1 || !got[0].Gone || !got[0].Deleted || got[0].Handed != 0 {
			t.Errorf("redriven: %+v", got)
		}
		if n := count(s, "gone@example.com"); n != 0 {
			t.Errorf("%d messages", n)
		}
		wantLetters(t, s, 0)
	})
	t.Run("of a letter whose first records are gone the others are sent", func(t *testing.T) {
		s := s.In(t)
		s.ClearFaults()
		letter(t, s, "partly@example.com")
		s.ClearFaults()
		trimmed := fields{"service": "dynamodb", "action": "GetShardIterator", "error": "TrimmedDataAccessException", "count": 1}
		s.Fault(trimmed)
		if said := otpctl(t, s, "", "deadletters", "list"); !strings.Contains(said, "  partly  ") {
			t.Errorf("listed:\n%s", said)
		}
		s.Fault(trimmed)
		if got, ok := redrive(t, s); ok || len(got) != 1 || got[0].Handed != 1 || !got[0].Gone || got[0].Deleted {
			t.Errorf("redriven: %+v", got)
		}
		s.WaitMessage("partly@example.com", nil)
		if got, ok := redrive(t, s); !ok || len(got) != 1 || !got[0].Deleted {
			t.Errorf("redriven: %+v", got)
		}
		if n := count(s, "partly@example.com"); n != 1 {
			t.Errorf("%d messages", n)
		}
	})
	t.Run("two redrives at once send each message once", func(t *testing.T) {
		s := s.In(t)
		const letters = 6
		to := func(n int) string { return fmt.Sprintf("shared%d@example.com", n) }
		for n := range letters {
			letter(t, s, to(n))
		}
		s.ClearFaults()
		var wait sync.WaitGroup
		var done [2][]redriven
		for i := range done {
			wait.Go(func() { done[i], _ = redrive(t, s) })
		}
		wait.Wait()
		if n := len(done[0]) + len(done[1]); n != letters {
			t.Errorf("%d letters were redriven: %+v", n, done)
		}
		for n := range letters {
			if count := count(s, to(n)); count != 1 {
				t.Errorf("%s got %d messages", to(n), count)
			}
		}
		wantLetters(t, s, 0)
	})
	t.Run("a redrive that is interrupted ends the letter in hand, and leaves the others for the next one", func(t *testing.T) {
		s := s.In(t)
		const letters = 4
		to := func(n int) string { return fmt.Sprintf("stopped%d@example.com", n) }
		for n := range letters {
			letter(t, s, to(n))
		}
		s.ClearFaults()
		sent := func() (n int) {
			for i := range letters {
				n += count(s, to(i))
			}
			return n
		}
		s.Fault(fields{"service": "ses", "action": "SendEmail", "latencyMs": 1000})
		binary, err := buildOtpctl()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(binary, "--endpoint", s.AWSURL, "deadletters", "redrive")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		until(t, Patience, "the first message", func() bool { return sent() > 0 })
		_ = cmd.Process.Signal(syscall.SIGINT)
		if err := cmd.Wait(); err == nil {
			t.Error("it says that all is done")
		}
		s.ClearFaults()
		if n := sent(); n == letters {
			t.Error("it was not interrupted")
		} else {
			wantLetters(t, s, letters-n)
		}
		redrive(t, s)
		if n := sent(); n != letters {
			t.Errorf("%d messages to %d addresses", n, letters)
		}
	})
}
