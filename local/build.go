package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"streamotp/local/template"
)

// build makes every function's artifacts as SAM does (BuildMethod makefile), for this machine's architecture. Go compiles
// only what changed, so a second start takes no time. Each artifact is in a folder that is named by its content. It is
// never overwritten, as another stack may be running it.
func (s *stack) build(ctx context.Context) error {
	s.built = map[string]string{}
	var mu sync.Mutex
	var all sync.WaitGroup
	var failed error
	slots := make(chan struct{}, runtime.NumCPU())
	for _, f := range s.spec.Functions {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			dir, err := s.buildFunction(ctx, f)
			mu.Lock()
			defer mu.Unlock()
			s.built[f.ID] = dir
			if err != nil && failed == nil {
				failed = fmt.Errorf("building %s: %w", f.ID, err)
			}
		})
	}
	all.Wait()
	return failed
}

func (s *stack) buildFunction(ctx context.Context, f template.Function) (string, error) {
	source := f.CodeURI
	if !filepath.IsAbs(source) {
		source = filepath.Join(s.dir, source)
	}
	cache := filepath.Join(filepath.Dir(filepath.Clean(source)), ".tools", "functions", f.ID)
	stage := filepath.Join(cache, "build")
	if err := os.MkdirAll(stage, 0o750); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(cache, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	cmd := exec.CommandContext(ctx, "make", "--no-print-directory", "-C", source, "build-"+f.ID,
		"ARTIFACTS_DIR="+stage, "GOARCH="+runtime.GOARCH)
	cmd.Env = append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=") // `make run` is no part of this build
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // the compiler too
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return publish(cache, stage)
}

// publish copies the build to the folder that is named by its content, unless that folder exists.
func publish(cache, stage string) (string, error) {
	h := sha256.New()
	err := eachFile(stage, func(path, rel string) error {
		_, _ = fmt.Fprintf(h, "%s\n", rel)
		return copyTo(h, path)
	})
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, hex.EncodeToString(h.Sum(nil))[:16])
	now := time.Now()
	if os.Chtimes(dir, now, now) == nil {
		return dir, nil
	}
	prune(cache)
	temp := dir + ".new"
	if err := os.RemoveAll(temp); err != nil {
		return "", err
	}
	if err := os.CopyFS(temp, os.DirFS(stage)); err != nil {
		return "", err
	}
	return dir, os.Rename(temp, dir)
}

// prune removes builds that have not been run for a day.
func prune(cache string) {
	entries, _ := os.ReadDir(cache)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && e.IsDir() && e.Name() != "build" && time.Since(info.ModTime()) > 24*time.Hour {
			_ = os.RemoveAll(filepath.Join(cache, e.Name()))
		}
	}
}

func eachFile(dir string, f func(path, rel string) error) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return f(path, rel)
	})
}

func copyTo(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	_, err = io.Copy(w, f)
	return err
}

// lock waits for other stacks that are building the same function.
func lock(path string) (func(), error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}
