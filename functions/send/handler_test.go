package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"streamotp/shared/admit"
	"streamotp/shared/deliver"
	"streamotp/shared/otp"
	"streamotp/shared/store"
	"streamotp/shared/store/storetest"
)

// fixture is the sender on a real table, with a provider and queues that record what they got.
type fixture struct {
	handler
	store        store.Codes
	suppressions store.Suppressions
	ring         *otp.Keyring
	provider     *provider
	site         *knownSite
	retry, dead  *memoryQueue
	refunds      *refunds
	log          *bytes.Buffer
	ahead        time.Duration // how far the sender's clock is ahead
}

type fixedKeys struct{ *otp.Keyring }

func (k fixedKeys) For(context.Context, string) (*otp.Keyring, error) { return k.Keyring, nil }

// knownSite is the site of the deployment, once its URL is set.
type knownSite struct {
	err   error
	asked atomic.Int32
}

func (s *knownSite) Host(context.Context) (string, error) {
	s.asked.Add(1)
	if s.err != nil {
		return "", s.err
	}
	return "login.example.com", nil
}

// provider fails for the destinations that fail names.
type provider struct {
	mu    sync.Mutex
	fail  map[string]error
	calls []string // destinations, in the order of the calls
	sent  []deliver.Message
}

func (p *provider) Send(_ context.Context, m deliver.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, m.To)
	if err := p.fail[m.To]; err != nil {
		return err
	}
	p.sent = append(p.sent, m)
	return nil
}

func (p *provider) callsTo(to string) (n int) {
	for _, call := range p.calls {
		if call == to {
			n++
		}
	}
	return n
}

// memoryQueue is a queue that can fail.
type memoryQueue struct {
	mu     sync.Mutex
	refuse error
	all    []pointer
	delays []time.Duration
}

func (q *memoryQueue) Send(ctx context.Context, p pointer, delay time.Duration) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := errors.Join(q.refuse, ctx.Err()); err != nil {
		return err
	}
	q.all, q.delays = append(q.all, p), append(q.delays, delay)
	return nil
}

// refunds record what was given back.
type refunds struct {
	mu  sync.Mutex
	all []admit.Request
}

func (r *refunds) GiveBackRefused(_ context.Context, request admit.Request) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, request)
	return nil
}

var (
	errThrottled = errors.New("throttled")
	errRefused   = &deliver.PermanentError{Reason: "OptedOut"}
	errQueue     = errors.New("the queue is out of reach")
)

