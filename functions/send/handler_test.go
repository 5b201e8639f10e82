package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"streamotp/shared/deliver"
	"streamotp/shared/otp"
	"streamotp/shared/store"
	"streamotp/shared/store/storetest"
)

type fixture struct {
	handler
	store        store.Codes
	suppressions store.Suppressions
	ring         *otp.Keyring

	mu   sync.Mutex
	sent []string // codes, in the order of sending
	tags []map[string]string
	fail map[string]error
}

type fixedKeys struct{ *otp.Keyring }

func (k fixedKeys) For(context.Context, string) (*otp.Keyring, error) { return k.Keyring, nil }

// Send is the provider.
func (f *fixture) Send(_ context.Context, m deliver.Message) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fail[m.Code]; err != nil {
		return err
	}
	f.sent, f.tags = append(f.sent, m.Code), append(f.tags, m.Tags)
	return nil
}

// meeting is a provider that answers once all have arrived.
type meeting struct {
	all     int32
	arrived atomic.Int32
	met     chan struct{}
}

func (m *meeting) Send(ctx context.Context, _ deliver.Message) error {
	if m.arrived.Add(1) == m.all {
		close(m.met)
	}
	select {
	case <-m.met:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type senderFunc func(context.Context, deliver.Message) error

func (s senderFunc) Send(ctx context.Context, m deliver.Message) error { return s(ctx, m) }

func newFixture(t *testing.T) *fixture {
	tables := storetest.New(t)
	ring, err := otp.ParseKeyring([]byte(`{"index":"0123456789abcdef0123456789abcdef"}`))
	must(t, err)
	f := &fixture{ring: ring, store: store.Codes{DB: tables.DB, Table: tables.Codes}, fail: map[string]error{},
		suppressions: store.Suppressions{DB: tables.DB, Table: tables.Limits}}
	f.handler = handler{codes: f.store, suppressions: f.suppressions, keys: fixedKeys{ring}, sender: f, now: time.Now}
	return f
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// record writes a session and returns its stream record.
func (f *fixture) record(t *testing.T, n int, life time.Duration) events.DynamoDBEventRecord {
	t.Helper()
	return f.recordOf(t, n, life, otp.Contents{Purpose: otp.Login, Channel: otp.Email, Email: "ada@example.com"})
}

func (f *fixture) recordOf(t *testing.T, n int, life time.Duration, to otp.Contents) events.DynamoDBEventRecord {
	t.Helper()
	id := fmt.Sprint("session-", n)
	to.Code = fmt.Sprint(100000 + n)
	s := otp.Session{ID: id, Purpose: to.Purpose, KeyID: "0", CreatedAt: time.Now(), ExpiresAt: time.Now().Add(life)}
	var err error
	s.Digest, err = f.ring.Digest("0", id, to.Code)
	must(t, err)
	s.Sealed, err = f.ring.Seal(id, to)
	must(t, err)
	must(t, f.store.Put(context.Background(), s, "request"))
	text := events.NewStringAttribute
	return events.DynamoDBEventRecord{EventName: "INSERT", Change: events.DynamoDBStreamRecord{
		SequenceNumber: fmt.Sprint(1000 + n), NewImage: map[string]events.DynamoDBAttributeValue{
			"sessionId": text(id), "code": text(s.Digest), "send": text("code"),
			"expiredAt": events.NewNumberAttribute(fmt.Sprint(s.ExpiresAt.Unix()))}}}
}

// run handles records as one batch and returns the failed sequence numbers.
func (f *fixture) run(t *testing.T, records ...events.DynamoDBEventRecord) []string {
	t.Helper()
	response, err := f.handle(context.Background(), events.DynamoDBEvent{Records: records})
	must(t, err)
	failed := []string{}
	for _, failure := range response.BatchItemFailures {
		failed = append(failed, failure.ItemIdentifier)
	}
	return failed
}

func TestSend(t *testing.T) {
	t.Run("only an INSERT of what is to be sent is read, also where the filter let more through", func(t *testing.T) {
		raw, err := os.ReadFile("testdata/batch.json")
		must(t, err)
		var batch events.DynamoDBEvent
		must(t, json.Unmarshal(raw, &batch))
		f := newFixture(t)
		for i := range batch.Records[1:4] { // MODIFY, REMOVE and a decoy's INSERT, of items that are there to be sent
			f.record(t, i, time.Minute)
			batch.Records[i+1].Change.NewImage["sessionId"] = events.NewStringAttribute(fmt.Sprint("session-", i))
		}
		if failed := f.run(t, batch.Records...); len(failed) != 0 || len(f.sent) != 0 {
			t.Errorf("failed %v, sent %v", failed, f.sent)
		}
	})
	t.Run("an expired code is not sent, nor one whose item is gone", func(t *testing.T) {
		f := newFixture(t)
		expired, gone := f.record(t, 1, -time.Second), f.record(t, 2, time.Minute)
		gone.Change.NewImage["sessionId"] = events.NewStringAttribute("gone")
		stale := f.record(t, 3, -time.Second) // expired in the table, not yet in the record
		stale.Change.NewImage["expiredAt"] = events.NewNumberAttribute("4102444800")
		if failed := f.run(t, expired, gone, stale); len(failed) != 0 || len(f.sent) != 0 {
			t.Errorf("failed %v, sent %v", failed, f.sent)
		}
	})
	t.Run("a batch that comes again sends nothing twice", func(t *testing.T) {
		f := newFixture(t)
		batch := []events.DynamoDBEventRecord{f.record(t, 1, time.Minute), f.record(t, 2, time.Minute), f.record(t, 3, time.Minute)}
		f.fail["100002"] = errors.New("timeout")
		if failed := f.run(t, batch...); !slices.Equal(failed, []string{"1002"}) {
			t.Errorf("failed %v", failed)
		}
		delete(f.fail, "100002")
		if failed := f.run(t, batch...); len(failed) != 0 {
			t.Errorf("failed %v", failed)
		}
		slices.Sort(f.sent)
		if strings.Join(f.sent, " ") != "100001 100002 100003" {
			t.Errorf("sent %v", f.sent)
		}
	})
	t.Run("the records of a batch are with the provider all at once", func(t *testing.T) {
		f := newFixture(t)
		var batch []events.DynamoDBEventRecord
		for n := range 10 {
			batch = append(batch, f.record(t, n, time.Minute))
		}
		meet := &meeting{all: 10, met: make(chan struct{})}
		f.sender = meet
		if failed := f.run(t, batch...); len(failed) != 0 {
			t.Errorf("failed %v: they did not meet", failed)
		}
	})
	t.Run("a message that is out is marked though the time is up", func(t *testing.T) {
		f := newFixture(t)
		ctx, cancel := context.WithCancel(context.Background())
		f.sender = senderFunc(func(context.Context, deliver.Message) error { cancel(); return nil })
		record := f.record(t, 1, time.Minute)
		response, err := f.handle(ctx, events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{record}})
		must(t, err)
		m, err := f.store.Message(context.Background(), "session-1", record.Change.NewImage["code"].String())
		must(t, err)
		if !m.Sent || len(response.BatchItemFailures) != 0 {
			t.Errorf("%+v, %+v", m, response)
		}
	})
	t.Run("no call is begun that the time does not suffice for", func(t *testing.T) {
		f := newFixture(t)
		ctx, cancel := context.WithTimeout(context.Background(), deliver.Timeout-time.Second)
		defer cancel()
		response, err := f.handle(ctx, events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{f.record(t, 1, time.Minute)}})
		must(t, err)
		if len(f.sent) != 0 || len(response.BatchItemFailures) != 1 {
			t.Errorf("sent %v, %+v", f.sent, response)
		}
	})
	t.Run("what the provider will never take is not tried again", func(t *testing.T) {
		f := newFixture(t)
		f.fail["100001"] = &deliver.PermanentError{Reason: "MessageRejected"}
		if failed := f.run(t, f.record(t, 1, time.Minute), f.record(t, 2, time.Minute)); len(failed) != 0 || len(f.sent) != 1 {
			t.Errorf("failed %v, sent %v", failed, f.sent)
		}
	})
	t.Run("a box of another session is not sent and comes again", func(t *testing.T) {
		f := newFixture(t)
		record := f.record(t, 1, time.Minute)
		s := otp.Session{ID: "session-1", Digest: record.Change.NewImage["code"].String(), KeyID: "0", ExpiresAt: time.Now().Add(time.Minute), Sealed: []byte("forged")}
		must(t, f.store.Put(context.Background(), s, "request"))
		if failed := f.run(t, record); len(failed) != 1 || len(f.sent) != 0 {
			t.Errorf("failed %v, sent %v", failed, f.sent)
		}
	})
}

func TestUndeliverable(t *testing.T) {
	ctx := context.Background()
	state := func(t *testing.T, f *fixture, n int) otp.State {
		t.Helper()
		s, err := f.store.Session(ctx, fmt.Sprint("session-", n))
		must(t, err)
		return s.Message
	}
	login := otp.Contents{Purpose: otp.Login, Channel: otp.Email, Email: "ada@example.com"}
	reset := otp.Contents{Purpose: otp.Reset, Channel: otp.Email, Email: "ada@example.com"}
	sms := otp.Contents{Purpose: otp.Login, Channel: otp.SMS, Email: "ada@example.com", Phone: "+4915112345678"}

	t.Run("no reset goes to a suppressed address, and its session tells nothing of it", func(t *testing.T) {
		f := newFixture(t)
		must(t, f.suppressions.Add(ctx, f.ring.Destination("ada@example.com"), nil, store.Bounce, time.Now()))
		if failed := f.run(t, f.recordOf(t, 1, time.Minute, reset)); len(failed) != 0 || len(f.sent) != 0 || state(t, f, 1) != otp.StatePending {
			t.Errorf("failed %v, sent %v, %s", failed, f.sent, state(t, f, 1))
		}
	})
	t.Run("an account's SMS goes out though its address is suppressed", func(t *testing.T) {
		f := newFixture(t)
		must(t, f.suppressions.Add(ctx, f.ring.Destination("ada@example.com"), nil, store.Complaint, time.Now()))
		if failed := f.run(t, f.recordOf(t, 1, time.Minute, sms)); len(failed) != 0 || len(f.sent) != 1 || state(t, f, 1) != otp.StateSent {
			t.Errorf("failed %v, sent %v, %s", failed, f.sent, state(t, f, 1))
		}
	})
	t.Run("a suppression that is over holds nothing back", func(t *testing.T) {
		f := newFixture(t)
		must(t, f.suppressions.Add(ctx, f.ring.Destination("ada@example.com"), nil, store.Bounce, time.Now().AddDate(-1, 0, 0)))
		if f.run(t, f.recordOf(t, 1, time.Minute, reset)); len(f.sent) != 1 {
			t.Errorf("sent %v", f.sent)
		}
	})
	t.Run("where the suppressions cannot be read nothing is sent, and it comes again", func(t *testing.T) {
		f := newFixture(t)
		f.handler.suppressions = store.Suppressions{DB: f.suppressions.DB, Table: "none"}
		if failed := f.run(t, f.recordOf(t, 1, time.Minute, reset)); len(failed) != 1 || len(f.sent) != 0 {
			t.Errorf("failed %v, sent %v", failed, f.sent)
		}
	})
	t.Run("what the provider will never take is told", func(t *testing.T) {
		f := newFixture(t)
		f.fail["100001"] = &deliver.PermanentError{Reason: "OptedOut"}
		if f.run(t, f.recordOf(t, 1, time.Minute, sms)); state(t, f, 1) != otp.StateBounced {
			t.Error(state(t, f, 1))
		}
	})
	t.Run("an e-mail has its session's and its destination's tags; a reset's has no session's", func(t *testing.T) {
		f := newFixture(t)
		f.run(t, f.recordOf(t, 1, time.Minute, login))
		f.run(t, f.recordOf(t, 2, time.Minute, reset))
		if len(f.tags) != 2 || f.tags[0]["session"] != "session-1" || f.tags[0]["digest"] == "" || len(f.tags[0]) != 4 ||
			len(f.tags[1]) != 2 || f.tags[1]["destination"] != f.ring.Destination("ada@example.com") {
			t.Errorf("%v", f.tags)
		}
	})
}
