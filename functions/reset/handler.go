package main

import (
	"context"
	"log/slog"
	"time"

	"streamotp/shared/httpapi"
	"streamotp/shared/judge"
	"streamotp/shared/otp"
	"streamotp/shared/password"
	"streamotp/shared/store"
	"streamotp/shared/telemetry"
)

type handler struct {
	judge   judge.Judge
	codes   codes
	users   store.Users
	limits  limits
	now     func() time.Time
	appName string
}

type codes interface {
	Reset(ctx context.Context, r store.Reset) error
}

type limits interface {
	EndSessions(ctx context.Context, subject string, changed bool, now time.Time) error
}

func (h handler) routes() map[string]httpapi.Endpoint {
	return map[string]httpapi.Endpoint{
		"POST /reset": {Fields: []string{"sessionId", "code", "password"}, Serve: h.reset, Counts: telemetry.Verified},
	}
}

type answer struct {
	Reset bool `json:"reset"`
}

// reset checks the new password before an attempt is reserved, so that a weak one costs neither the code nor an attempt. It never
// logs anyone in.
func (h handler) reset(ctx context.Context, request httpapi.Request) (any, error) {
	id, code, err := httpapi.SessionAndCode(request, "password")
	if err != nil {
		return nil, err
	}
	fresh := request.Get("password")
	if err := password.Check(fresh, h.appName); err != nil {
		return nil, err
	}
	c, err := h.judge.Open(ctx, request.Event, request.ServerID(), id, otp.Reset)
	if err != nil {
		return nil, err
	}
	if err := password.CheckAddress(fresh, c.Contents.Email); err != nil {
		return nil, err
	}
	err = h.judge.Check(ctx, &c, code, request.ID, func(ctx context.Context) error {
		return h.setPassword(ctx, c, fresh, request.ID)
	})
	return answer{Reset: err == nil}, err
}

// setPassword ends the login sessions that the old password opened, then changes the password. In this order no session stays
// open if the second step fails; a login that must be begun again costs little.
func (h handler) setPassword(ctx context.Context, c judge.Case, fresh, requestID string) error {
	hash, err := password.Hash(fresh)
	if err != nil {
		return err
	}
	notification, err := c.Notification(otp.NotifyPasswordChanged, false) // it is sent even if the code was that of a test destination
	if err != nil {
		return err
	}
	now, email := h.now(), c.Contents.Email
	login := c.Ring.Subject(otp.Login, email)
	if err := h.limits.EndSessions(ctx, login, false, now); err != nil {
		return err
	}
	err = h.codes.Reset(ctx, store.Reset{
		Session: c.Session, Notification: notification, Users: h.users, Email: email, PasswordHash: hash, RequestID: requestID, Now: now,
	})
	if err != nil {
		return err
	}
	// Once more, for a login that the old password opened in between. If this fails, the response stays the same.
	if err := h.limits.EndSessions(ctx, login, true, h.now()); err != nil {
		slog.Error("sessions not ended again", "requestId", requestID, telemetry.Cause(err))
	}
	return nil
}
