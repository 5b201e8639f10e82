package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"streamotp/local/aws"
	"streamotp/local/captcha"
	"streamotp/local/dynamo"
	"streamotp/local/lambda"
	"streamotp/local/mailbox"
	"streamotp/local/streams"
	"streamotp/local/template"
)

// stack is everything that runs: the engine, the functions, the AWS endpoint and the server.
type stack struct {
	config
	dir        string // of the project
	spec       *template.Stack
	url        string // of the server
	awsURL     string
	engine     *dynamo.Client
	aws        *aws.Endpoint
	host       *lambda.Host
	sources    []*streams.Mapping
	mailbox    *mailbox.Mailbox
	captcha    *captcha.Provider // nil: there is no CAPTCHA
	log        *console
	waits      []func()   // each waits for the end of something that invokes functions
	demoSecret string     // of the client demo-server; empty if the template has no clients
	failed     chan error // the engine or a server has ended by itself
	closers    []func()   // last first
}

// start starts the stack. When it returns, everything responds and the demo users exist.
func start(ctx context.Context, c config) (*stack, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &stack{config: c, log: newConsole(c.Out), failed: make(chan error, 4)}
	s.log.line("StreamOTP's development stack: for development, not for production.")
	if err := s.start(ctx); err != nil {
		s.close()
		return nil, err
	}
	s.log.welcome(s.url, s.awsURL, s.demoSecret, s.spec)
	return s, nil
}

// close ends everything that start began, in reverse order.
func (s *stack) close() {
	for i := len(s.closers) - 1; i >= 0; i-- {
		s.closers[i]()
	}
	s.closers = nil
}

func (s *stack) onClose(f func()) { s.closers = append(s.closers, f) }

func (s *stack) start(ctx context.Context) error {
	// The port is taken before anything else is done, so that a port in use is reported at once. A client that connects
	// before the stack is ready waits.
	site, err := s.listen(s.Addr)
	if err != nil {
		return err
	}
	endpoint, err := s.listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	s.url, s.awsURL = "http://"+site.Addr().String(), "http://"+endpoint.Addr().String()
	if err := s.read(); err != nil {
		return err
	}
	artifacts, err := s.buildAndStartEngine(ctx)
	if err != nil {
		return err
	}
	if err := s.createTables(ctx); err != nil {
		return err
	}
	if s.aws, err = s.newEndpoint(); err != nil {
		return err
	}
	s.serve(endpoint, guard(s.aws))
	if err := putDemoUsers(ctx, s.engine, s.spec); err != nil {
		return err
	}
	if s.demoSecret, err = putDemoClients(ctx, s.engine, s.spec, s.url); err != nil {
		return err
	}
	s.startFunctions(artifacts)
	if err := s.startMappings(ctx); err != nil {
		return err
	}
	s.serve(site, s.routes())
	return nil
}

// read reads the template and the stack's name.
func (s *stack) read() error {
	dir, err := s.root()
	if err != nil {
		return err
	}
	suffix, err := suffix(s.Data)
	if err != nil {
		return err
	}
	s.dir = dir
	if s.spec, err = template.Read(s.Template, stackName(dir), suffix, s.Parameters); err != nil {
		return err
	}
	s.captcha = captcha.Replace(s.spec, s.url, s.Now)
	s.mailbox = mailbox.New(s.spec)
	return nil
}

// here replaces the hosts of the API and the site in a text of the template by this server.
func (s *stack) here(text string) string {
	return strings.NewReplacer("https://"+template.APIHost, s.url, "https://"+template.SiteHost, s.url).Replace(text)
}

// buildAndStartEngine does both at once, as the builds take a second or two after a change.
func (s *stack) buildAndStartEngine(ctx context.Context) (artifacts map[string]string, err error) {
	started := make(chan error, 1)
	go func() { started <- s.startEngine(ctx) }()
	artifacts, err = build(ctx, s.dir, s.spec.Functions)
	return artifacts, errors.Join(err, <-started)
}

// startEngine starts the embedded engine, or uses the engine of -dynamodb, and waits until it responds.
func (s *stack) startEngine(ctx context.Context) error {
	if s.DynamoDB != "" {
		s.engine = dynamo.NewClient(s.DynamoDB)
		return s.engine.Await(ctx, nil)
	}
	path, err := findEngine(s.dir)
	if err != nil {
		return err
	}
	db := ""
	if s.Data != "" {
		db = filepath.Join(s.Data, "tables.db")
	}
	engine, stop, err := dynamo.Launch(ctx, path, db, s.failed)
	if err == nil {
		s.engine = engine
		s.onClose(stop)
	}
	return err
}

