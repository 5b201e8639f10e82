package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"streamotp/local/aws"
	"streamotp/local/captcha"
	"streamotp/local/dynamo"
	"streamotp/local/lambda"
	"streamotp/local/queues"
	"streamotp/local/streams"
	"streamotp/local/template"
)

// stack is everything that runs: the engine, the functions, the AWS endpoint and the server.
type stack struct {
	config
	dir        string // of the project
	spec       *template.Stack
	listener   net.Listener
	url        string // of the server
	awsURL     string
	built      map[string]string // folder of each function's artifacts
	engine     *dynamo.Client
	aws        *aws.Endpoint
	host       *lambda.Host
	sources    []*streams.Mapping
	queues     []*queues.Mapping
	mailbox    *mailbox
	log        *console
	failed     chan error // the engine or a server has ended by itself
	closers    []func()   // last first
	callers    callers
	captcha    *captcha.Provider // nil: there is no CAPTCHA
	publishing sync.WaitGroup    // of the events of e-mail
	ending     chan struct{}     // closed when the stack ends
}

// start starts the stack. When it returns, everything responds and the demo users exist.
func start(ctx context.Context, c config) (*stack, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &stack{config: c, mailbox: newMailbox(), log: newConsole(c.Out), failed: make(chan error, 4), ending: make(chan struct{})}
	s.log.line("StreamOTP's development stack: for development, not for production.")
	for _, step := range []func(context.Context) error{
		s.listen, s.read, s.listenAWS, s.buildAndStartEngine, s.createTables, s.createSecrets, s.putDemoUsers, s.startFunctions, s.startMappings, s.startQueueMappings, s.serve,
	} {
		if err := step(ctx); err != nil {
			s.close()
			return nil, err
		}
	}
	s.log.welcome(s)
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

// read reads the template and the stack's name.
func (s *stack) read(context.Context) error {
	dir, err := s.root()
	if err != nil {
		return err
	}
	s.dir = dir
	suffix, err := s.suffix()
	if err != nil {
		return err
	}
	if s.spec, err = template.Read(s.Template, stackName(dir), suffix, s.Parameters); err != nil {
		return err
	}
	s.useCaptchaStub()
	return nil
}

// buildAndStartEngine does both at once, as the builds take a second or two after a change.
func (s *stack) buildAndStartEngine(ctx context.Context) error {
	built := make(chan error, 1)
	go func() { built <- s.build(ctx) }()
	err := s.startEngine(ctx)
	if e := <-built; e != nil {
		return e
	}
	return err
}

// listenAWS serves the AWS endpoint on a port of its own.
func (s *stack) listenAWS(context.Context) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.awsURL = "http://" + l.Addr().String()
	s.aws = &aws.Endpoint{
		Tables: map[string]string{}, MailSets: s.spec.MailSets, Stack: s.describe, Who: s.callers.who,
		Roles: map[string]aws.Role{}, ARN: template.ARN,
		Message: s.delivered, Recorded: s.log.called, Wrote: s.wrote, Keys: s.keyNames,
		Queues: s.makeQueues(), Streams: map[string]string{}, Parameters: map[string]string{}, Invoke: s.invoke, Lines: s.log.functionText,
		From: s.spec.Parameters["SesFromAddress"], Sent: s.mailbox.mails, Concurrency: maxProcesses * len(s.spec.Functions),
		Skipped: func(action string) { s.log.line("skipped %s: the DynamoDB engine does not have it", action) },
	}
	for _, t := range s.spec.Tables {
		s.aws.Tables[t.Name] = t.ID
	}
	for name, value := range s.spec.SSM {
		s.aws.Parameters[name] = s.here(value)
	}
	for _, f := range s.spec.Functions {
		s.aws.Roles[f.ID] = aws.Role(f.Role)
	}
	s.serveOn(l, guard(s.aws))
	return nil
}

func (s *stack) makeQueues() *aws.Queues {
	var settings []aws.QueueSettings
	for _, q := range s.spec.Queues {
		settings = append(settings, aws.QueueSettings(q))
	}
	return aws.NewQueues(s.Now, settings)
}

// serveOn serves a handler until close. It disconnects slow clients. A response may take as long as API Gateway allows.
func (s *stack) serveOn(l net.Listener, h http.Handler) {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10}
	s.onClose(func() { _ = srv.Close() })
	go func() {
		if err := srv.Serve(l); err != http.ErrServerClosed {
			s.failed <- err
		}
	}()
}

// startFunctions makes the functions known to the host. Their processes start when requests come.
func (s *stack) startFunctions(context.Context) error {
	s.host = &lambda.Host{Endpoint: s.awsURL, Region: template.Region, Log: s.log.function, Started: s.callers.add}
	s.onClose(func() { // runs last of the three: first polling ends, then the processes, and then what waited for them
		for _, m := range s.sources {
			m.Wait()
		}
		for _, m := range s.queues {
			m.Wait()
		}
		s.publishing.Wait()
	})
	s.onClose(s.host.Close)
	s.onClose(func() { close(s.ending) })
	for _, f := range s.spec.Functions {
		processes := f.Reserved
		if processes < 0 || processes > maxProcesses {
			processes = maxProcesses
		}
		s.host.Add(lambda.Function{
			ID: f.ID, Name: f.Name, ARN: f.ARN(), Handler: f.Handler, Dir: s.built[f.ID], MemoryMB: f.MemoryMB,
			Timeout: f.Timeout, Processes: processes, LogFormat: f.LogFormat, LogGroup: f.LogGroup, Environment: f.Environment,
		})
	}
	return nil
}

// maxProcesses is the number of processes of a function without reserved concurrency.
const maxProcesses = 8

// createSecrets creates the template's secrets unless -data has them.
func (s *stack) createSecrets(context.Context) error {
	path := ""
	if s.Data != "" {
		path = filepath.Join(s.Data, "secrets.json")
	}
	secrets, err := aws.OpenSecrets(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	s.aws.Secrets = secrets
	for _, x := range s.spec.Secrets {
		value, err := secretValue(x)
		if err == nil {
			err = secrets.Create(x.Name, x.ARN, value, x.Value)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", x.ID, err)
		}
	}
	return nil
}

// suffix returns the suffix that distinguishes this stack's physical names from those of others on the same engine. With
// -data it stays the same.
func (s *stack) suffix() (string, error) {
	if s.Data == "" {
		return random(), nil
	}
	if err := os.MkdirAll(s.Data, 0o700); err != nil {
		return "", err
	}
	path := filepath.Join(s.Data, "stack")
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		data = []byte(random())
		err = os.WriteFile(path, data, 0o600)
	}
	return string(data), err
}
