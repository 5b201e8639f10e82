package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"

	"streamotp/shared/httpapi"
	"streamotp/shared/phone/number"
)

// phoneReader asks the helper process beside this function's binary. Linking the helper's library would cost every cold start
// 4 ms; as a process it costs only the first request with a number, which starts it.
type phoneReader struct {
	program string

	mu     sync.Mutex // the helper answers one question at a time
	helper *helper    // nil: it does not run
}

// helper is the running process.
type helper struct {
	process *os.Process
	in      *json.Encoder
	out     *json.Decoder
}

// Limits of a question: what a number may have in bytes, far above the longest, and how long an answer may take.
const (
	maxTyped = 1 << 10
	patience = 3 * time.Second
)

// Parse reads a number.
//
// Errors: *httpapi.InvalidError.
func (p *phoneReader) Parse(ctx context.Context, typed string) (n number.Number, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var answer number.Answer
	for range 2 { // a helper that has ended since the last number is replaced
		if answer, err = p.ask(ctx, typed[:min(len(typed), maxTyped)]); err == nil {
			break
		}
	}
	switch {
	case err != nil:
		return n, fmt.Errorf("ask the phone helper: %w", err)
	case answer.Invalid != "":
		return n, httpapi.Invalid("phone", answer.Invalid)
	}
	return answer.Number, nil
}

// ask starts the helper unless it runs, and asks it. After a failure it ends the helper: a late answer would be taken for the
// next number's.
func (p *phoneReader) ask(ctx context.Context, typed string) (answer number.Answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return answer, err
	}
	if p.helper == nil {
		if p.helper, err = startHelper(p.program); err != nil {
			return answer, err
		}
	}
	h := p.helper
	defer context.AfterFunc(ctx, h.end)() // ends the wait below
	if err = h.in.Encode(typed); err == nil {
		err = h.out.Decode(&answer)
	}
	if err != nil {
		h.end()
		p.helper = nil
	}
	return answer, err
}

// startHelper starts the process. Numbers go to its standard input, because arguments show in process lists.
func startHelper(program string) (*helper, error) {
	cmd := exec.Command(program)
	cmd.Env = []string{} // none of our credentials
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = cmd.Wait() }() // Decode sees the end; nobody needs the exit status
	return &helper{cmd.Process, json.NewEncoder(in), json.NewDecoder(out)}, nil
}

func (h *helper) end() { _ = h.process.Kill() }
