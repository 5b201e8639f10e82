package keys_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// manager is a Secrets Manager with one secret. It may fail, hang, or be frozen together with its caller. Its tests run
// in a synctest bubble: a hanging call waits for nothing real, and settle waits for all that can happen.
type manager struct {
	t    *testing.T
	wall time.Time // the time, for the code under test

	mu     sync.Mutex
	text   string
	down   bool          // it fails, in a way that the SDK would retry
	hang   bool          // it responds only after the caller has given up
	freeze chan struct{} // not nil: a call stands still until it is closed, even when its time is over
	calls  int
	log    bytes.Buffer
}

// inBubble runs a test with a Secrets Manager that holds a text.
func inBubble(t *testing.T, text string, test func(t *testing.T, m *manager)) {
	t.Helper()
	wall := time.Now() // with a monotonic reading, which a bubble's time lacks
	synctest.Test(t, func(t *testing.T) {
		m := &manager{t: t, wall: wall, text: text}
		before := slog.Default()
		slog.SetDefault(slog.New(slog.NewJSONHandler(lockedWriter{m}, nil)))
		defer slog.SetDefault(before)
		test(t, m)
	})
}

func (m *manager) config() aws.Config {
	return aws.Config{Region: "us-east-1", HTTPClient: m, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}
}

func (m *manager) now() time.Time { return m.wall }

// Do responds to a call.
func (m *manager) Do(r *http.Request) (*http.Response, error) {
	m.mu.Lock()
	m.calls++
	text, down, hang, freeze := m.text, m.down, m.hang, m.freeze
	m.mu.Unlock()
	if freeze != nil {
		<-freeze
	}
	if hang {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	status, answer := http.StatusOK, map[string]string{"SecretString": text}
	if down {
		status, answer = http.StatusInternalServerError, map[string]string{"__type": "InternalServiceError", "message": text}
	}
	body, _ := json.Marshal(answer)
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
}

// set changes the responses to the next calls.
func (m *manager) set(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
}

// settle waits until every refresh is over or stands still.
func (m *manager) settle() { synctest.Wait() }

// wantCalls fails the test unless this number of calls was made.
func (m *manager) wantCalls(n int) {
	m.t.Helper()
	m.settle()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.calls != n {
		m.t.Errorf("%d calls of Secrets Manager, want %d", m.calls, n)
	}
}

// logged counts the log lines that contain a text.
func (m *manager) logged(text string) int {
	m.settle()
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Count(m.log.String(), text)
}

type lockedWriter struct{ m *manager }

func (w lockedWriter) Write(p []byte) (int, error) {
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	return w.m.log.Write(p)
}
