package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// testTemplate returns testdata/template.yaml with one text replaced by another. old must occur exactly once.
func testTemplate(t *testing.T, old, replacement string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	if old != "" && strings.Count(text, old) != 1 {
		t.Fatalf("%q must occur once in the template", old)
	}
	if old != "" {
		text = strings.Replace(text, old, replacement, 1)
	}
	functions, err := filepath.Abs("testdata/functions")
	if err != nil {
		t.Fatal(err)
	}
	text = strings.Replace(text, "CodeUri: functions/", "CodeUri: "+functions, 1)
	path := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// startTest starts a stack inside the test, so that the race detector sees it.
func startTest(t *testing.T, template string, change func(*config)) *stack {
	t.Helper()
	var out lockedBuffer
	c := config{Addr: "127.0.0.1:0", Template: template, DynamoDB: os.Getenv("STREAMOTP_DYNAMODB"), Out: &out, Now: time.Now}
	if change != nil {
		change(&c)
	}
	s, err := start(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.close()
		if t.Failed() {
			t.Log(out.String())
		}
	})
	return s
}

// lockedBuffer is a buffer for several writers.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// answer is the response to a request.
type answer struct {
	status int
	header http.Header
	body   string
}

// send sends a request with a body, and headers as "Name: value".
func send(t *testing.T, method, url, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		if h == "" {
			continue
		}
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			req.Host = value
		}
		req.Header.Add(name, value)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Error(err)
		return answer{}
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return answer{res.StatusCode, res.Header, string(data)}
}

// echo is the response of the probe.
type echo struct {
	Event  map[string]any
	Env    map[string]string
	Pid    int
	Header http.Header
}

func (s *stack) echo(t *testing.T, body string) (out echo) {
	t.Helper()
	a := send(t, "POST", s.url+"/api/echo", body)
	if err := json.Unmarshal([]byte(a.body), &out); a.status != 200 || err != nil {
		t.Fatalf("%d %s", a.status, a.body)
	}
	return out
}

// put writes an item with this id and further text attributes, given as "name=value".
func (s *stack) put(t *testing.T, id string, attributes ...string) {
	t.Helper()
	item := map[string]map[string]string{"id": {"S": id}}
	for _, a := range attributes {
		name, value, _ := strings.Cut(a, "=")
		item[name] = map[string]string{"S": value}
	}
	data, err := json.Marshal(item)
	if err != nil {
		t.Fatal(err)
	}
	if a := send(t, "PUT", s.url+"/_local/items?table=Things", string(data)); a.status != http.StatusNoContent {
		t.Fatal(a)
	}
}

// logged returns the lines with this prefix that the stream function wrote.
func (s *stack) logged(prefix string) []string { return s.loggedBy("StreamFunction", prefix) }

// loggedBy returns the lines with this prefix that a function wrote.
func (s *stack) loggedBy(function, prefix string) (out []string) {
	for _, l := range s.log.functionLines() {
		if text, ok := strings.CutPrefix(l, function+"\t"); ok && strings.HasPrefix(text, prefix) {
			out = append(out, text)
		}
	}
	return out
}

// call calls the AWS endpoint as the AWS CLI would.
func (s *stack) call(t *testing.T, service, target, path, body string) answer {
	t.Helper()
	return send(t, "POST", s.awsURL+path, body, "X-Amz-Target: "+target,
		"Authorization: AWS4-HMAC-SHA256 Credential=operator/20260101/us-east-1/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
}

// eventually waits for a condition. It returns false if the condition does not become true within the limit.
func eventually(limit time.Duration, holds func() bool) bool {
	for deadline := time.Now().Add(limit); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// await waits for a condition and fails the test if it does not become true.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	if !eventually(20*time.Second, holds) {
		t.Fatalf("in vain: %s", what)
	}
}
