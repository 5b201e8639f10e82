package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"streamotp/local/dynamo"
	"streamotp/local/lambda"
	"streamotp/local/template"
)

// engineBinary is dynoxide, as engine/package-lock.json pins it.
const engineBinary = "local/engine/node_modules/@dynoxide/linux-x64/dynoxide"

// startEngine starts the embedded engine, or uses the engine of -dynamodb, and waits until it responds.
func (s *stack) startEngine(ctx context.Context) error {
	if s.DynamoDB != "" {
		s.engine = dynamo.NewClient(s.DynamoDB, template.Region)
		s.aws.Engine = s.engine
		return s.awaitEngine(ctx, make(chan struct{}))
	}
	path, err := s.findEngine()
	if err != nil {
		return err
	}
	for range 3 { // another process may take the port before the engine does
		if err = s.launchEngine(ctx, path); !errors.Is(err, errEngineEnded) {
			break
		}
	}
	return err
}

var errEngineEnded = errors.New("the DynamoDB engine ended before it answered")

// launchEngine starts the engine on a free port.
//
// Errors: errEngineEnded.
func (s *stack) launchEngine(ctx context.Context, path string) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	args := []string{"--host", "127.0.0.1", "--port", port}
	if s.Data != "" {
		args = append(args, "--db-path", filepath.Join(s.Data, "tables.db"))
	}
	var output bytes.Buffer
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := lambda.Start(cmd); err != nil {
		return fmt.Errorf("the DynamoDB engine: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		err := cmd.Wait()
		close(ended)
		s.failed <- fmt.Errorf("the DynamoDB engine has ended: %w\n%s", err, output.String())
	}()
	s.onClose(func() {
		select {
		case <-ended:
			return
		default:
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		}
		select {
		case <-ended:
		case <-time.After(time.Second):
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-ended
		}
	})
	s.engine = dynamo.NewClient("http://127.0.0.1:"+port, template.Region)
	s.aws.Engine = s.engine
	return s.awaitEngine(ctx, ended)
}

// findEngine looks for the engine where npm has put it: below the project, or below the folder that this program was
// built in.
func (s *stack) findEngine() (string, error) {
	places := []string{s.dir}
	if here, err := os.Getwd(); err == nil {
		places = append(places, here, filepath.Dir(here))
	}
	if exe, err := os.Executable(); err == nil {
		places = append(places, filepath.Dir(filepath.Dir(exe)))
	}
	for _, p := range places {
		path := filepath.Join(p, engineBinary)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("the DynamoDB engine is missing: `make run` installs it, or run `npm ci` in local/engine, or give another by -dynamodb")
}

// freePort returns a free port below the range from which the kernel gives ports to anyone that asks for any port: a port
// in that range could be given away again before the engine takes it.
func freePort() (port string, err error) {
	for range 20 {
		port = strconv.Itoa(20_000 + rand.IntN(12_000))
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			return port, l.Close()
		}
	}
	return "", err
}

// awaitEngine waits for the first response.
func (s *stack) awaitEngine(ctx context.Context, ended <-chan struct{}) error {
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := s.engine.Call(ctx, dynamo.Tables+"ListTables", struct{}{}, nil)
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the DynamoDB engine at %s does not answer: %w", s.engine.URL, err)
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ended:
			return fmt.Errorf("%w: %w", errEngineEnded, <-s.failed)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
