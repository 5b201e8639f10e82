package lambda

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// maxPayload is Lambda's limit for a response, 6 MB.
const maxPayload = 6 << 20

// routes returns the Lambda Runtime API of one process ("Using the Lambda runtime API for custom runtimes").
func (p *process) routes() http.Handler {
	m := http.NewServeMux()
	const base = "/2018-06-01/runtime/"
	m.HandleFunc("GET "+base+"invocation/next", p.next)
	m.HandleFunc("POST "+base+"invocation/{id}/response", func(w http.ResponseWriter, r *http.Request) { p.finish(w, r, nil) })
	m.HandleFunc("POST "+base+"invocation/{id}/error", func(w http.ResponseWriter, r *http.Request) { p.finish(w, r, ErrFunction) })
	m.HandleFunc("POST "+base+"init/error", p.initError)
	return m
}

func (p *process) next(w http.ResponseWriter, r *http.Request) {
	p.begun.Do(func() { close(p.ready) })
	select {
	case inv := <-p.work:
		p.current.Store(inv)
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", p.ARN())
		h.Set("Lambda-Runtime-Trace-Id", inv.trace)
		_, _ = w.Write(inv.event)
	case <-r.Context().Done():
	}
}

func (p *process) finish(w http.ResponseWriter, r *http.Request, reported error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPayload))
	inv := p.current.Load()
	if inv == nil || inv.id != r.PathValue("id") || !p.current.CompareAndSwap(inv, nil) { // a response counts only once
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return
	}
	if err != nil {
		p.answer <- failed(ErrFunction, "Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (6291556 bytes).")
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "Exceeded maximum allowed payload size (6291556 bytes).")
		return
	}
	p.answer <- Result{Err: reported, Payload: body}
	accept(w)
}

func (p *process) initError(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPayload))
	select {
	case <-p.ready:
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "init is over")
	case p.answer <- Result{Err: ErrFunction, Payload: body}:
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
