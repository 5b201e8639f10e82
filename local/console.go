package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"streamotp/local/aws"
	"streamotp/local/gateway"
	"streamotp/local/lambda"
	"streamotp/local/template"
)

// console is the log. It prints a block for each request, for each batch of a stream or a queue, and for each event of a
// topic, with the AWS calls of its invocation.
type console struct {
	mu      sync.Mutex
	out     io.Writer
	colour  bool
	running map[int]*trace    // what each process is doing, by its number
	ended   map[string]*trace // invocations that are not printed yet, by request id
	lines   []string          // of the functions
}

// trace is one invocation with its calls.
type trace struct {
	function string
	result   lambda.Result
	calls    []string
}

// maxLines bounds the lines that are kept of a stack that runs for days. When it is full, the older half is deleted.
const maxLines = 50_000

func newConsole(out io.Writer) *console {
	c := &console{out: out, running: map[int]*trace{}, ended: map[string]*trace{}}
	if f, ok := out.(*os.File); ok && os.Getenv("NO_COLOR") == "" {
		info, err := f.Stat()
		c.colour = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return c
}

// Colours of the log (ECMA-48 SGR).
const (
	bold, dim, red, green, yellow, cyan = "1", "2", "31", "32", "33", "36"
)

func (c *console) paint(colour, s string) string {
	if !c.colour {
		return s
	}
	return "\x1b[" + colour + "m" + s + "\x1b[0m"
}

// line prints a line about the stack itself.
func (c *console) line(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = fmt.Fprintf(c.out, format+"\n", args...)
}

// welcome prints where everything is. clientSecret is that of demoServer, or empty.
func (c *console) welcome(url, awsURL, clientSecret string, spec *template.Stack) {
	var b strings.Builder
	row := func(name, value string) {
		fmt.Fprintf(&b, "  %s %s\n", c.paint(bold, fmt.Sprintf("%-10s", name)), value)
	}
	b.WriteString("\n")
	row("Try it", c.paint(cyan, url+appPath)+"  (an application to log in to)")
	row("Page", c.paint(cyan, url+"/"))
	row("API", c.paint(cyan, url+"/"+spec.API.StageName)+"  (described at "+c.paint(cyan, url+"/_local/api")+")")
	row("Mailbox", c.paint(cyan, url+"/_local/"))
	row("AWS", c.paint(cyan, awsURL)+"  (--endpoint-url of the AWS CLI, --endpoint of otpctl)")
	if spec.Table(usersTable) != nil {
		row("Demo users", "ada@example.com (codes by e-mail), grace@example.com (login codes by SMS to +4915112345678)")
		row("Password", demoPassword)
	}
	if clientSecret != "" {
		row("Clients", demoClient+" and "+demoWeb+" (public), "+demoServer+" and "+demoApp+" (confidential)")
		row("Secret", clientSecret+"  (of the two, in this run)")
	}
	b.WriteString("\n  Ctrl-C ends it.\n")
	c.line("%s", b.String())
}

// function takes a line that a function logged.
func (c *console) function(id, line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.lines) >= maxLines {
		c.lines = slices.Clone(c.lines[maxLines/2:])
	}
	c.lines = append(c.lines, id+"\t"+line)
	_, _ = fmt.Fprintln(c.out, c.paint(dim, "         "+id+"  "+line))
}

// functionLines returns the lines that the functions wrote, each after its function's logical id and a tab.
func (c *console) functionLines() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.lines)
}

// current returns what the process is doing; c.mu is held.
func (c *console) current(process int) *trace {
	t := c.running[process]
	if t == nil {
		t = &trace{}
		c.running[process] = t
	}
	return t
}

func (c *console) called(call aws.Call) {
	text := fmt.Sprintf("%s %s %s", call.Service, call.Action, call.Table)
	if call.Units > 0 {
		text += fmt.Sprintf("  %g RU", call.Units) // request units, read or write
	}
	switch {
	case call.Status == 0:
		text += "  " + c.paint(red, "no answer")
	case call.Status >= 300:
		text += "  " + c.paint(red, fmt.Sprint(call.Status))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.current(call.Process)
	t.calls = append(t.calls, fmt.Sprintf("%8.1f ms  %s", call.Ms, text))
}

func (c *console) delivered(m aws.Message) {
	what := "(unknown channel)"
	switch m.Channel {
	case "email":
		what = m.Subject
	case "sms":
		what, _, _ = strings.Cut(m.Text, "\n")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.current(m.Caller.Process)
	t.calls = append(t.calls, fmt.Sprintf("%11s  %s", "", c.paint(green, "→ "+m.Channel+" to "+m.To+": "+what)))
}

// invoked ends an invocation. exchange or batch prints its block.
func (c *console) invoked(function string, r lambda.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.current(r.Process)
	delete(c.running, r.Process)
	t.function, t.result = function, r
	c.ended[r.RequestID] = t
}

// take returns an invocation that has ended, for its block, or an empty one if nothing was invoked; c.mu is held.
func (c *console) take(invocation string) *trace {
	t := c.ended[invocation]
	if t == nil {
		return &trace{}
	}
	delete(c.ended, invocation)
	return t
}

// exchange prints the block of a request.
func (c *console) exchange(x gateway.Exchange) {
	colour := green
	if x.Status >= 400 {
		colour = yellow
	}
	if x.Status >= 500 {
		colour = red
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	head := fmt.Sprintf("%s %s %s %s", c.paint(bold, x.Method+" "+x.Path), c.paint(colour, fmt.Sprint(x.Status)), x.Function, milliseconds(x.Took))
	c.block(head, c.take(x.Invocation))
}

// batch prints the block of an invocation by a stream or a queue. noun names an entry of the batch.
func (c *console) batch(source, noun string, b lambda.Batch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if b.Size != 1 {
		noun += "s"
	}
	c.handed(source, fmt.Sprintf("%d %s %s", b.Size, noun, milliseconds(b.Took)), b.Failed, c.take(b.Invocation))
}

// handed prints the block of what was passed to a function; c.mu is held.
func (c *console) handed(source, what string, failed int, t *trace) {
	head := fmt.Sprintf("%s %s %s", c.paint(bold, "  "+source), t.function, what)
	if failed > 0 {
		head += "  " + c.paint(red, fmt.Sprintf("%d of them not done", failed))
	}
	c.block(head, t)
}

// heard prints the block of an invocation by a topic.
func (c *console) heard(topic string, r lambda.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handed(topic[strings.LastIndex(topic, ":")+1:], milliseconds(r.Ran), 0, c.take(r.RequestID))
}

// block prints a headline and the calls of the invocation, in one write; c.mu is held.
func (c *console) block(head string, t *trace) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", c.paint(dim, time.Now().Format("15:04:05")), head)
	if t.result.Cold {
		b.WriteString("  " + c.paint(cyan, "cold start"))
	}
	b.WriteString("\n")
	for _, call := range t.calls {
		fmt.Fprintf(&b, "      %s\n", call)
	}
	if t.result.Err != nil {
		fmt.Fprintf(&b, "         %s %s\n", c.paint(red, t.result.Err.Error()+":"), bytes.TrimSpace(t.result.Payload))
	}
	_, _ = io.WriteString(c.out, b.String())
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}
