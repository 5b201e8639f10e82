package lambda

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"streamotp/local/child"
	"streamotp/local/template"
)

// process is one execution environment: a running bootstrap with a Runtime API of its own. That is how the host
// identifies the process that calls.
type process struct {
	*pool
	number int
	cmd    *exec.Cmd
	api    *http.Server
	work   chan *invocation // to the Runtime API's next
	answer chan Result      // from its response, error and init error
	ready  chan struct{}    // closed at the first next
	dead   chan struct{}    // closed when the process has ended

	begun   sync.Once                  // the first next
	current atomic.Pointer[invocation] // the running one; nil between two
}

// invocation is one event on its way through a function.
type invocation struct {
	id, trace string
	event     []byte
	deadline  time.Time
}

func start(pl *pool) (*process, error) {
	p := &process{pool: pl, number: pl.host.number(), work: make(chan *invocation), answer: make(chan Result, 1),
		ready: make(chan struct{}), dead: make(chan struct{})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.api = &http.Server{Handler: p.routes(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = p.api.Serve(l) }()
	p.cmd = exec.Command(filepath.Join(pl.Dir, "bootstrap"))
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = pl.Dir, write, write
	p.cmd.Env = p.environment(l.Addr().String())
	err = child.Start(p.cmd)
	_ = write.Close()
	if err != nil {
		_ = p.api.Close()
		_ = read.Close()
		return nil, err
	}
	go p.copyLog(read)
	go p.wait()
	return p, nil
}

func (p *process) wait() {
	_ = p.cmd.Wait()
	p.signal() // its children that are still running
	_ = p.api.Close()
	p.forget(p)
	close(p.dead)
}

func (p *process) signal() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) }

// kill ends the process and waits until it has ended.
func (p *process) kill() {
	p.signal()
	<-p.dead
}

func (p *process) alive() bool {
	select {
	case <-p.dead:
		return false
	default:
		return true
	}
}

func (p *process) copyLog(r io.ReadCloser) {
	defer func() { _ = r.Close() }()
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.host.Log(p.ID, lines.Text())
	}
	_, _ = io.Copy(io.Discard, r) // after a line over 1 MiB: keeps the writer from blocking
}

// invoke makes the process handle one invocation. It returns false if the process never took it.
func (p *process) invoke(inv *invocation, cold bool) (res Result, taken bool) {
	defer func() { res.Process, res.Cold = p.number, cold }()
	if res := p.awaitReady(); res.Err != nil {
		return res, false
	}
	begin := time.Now()
	inv.deadline = begin.Add(p.Timeout)
	select {
	case p.work <- inv:
	case <-p.dead:
		return p.exited(inv), false
	case <-time.After(initLimit): // the process finished its last invocation and never asked for another
		p.kill()
		return p.exited(inv), false
	}
	select {
	case res = <-p.answer:
	case <-p.dead:
		res = p.exited(inv)
	case <-time.After(p.Timeout):
		p.kill()
		res = failed(ErrTimeout, "Sandbox.Timedout", "RequestId: %s Error: Task timed out after %.2f seconds", inv.id, p.Timeout.Seconds())
	}
	res.Ran = time.Since(begin)
	return res, true
}

// awaitReady waits for the process to finish its init. The result is an error if the process does not.
func (p *process) awaitReady() Result {
	select {
	case <-p.ready:
		return Result{}
	case res := <-p.answer: // an init error; the process ends by itself or is killed
		p.kill()
		return res
	case <-p.dead:
		return failed(ErrFunction, "Runtime.ExitError", "%s during init", p.cmd.ProcessState)
	case <-time.After(initLimit):
		p.kill()
		return failed(ErrFunction, "Sandbox.Timedout", "init took over %s", initLimit)
	}
}

// exited returns the result of an invocation whose process ended. A response that came just before the end counts.
func (p *process) exited(inv *invocation) Result {
	select {
	case res := <-p.answer:
		return res
	default:
		return failed(ErrFunction, "Runtime.ExitError", "RequestId: %s Error: Runtime exited: %s", inv.id, p.cmd.ProcessState)
	}
}

// environment returns the variables that Lambda sets for a function, and the function's own.
func (p *process) environment(api string) []string {
	key := "ASIALOCAL" + strconv.Itoa(100000+p.number)
	p.host.Started(Caller{p.ID, p.number}, key)
	env := map[string]string{
		"AWS_ACCESS_KEY_ID":               key,
		"AWS_SECRET_ACCESS_KEY":           "local-" + key,
		"AWS_SESSION_TOKEN":               "local-" + key,
		"AWS_REGION":                      template.Region,
		"AWS_DEFAULT_REGION":              template.Region,
		"AWS_ENDPOINT_URL":                p.host.Endpoint,
		"AWS_LAMBDA_RUNTIME_API":          api,
		"AWS_LAMBDA_FUNCTION_NAME":        p.Name,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(p.MemorySize),
		"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_LOG_FORMAT":           p.LoggingConfig.LogFormat,
		"AWS_LAMBDA_LOG_GROUP_NAME":       p.LoggingConfig.LogGroup,
		"AWS_LAMBDA_LOG_STREAM_NAME":      fmt.Sprintf("%s/[$LATEST]%032x", time.Now().UTC().Format("2006/01/02"), p.number),
		"_HANDLER":                        p.Handler,
		"LAMBDA_TASK_ROOT":                p.Dir,
		"LAMBDA_RUNTIME_DIR":              "/var/runtime",
		"LANG":                            "en_US.UTF-8",
		"PATH":                            "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
		"TZ":                              ":UTC",
	}
	maps.Copy(env, p.Environment.Variables)
	out := make([]string, 0, len(env))
	for k, v := range env {
		out = append(out, k+"="+v)
	}
	return out
}
