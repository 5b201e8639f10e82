package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// development is a running development stack.
type development struct {
	cmd   *exec.Cmd
	url   string
	ready time.Duration
	http  *http.Client
}

var pageLine = regexp.MustCompile(`Page\s+(http://\S+)/\s`)

// startStack starts the development stack as `make run` does once everything is built.
func startStack(parameters ...string) (*development, error) { return startChanged("", parameters...) }

// startChanged starts the development stack with its functions built by these flags of Go as well.
func startChanged(flags string, parameters ...string) (*development, error) {
	begun := time.Now()
	d := &development{cmd: exec.Command(".tools/local", "-addr", "127.0.0.1:0", "-parameter", "ThrottleRate=10000", "-parameter", "ThrottleBurst=10000"),
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: time.Minute}}
	d.cmd.Args = append(d.cmd.Args, parameters...)
	d.cmd.Env = append(os.Environ(), "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" "+flags))
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	d.cmd.Stderr = os.Stderr
	if err := d.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: run `make bench`, which builds it", err)
	}
	head := make([]byte, 0, 4096)
	for pageLine.FindSubmatch(head) == nil {
		chunk := make([]byte, 1024)
		n, err := out.Read(chunk)
		if err != nil {
			return nil, errors.New("the development stack ended at its start")
		}
		head = append(head, chunk[:n]...)
	}
	go io.Copy(io.Discard, out) //nolint:errcheck // only so that it never blocks
	d.url = string(pageLine.FindSubmatch(head)[1])
	for {
		if err := d.get("/_local/healthz", nil); err == nil {
			d.ready = time.Since(begun)
			return d, nil
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (d *development) stop() {
	d.cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended
	d.cmd.Wait()                          //nolint:errcheck // by a signal
}

func (d *development) do(method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(method, d.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := d.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return err
	case response.StatusCode/100 != 2:
		return fmt.Errorf("%s %s: %s %s", method, path, response.Status, text)
	case out == nil:
		return nil
	}
	return json.Unmarshal(text, out)
}

func (d *development) get(path string, out any) error { return d.do(http.MethodGet, path, nil, out) }
func (d *development) post(path string, in any) (out map[string]any, err error) {
	return out, d.do(http.MethodPost, "/api"+path, in, &out)
}

type message struct {
	To, Text string
	SentAt   time.Time
}

var ownLine = regexp.MustCompile(`(?m)^\d{6}\b`)

// mail waits for the newest message to an address.
func (d *development) mail(to string) (message, error) {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		var all []message
		if err := d.get("/_local/messages", &all); err != nil {
			return message{}, err
		}
		for _, m := range all {
			if m.To == to {
				return m, nil
			}
		}
	}
	return message{}, errors.New("no message came")
}

// stack measures the development stack.
func stack() error {
	fmt.Print("| development stack | figure |\n|---|---|\n")
	first, err := startStack() // so that the start that counts finds everything built
	if err != nil {
		return err
	}
	first.stop()
	d, err := startStack("-parameter", "SendsPerHour=0", "-parameter", "SendsPerIpPerHour=0")
	if err != nil {
		return err
	}
	defer d.stop()
	fmt.Printf("| second `make run`, to ready | %.2f s |\n", d.ready.Seconds())
	for _, measure := range []func() error{d.latency, d.load} {
		if err := measure(); err != nil {
			return err
		}
	}
	return nil
}

// trip is one whole round: generate, the message, verify.
func (d *development) trip(body map[string]string, to string) error {
	got, err := d.post("/generate", body)
	if err != nil {
		return err
	}
	m, err := d.mail(to)
	if err != nil {
		return err
	}
	_, err = d.post("/verify", map[string]any{"sessionId": got["sessionId"], "code": ownLine.FindString(m.Text)})
	return err
}

// latency measures how long after the response of /generate the provider gets the message, one message at a time.
func (d *development) latency() error {
	var waits []time.Duration
	for n := range 100 {
		to := fmt.Sprintf("latency%d@example.com", n)
		if _, err := d.post("/generate", map[string]string{"email": to}); err != nil {
			return err
		}
		answered := time.Now()
		m, err := d.mail(to)
		if err != nil {
			return err
		}
		waits = append(waits, max(0, m.SentAt.Sub(answered)))
	}
	slices.Sort(waits)
	fmt.Printf("| POST /generate answered to message in the mailbox, p50 and p95 of 100 | %s ms, %s ms |\n", ms(quantile(waits, 0.5)), ms(quantile(waits, 0.95)))
	return d.do(http.MethodDelete, "/_local/messages", nil, nil)
}

// load runs whole trips on 16 connections for 10 s. One reader reads the mailbox's event stream for all of them.
func (d *development) load() error {
	arrived, err := d.listen()
	if err != nil {
		return err
	}
	before := d.cpuByProcess()
	var trips atomic.Int64
	var failed atomic.Pointer[error]
	var wait sync.WaitGroup
	begun := time.Now()
	for worker := range 16 {
		wait.Go(func() {
			for n := 0; time.Since(begun) < 10*time.Second && failed.Load() == nil; n++ {
				if err := arrived.verify(fmt.Sprintf("load%d-%d@example.com", worker, n)); err != nil {
					failed.Store(&err)
					return
				}
				trips.Add(1)
			}
		})
	}
	wait.Wait()
	took := time.Since(begun)
	if err := failed.Load(); err != nil {
		return *err
	}
	fmt.Printf("| round trips a second, 16 connections | %.0f |\n", float64(trips.Load())/took.Seconds())
	after := d.cpuByProcess()
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range after {
			if !yield(name) {
				return
			}
		}
	}) {
		fmt.Printf("| CPU time per round trip, %s | %s ms |\n", name, ms((after[name]-before[name])/time.Duration(max(1, trips.Load()))))
	}
	return nil
}

