package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"streamotp/shared/httpapi"
)

func TestPhoneHelper(t *testing.T) {
	ctx := context.Background()
	reads := func(t *testing.T, p *phoneReader, typed, want string) {
		t.Helper()
		if n, err := p.Parse(ctx, typed); err != nil || n.E164 != want {
			t.Errorf("%s: %+v, %v; want %s", typed, n, err, want)
		}
	}
	t.Run("one process reads many numbers, each its own", func(t *testing.T) {
		p := &phoneReader{program: helperProgram}
		reads(t, p, "+49 1511 2345678", "+4915112345678")
		first := p.helper
		var all sync.WaitGroup
		for _, typed := range []string{"+4915112345678", "+33612345678", "+12025550123", "+447400123456"} {
			all.Go(func() { reads(t, p, typed, typed) })
		}
		all.Wait()
		if p.helper != first {
			t.Error("another process")
		}
	})
	t.Run("what is no number is invalid, and does not end the process", func(t *testing.T) {
		p := &phoneReader{program: helperProgram}
		for _, typed := range []string{"12", "\"\n\x00", strings.Repeat("9", 1<<20)} {
			if invalid := (*httpapi.InvalidError)(nil); !errors.As(second(p.Parse(ctx, typed)), &invalid) {
				t.Errorf("%.20q is no error of the caller", typed)
			}
		}
		first := p.helper
		reads(t, p, "+33612345678", "+33612345678")
		if p.helper != first {
			t.Error("another process")
		}
	})
	t.Run("a process that ended is replaced", func(t *testing.T) {
		p := &phoneReader{program: helperProgram}
		reads(t, p, "+33612345678", "+33612345678")
		p.helper.end()
		reads(t, p, "+4915112345678", "+4915112345678")
	})
	t.Run("a process that does not answer is ended in time, and its late answer reaches no other request", func(t *testing.T) {
		silent := filepath.Join(t.TempDir(), "silent")
		must(t, os.WriteFile(silent, []byte("#!/bin/sh\nexec /bin/sleep 60\n"), 0o700))
		p := &phoneReader{program: silent}
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		begin := time.Now()
		if err := second(p.Parse(short, "+33612345678")); err == nil || time.Since(begin) > patience {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
		p.program = helperProgram
		reads(t, p, "+4915112345678", "+4915112345678")
	})
	t.Run("without the program there is an error, not of the caller", func(t *testing.T) {
		p := &phoneReader{program: "/none"}
		if err, invalid := second(p.Parse(ctx, "+33612345678")), (*httpapi.InvalidError)(nil); err == nil || errors.As(err, &invalid) {
			t.Error(err)
		}
	})
}

func second[T any](_ T, err error) error { return err }
