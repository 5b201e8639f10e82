package main

import (
	"context"
	"log/slog"
	"time"

	"streamotp/shared/httpapi"
	"streamotp/shared/judge"
	"streamotp/shared/otp"
	"streamotp/shared/telemetry"
)

type handler struct {
	judge    judge.Judge
	codes    codes
	prefixes prefixes
	now      func() time.Time
}

type codes interface {
	Consume(ctx context.Context, s otp.Session, requestID string, now time.Time) error
}

type prefixes interface {
	Verified(ctx context.Context, prefix string) error
}

func (h handler) routes() map[string]httpapi.Endpoint {
	return map[string]httpapi.Endpoint{
		"POST /verify": {Fields: []string{"sessionId", "code"}, Serve: h.verify, Counts: telemetry.Verified},
	}
}

// answer is what was proven. It is proof only for the server that made the call, which must compare the address.
type answer struct {
	Verified bool        `json:"verified"`
	Purpose  otp.Purpose `json:"purpose"`
	Email    string      `json:"email,omitempty"`
	Phone    string      `json:"phone,omitempty"`
}

func (h handler) verify(ctx context.Context, request httpapi.Request) (any, error) {
	id, code, err := httpapi.SessionAndCode(request)
	if err != nil {
		return nil, err
	}
	c, err := h.judge.Open(ctx, request.Event, id, otp.Verify, otp.Login)
	if err != nil {
		return nil, err
	}
	err = h.judge.Check(ctx, &c, code, request.ID, func(ctx context.Context) error {
		return h.codes.Consume(ctx, c.Session, request.ID, h.now())
	})
	if err != nil {
		return nil, err
	}
	if c.Contents.Prefix != "" && c.First { // the first success of a subject in 30 days counts for its prefix
		if err := h.prefixes.Verified(ctx, c.Contents.Prefix); err != nil {
			slog.Error("prefix not counted", "requestId", request.ID, telemetry.Cause(err)) // the response stays the same
		}
	}
	proven := answer{Verified: true, Purpose: c.Purpose, Email: c.Contents.Email}
	if proven.Email == "" {
		proven.Phone = c.Contents.Phone
	}
	return proven, nil
}
