package main

import (
	"context"
	"encoding/json"

	"streamotp/local/lambda"
	"streamotp/local/queues"
	"streamotp/local/streams"
)

// startMappings polls the streams and queues that the template maps to functions.
func (s *stack) startMappings(ctx context.Context) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.onClose(cancel)
	for _, spec := range s.spec.Mappings {
		table, letters := s.spec.Table(spec.TableName), s.aws.Queues.Queue(string(spec.DestinationConfig.OnFailure.Destination))
		m := &streams.Mapping{
			Mapping: spec, FunctionARN: s.spec.Function(spec.FunctionID).ARN(), HashKey: table.KeySchema[0].AttributeName,
			Engine: s.engine, Log: s.log.line, Now: s.Now, Invoke: s.host.Invoke,
			Done: func(b lambda.Batch) { s.log.batch("stream of "+table.ID, "record", b) },
			DeadLetter: func(letter []byte) {
				if letters != nil { // otherwise the records are dropped
					letters.Send(string(letter), letters.DelaySeconds)
				}
			},
		}
		if err := m.Start(ctx); err != nil {
			return err
		}
		s.sources, s.waits = append(s.sources, m), append(s.waits, m.Wait)
	}
	for _, spec := range s.spec.QueueMappings {
		q := s.aws.Queues.Queue(string(spec.EventSourceArn))
		if spec.ScalingConfig.MaximumConcurrency == 0 {
			spec.ScalingConfig.MaximumConcurrency = maxProcesses
		}
		m := &queues.Mapping{QueueMapping: spec, Queue: q, Now: s.Now, Invoke: s.host.Invoke,
			Done: func(b lambda.Batch) { s.log.batch("queue "+q.ID, "message", b) }}
		m.Start(ctx)
		s.waits = append(s.waits, m.Wait)
	}
	return nil
}

// deadLetters returns the bodies of the messages in the dead-letter queues: those of other queues and those of streams.
func (s *stack) deadLetters() []json.RawMessage {
	isTarget := map[string]bool{}
	for _, m := range s.spec.Mappings {
		isTarget[string(m.DestinationConfig.OnFailure.Destination)] = true
	}
	for _, q := range s.spec.Queues {
		isTarget[string(q.RedrivePolicy.DeadLetterTargetArn)] = true
	}
	out := []json.RawMessage{}
	for _, q := range s.spec.Queues {
		if isTarget[q.ARN] {
			out = append(out, s.aws.Queues.Queue(q.ARN).Bodies()...)
		}
	}
	return out
}
