package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// instance is one running function, driven through the Lambda Runtime API.
type instance struct {
	cmd       *exec.Cmd
	server    *httptest.Server
	events    chan []byte
	responses chan []byte
	failed    chan []byte
	idle      chan struct{} // gets one token each time the function asks for work
}

// start runs a binary with its own environment and waits until it asks for its first event.
func start(binary string, env map[string]string) (*instance, error) {
	return startIn(filepath.Dir(binary), env, binary)
}

// startIn is start for a command in a folder.
func startIn(dir string, env map[string]string, command ...string) (*instance, error) {
	i := &instance{events: make(chan []byte), responses: make(chan []byte, 1), failed: make(chan []byte, 1), idle: make(chan struct{}, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", i.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/{kind}", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		if r.PathValue("kind") == "response" {
			i.responses <- body
			return
		}
		i.failed <- body
	})
	i.server = httptest.NewServer(mux)
	i.cmd = exec.Command(command[0], command[1:]...)
	i.cmd.Dir, i.cmd.Stderr = dir, os.Stderr
	i.cmd.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(i.server.URL, "http://"), "LAMBDA_TASK_ROOT=" + dir}
	for name, value := range env {
		i.cmd.Env = append(i.cmd.Env, name+"="+value)
	}
	if err := i.cmd.Start(); err != nil {
		return nil, err
	}
	return i, i.await()
}

func (i *instance) next(w http.ResponseWriter, r *http.Request) {
	select {
	case i.idle <- struct{}{}:
	default:
	}
	select {
	case event := <-i.events:
		w.Header().Set("Content-Type", "application/json") // without it, Python's runtime does not decode the event
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", strconv.FormatInt(time.Now().UnixNano(), 36))
		w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(time.Minute).UnixMilli(), 10))
		w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:bench")
		w.Write(event) //nolint:errcheck // the function reports what is missing
	case <-r.Context().Done():
	}
}

// await blocks until the function is ready for an event.
func (i *instance) await() error {
	select {
	case <-i.idle:
		return nil
	case body := <-i.failed:
		return fmt.Errorf("the function failed: %s", body)
	case <-time.After(20 * time.Second):
		return fmt.Errorf("%s does not ask for an event", i.cmd.Path)
	}
}

// invoke passes an event to the function and waits for its response, and then until it asks for the next event.
func (i *instance) invoke(event []byte) ([]byte, error) {
	i.events <- event
	select {
	case body := <-i.responses:
		return bytes.TrimSpace(body), i.await()
	case body := <-i.failed:
		return nil, fmt.Errorf("the function failed: %s", body)
	case <-time.After(20 * time.Second):
		return nil, fmt.Errorf("%s does not answer", i.cmd.Path)
	}
}

// cpu returns the processor time of the process so far, user and system, to the nanosecond. It is the sum of schedstat's
// first field (proc(5)) over the threads.
func (i *instance) cpu() time.Duration { return cpuOf(i.cmd.Process.Pid) }

func cpuOf(pid int) (total time.Duration) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, file := range files {
		total += onCPU(file)
	}
	return total
}

// onCPU returns the first field of a thread's schedstat.
func onCPU(file string) time.Duration {
	text, _ := os.ReadFile(file)
	ns, _ := strconv.ParseInt(strings.Fields(string(text) + " 0")[0], 10, 64)
	return time.Duration(ns)
}

// rss returns the resident set size of the process, in KiB.
func (i *instance) rss() int { return rssOf(i.cmd.Process.Pid) }

func rssOf(pid int) int { return statusOf(pid, "VmRSS:") }

// statusOf returns a number of /proc/PID/status (proc(5)).
func statusOf(pid int, name string) int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == name {
			n, _ := strconv.Atoi(fields[1])
			return n
		}
	}
	return 0
}

// stop ends the process and returns all of its processor time.
func (i *instance) stop() time.Duration {
	i.cmd.Process.Kill() //nolint:errcheck // it may have ended
	i.cmd.Wait()         //nolint:errcheck // killed
	i.server.CloseClientConnections()
	i.server.Close()
	return i.cmd.ProcessState.UserTime() + i.cmd.ProcessState.SystemTime()
}
