package main

import (
	"context"

	"streamotp/shared/httpapi"
	"streamotp/shared/otp"
)

// resend has the stream send the same code again: the one that is still on its way must not stop working.
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
	c, err := h.begin(ctx, request)
	if err != nil {
		return nil, err
	}
	if err := s.Check(c.now, otp.Verify, otp.Login, otp.Reset); err != nil {
		return nil, err
	}
	if wait := s.ResendWait(c.now, h.cooldown); wait > 0 {
		return nil, c.because("cooldown", &otp.TooManyRequestsError{RetryAfter: wait})
	}
	ring, err := h.keys.For(ctx, s.KeyID)
	if err != nil {
		return nil, err
	}
	contents, err := ring.Open(s.KeyID, s.ID, s.Sealed)
	if err != nil {
		return nil, err
	}
	request.Event.Channel = contents.Channel
	_, test, err := h.tests.Code(ctx, contents.Destination(), len(contents.Code), c.now)
	if err != nil {
		return nil, err
	}
	if test && s.Silent { // a decoy is silent too, and pays like a real session
		err = h.takeTest(ctx, c, &contents, 0)
	} else {
		err = h.takeSend(ctx, c, &contents)
	}
	if err != nil {
		return nil, err
	}
	request.Event.Reason = "resend"
	return answer{id}, h.codes.PutResend(ctx, s, request.ID, c.now, h.cooldown)
}
