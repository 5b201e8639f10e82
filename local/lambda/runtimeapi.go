package lambda

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// maxPayload is Lambda's limit for a response, 6 MB.
const maxPayload = 6 << 20

// routes returns the Lambda Runtime API of one process ("Using the Lambda runtime API for custom runtimes").
func (p *process) routes() http.Handler {
	s := &session{process: p}
	m := http.NewServeMux()
	const base = "/2018-06-01/runtime/"
	m.HandleFunc("GET "+base+"invocation/next", s.next)
	m.HandleFunc("POST "+base+"invocation/{id}/response", func(w http.ResponseWriter, r *http.Request) { s.finish(w, r, nil) })
	m.HandleFunc("POST "+base+"invocation/{id}/error", func(w http.ResponseWriter, r *http.Request) { s.finish(w, r, ErrFunction) })
	m.HandleFunc("POST "+base+"init/error", s.initError)
	return m
}

// session is a process's state in the protocol.
type session struct {
	*process
	once sync.Once

	mu      sync.Mutex
	current string // id of the running invocation; empty between two
}

func (s *session) next(w http.ResponseWriter, r *http.Request) {
	s.once.Do(func() { close(s.ready) })
	select {
	case inv := <-s.work:
		s.setCurrent(inv.id)
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", s.ARN())
		h.Set("Lambda-Runtime-Trace-Id", inv.trace)
		_, _ = w.Write(inv.event)
	case <-r.Context().Done():
	}
}

func (s *session) setCurrent(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = id
}

// take ends the current invocation if it has this id, so that a response counts only once.
func (s *session) take(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id == "" || s.current != id {
		return false
	}
	s.current = ""
	return true
}

func (s *session) finish(w http.ResponseWriter, r *http.Request, reported error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPayload))
	if !s.take(r.PathValue("id")) {
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return
	}
	if err != nil {
		s.answer <- failed(ErrFunction, "Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (6291556 bytes).")
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "Exceeded maximum allowed payload size (6291556 bytes).")
		return
	}
	s.answer <- Result{Err: reported, Payload: body}
	accept(w)
}

func (s *session) initError(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPayload))
	select {
	case <-s.ready:
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "init is over")
	case s.answer <- Result{Err: ErrFunction, Payload: body}:
		accept(w)
	default:
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "an init error was reported before")
	}
}

func accept(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`)
}

func refuse(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(fmt.Appendf(nil, `{"errorMessage":%q,"errorType":%q}`, message, kind))
}
