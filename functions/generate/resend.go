package main

import (
	"cmp"
	"context"
	"errors"

	"streamotp/shared/admit"
	"streamotp/shared/httpapi"
	"streamotp/shared/otp"
)

// resend has the stream send the same code again, so that a message that is still on its way keeps working.
func (h handler) resend(ctx context.Context, request httpapi.Request) (any, error) {
	id, err := httpapi.SessionID(request)
	if err != nil {
		return nil, err
	}
	s, err := h.codes.Session(ctx, id)
	if err != nil {
		return nil, err
	}
	request.Event.Session, request.Event.Subject, request.Event.Purpose = s.ID, s.Subject, s.Purpose
	c, err := h.newCall(ctx, request)
	if err != nil {
		return nil, err
	}
	over := s.Check(c.now, otp.Purposes...)
	ring, err := h.keys.For(ctx, s.KeyID)
	if err != nil {
		return nil, cmp.Or(over, err)
	}
	contents, err := ring.Open(s.KeyID, s.ID, s.Sealed)
	if err == nil && !contents.UsableBy(request.ServerID()) {
		return nil, otp.ErrSessionNotFound
	}
	if err := cmp.Or(over, err); err != nil {
		return nil, err
	}
	if wait := s.ResendWait(c.now, h.cooldown); wait > 0 {
		c.Event.Reason = "cooldown"
		return nil, &otp.TooManyRequestsError{RetryAfter: wait}
	}
	c.Event.Channel, c.Event.Client = contents.Channel, contents.Client
	d, err := h.admit.Admit(ctx, c.admission(&contents, false, &s))
	if c.note(d); err != nil {
		return nil, err
	}
	c.noteUse(d)
	return answer{id}, h.writeResend(ctx, c, s, contents.Channel, d)
}

// writeResend writes the row that has the code sent again. If that fails, it gives the message back.
func (h handler) writeResend(ctx context.Context, c call, s otp.Session, channel otp.Channel, d admit.Decision) error {
	if d.NotBefore.After(s.CreatedAt) { // a reset has ended the session
		d.GiveBack(ctx, c.ID)
		return otp.ErrCodeExpired
	}
	if s.Message = ""; d.Suppressed {
		c.suppress(&s, channel)
	}
	c.Event.Reason = "resend"
	c.Event.Waits = !s.Silent
	err := h.codes.PutResend(ctx, s, c.ID, c.now, h.cooldown)
	if _, late := errors.AsType[*otp.TooManyRequestsError](err); late {
		c.Event.Reason = "cooldown"
	}
	return h.giveBack(ctx, c, d, err)
}
