package lambda

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"streamotp/local/template"
)

// TestCloseWhileProcessesStart: a host closes, also if invocations start processes at that moment.
func TestCloseWhileProcessesStart(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bootstrap"), []byte("#!/bin/sh\nexec sleep 60\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for range 50 {
		const processes = 16
		host := &Host{Log: func(string, string) {}, Started: func(Caller, string) {}, Invoked: func(string, Result) {}}
		host.Add(Function{Function: template.Function{ID: "AnyFunction"}, Dir: dir, Processes: processes})
		var wait sync.WaitGroup
		for range processes {
			wait.Go(func() { host.Invoke(t.Context(), "AnyFunction", nil, "") })
		}
		wait.Go(host.Close)
		ended := make(chan struct{})
		go func() {
			wait.Wait()
			close(ended)
		}()
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			t.Fatal("the host does not close")
		}
	}
}
