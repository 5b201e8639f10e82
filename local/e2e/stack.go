// Package e2e starts the development stack as a separate process, as `make run` does, for tests and measurements from outside.
//
// By default the stack uses the embedded engine. The environment variable STREAMOTP_DYNAMODB names another endpoint (such
// as DynamoDB Local) for all stacks of a run.
package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Stack is a running development stack. Its methods fail the test if the stack does not respond as it should.
type Stack struct {
	URL    string // of the server, without a slash at the end
	AWSURL string // of the AWS endpoint
	Pid    int    // of the server

	t       testing.TB
	cmd     *exec.Cmd
	log     *output
	done    chan struct{} // closed when the server has ended
	client  *http.Client
	header  http.Header // sent with every request
	secrets *secrets    // those that went through the stack
}

// CheckResponse, if set, checks every response of the API. path has no stage.
var CheckResponse func(method, path string, status int, header http.Header, body []byte) error

// Message is one entry of GET /_local/messages.
type Message struct {
	ID, Channel, To, From, Subject, Text, HTML string
	SentAt                                     time.Time
}

// Call is one entry of GET /_local/calls.
type Call struct {
	Function, Service, Action, Table string
	Consistent                       bool
	Units                            float64
	Bytes                            int
	Ms                               float64
}

// Patience is how long the helpers wait for something that usually takes moments. A busy machine may take longer.
const Patience = 20 * time.Second

// Start starts a stack with these flags on a free port and waits until it is ready. The stack ends with the test. The
// test fails if a process stays, or if the stack's data or log reveals a secret that went through the stack
// (LeakedSecrets).
func Start(t testing.TB, args ...string) *Stack {
	t.Helper()
	return start(t, nil, args)
}

// start does the work of Start, with additional environment variables.
func start(t testing.TB, environment, args []string) *Stack {
	t.Helper()
	root, binary, err := build()
	if err != nil {
		t.Fatal(err)
	}
	if url := os.Getenv("STREAMOTP_DYNAMODB"); url != "" {
		args = append([]string{"-dynamodb", url}, args...)
	}
	s := &Stack{t: t, log: &output{}, done: make(chan struct{}), client: client, secrets: &secrets{}}
	s.cmd = exec.Command(binary, append([]string{"-addr", "127.0.0.1:0"}, args...)...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = root, s.log, s.log
	s.cmd.Env = append(os.Environ(), environment...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.Pid = s.cmd.Process.Pid
	go func() { _ = s.cmd.Wait(); close(s.done) }()
	t.Cleanup(s.finish)
	s.awaitReady()
	provider := ""
	for _, a := range args { // if a parameter is given twice, the last one wins
		if value, found := strings.CutPrefix(a, "CaptchaProvider="); found {
			provider = value
		}
	}
	if provider != "" && provider != "none" {
		s.setCaptchaSecret()
	}
	return s
}

var urlLine = regexp.MustCompile(`(?m)^\s*Page\s+(http://\S+)/\s*$`)

func (s *Stack) awaitReady() {
	s.t.Helper()
	until(s.t, 2*time.Minute, "the stack is ready", func() bool { // a first build takes a while
		select {
		case <-s.done:
			s.t.Fatalf("the stack ended at its start:\n%s", s.log.String())
		default:
		}
		m := urlLine.FindStringSubmatch(s.log.String())
		if m == nil {
			return false
		}
		s.URL = m[1]
		return true
	})
	var health struct{ AWS string }
	s.get("/_local/healthz", &health)
	s.AWSURL = health.AWS
}

// Stop ends the stack by a signal and waits until all of its processes have ended.
func (s *Stack) Stop(signal syscall.Signal) {
	s.t.Helper()
	if !s.secrets.expected {
		for _, leaked := range s.LeakedSecrets() {
			s.t.Error(leaked)
		}
	}
	children := descendants(s.Pid)
	_ = syscall.Kill(s.Pid, signal)
	until(s.t, Patience, "the server has ended", func() bool {
		select {
		case <-s.done:
			return true
		default:
			return false
		}
	})
	until(s.t, Patience, "no process stays", func() bool {
		for _, p := range children {
			if p.alive() {
				return false
			}
		}
		return true
	})
}

func (s *Stack) finish() {
	select {
	case <-s.done:
	default:
		s.Stop(syscall.SIGTERM)
	}
	if s.t.Failed() {
		s.t.Logf("the stack's log:\n%s", s.log.String())
	}
}

// Log returns what the server has printed.
func (s *Stack) Log() string { return s.log.String() }

// build builds the server once per test process. Test processes that run in parallel share the file, under a lock.
var build = func() func() (root, binary string, err error) {
	var once sync.Once
	var root, binary string
	var err error
	return func() (string, string, error) {
		once.Do(func() { root, binary, err = buildOnce() })
		return root, binary, err
	}
}()

func buildOnce() (string, string, error) {
	root, err := Root()
	if err != nil {
		return "", "", err
	}
	binary := filepath.Join(root, ".tools", "e2e", "local")
	if err := os.MkdirAll(filepath.Dir(binary), 0o750); err != nil {
		return "", "", err
	}
	lock, err := os.OpenFile(binary+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", "", err
	}
	defer func() { _ = lock.Close() }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", "", err
	}
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "streamotp/local")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", "", errors.New("go build streamotp/local: " + string(out))
	}
	return root, binary, nil
}