// mailbox passes each message to the worker that waits for it.
type mailbox struct {
	d       *development
	mu      sync.Mutex
	waiting map[string]chan message
	done    atomic.Int64 // codes that were verified
}

// listen reads the mailbox's event stream until the stack ends.
func (d *development) listen() (*mailbox, error) {
	events, err := http.Get(d.url + "/_local/events") //nolint:bodyclose // read closes it
	if err != nil {
		return nil, err
	}
	m := &mailbox{d: d, waiting: map[string]chan message{}}
	go m.read(events.Body)
	return m, nil
}

// await returns the channel for the message to an address.
func (m *mailbox) await(to string) chan message {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.waiting[to] == nil {
		m.waiting[to] = make(chan message, 1)
	}
	return m.waiting[to]
}

// read reads server-sent events until their end.
func (m *mailbox) read(events io.ReadCloser) {
	defer events.Close() //nolint:errcheck // read to its end
	lines := bufio.NewScanner(events)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var one message
		if data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: ")); ok && json.Unmarshal(data, &one) == nil && one.To != "" {
			m.await(one.To) <- one
		}
	}
}

// verify makes one whole code for an address: generate, the message, verify.
func (m *mailbox) verify(to string) error {
	_, err := m.trip(map[string]string{"email": to}, to)
	return err
}

// trip makes one whole code, and returns how long after the response of /generate its message arrived.
func (m *mailbox) trip(body map[string]string, to string) (wait time.Duration, err error) {
	got, err := m.d.post("/generate", body)
	if err != nil {
		return 0, err
	}
	answered := time.Now()
	select {
	case mail := <-m.await(to):
		m.mu.Lock()
		delete(m.waiting, to)
		m.mu.Unlock()
		_, err = m.d.post("/verify", map[string]any{"sessionId": got["sessionId"], "code": ownLine.FindString(mail.Text)})
		if err == nil {
			m.done.Add(1)
		}
		return max(0, mail.SentAt.Sub(answered)), err
	case <-time.After(life):
		return 0, errors.New("no message came")
	}
}

// cpuByProcess sums the processor time of the stack's processes by name.
func (d *development) cpuByProcess() map[string]time.Duration {
	total := map[string]time.Duration{"local": cpuOf(d.cmd.Process.Pid)}
	d.children(func(pid int) { total[nameOf(pid)] += cpuOf(pid) })
	return total
}

// children calls do for each process that the stack has started.
func (d *development) children(do func(pid int)) {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		behind := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if parent, _ := strconv.Atoi(behind[1]); parent == d.cmd.Process.Pid {
			do(pid)
		}
	}
}

// nameOf returns the name of a process's function, or of its program.
func nameOf(pid int) string {
	env, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	for variable := range bytes.SplitSeq(env, []byte{0}) {
		if name, ok := strings.CutPrefix(string(variable), "AWS_LAMBDA_FUNCTION_NAME="); ok {
			return strings.Split(name+"--", "-")[1] // stack-Function-suffix
		}
	}
	comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return strings.TrimSpace(string(comm))
}
