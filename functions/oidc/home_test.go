package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"streamotp/shared/httpapi"
	"streamotp/shared/otp"
	"streamotp/shared/proof"
)

// table has clients with home URLs, and perhaps an error after them.
type table struct {
	clients []otp.Client
	err     error
	reads   int
}

func (c *table) WithHome(context.Context) iter.Seq2[otp.Client, error] {
	c.reads++
	return func(yield func(otp.Client, error) bool) {
		for _, client := range c.clients {
			if !yield(client, nil) {
				return
			}
		}
		if c.err != nil {
			yield(otp.Client{}, c.err)
		}
	}
}

// ask returns the response's status, cache-control and body, and the lines of the log with errors.
func ask(t *testing.T, h *home) (response string, errors int) {
	t.Helper()
	var log strings.Builder
	previous := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	defer slog.SetDefault(previous)
	event := events.APIGatewayV2HTTPRequest{RouteKey: "GET /.well-known/streamotp.json"}
	event.RequestContext.RequestID = "request"
	r, err := httpapi.Handler(handler{home: h, keys: &proof.Published{}}.routes(), nil, nil)(t.Context(), event)
	if err != nil || !json.Valid([]byte(r.Body)) || r.Headers["content-type"] != "application/json" {
		t.Errorf("%+v, %v", r, err)
	}
	return fmt.Sprint(r.StatusCode, " ", r.Headers["cache-control"], " ", r.Body), strings.Count(log.String(), `"ERROR"`)
}

func TestHome(t *testing.T) {
	shop := otp.Client{ID: "shop", Name: "Shop", HomeURL: "https://shop.example/"}
	bank := otp.Client{ID: "bank", Name: "Bank", HomeURL: "https://bank.example/"}
	const none, down = "200 public, max-age=60 {}", `503 no-store {"message":"Service Unavailable"}`
	const only = `200 public, max-age=60 {"application":{"name":"Shop","homeUrl":"https://shop.example/"}}`
	for _, c := range []struct {
		name   string
		table  table
		want   string
		logged int
	}{
		{"the only client with a home URL is the application", table{clients: []otp.Client{shop}}, only, 0},
		{"without one there is no application", table{}, none, 0},
		{"of several none is it", table{clients: []otp.Client{shop, bank}}, none, 0},
		{"a table that cannot be read is logged once", table{err: errors.New("down")}, down, 1},
		{"nor is half of a table an answer", table{clients: []otp.Client{shop}, err: errors.New("down")}, down, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, logged := ask(t, &home{clients: &c.table, now: time.Now})
			if got != c.want || logged != c.logged {
				t.Errorf("%s, %d errors; want %s, %d", got, logged, c.want, c.logged)
			}
		})
	}
	t.Run("an instance reads the table once in a minute, and a failure is not kept", func(t *testing.T) {
		at, clients := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC), &table{clients: []otp.Client{shop}}
		h := &home{clients: clients, now: func() time.Time { return at }}
		for _, step := range []struct {
			later time.Duration
			table table
			want  string
			reads int
		}{
			{0, table{clients: []otp.Client{shop}}, only, 1},
			{59 * time.Second, table{err: errors.New("down")}, only, 1},
			{time.Second, table{err: errors.New("down")}, down, 2},
			{0, table{clients: []otp.Client{shop, bank}}, none, 3},
			{59 * time.Second, table{clients: []otp.Client{shop}}, none, 3},
			{-time.Hour, table{clients: []otp.Client{shop}}, only, 4}, // the clock was set back
		} {
			at = at.Add(step.later)
			clients.clients, clients.err = step.table.clients, step.table.err
			if got, _ := ask(t, h); got != step.want || clients.reads != step.reads {
				t.Errorf("at %s: %s after %d reads; want %s after %d", at, got, clients.reads, step.want, step.reads)
			}
		}
	})
}
