// Package mailbox keeps the messages that SES and SNS accepted, and has the page that shows them. It also decides how
// the delivery of an e-mail ends, as SES's mailbox simulator does, and passes SES's events to the functions that subscribe to them.
package mailbox

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"sync"
	"time"

	"streamotp/local/aws"
	"streamotp/local/lambda"
	"streamotp/local/template"
)

// maxMessages bounds the mailbox of a stack that runs for days. When it is full, the older half is deleted.
const maxMessages = 20_000

// Mailbox holds the messages that SES and SNS accepted, and the pages that are notified of new ones. Its fields must not
// change once it is used.
type Mailbox struct {
	Template *template.Stack
	Invoke   lambda.Invoke
	Heard    func(topic string, r lambda.Result) // called after a topic has invoked a function
	Log      func(format string, args ...any)

	mu         sync.Mutex
	messages   []Sent // oldest first
	watchers   map[chan []byte]bool
	ctx        context.Context // ends when the mailbox is closed
	cancel     context.CancelFunc
	publishing sync.WaitGroup // of the events of e-mail
}

// Sent is a message with the outcome of its delivery, in words.
type Sent struct {
	aws.Message
	Delivery string `json:"delivery"`
	lost     bool
}

// New returns an empty mailbox.
func New(t *template.Stack) *Mailbox {
	ctx, cancel := context.WithCancel(context.Background())
	return &Mailbox{Template: t, watchers: map[chan []byte]bool{}, ctx: ctx, cancel: cancel}
}

// Close ends the publishing of events. Then Wait returns once the functions have ended.
func (m *Mailbox) Close() { m.cancel() }

// Wait waits until all events are published.
func (m *Mailbox) Wait() { m.publishing.Wait() }

// Add takes a message that SES or SNS accepted.
func (m *Mailbox) Add(message aws.Message) {
	outcome := outcomeOf(message)
	m.add(Sent{message, outcome.words, outcome.lost})
	m.publishMailEvents(message, outcome)
}

func (m *Mailbox) add(x Sent) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.messages) >= maxMessages {
		m.messages = slices.Clone(m.messages[maxMessages/2:])
	}
	m.messages = append(m.messages, x)
	if len(m.watchers) > 0 {
		data, _ := json.Marshal(x) // only text
		m.broadcast(fmt.Appendf(nil, "event: message\ndata: %s\n\n", data))
	}
}

// Mails counts the messages that went by e-mail.
func (m *Mailbox) Mails() (n int) {
	for _, x := range m.List() {
		if x.Channel == "email" {
			n++
		}
	}
	return n
}

// Clear deletes all messages.
func (m *Mailbox) Clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.messages = nil
	m.broadcast([]byte("event: cleared\ndata: {}\n\n"))
}

// broadcast sends an event to every open page. A page that does not keep up is disconnected; it connects again and loads
// the whole list.
func (m *Mailbox) broadcast(event []byte) {
	for w := range m.watchers {
		select {
		case w <- event:
		default:
			delete(m.watchers, w)
			close(w)
		}
	}
}

// All returns the messages that were sent, newest first.
func (m *Mailbox) All() []Sent {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := append([]Sent{}, m.messages...)
	slices.Reverse(out)
	return out
}

// List returns the messages that arrived, newest first.
func (m *Mailbox) List() []aws.Message {
	out := []aws.Message{}
	for _, x := range m.All() {
		if !x.lost {
			out = append(out, x.Message)
		}
	}
	return out
}

// Events notifies a page of new messages as they arrive (server-sent events).
func (m *Mailbox) Events(w http.ResponseWriter, r *http.Request) {
	c := make(chan []byte, 64)
	m.mu.Lock()
	m.watchers[c] = true
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.watchers, c)
	}()
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // the server's limit is for requests; this one stays open
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	for event, ok := []byte(": hello\n\n"), true; ok; {
		if _, err := w.Write(event); err != nil || control.Flush() != nil {
			return
		}
		select {
		case event, ok = <-c:
		case <-r.Context().Done():
			return
		}
	}
}

//go:embed page
var pageFiles embed.FS

// Page serves the page. It shows e-mail in a sandboxed frame without scripts. The frame inherits this policy, so
// the policy allows inline styles, which e-mail needs.
func Page() http.Handler {
	files, err := fs.Sub(pageFiles, "page")
	if err != nil {
		panic(err) // the folder is embedded
	}
	serve := http.StripPrefix("/_local", http.FileServerFS(files))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "+
			"img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		serve.ServeHTTP(w, r)
	})
}
