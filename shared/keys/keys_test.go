package keys_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
	"unsafe"

	"streamotp/shared/keys"
	"streamotp/shared/otp"
)

const (
	unrotated = `{"index":"0123456789abcdef0123456789abcdef"}`
	rotated   = `{"index":"0123456789abcdef0123456789abcdef","current":{"kid":"1","secret":"11111111111111111111111111111111"}}`
	noKeyring = `{}`
)

// source is a Source whose calls must succeed.
type source struct {
	t *testing.T
	*keys.Source
}

// has reports whether the keyring for an item made with a key has the key.
func (s source) has(keyID string) bool {
	s.t.Helper()
	ring, err := s.For(context.Background(), keyID)
	if err != nil {
		s.t.Fatal(err)
	}
	return ring.Has(keyID)
}

// testSource runs a test with a source that has read the secret, unrotated.
func testSource(t *testing.T, name string, test func(t *testing.T, m *manager, s source)) {
	t.Run(name, func(t *testing.T) {
		inBubble(t, unrotated, func(t *testing.T, m *manager) {
			s := source{t, keys.New(m.config(), "secret", m.now)}
			m.wantCalls(0)
			if !s.has("0") {
				t.Error("the key is missing")
			}
			m.wantCalls(1)
			test(t, m, s)
		})
	})
}

func TestFirstRead(t *testing.T) {
	t.Run("concurrent first callers wait for one read", func(t *testing.T) {
		inBubble(t, unrotated, func(t *testing.T, m *manager) {
			m.set(func() { m.freeze = make(chan struct{}) })
			s := source{t, keys.New(m.config(), "secret", m.now)}
			var wait sync.WaitGroup
			for range 20 {
				wait.Go(func() { s.has("0") })
			}
			m.wantCalls(1)
			close(m.freeze)
			wait.Wait()
			m.wantCalls(1)
		})
	})
	t.Run("a caller whose time is over does not wait on", func(t *testing.T) {
		inBubble(t, unrotated, func(t *testing.T, m *manager) {
			m.set(func() { m.freeze = make(chan struct{}) })
			s := source{t, keys.New(m.config(), "secret", m.now)}
			var wait sync.WaitGroup
			wait.Go(func() { s.has("0") })
			m.settle()
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			if _, err := s.Current(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v", err)
			}
			close(m.freeze)
			wait.Wait()
		})
	})
	t.Run("an unreadable secret is unavailable, and the next call reads again", func(t *testing.T) {
		inBubble(t, noKeyring, func(t *testing.T, m *manager) {
			s := source{t, keys.New(m.config(), "secret", m.now)}
			var unavailable *otp.UnavailableError
			if _, err := s.Current(context.Background()); !errors.As(err, &unavailable) {
				t.Errorf("error %v", err)
			}
			m.set(func() { m.text = unrotated })
			s.has("0")
			m.wantCalls(2)
		})
	})
}

func TestRefresh(t *testing.T) {
	testSource(t, "it begins after a minute, and no call waits for it", func(t *testing.T, m *manager, s source) {
		m.wall = m.wall.Add(time.Minute - 1)
		s.has("0")
		m.wantCalls(1)
		m.set(func() { m.text, m.freeze = rotated, make(chan struct{}) })
		m.wall = m.wall.Add(1)
		for range 20 {
			s.has("0") // it would never return if it waited
		}
		m.wantCalls(2)
		close(m.freeze)
		m.set(func() { m.freeze = nil })
		m.settle()
		if !s.has("1") {
			t.Error("the rotation was not noticed")
		}
		m.wantCalls(2)
	})
	testSource(t, "it is one attempt, is logged when it fails, and comes again after 5 s", func(t *testing.T, m *manager, s source) {
		m.set(func() { m.hang = true })
		m.wall = m.wall.Add(time.Minute)
		for attempt := range 3 {
			s.has("0")
			m.wantCalls(attempt + 2)
			time.Sleep(time.Second) // of the bubble: the refresh gives up
			if n := m.logged("was not refreshed"); n != attempt+1 {
				t.Errorf("%d failures are logged after %d attempts", n, attempt+1)
			}
			m.wall = m.wall.Add(5*time.Second - 1)
			s.has("0")
			m.wantCalls(attempt + 2)
			m.wall = m.wall.Add(1)
		}
		m.set(func() { m.text, m.hang = rotated, false })
		s.has("0")
		m.settle()
		if !s.has("1") {
			t.Error("it did not recover")
		}
	})
	testSource(t, "a frozen one is replaced, and its old value is not kept", func(t *testing.T, m *manager, s source) {
		frozen := make(chan struct{})
		m.set(func() { m.freeze = frozen })
		m.wall = m.wall.Add(time.Minute)
		s.has("0")
		m.wantCalls(2)
		m.set(func() { m.text, m.freeze = rotated, nil })
		m.wall = m.wall.Add(time.Hour) // no time passes for the process: it is frozen
		s.has("0")
		m.wantCalls(3)
		close(frozen)
		m.settle()
		if !s.has("1") {
			t.Error("the value that was read before the freeze replaced the newer one")
		}
		m.wantCalls(3)
	})
	testSource(t, "an instance that is frozen during every one still learns of a rotation", func(t *testing.T, m *manager, s source) {
		m.set(func() { m.text = rotated })
		var frozen chan struct{}
		for range 3 {
			thawed := frozen
			frozen = make(chan struct{})
			m.set(func() { m.freeze = frozen })
			m.wall = m.wall.Add(2 * time.Minute)
			s.has("0")
			m.settle()
			if thawed != nil {
				close(thawed)
				m.settle()
			}
		}
		if !s.has("1") {
			t.Error("the rotation was not noticed")
		}
		close(frozen)
		m.settle()
	})
	testSource(t, "an unreadable value is not kept", func(t *testing.T, m *manager, s source) {
		m.set(func() { m.text = noKeyring })
		m.wall = m.wall.Add(time.Minute)
		s.has("0")
		if m.logged("was not refreshed") != 1 || !s.has("0") {
			t.Error("the value in hand is lost")
		}
	})
	for name, wall := range map[string]func(time.Time) time.Time{
		"the wall clock was set back": func(at time.Time) time.Time { return at.Add(-time.Hour) },
		"both clocks went a minute":   func(at time.Time) time.Time { return at.Add(time.Minute) },
		"there is no monotonic clock": func(at time.Time) time.Time { return at.Round(0).Add(time.Minute) },
		"the monotonic clock stood":   slept,
	} {
		testSource(t, "it begins where "+name, func(t *testing.T, m *manager, s source) {
			m.wall = wall(m.wall)
			s.has("0")
			m.wantCalls(2)
		})
	}
}

