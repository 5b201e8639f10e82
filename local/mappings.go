package main

import (
	"context"
	"encoding/json"
	"errors"
	"sync"

	"streamotp/local/aws"
	"streamotp/local/gateway"
	"streamotp/local/lambda"
	"streamotp/local/pattern"
	"streamotp/local/queues"
	"streamotp/local/streams"
	"streamotp/local/template"
)

// startMappings polls the streams that the template maps to functions.
func (s *stack) startMappings(ctx context.Context) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.onClose(cancel)
	for _, spec := range s.spec.Mappings {
		m, err := s.mapping(spec)
		if err != nil {
			return err
		}
		if err := m.Start(ctx); err != nil {
			return err
		}
		s.sources, s.aws.Streams[spec.StreamARN] = append(s.sources, m), m.EngineARN
	}
	return nil
}

func (s *stack) mapping(spec template.Mapping) (*streams.Mapping, error) {
	m := &streams.Mapping{
		Function: spec.FunctionID, Region: template.Region, TableName: spec.TableName, StreamARN: spec.StreamARN,
		HashKey: s.keyNames(spec.TableName)[0], Latest: spec.Latest, BatchSize: spec.BatchSize, Window: spec.Window,
		Lanes: spec.Lanes, Bisect: spec.Bisect, MaxRetries: spec.MaxRetries, MaxAge: spec.MaxAge,
		PartialFailed: spec.PartialFailed, Engine: s.engine, Log: s.log.line, Now: s.Now,
	}
	for _, f := range s.spec.Functions {
		if f.ID == spec.FunctionID {
			m.FunctionARN = f.ARN()
		}
	}
	for _, text := range spec.Patterns {
		p, err := pattern.Parse(text)
		if err != nil {
			return nil, err
		}
		m.Filters = append(m.Filters, p)
	}
	if q := s.aws.Queues.Queue(spec.DeadLetters); q != nil {
		m.DeadLetter = func(letter []byte) { q.Send(string(letter), q.Delay) }
	}
	m.Invoke = func(ctx context.Context, event []byte) streams.Outcome {
		r := s.host.Invoke(ctx, spec.FunctionID, event, "")
		s.log.invoked(spec.FunctionID, r)
		throttled := errors.Is(r.Err, lambda.ErrThrottled)
		return streams.Outcome{RequestID: r.RequestID, Payload: r.Payload, Failed: r.Err != nil && !throttled, Throttled: throttled}
	}
	m.Done = func(b streams.Batch) { s.log.batch(s.aws.Tables[spec.TableName], b) }
	return m, nil
}

// startQueueMappings polls the queues that the template maps to functions.
func (s *stack) startQueueMappings(ctx context.Context) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.onClose(cancel)
	for _, spec := range s.spec.QueueMappings {
		q := s.aws.Queues.Queue(spec.QueueURL)
		m := &queues.Mapping{Queue: q, Region: template.Region, BatchSize: spec.BatchSize, Concurrency: spec.Concurrency,
			PartialFailed: spec.PartialFailed, Now: s.Now}
		if m.Concurrency == 0 {
			m.Concurrency = maxProcesses
		}
		m.Invoke = func(ctx context.Context, event []byte) lambda.Result {
			r := s.host.Invoke(ctx, spec.FunctionID, event, "")
			s.log.invoked(spec.FunctionID, r)
			return r
		}
		m.Done = func(b queues.Batch) { s.log.queueBatch(q.ID, b) }
		m.Start(ctx)
		s.queues = append(s.queues, m)
	}
	return nil
}

// deadLetters returns the bodies of the messages in the dead-letter queues: those of other queues and those of streams.
func (s *stack) deadLetters() []json.RawMessage {
	urls := map[string]bool{}
	for _, m := range s.spec.Mappings {
		urls[m.DeadLetters] = true
	}
	for _, q := range s.spec.Queues {
		urls[q.DeadLetters] = true
	}
	out := []json.RawMessage{}
	for _, q := range s.spec.Queues {
		if urls[q.URL] {
			out = append(out, s.aws.Queues.Queue(q.URL).Bodies()...)
		}
	}
	return out
}

// wrote notes which process wrote the items, for the log, and makes their tables' streams be read.
func (s *stack) wrote(c aws.Caller, writes []aws.Write) {
	for _, w := range writes {
		s.log.wrote(c, w)
		s.poke(w.Table)
	}
}

// invoke runs a function for a caller of Lambda's API.
func (s *stack) invoke(ctx context.Context, name string, event []byte) (payload []byte, failure string, ok bool) {
	for _, f := range s.spec.Functions {
		if f.Name == name {
			r := s.host.Invoke(ctx, f.ID, event, "")
			s.log.invoked(f.ID, r)
			s.log.exchange(gateway.Exchange{Method: "Lambda", Path: "Invoke", Status: 200, Function: f.ID, Invocation: r.RequestID, Took: r.Ran})
			if r.Err != nil {
				failure = "Unhandled"
			}
			return r.Payload, failure, true
		}
	}
	return nil, "", false
}

// callers holds the process of each access key.
type callers struct {
	mu   sync.Mutex
	keys map[string]aws.Caller
}

func (c *callers) add(p lambda.Identity, key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys == nil {
		c.keys = map[string]aws.Caller{}
	}
	c.keys[key] = aws.Caller{Function: p.Function, Process: p.Process}
}

func (c *callers) who(key string) (aws.Caller, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	who, ok := c.keys[key]
	return who, ok
}
