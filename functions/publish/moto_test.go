package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// moto is AWS here: its server in .tools/venv, which the Makefile sets up. Without it the tests fail, they do not skip.
var moto struct {
	start sync.Once
	url   string
	err   error
	cmd   *exec.Cmd
	log   bytes.Buffer
}

func TestMain(m *testing.M) {
	code := m.Run()
	if moto.cmd != nil && moto.cmd.Process != nil {
		_ = moto.cmd.Process.Kill()
		_ = moto.cmd.Wait()
	}
	os.Exit(code)
}

// newAWS returns the configuration of clients that talk to moto.
func newAWS(t *testing.T) aws.Config {
	t.Helper()
	moto.start.Do(func() { moto.err = startMoto() })
	if moto.err != nil {
		t.Fatalf("%v: `make .tools/venv/.done` installs moto\n%s", moto.err, moto.log.String())
	}
	return configFor(moto.url)
}

func configFor(url string) aws.Config {
	return aws.Config{Region: "us-east-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		RetryMaxAttempts: 1}
}

func startMoto() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	_ = listener.Close()
	moto.url = "http://127.0.0.1:" + port
	server, err := filepath.Abs("../../.tools/venv/bin/moto_server")
	if err != nil {
		return err
	}
	moto.cmd = exec.Command(server, "-H", "127.0.0.1", "-p", port)
	moto.cmd.Stdout, moto.cmd.Stderr = &moto.log, &moto.log
	if err := moto.cmd.Start(); err != nil {
		return err
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if response, err := http.Get(moto.url + "/moto-api/data.json"); err == nil {
			return response.Body.Close()
		}
	}
	return fmt.Errorf("moto does not answer at %s", moto.url)
}
