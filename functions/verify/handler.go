package main

import (
	"context"
	"time"

	"streamotp/shared/httpapi"
	"streamotp/shared/judge"
	"streamotp/shared/otp"
)

type handler struct {
	judge judge.Judge
	codes codes
	now   func() time.Time
}

type codes interface {
	Consume(ctx context.Context, s otp.Session, by string, now time.Time) error
}

func (h handler) routes() map[string]httpapi.Endpoint {
	return map[string]httpapi.Endpoint{
		"POST /verify": {Fields: []string{"sessionId", "code"}, Serve: h.verify},
	}
}

// answer is what was proven. Only a server that acts on it should trust it, and it compares the address.
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
	c, err := h.judge.Open(ctx, id, otp.Verify, otp.Login)
	if err != nil {
		return nil, err
	}
	err = h.judge.Try(ctx, c, code, request.ID, func(ctx context.Context) error {
		return h.codes.Consume(ctx, c.Session, request.ID, h.now())
	})
	if err != nil {
		return nil, err
	}
	proven := answer{Verified: true, Purpose: c.Purpose, Email: c.Contents.Email}
	if proven.Email == "" {
		proven.Phone = c.Contents.Phone
	}
	return proven, nil
}
