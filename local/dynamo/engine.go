package dynamo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"streamotp/local/child"
)

// Launch starts the engine dynoxide, the program at path, and waits until it responds. Tables are in the file db, or in
// memory if it is empty. failed gets an error when the engine ends by itself. stop ends it.
func Launch(ctx context.Context, path, db string, failed chan<- error) (c *Client, stop func(), err error) {
	for range 3 { // another process may take the port before the engine does
		if c, stop, err = launch(ctx, path, db, failed); !errors.Is(err, errEnded) {
			break
		}
	}
	return c, stop, err
}

var errEnded = errors.New("the DynamoDB engine ended before it answered")

// launch starts the engine on a free port.
//
// Errors: errEnded.
func launch(ctx context.Context, path, db string, failed chan<- error) (*Client, func(), error) {
	port, err := freePort()
	if err != nil {
		return nil, nil, err
	}
	args := []string{"--host", "127.0.0.1", "--port", port}
	if db != "" {
		args = append(args, "--db-path", db)
	}
	var output bytes.Buffer
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := child.Start(cmd); err != nil {
		return nil, nil, fmt.Errorf("the DynamoDB engine: %w", err)
	}
	ended, exit := make(chan struct{}), error(nil)
	go func() {
		exit = fmt.Errorf("the DynamoDB engine has ended: %w\n%s", cmd.Wait(), output.String())
		close(ended)
	}()
	stop := func() {
		for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
			_ = syscall.Kill(-cmd.Process.Pid, signal)
			select {
			case <-ended:
				return
			case <-time.After(time.Second):
			}
		}
		<-ended
	}
	c := NewClient("http://127.0.0.1:" + port)
	if err := c.Await(ctx, ended); err != nil {
		stop()
		if errors.Is(err, errEnded) {
			err = fmt.Errorf("%w: %w", err, exit)
		}
		return nil, nil, err
	}
	go func() { <-ended; failed <- exit }()
	return c, stop, nil
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

// Await waits for the engine's first response. ended is closed if the engine ends; nil if that cannot be known.
//
// Errors: errEnded.
func (c *Client) Await(ctx context.Context, ended <-chan struct{}) error {
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := c.Call(ctx, Tables+"ListTables", struct{}{}, nil)
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the DynamoDB engine at %s does not answer: %w", c.URL, err)
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ended:
			return errEnded
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