// slept returns the time a minute later by the wall clock, as an instance sees it whose monotonic clock stood still while it
// was frozen.
func slept(at time.Time) time.Time {
	later := at.Add(time.Minute)
	(*[2]int64)(unsafe.Pointer(&later))[1] -= int64(time.Minute) // the monotonic reading of a time.Time
	if later.Sub(at) != 0 || later.Round(0).Sub(at.Round(0)) != time.Minute {
		panic("time.Time has other fields by now")
	}
	return later
}

func TestUnknownKey(t *testing.T) {
	testSource(t, "it has the secret read again at once, at most every 5 s", func(t *testing.T, m *manager, s source) {
		m.set(func() { m.text = rotated })
		if !s.has("1") {
			t.Error("the rotation was not noticed")
		}
		m.wantCalls(2)
		if s.has("forged") {
			t.Error("it has a forged key")
		}
		m.wantCalls(2)
		m.wall = m.wall.Add(5 * time.Second)
		s.has("forged")
		m.wantCalls(3)
	})
	testSource(t, "it waits a second at most, and calls with a known key do not wait meanwhile", func(t *testing.T, m *manager, s source) {
		m.set(func() { m.hang = true })
		done := make(chan error)
		began := time.Now()
		for range 2 {
			go func() {
				_, err := s.For(context.Background(), "1")
				done <- err
			}()
		}
		m.wantCalls(2)
		s.has("0")
		if time.Since(began) != 0 {
			t.Error("a call with a known key waited")
		}
		for range 2 {
			if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v", err)
			}
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("it took %v", took)
		}
	})
	testSource(t, "it shares a refresh that is in progress, but not a frozen one", func(t *testing.T, m *manager, s source) {
		m.set(func() { m.text, m.freeze = rotated, make(chan struct{}) })
		m.wall = m.wall.Add(time.Minute)
		s.has("0")
		shared := make(chan bool)
		go func() { shared <- s.has("1") }()
		m.wantCalls(2)
		close(m.freeze)
		if !<-shared {
			t.Error("the rotation was not noticed")
		}
		frozen := make(chan struct{})
		m.set(func() { m.freeze = frozen })
		m.wall = m.wall.Add(time.Minute)
		s.has("0")
		m.wantCalls(3)
		m.set(func() { m.freeze = nil })
		m.wall = m.wall.Add(time.Second)
		s.has("2")
		m.wantCalls(4)
		close(frozen)
	})
}

func TestText(t *testing.T) {
	inBubble(t, "", func(t *testing.T, m *manager) {
		text := keys.NewText(m.config(), "secret", m.now)
		want := func(want string) {
			t.Helper()
			if got, err := text.Value(context.Background()); err != nil || got != want {
				t.Errorf("%q, %v; want %q", got, err, want)
			}
		}
		var unavailable *otp.UnavailableError
		if _, err := text.Value(context.Background()); !errors.As(err, &unavailable) {
			t.Errorf("an empty secret: %v", err)
		}
		m.set(func() { m.text = "one" })
		want("one")
		m.set(func() { m.text = "two" })
		m.wall = m.wall.Add(time.Minute)
		want("one")
		m.settle()
		want("two")
		m.set(func() { m.text = "" })
		m.wall = m.wall.Add(time.Minute)
		want("two")
		m.settle()
		want("two")
		m.wantCalls(4)
	})
}

func TestGate(t *testing.T) {
	inBubble(t, "0123456789abcdef", func(t *testing.T, m *manager) {
		if keys.Gate(m.config(), "", m.now) != nil {
			t.Error("a gate, where no secret is required")
		}
		gate := keys.Gate(m.config(), "secret", m.now)
		for claimed, want := range map[string]bool{"": false, "0123456789abcde": false, "0123456789abcdef": true} {
			if ok, err := gate(context.Background(), map[string]string{"x-origin-secret": claimed}); ok != want || err != nil {
				t.Errorf("%q: %v, %v", claimed, ok, err)
			}
		}
		if ok, err := gate(context.Background(), nil); ok || err != nil {
			t.Error(ok, err)
		}
	})
}
