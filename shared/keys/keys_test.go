package keys_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"streamotp/shared/keys"
	"streamotp/shared/otp"
)

// secret is a Secrets Manager with one secret.
type secret struct {
	value atomic.Value
	reads atomic.Int32
}

func (s *secret) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	s.reads.Add(1)
	io.WriteString(w, s.value.Load().(string)) //nolint:errcheck // the client reports what is missing
}

const (
	unrotated = `{"SecretString":"{\"index\":\"0123456789abcdef0123456789abcdef\"}"}`
	rotated   = `{"SecretString":"{\"index\":\"0123456789abcdef0123456789abcdef\",\"current\":{\"kid\":\"1\",\"secret\":\"11111111111111111111111111111111\"}}"}`
)

func TestSource(t *testing.T) {
	s, now := &secret{}, time.Now()
	s.value.Store(unrotated)
	server := httptest.NewServer(s)
	defer server.Close()
	source := keys.New(aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}, "secret", func() time.Time { return now })
	read := func(keyID string, reads int32) *otp.Keyring {
		t.Helper()
		ring, err := source.For(context.Background(), keyID)
		if err != nil || s.reads.Load() != reads {
			t.Fatalf("after %d reads, want %d: %v", s.reads.Load(), reads, err)
		}
		return ring
	}
	if s.reads.Load() != 0 {
		t.Error("it was read before its first use")
	}
	t.Run("it is read once, by however many at once", func(t *testing.T) {
		var wait sync.WaitGroup
		for range 20 {
			wait.Go(func() {
				if _, err := source.Current(context.Background()); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		read("0", 1)
	})
	t.Run("an unknown key id reads it again, at most every 5 s", func(t *testing.T) {
		s.value.Store(rotated)
		if !read("1", 2).Has("1") { // at once, however short ago the first read was
			t.Error("the rotation was not noticed")
		}
		read("forged", 2)
		now = now.Add(5 * time.Second)
		read("forged", 3)
	})
	t.Run("it is read again after a minute, and a failure then leaves what is known", func(t *testing.T) {
		now = now.Add(time.Minute)
		read("", 4)
		s.value.Store(`{"SecretString":"{}"}`)
		now = now.Add(time.Minute)
		if !read("1", 5).Has("1") {
			t.Error("what was known is lost")
		}
		read("1", 5)
	})
	t.Run("a secret that is none is unavailable, not used", func(t *testing.T) {
		s.value.Store(`{"SecretString":"{}"}`)
		now = now.Add(5 * time.Second)
		var unavailable *otp.UnavailableError
		if _, err := source.For(context.Background(), "9"); !errors.As(err, &unavailable) {
			t.Errorf("error %v", err)
		}
	})
}

func TestText(t *testing.T) {
	s, now := &secret{}, time.Now()
	server := httptest.NewServer(s)
	defer server.Close()
	text := keys.NewText(aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}, "secret", func() time.Time { return now })
	read := func(want string, reads int32) {
		t.Helper()
		got, err := text.Value(context.Background())
		if err != nil || got != want || s.reads.Load() != reads {
			t.Fatalf("%q after %d reads, %v; want %q after %d", got, s.reads.Load(), err, want, reads)
		}
	}
	t.Run("an empty one is unavailable", func(t *testing.T) {
		s.value.Store(`{"SecretString":""}`)
		var unavailable *otp.UnavailableError
		if _, err := text.Value(context.Background()); !errors.As(err, &unavailable) {
			t.Error(err)
		}
	})
	t.Run("it is read once a minute, so that a new value is noticed", func(t *testing.T) {
		s.value.Store(`{"SecretString":"one"}`)
		read("one", 2)
		read("one", 2)
		s.value.Store(`{"SecretString":"two"}`)
		now = now.Add(time.Minute)
		read("two", 3)
	})
	t.Run("what is known serves while it cannot be read", func(t *testing.T) {
		s.value.Store(`{"SecretString":""}`)
		now = now.Add(time.Minute)
		read("two", 4)
		read("two", 4)
	})
}

func TestGate(t *testing.T) {
	s := &secret{}
	s.value.Store(`{"SecretString":"0123456789abcdef"}`)
	server := httptest.NewServer(s)
	defer server.Close()
	cfg := aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}
	if keys.Gate(cfg, "", time.Now) != nil {
		t.Error("a gate, where no secret is required")
	}
	gate := keys.Gate(cfg, "secret", time.Now)
	for claimed, want := range map[string]bool{"": false, "0123456789abcde": false, "0123456789abcdef": true} {
		if ok, err := gate(context.Background(), map[string]string{"x-origin-secret": claimed}); ok != want || err != nil {
			t.Errorf("%q: %v, %v", claimed, ok, err)
		}
	}
	if ok, err := gate(context.Background(), nil); ok || err != nil {
		t.Error(ok, err)
	}
}