// findEngine looks for the engine where npm has put it, as engine/package-lock.json pins it: below the project, or below
// the folder that this program was built in.
func findEngine(dir string) (string, error) {
	places := []string{dir}
	if here, err := os.Getwd(); err == nil {
		places = append(places, here, filepath.Dir(here))
	}
	if exe, err := os.Executable(); err == nil {
		places = append(places, filepath.Dir(filepath.Dir(exe)))
	}
	for _, p := range places {
		path := filepath.Join(p, "local/engine/node_modules/@dynoxide/linux-x64/dynoxide")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("the DynamoDB engine is missing: `make run` installs it, or run `npm ci` in local/engine, or give another by -dynamodb")
}

// createTables creates the template's tables unless they exist.
func (s *stack) createTables(ctx context.Context) error {
	for _, t := range s.spec.Tables {
		if err := s.engine.Create(ctx, t, s.log.line); err != nil {
			return fmt.Errorf("%s: %w", t.ID, err)
		}
	}
	if s.DynamoDB != "" && s.Data == "" { // the names are of this run only, so no later run could find the tables
		s.onClose(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			for _, t := range s.spec.Tables {
				_ = s.engine.Call(ctx, dynamo.Tables+"DeleteTable", map[string]any{"TableName": t.Name}, nil)
			}
		})
	}
	return nil
}

// newEndpoint makes the AWS endpoint, and the template's secrets unless -data has them.
func (s *stack) newEndpoint() (*aws.Endpoint, error) {
	path := ""
	if s.Data != "" {
		path = filepath.Join(s.Data, "secrets.json")
	}
	secrets, err := aws.OpenSecrets(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, x := range s.spec.Secrets {
		if err := secrets.Create(x); err != nil {
			return nil, fmt.Errorf("%s: %w", x.ID, err)
		}
	}
	keys, err := aws.NewKeys(s.spec)
	if err != nil {
		return nil, err
	}
	return &aws.Endpoint{
		Keys:     keys,
		Template: s.spec, Here: s.here, Engine: s.engine, Secrets: secrets, Queues: aws.NewQueues(s.Now, s.spec.Queues),
		Concurrency: maxProcesses * len(s.spec.Functions), Sent: s.mailbox.Mails, Lines: s.log.functionLines, Recorded: s.log.called,
		Message: func(m aws.Message) {
			s.log.delivered(m)
			s.mailbox.Add(m)
		},
		Wrote: func(table string) { streams.Poke(s.sources, table) },
	}, nil
}

// maxProcesses is the number of processes of a function without reserved concurrency.
const maxProcesses = 8

// startFunctions makes the functions known to the host. Their processes start when requests come.
func (s *stack) startFunctions(artifacts map[string]string) {
	s.host = &lambda.Host{Endpoint: s.awsURL, Log: s.log.function, Invoked: s.log.invoked, Started: s.aws.Started}
	s.mailbox.Invoke, s.mailbox.Heard, s.mailbox.Log = s.host.Invoke, s.log.heard, s.log.line
	s.waits = append(s.waits, s.mailbox.Wait)
	s.onClose(func() { // runs last of the three: first polling ends, then the processes, and then what waited for them
		for _, wait := range s.waits {
			wait()
		}
	})
	s.onClose(s.host.Close)
	s.onClose(s.mailbox.Close)
	for _, f := range s.spec.Functions {
		processes := maxProcesses
		if f.ReservedConcurrentExecutions != nil {
			processes = min(processes, *f.ReservedConcurrentExecutions)
		}
		s.host.Add(lambda.Function{Function: f, Dir: artifacts[f.ID], Processes: processes})
	}
}

func (s *stack) listen(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err == nil {
		s.onClose(func() { _ = l.Close() })
	}
	return l, err
}

// serve serves a handler until close. It disconnects slow clients. A response may take as long as API Gateway allows.
func (s *stack) serve(l net.Listener, h http.Handler) {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10}
	s.onClose(func() { _ = srv.Close() })
	go func() {
		if err := srv.Serve(l); err != http.ErrServerClosed {
			s.failed <- err
		}
	}()
}

var stackNameLine = regexp.MustCompile(`(?m)^\s*stack_name\s*=\s*"([^"]+)"`)

// stackName returns the name of the stack in samconfig.toml beside the template.
func stackName(dir string) string {
	data, err := os.ReadFile(filepath.Join(dir, "samconfig.toml"))
	if m := stackNameLine.FindSubmatch(data); err == nil && m != nil {
		return string(m[1])
	}
	return "streamotp"
}

// suffix returns the suffix that distinguishes a stack's physical names from those of others on the same engine. With a
// folder for its data it stays the same.
func suffix(data string) (string, error) {
	if data == "" {
		return uuid.NewString(), nil
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return "", err
	}
	path := filepath.Join(data, "stack")
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		text = []byte(uuid.NewString())
		err = os.WriteFile(path, text, 0o600)
	}
	return string(text), err
}
