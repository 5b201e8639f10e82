package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
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

// build makes the functions' artifacts as SAM does (BuildMethod makefile), for this machine's architecture, and returns the
// folder of each. Go compiles only what changed, so a second start takes no time. Each artifact is in a folder that is named
// by its content. It is never overwritten, as another stack may be running it. dir is the project.
func build(ctx context.Context, dir string, functions []template.Function) (map[string]string, error) {
	folders, errs := make([]string, len(functions)), make([]error, len(functions))
	var all sync.WaitGroup
	slots := make(chan struct{}, runtime.NumCPU())
	for i, f := range functions {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if folders[i], errs[i] = buildFunction(ctx, dir, f); errs[i] != nil {
				errs[i] = fmt.Errorf("building %s: %w", f.ID, errs[i])
			}
		})
	}
	all.Wait()
	out := map[string]string{}
	for i, f := range functions {
		out[f.ID] = folders[i]
	}
	return out, errors.Join(errs...)
}

func buildFunction(ctx context.Context, dir string, f template.Function) (string, error) {
	source := f.CodeUri
	if !filepath.IsAbs(source) {
		source = filepath.Join(dir, source)
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
	h, files := sha256.New(), os.DirFS(stage)
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, path)
		_, _ = fmt.Fprintf(h, "%s\n%s", path, data)
		return err
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
	if err := os.CopyFS(temp, files); err != nil {
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