// Root returns the project's folder, which holds go.work.
func Root() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, e := os.Stat(filepath.Join(dir, "go.work")); e == nil {
			return dir, nil
		}
		if filepath.Dir(dir) == dir {
			return "", errors.New("no go.work above the working directory")
		}
		dir = filepath.Dir(dir)
	}
	return "", err
}

// until waits for a condition. It fails the test if the condition does not become true within the limit.
func until(t testing.TB, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain: %s", limit, what)
		}
	}
}

// output collects what a process prints.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// client keeps many connections open, for tests that send many requests at once.
var client = clientAt("127.0.0.1")

// IdleTime is how long a client keeps a connection that it does not use. It is shorter than the time after which the stack closes a new connection
// without a request. Otherwise a request could meet the end of its connection.
const IdleTime = 4 * time.Second

// clientAt returns a client that calls from a loopback address, which the stack sees as the client IP address.
func clientAt(address string) *http.Client {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	return &http.Client{Timeout: time.Minute,
		Transport: &http.Transport{MaxIdleConnsPerHost: 256, DialContext: dialer.DialContext, IdleConnTimeout: IdleTime}}
}

// In returns the stack for a subtest: errors then fail the subtest.
func (s Stack) In(t testing.TB) *Stack { s.t = t; return &s }

// From returns the stack for a caller at another loopback address, such as 127.0.0.7, whose requests also carry these
// headers.
func (s Stack) From(address string, header http.Header) *Stack {
	s.client, s.header = clientAt(address), header
	return &s
}

// With returns the stack for the same caller, whose requests also carry this header.
func (s Stack) With(name, value string) *Stack {
	s.header = s.header.Clone()
	if s.header == nil {
		s.header = http.Header{}
	}
	s.header.Set(name, value)
	return &s
}

// Do sends a request with a JSON body (nil for none) and returns the status, header and body of the response.
func (s *Stack) Do(method, path string, body any) (int, http.Header, []byte) {
	s.t.Helper()
	var data []byte
	header := http.Header{}
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			s.t.Fatal(err)
		}
		header.Set("Content-Type", "application/json")
	}
	if strings.HasPrefix(path, "/api/") {
		s.secrets.noteBody(data)
	}
	res, answer := s.Send(method, path, header, string(data))
	return res.StatusCode, res.Header, answer
}

// Send sends a request and returns the response, whose body is closed, and its body. It follows no redirect. The stack's own headers come
// before those of the request.
func (s *Stack) Send(method, path string, header http.Header, body string) (*http.Response, []byte) {
	s.t.Helper()
	req, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	maps.Copy(req.Header, header)
	maps.Copy(req.Header, s.header)
	direct := *s.client
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := direct.Do(req)
	if err != nil {
		s.t.Error(err) // not Fatal, as this may not be the test's own goroutine
		return &http.Response{Header: http.Header{}}, nil
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Error(err)
	}
	if api, ok := strings.CutPrefix(path, "/api"); ok && CheckResponse != nil && method != http.MethodOptions {
		call, _, _ := strings.Cut(api, "?")
		if err := CheckResponse(method, call, res.StatusCode, res.Header, answer); err != nil {
			s.t.Errorf("%s %s: %d %s: %v", method, path, res.StatusCode, answer, err)
		}
	}
	return res, answer
}

// Post sends JSON to a path of the API, such as /api/generate, and returns the decoded response. Any goroutine may call
// it.
func (s *Stack) Post(path string, body any) (int, http.Header, map[string]any) {
	s.t.Helper()
	status, header, data := s.Do(http.MethodPost, path, body)
	var answer map[string]any
	if len(data) > 0 {
		if err := json.Unmarshal(data, &answer); err != nil {
			s.t.Errorf("POST %s: %d %s: %v", path, status, data, err)
		}
	}
	return status, header, answer
}

// call does what Do does, but any status other than success fails the test.
func (s *Stack) call(method, path string, body any) []byte {
	s.t.Helper()
	status, _, data := s.Do(method, path, body)
	if status < 200 || status > 299 {
		s.t.Fatalf("%s %s: %d %s", method, path, status, data)
	}
	return data
}

func (s *Stack) get(path string, v any) {
	s.t.Helper()
	if err := json.Unmarshal(s.call(http.MethodGet, path, nil), v); err != nil {
		s.t.Fatalf("GET %s: %v", path, err)
	}
}

// lines splits text that ends with a newline.
func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}
