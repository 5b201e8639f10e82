package main

import (
	"context"
	"iter"
	"sync"
	"time"

	"streamotp/shared/otp"
)

const (
	homeKeptFor  = time.Minute     // a document as it was read, so that a change shows within this time
	homeReadTime = 2 * time.Second // for all attempts together: a user is waiting
)

// home says to which application people go on after a login that no application asked for. It is safe for concurrent use.
type home struct {
	clients homeClients
	now     func() time.Time

	mu     sync.Mutex
	kept   homeDocument
	readAt time.Time
}

type homeClients interface {
	WithHome(ctx context.Context) iter.Seq2[otp.Client, error]
}

// homeDocument has no application if no client has a home URL, or several have one: which is meant is then unknown.
type homeDocument struct {
	Application *application `json:"application,omitempty"`
}

type application struct {
	Name    string `json:"name"`
	HomeURL string `json:"homeUrl"`
}

// Document returns the document as it was at most a minute ago.
func (h *home) Document(ctx context.Context) (homeDocument, error) {
	now := h.now().Round(0) // the wall clock, which goes on while the instance is frozen
	h.mu.Lock()
	defer h.mu.Unlock()
	if age := now.Sub(h.readAt); age >= 0 && age < homeKeptFor {
		return h.kept, nil
	}
	ctx, cancel := context.WithTimeout(ctx, homeReadTime)
	defer cancel()
	read, err := h.read(ctx)
	if err == nil {
		h.kept, h.readAt = read, now
	}
	return read, err
}

func (h *home) read(ctx context.Context) (homeDocument, error) {
	var found homeDocument
	for client, err := range h.clients.WithHome(ctx) {
		if err != nil || found.Application != nil {
			return homeDocument{}, err
		}
		found.Application = &application{client.Name, client.HomeURL}
	}
	return found, nil
}
