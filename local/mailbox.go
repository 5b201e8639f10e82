package main

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"sync"
	"time"

	"streamotp/local/aws"
)

// maxMessages bounds the mailbox of a stack that runs for days. When it is full, the older half is deleted.
const maxMessages = 20_000

// mailbox holds the messages that SES and SNS accepted, and the pages that are notified of new ones.
type mailbox struct {
	mu       sync.Mutex
	messages []sent // oldest first
	watchers map[chan []byte]bool
}

// sent is a message with the outcome of its delivery, in words.
type sent struct {
	aws.Message
	Delivery string `json:"delivery"`
	lost     bool
}

func newMailbox() *mailbox { return &mailbox{watchers: map[chan []byte]bool{}} }

func (m *mailbox) add(x sent) {
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

// mails counts the messages that went by e-mail.
func (m *mailbox) mails() (n int) {
	for _, x := range m.list() {
		if x.Channel == "email" {
			n++
		}
	}
	return n
}

func (m *mailbox) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.messages = nil
	m.broadcast([]byte("event: cleared\ndata: {}\n\n"))
}

// broadcast sends an event to every open page. A page that does not keep up is disconnected; it connects again and loads
// the whole list.
func (m *mailbox) broadcast(event []byte) {
	for w := range m.watchers {
		select {
		case w <- event:
		default:
			delete(m.watchers, w)
			close(w)
		}
	}
}

// all returns the messages that were sent, newest first.
func (m *mailbox) all() []sent {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := append([]sent{}, m.messages...)
	slices.Reverse(out)
	return out
}

// list returns the messages that arrived, newest first.
func (m *mailbox) list() []aws.Message {
	out := []aws.Message{}
	for _, x := range m.all() {
		if !x.lost {
			out = append(out, x.Message)
		}
	}
	return out
}

// events notifies a page of new messages as they arrive (server-sent events).
func (m *mailbox) events(w http.ResponseWriter, r *http.Request) {
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

//go:embed mailbox
var mailboxFiles embed.FS

// mailboxPage serves the page. It shows e-mail in a sandboxed frame without scripts. The frame inherits this policy, so
// the policy allows inline styles, which e-mail needs.
func mailboxPage() http.Handler {
	files, err := fs.Sub(mailboxFiles, "mailbox")
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

// delivered is called for each message that SES or SNS accepts.
func (s *stack) delivered(m aws.Message) {
	outcome := outcomeOf(m)
	s.mailbox.add(sent{m, outcome.words, outcome.lost})
	s.log.delivered(m)
	s.publishMailEvents(m, outcome)
}
