package keys_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"

	"streamotp/shared/keys"
)

const reviewer = "reviewer@example.com"

// shelf is a Secrets Manager with one secret, which may be out of order.
type shelf struct {
	t     *testing.T
	mu    sync.Mutex
	text  string
	down  bool
	reads int
	now   time.Time
	log   bytes.Buffer
	*keys.TestDestinations
}

func newShelf(t *testing.T, text string) *shelf {
	s := &shelf{t: t, text: text, now: time.Now()}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.TestDestinations = keys.NewTestDestinations(aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}, "secret")
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&s.log, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	return s
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if s.down {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"__type":"AccessDeniedException","message":"424242"}`)
		return
	}
	answer, _ := json.Marshal(map[string]string{"SecretString": s.text})
	_, _ = w.Write(answer)
}

func (s *shelf) set(text string, down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text, s.down = text, down
}

// want asks for a destination's code: digits, "none" or "error".
func (s *shelf) want(destination, want string) {
	s.t.Helper()
	code, ok, err := s.Code(context.Background(), destination, 6, s.now)
	got := code
	if err != nil {
		got = "error"
		if api := smithy.APIError(nil); !errors.As(err, &api) {
			s.t.Errorf("the cause is lost: %v", err)
		}
	} else if !ok {
		got = "none"
	}
	if got != want || ok != (code != "") || ok && err != nil {
		s.t.Errorf("%s: %q, %v, %v; want %s", destination, code, ok, err, want)
	}
}

func open(until time.Time) string {
	return `{"destinations":{"` + reviewer + `":{"code":"424242","until":"` + until.Format(time.RFC3339) + `"}}}`
}

func TestTestDestinations(t *testing.T) {
	t.Run("are read on first use, and again when a minute is over", func(t *testing.T) {
		s := newShelf(t, open(time.Now().Add(time.Hour)))
		if s.reads != 0 {
			t.Error("read before the first use")
		}
		var wait sync.WaitGroup
		for range 20 {
			wait.Go(func() { s.want(reviewer, "424242") })
		}
		wait.Wait()
		s.want("ada@example.com", "none")
		if s.reads != 1 {
			t.Errorf("%d reads", s.reads)
		}
		s.set(`{"destinations":{}}`, false)
		s.now = s.now.Add(time.Minute)
		s.want(reviewer, "none")
		s.want(reviewer, "none")
		if s.reads != 2 {
			t.Errorf("%d reads", s.reads)
		}
	})
	t.Run("end at their time, also where the secret still has them", func(t *testing.T) {
		s := newShelf(t, open(time.Now().Add(30*time.Second)))
		s.want(reviewer, "424242")
		s.now = s.now.Add(31 * time.Second)
		s.want(reviewer, "none")
	})
	t.Run("that were never read are an error for everybody", func(t *testing.T) {
		s := newShelf(t, open(time.Now().Add(time.Hour)))
		s.set(s.text, true)
		s.want(reviewer, "error")
		s.want("ada@example.com", "error")
		s.set(s.text, false)
		s.want(reviewer, "424242") // the next call, not the next minute
	})
	t.Run("that cannot be read again open nothing, and stop nobody else", func(t *testing.T) {
		s := newShelf(t, open(time.Now().Add(time.Hour)))
		s.want(reviewer, "424242")
		s.set(s.text, true)
		s.now = s.now.Add(time.Minute)
		for range 3 {
			s.want(reviewer, "error")
			s.want("ada@example.com", "none")
		}
		if s.reads != 2 {
			t.Errorf("%d reads: an outage costs one a minute", s.reads)
		}
		s.set(s.text, false)
		s.now = s.now.Add(time.Minute)
		s.want(reviewer, "424242")
	})
	t.Run("in an unreadable document are none, which the log says once", func(t *testing.T) {
		for _, text := range []string{"", "{", `{"destinations":[424242]}`, strings.TrimSuffix(open(time.Now().Add(time.Hour)), "}")} {
			s := newShelf(t, text)
			for range 3 {
				s.want(reviewer, "none")
				s.now = s.now.Add(time.Minute)
			}
			if log := s.log.String(); strings.Count(log, "unreadable") != 1 || strings.Contains(log, "424242") || strings.Contains(log, "reviewer") {
				t.Errorf("%q: the log has %s", text, log)
			}
			s.set(open(s.now.Add(time.Hour)), false)
			s.want(reviewer, "424242")
		}
	})
	t.Run("appear in no log line", func(t *testing.T) {
		s := newShelf(t, open(time.Now().Add(time.Hour)))
		s.want(reviewer, "424242")
		s.set(s.text, true)
		s.now = s.now.Add(time.Minute)
		s.want(reviewer, "error")
		if log := s.log.String(); strings.Contains(log, "424242") || strings.Contains(log, "reviewer") || !strings.Contains(log, "not read again") {
			t.Errorf("the log has %s", log)
		}
	})
}
