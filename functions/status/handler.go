package main

import (
	"context"
	"time"

	"streamotp/shared/httpapi"
	"streamotp/shared/otp"
)

type handler struct {
	codes    codes
	limits   limits
	keys     keyrings
	now      func() time.Time
	rule     otp.AttemptLimit
	cooldown time.Duration // before a code is sent again
}

type codes interface {
	Session(ctx context.Context, id string) (otp.Session, error)
}

type limits interface {
	Attempts(ctx context.Context, subject string) (attempts otp.Attempts, notBefore time.Time, err error)
}

type keyrings interface {
	For(ctx context.Context, keyID string) (*otp.Keyring, error)
}

func (h handler) routes() map[string]httpapi.Endpoint {
	return map[string]httpapi.Endpoint{"POST /status": {Fields: []string{"sessionId"}, Serve: h.status}}
}

// answer is the state of a session. It contains only what the caller typed or received before, except for the last two
// digits of the account's phone number, after the right password.
type answer struct {
	State             otp.State   `json:"state"`
	Channel           otp.Channel `json:"channel"`
	Destination       string      `json:"destination"` // masked
	ExpiresAt         time.Time   `json:"expiresAt"`
	ResendAt          *time.Time  `json:"resendAt"` // null: it is not sent again
	AttemptsRemaining int         `json:"attemptsRemaining"`

	lock time.Duration // from now, in the state locked; else 0
}

// RetryAfter returns how long a lock lasts, for the response's header, as in the 403 of the other calls.
func (a answer) RetryAfter() time.Duration { return a.lock }

// status responds for a decoy as for a real session, with the same reads.
func (h handler) status(ctx context.Context, request httpapi.Request) (any, error) {
	id, err := httpapi.SessionID(request)
	if err != nil {
		return nil, err
	}
	s, err := h.codes.Session(ctx, id)
	if err != nil {
		return nil, err
	}
	request.Event.Session, request.Event.Subject, request.Event.Purpose = s.ID, s.Subject, s.Purpose
	ring, err := h.keys.For(ctx, s.KeyID)
	if err != nil {
		return nil, err
	}
	contents, err := ring.Open(s.KeyID, s.ID, s.Sealed)
	if err == nil && !contents.UsableBy(request.ServerID()) {
		err = otp.ErrSessionNotFound
	}
	if err != nil {
		return nil, err
	}
	now := h.now()
	attempts, notBefore := s.Own(h.rule), time.Time{} // the subject's attempts would show what the account's owner does
	if !s.Purpose.HidesAccounts() {
		if attempts, notBefore, err = h.limits.Attempts(ctx, s.Subject); err != nil {
			return nil, err
		}
	}
	if s.CreatedAt.Before(notBefore) && s.ExpiresAt.After(now) { // ended by a reset
		s.ExpiresAt = notBefore
	}
	lock := h.rule.LockedFor(attempts, now)
	a := answer{
		State: s.State(lock > 0, now), Channel: contents.Channel, Destination: contents.Masked(),
		ExpiresAt: s.ExpiresAt.UTC().Truncate(time.Second), AttemptsRemaining: h.rule.AttemptsRemaining(attempts, now),
	}
	if a.State == otp.StateLocked {
		a.lock = lock
	} else if at := s.ResendAt(now, h.cooldown); !at.IsZero() {
		at = at.Add(time.Second - time.Nanosecond).UTC().Truncate(time.Second) // never too early
		a.ResendAt = &at
	}
	return a, nil
}
