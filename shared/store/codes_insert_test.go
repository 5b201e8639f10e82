package store_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"streamotp/shared/otp"
	"streamotp/shared/store"
)

// wire sends requests to the engine, except those that a test interferes with.
type wire struct {
	lose   map[string]int // calls of an action that are done and whose response is lost
	refuse map[string]int // calls of an action that are not done
	hang   map[string]int // calls of an action that are not done and have no response
	sent   []*http.Request
	bodies []string
}

func (w *wire) Do(r *http.Request) (*http.Response, error) {
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if w.refuse[action] > 0 {
		w.refuse[action]--
		return &http.Response{StatusCode: 500, Header: http.Header{"X-Amzn-Errortype": {"InternalServerError"}},
			Body: io.NopCloser(strings.NewReader(`{"__type":"InternalServerError","message":"injected"}`))}, nil
	}
	if w.hang[action] > 0 {
		w.hang[action]--
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	w.sent, w.bodies = append(w.sent, r.Clone(r.Context())), append(w.bodies, string(body))
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	response, err := http.DefaultClient.Do(r)
	if err == nil && w.lose[action] > 0 {
		w.lose[action]--
		_ = response.Body.Close()
		return nil, errors.New("connection reset")
	}
	return response, err
}

// repeat sends the n-th request once more, byte for byte, as a network may do late.
func (w *wire) repeat(t *testing.T, n int) {
	t.Helper()
	r := w.sent[n]
	r.RequestURI, r.Body = "", io.NopCloser(strings.NewReader(w.bodies[n]))
	response, err := http.DefaultClient.Do(r)
	must(t, err)
	_ = response.Body.Close()
}

func (f fixture) over(w *wire) store.Codes {
	db := dynamodb.NewFromConfig(f.Config, func(o *dynamodb.Options) { o.HTTPClient = w })
	return store.Codes{DB: db, Table: f.Codes}
}

func TestPut(t *testing.T) {
	fresh := session("fresh")
	row := func(f fixture, key string) map[string]types.AttributeValue {
		return f.Item(t, f.Codes, map[string]types.AttributeValue{"sessionId": text("fresh"), "code": text(key)})
	}
	notWritten := func(t *testing.T, err error) bool {
		t.Helper()
		var e *store.NotWrittenError
		return errors.As(err, &e)
	}
	t.Run("R4: a repeated write leaves the mark that the message was sent", func(t *testing.T) {
		f, w := newFixture(t), &wire{lose: map[string]int{"PutItem": 1}}
		must(t, f.over(w).Put(ctx, fresh, "request")) // the SDK repeats it
		m, err := f.codes.Message(ctx, "fresh", "digest")
		must(t, err)
		must(t, f.codes.MarkSent(ctx, m, t0))
		w.repeat(t, 0)
		if m, err = f.codes.Message(ctx, "fresh", "digest"); err != nil || !m.Sent || len(w.sent) != 2 {
			t.Errorf("%+v, %v, %d writes", m, err, len(w.sent))
		}
	})
	t.Run("R5: a late copy of the write does not bring a used code back", func(t *testing.T) {
		f, w := newFixture(t), &wire{}
		must(t, f.over(w).Put(ctx, fresh, "request"))
		must(t, f.codes.Consume(ctx, fresh, "one", t0))
		w.repeat(t, 0)
		wantErr(t, f.codes.Consume(ctx, fresh, "two", t0), otp.ErrCodeUsed)
	})
	t.Run("R2: a row that was not written is reported, and a late copy is not written any more", func(t *testing.T) {
		f, w := newFixture(t), &wire{refuse: map[string]int{"PutItem": 5}}
		if err := f.over(w).Put(ctx, fresh, "request"); !notWritten(t, err) {
			t.Fatalf("error %v", err)
		}
		must(t, f.codes.PutNotification(ctx, notification("fresh", otp.NotifyWrongCodes), "other", t0)) // rows beside it are free
		if err := f.codes.Put(ctx, fresh, "request"); err == nil {
			t.Error("the late copy was written")
		}
		if item := row(f, "digest"); item["send"] != nil || item["sealed"] != nil || item["expiredAt"] == nil {
			t.Errorf("the place is kept by %v", item)
		}
		_, err := f.codes.Session(ctx, "fresh")
		wantErr(t, err, otp.ErrSessionNotFound)
	})
	t.Run("R2: a write that hangs leaves the time to make sure that it was not done", func(t *testing.T) {
		f, w := newFixture(t), &wire{hang: map[string]int{"PutItem": 1}}
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		if err := f.over(w).Put(ctx, fresh, "request"); !notWritten(t, err) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a write whose every response is lost was done", func(t *testing.T) {
		f, w := newFixture(t), &wire{lose: map[string]int{"PutItem": 5}}
		must(t, f.over(w).Put(ctx, fresh, "request"))
		if _, err := f.codes.Session(ctx, "fresh"); err != nil {
			t.Error(err)
		}
	})
	t.Run("if the empty row cannot be written either, the row is not reported as not written", func(t *testing.T) {
		f, w := newFixture(t), &wire{refuse: map[string]int{"PutItem": 5, "UpdateItem": 5}}
		if err := f.over(w).Put(ctx, fresh, "request"); err == nil || notWritten(t, err) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("R3: after a resend that was not written, two are still possible", func(t *testing.T) {
		f, w := newFixture(t), &wire{refuse: map[string]int{"PutItem": 5}}
		must(t, f.codes.Put(ctx, fresh, "request"))
		if err := f.over(w).PutResend(ctx, fresh, "failed", t0, time.Minute); !notWritten(t, err) {
			t.Fatalf("error %v", err)
		}
		for range 2 {
			s, err := f.codes.Session(ctx, "fresh")
			must(t, err)
			must(t, f.codes.PutResend(ctx, s, "next", t0, time.Minute))
		}
		s, err := f.codes.Session(ctx, "fresh")
		if err != nil || len(s.Resends) != 2 || s.NextResend != 4 {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

// TestResendBesideAFailedOne: a resend need not wait after a message that was not sent.
func TestResendBesideAFailedOne(t *testing.T) {
	f, w := newFixture(t), &wire{refuse: map[string]int{"PutItem": 5}}
	must(t, f.codes.Put(ctx, session("fresh"), "request"))
	s, err := f.codes.Session(ctx, "fresh") // both read it
	must(t, err)
	if err := f.over(w).PutResend(ctx, s, "failed", t0, time.Minute); err == nil {
		t.Fatal("the write succeeded")
	}
	err = f.codes.PutResend(ctx, s, "beside", t0, time.Minute)
	var unavailable *otp.UnavailableError
	var notWritten *store.NotWrittenError
	if !errors.As(err, &unavailable) || !errors.As(err, &notWritten) {
		t.Errorf("error %v", err)
	}
}