func newFixture(t *testing.T) *fixture {
	tables := storetest.New(t)
	ring, err := otp.ParseKeyring([]byte(`{"index":"0123456789abcdef0123456789abcdef"}`))
	must(t, err)
	f := &fixture{ring: ring, store: store.Codes{DB: tables.DB, Table: tables.Codes}, provider: &provider{fail: map[string]error{}}, site: &knownSite{},
		suppressions: store.Suppressions{DB: tables.DB, Table: tables.Limits}, retry: &memoryQueue{}, dead: &memoryQueue{}, refunds: &refunds{}, log: &bytes.Buffer{}}
	f.handler = handler{codes: f.store, suppressions: f.suppressions, keys: fixedKeys{ring}, sender: f.provider, site: f.site,
		retries: f.retry, deadLetters: f.dead, limits: f.refunds,
		now: func() time.Time { return time.Now().Add(f.ahead) }, random: func() float64 { return 0 }}
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	slog.SetDefault(slog.New(slog.NewJSONHandler(f.log, nil)))
	return f
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// object is a JSON object.
type object = map[string]any

// row is a row of the table, with the events of the stream and the queue for it.
type row struct {
	pointer
	session otp.Session
	kind    string
}

// toEmail returns the contents of a session for an address of its own.
func toEmail(purpose otp.Purpose, address string) otp.Contents {
	return otp.Contents{Purpose: purpose, Channel: otp.Email, Email: address, Code: "482913"}
}

func toPhone(number string) otp.Contents {
	return otp.Contents{Purpose: otp.Login, Channel: otp.SMS, Email: "ada@example.com", Phone: number, Code: "482913"}
}

// put writes a session that lives five minutes.
func (f *fixture) put(t *testing.T, id string, contents otp.Contents) row {
	t.Helper()
	created := f.now().Truncate(time.Millisecond)
	s := otp.Session{ID: id, Purpose: contents.Purpose, KeyID: "0", Subject: "subject", CreatedAt: created, ExpiresAt: created.Add(5 * time.Minute).Truncate(time.Second), NextResend: 1}
	var err error
	s.Digest, err = f.ring.Digest("0", id, contents.Code)
	must(t, err)
	s.Sealed, err = f.ring.Seal(id, contents)
	must(t, err)
	must(t, f.store.Put(context.Background(), s, "asked"))
	return row{pointer{SessionID: id, Code: s.Digest}, s, store.SendCode}
}

// replace overwrites a row, as a person who may change the table could.
func (f *fixture) replace(t *testing.T, r row) {
	t.Helper()
	_, err := f.store.DB.DeleteItem(context.Background(), &dynamodb.DeleteItemInput{TableName: &f.store.Table, Key: map[string]types.AttributeValue{
		"sessionId": &types.AttributeValueMemberS{Value: r.SessionID}, "code": &types.AttributeValueMemberS{Value: r.Code}}})
	must(t, err)
	must(t, f.store.Put(context.Background(), r.session, "asked"))
}

// resend writes a session's code once more.
func (f *fixture) resend(t *testing.T, of row) row {
	t.Helper()
	must(t, f.store.PutResend(context.Background(), of.session, "asked", f.now(), time.Second))
	return row{pointer{SessionID: of.SessionID, Code: "resend#1"}, of.session, store.SendCode}
}

// notify writes a security notification for a session.
func (f *fixture) notify(t *testing.T, of row) row {
	t.Helper()
	n := otp.Notification{SessionID: of.SessionID, Kind: otp.NotifyWrongCodes, Purpose: of.session.Purpose, Subject: of.session.Subject,
		KeyID: of.session.KeyID, Sealed: of.session.Sealed, Silent: of.session.Silent}
	must(t, f.store.PutNotification(context.Background(), n, "asked", f.now()))
	r := row{pointer{SessionID: of.SessionID, Code: "notice#" + string(otp.NotifyWrongCodes)}, of.session, string(otp.NotifyWrongCodes)}
	r.session.ExpiresAt = f.now().Add(24 * time.Hour)
	return r
}

// inserted is the stream's record of a row.
func inserted(r row) object {
	image := object{"sessionId": object{"S": r.SessionID}, "code": object{"S": r.Code}, "send": object{"S": r.kind}, "askedBy": object{"S": "asked"},
		"purpose": object{"S": string(r.session.Purpose)}, "createdAt": object{"N": fmt.Sprint(r.session.CreatedAt.UnixMilli())},
		"expiredAt": object{"N": fmt.Sprint(r.session.ExpiresAt.Unix())}}
	return object{"eventName": "INSERT", "eventSource": "aws:dynamodb", "dynamodb": object{"SequenceNumber": "seq-" + r.SessionID, "NewImage": image}}
}

// queued is the retry queue's message about a row.
func queued(r row) object {
	body, _ := json.Marshal(r.pointer)
	return object{"eventSource": "aws:sqs", "messageId": "msg-" + r.SessionID, "body": string(body)}
}

// sources are the two event sources of the sender; the same rules hold for both.
var sources = map[string]func(row) object{"stream": inserted, "queue": queued}

// run handles records as one batch and returns what failed.
func (f *fixture) run(t *testing.T, records ...object) []string {
	t.Helper()
	return f.runIn(t, context.Background(), records...)
}

func (f *fixture) runIn(t *testing.T, ctx context.Context, records ...object) []string {
	t.Helper()
	event, err := json.Marshal(object{"Records": records})
	must(t, err)
	return f.runEvent(t, ctx, event)
}

func (f *fixture) runEvent(t *testing.T, ctx context.Context, event []byte) []string {
	t.Helper()
	r, err := f.handle(ctx, event)
	must(t, err)
	ids := []string{}
	for _, failure := range r.BatchItemFailures {
		ids = append(ids, failure.ItemIdentifier)
	}
	return ids
}

// message reads a row.
func (f *fixture) message(t *testing.T, r row) store.Message {
	t.Helper()
	m, err := f.store.Message(context.Background(), r.SessionID, r.Code)
	must(t, err)
	return m
}

// sessionOf reads the session that a row belongs to.
func (f *fixture) sessionOf(t *testing.T, r row) otp.Session {
	t.Helper()
	s, err := f.store.Session(context.Background(), r.SessionID)
	must(t, err)
	return s
}

// counted returns how often the log counts a metric.
func (f *fixture) counted(metric string) int {
	return strings.Count(f.log.String(), `"event":"`+metric+`"`)
}

// settled returns how often the log counts a message as settled.
func (f *fixture) settled() int {
	return strings.Count(f.log.String(), `"Settled":1`)
}

// outcomes returns the outcomes that the log has, sorted.
func (f *fixture) outcomes(t *testing.T) string {
	t.Helper()
	var all []string
	for _, line := range strings.Split(strings.TrimSpace(f.log.String()), "\n") {
		var l struct{ Msg, Outcome, RequestID string }
		must(t, json.Unmarshal([]byte(line), &l))
		if l.Msg == "message" {
			all = append(all, l.Outcome)
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestEvents(t *testing.T) {
	captured := func(t *testing.T, name string, change func(object) object) []byte {
		t.Helper()
		raw, err := os.ReadFile("testdata/" + name)
		must(t, err)
		var event struct{ Records []object }
		must(t, json.Unmarshal(raw, &event))
		for i, record := range event.Records {
			event.Records[i] = change(record)
		}
		raw, err = json.Marshal(event)
		must(t, err)
		return raw
	}
	t.Run("only INSERTs of rows to send are read from the stream, even if the filter passes more", func(t *testing.T) {
		f := newFixture(t)
		n := 0
		event := captured(t, "batch.json", func(record object) object {
			n++
			r := f.put(t, fmt.Sprint("session-", n), toEmail(otp.Login, fmt.Sprintf("user%d@example.com", n)))
			image := record["dynamodb"].(object)["NewImage"].(object)
			image["sessionId"], image["code"] = object{"S": r.SessionID}, object{"S": r.Code}
			return record
		})
		if failed := f.runEvent(t, context.Background(), event); len(failed) != 0 {
			t.Errorf("failed %v", failed)
		}
		if slices.Sort(f.provider.calls); strings.Join(f.provider.calls, " ") != "user1@example.com user5@example.com" { // not MODIFY, REMOVE and a decoy
			t.Errorf("called for %v", f.provider.calls)
		}
	})
	t.Run("the retry queue brings pointers", func(t *testing.T) {
		f := newFixture(t)
		code := f.put(t, "a", toEmail(otp.Login, "ada@example.com"))
		resent := f.resend(t, f.put(t, "b", toEmail(otp.Login, "bob@example.com")))
		event := captured(t, "queue.json", func(record object) object {
			record["body"] = strings.Replace(record["body"].(string), `"digest"`, `"`+code.Code+`"`, 1)
			return record
		})
		if failed := f.runEvent(t, context.Background(), event); len(failed) != 0 || !f.message(t, code).Sent || !f.message(t, resent).Sent {
			t.Errorf("failed %v, calls %v", failed, f.provider.calls)
		}
	})
	for rule, event := range map[string]string{
		"an event of another source is rejected": `{"Records":[{"eventSource":"aws:s3"}]}`,
		"an event without records is rejected":   `{"Records":[]}`,
		"an event of another shape is rejected":  `{"sessionId":"a","code":"b"}`,
		"an event that is no object is rejected": `"Records"`,
	} {
		t.Run(rule, func(t *testing.T) {
			if r, err := newFixture(t).handle(context.Background(), json.RawMessage(event)); err == nil {
				t.Errorf("%+v", r)
			}
		})
	}
	t.Run("a source that is unknown is named", func(t *testing.T) {
		_, err := newFixture(t).handle(context.Background(), json.RawMessage(`{"Records":[{"eventSource":"aws:s3"}]}`))
		if err == nil || !strings.Contains(err.Error(), `"aws:s3"`) {
			t.Error(err)
		}
	})
	t.Run("a batch without failures has an empty list in its response", func(t *testing.T) {
		f := newFixture(t)
		event, err := json.Marshal(object{"Records": []object{inserted(f.put(t, "a", toEmail(otp.Login, "ada@example.com")))}})
		must(t, err)
		r, err := f.handle(context.Background(), event)
		must(t, err)
		if text, _ := json.Marshal(r); string(text) != `{"batchItemFailures":[]}` {
			t.Errorf("%s", text)
		}
	})
	for _, body := range []string{"", "poison", "[]", "{}", `{"sessionId":"a"}`, `{"code":"b"}`, `{"sessionId":1,"code":2}`, `{"sessionId":"a","code":"b","code":7}`} {
		t.Run("a body that is no pointer fails alone: "+body, func(t *testing.T) {
			f := newFixture(t)
			good := queued(f.put(t, "a", toEmail(otp.Login, "ada@example.com")))
			poison := object{"eventSource": "aws:sqs", "messageId": "poison", "body": body}
			if failed := f.run(t, poison, good); !slices.Equal(failed, []string{"poison"}) || len(f.provider.sent) != 1 {
				t.Errorf("failed %v, sent %v", failed, f.provider.sent)
			}
			if len(f.retry.all)+len(f.dead.all) != 0 {
				t.Errorf("queues have %v, %v", f.retry.all, f.dead.all)
			}
		})
	}
	t.Run("a record without a key fails alone", func(t *testing.T) {
		f := newFixture(t)
		good, poison := f.put(t, "a", toEmail(otp.Login, "ada@example.com")), inserted(row{pointer{SessionID: "b", Code: "digest"}, otp.Session{}, store.SendCode})
		image := poison["dynamodb"].(object)["NewImage"].(object)
		image["code"] = object{"N": "7"}
		delete(image, "createdAt")
		if failed := f.run(t, poison, inserted(good)); !slices.Equal(failed, []string{"seq-b"}) || len(f.provider.sent) != 1 {
			t.Errorf("failed %v, sent %v", failed, f.provider.sent)
		}
	})
	t.Run("a pointer that a batch has twice is sent once", func(t *testing.T) {
		f := newFixture(t)
		r := queued(f.put(t, "a", toEmail(otp.Login, "ada@example.com")))
		if failed := f.run(t, r, r, r); len(failed) != 0 || len(f.provider.calls) != 1 {
			t.Errorf("failed %v, calls %v", failed, f.provider.calls)
		}
	})
}

// meeting is a provider that responds once all calls have arrived.
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

func TestBudget(t *testing.T) {
	t.Run("the records of a batch are with the provider all at once", func(t *testing.T) {
		f := newFixture(t)
		var batch []object
		for n := range 10 {
			batch = append(batch, inserted(f.put(t, fmt.Sprint("session-", n), toEmail(otp.Login, "ada@example.com"))))
		}
		f.sender = &meeting{all: 10, met: make(chan struct{})}
		if failed := f.run(t, batch...); len(failed)+len(f.retry.all) != 0 {
			t.Errorf("failed %v, retried %v: they did not meet", failed, f.retry.all)
		}
	})
	// The budget is used up when the provider responds: the outcome must still be recorded.
	for name, c := range map[string]struct {
		answer  error
		outcome string
	}{
		"a message that is out is marked":         {nil, sent},
		"a message that was rejected is marked":   {errRefused, refused},
		"a message for later gets into the queue": {errThrottled, later},
	} {
		t.Run(name+" though the time is up", func(t *testing.T) {
			f := newFixture(t)
			ctx, cancel := context.WithCancel(context.Background())
			f.sender = senderFunc(func(context.Context, deliver.Message) error { cancel(); return c.answer })
			r := f.put(t, "a", toEmail(otp.Login, "ada@example.com"))
			failed := f.runIn(t, ctx, inserted(r))
			m := f.message(t, r)
			if len(failed) != 0 || f.outcomes(t) != c.outcome || m.Sent != (c.outcome == sent) || m.Refused != (c.outcome == refused) ||
				(len(f.retry.all) == 1) != (c.outcome == later) {
				t.Errorf("failed %v, %s, %+v, retried %v", failed, f.outcomes(t), m, f.retry.all)
			}
		})
	}
	t.Run("no call is begun that the time does not suffice for", func(t *testing.T) {
		f := newFixture(t)
		ctx, cancel := context.WithTimeout(context.Background(), deliver.Timeout-time.Second)
		defer cancel()
		failed := f.runIn(t, ctx, inserted(f.put(t, "a", toEmail(otp.Login, "ada@example.com"))))
		if len(failed)+len(f.provider.calls) != 0 || len(f.retry.all) != 1 {
			t.Errorf("failed %v, calls %v, retried %v", failed, f.provider.calls, f.retry.all)
		}
	})
}
