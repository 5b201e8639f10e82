package keys

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"streamotp/shared/telemetry"
)

const (
	freshFor     = time.Minute     // a value this old is refreshed, so that a running function learns of every change
	refreshTime  = time.Second     // that a refresh may take
	refreshEvery = 5 * time.Second // at most, so that an outage, or forged key ids, cannot run up calls
)

// secret is one secret as this instance knows it. A value in hand is served at once, and refreshed beside the call. It
// is safe for concurrent use.
//
// Lambda freezes an instance after the response, and with it a refresh that is still running. That is harmless: nobody
// waits for the refresh, and the next call thaws it or, after refreshEvery, replaces it. All ages are by the wall clock,
// which goes on while the instance is frozen.
type secret[T any] struct {
	client *secretsmanager.Client
	id     string
	parse  func(text string) (T, error) // mu is held during it

	mu     sync.Mutex // guards the rest; it is not held while Secrets Manager is called
	known  bool
	value  T
	asOf   time.Time // when the read of value began
	latest *read[T]  // the last one that began; nil before the first
	forced time.Time // when again last began one
}

// read is one read of a secret.
type read[T any] struct {
	began time.Time
	done  chan struct{} // closed at its end; value and err are valid then
	value T
	err   error
}

func newSecret[T any](cfg aws.Config, id string, parse func(string) (T, error)) secret[T] {
	return secret[T]{client: secretsmanager.NewFromConfig(cfg), id: id, parse: parse}
}

// current returns the value in hand. Without one it waits for the first read, which concurrent callers share.
func (s *secret[T]) current(ctx context.Context, now time.Time) (T, error) {
	s.mu.Lock()
	if s.known {
		defer s.mu.Unlock()
		if age(now, s.asOf) >= freshFor && age(now, s.latest.began) >= refreshEvery {
			go s.refresh(context.WithoutCancel(ctx), s.begin(now))
		}
		return s.value, nil
	}
	if first := s.latest; first != nil && !first.over() {
		s.mu.Unlock()
		return first.wait(ctx)
	}
	first := s.begin(now)
	s.mu.Unlock()
	s.run(ctx, first)
	return first.value, first.err
}

// fresh returns a value that was read within the last minute. If the value in hand is older, fresh waits for the refresh
// that current began. The caller has called current with the same time.
func (s *secret[T]) fresh(ctx context.Context, now time.Time) (T, error) {
	s.mu.Lock()
	value, asOf, latest := s.value, s.asOf, s.latest
	s.mu.Unlock()
	if age(now, asOf) < freshFor {
		return value, nil
	}
	return latest.wait(ctx)
}

// again returns the value of a refresh that is in progress or begins now. If again began one less than refreshEvery ago,
// it returns the value in hand. There must be one.
func (s *secret[T]) again(ctx context.Context, now time.Time) (T, error) {
	s.mu.Lock()
	latest := s.latest
	switch {
	case !latest.over() && age(now, latest.began) < refreshTime: // an older one may be frozen
		s.mu.Unlock()
		return latest.wait(ctx)
	case age(now, s.forced) < refreshEvery:
		defer s.mu.Unlock()
		return s.value, nil
	}
	s.forced = now
	next := s.begin(now)
	s.mu.Unlock()
	s.refresh(ctx, next)
	return next.value, next.err
}

// begin notes a read that is about to run. The caller holds mu.
func (s *secret[T]) begin(now time.Time) *read[T] {
	s.latest = &read[T]{began: now, done: make(chan struct{})}
	return s.latest
}

// refresh runs a read in one attempt: the value in hand serves on if it fails.
func (s *secret[T]) refresh(ctx context.Context, r *read[T]) {
	ctx, cancel := context.WithTimeout(ctx, refreshTime)
	defer cancel()
	s.run(ctx, r, func(o *secretsmanager.Options) { o.Retryer = aws.NopRetryer{} })
}

// run reads the secret. A read that was frozen for some time is kept if it began after the one that the value in hand is from:
// an instance with a call every few minutes may never see another.
func (s *secret[T]) run(ctx context.Context, r *read[T], options ...func(*secretsmanager.Options)) {
	out, err := s.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &s.id}, options...)
	s.mu.Lock()
	defer s.mu.Unlock()
	defer close(r.done)
	if err != nil {
		r.err = fmt.Errorf("read a secret: %w", err)
	} else {
		r.value, r.err = s.parse(aws.ToString(out.SecretString))
	}
	switch {
	case r.err == nil && (!s.known || r == s.latest || r.began.After(s.asOf)):
		s.known, s.value, s.asOf = true, r.value, r.began
	case r.err != nil && s.known: // without a value in hand the caller reports it
		slog.Error("a secret was not refreshed", "secret", s.id, telemetry.Cause(r.err))
	}
}

func (r *read[T]) over() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

func (r *read[T]) wait(ctx context.Context) (value T, err error) {
	select {
	case <-r.done:
		return r.value, r.err
	case <-ctx.Done():
		return value, fmt.Errorf("wait for a secret: %w", ctx.Err())
	}
}

// age returns how long ago a time was by the wall clock: Round strips the monotonic reading, which stops while the
// instance is frozen. A time in the future, from before the clock was set back, is very long ago.
func age(now, then time.Time) time.Duration {
	if d := now.Round(0).Sub(then.Round(0)); d >= 0 {
		return d
	}
	return math.MaxInt64
}
