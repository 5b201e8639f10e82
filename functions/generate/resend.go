package main

import (
	"context"
	"errors"

	"streamotp/shared/httpapi"
	"streamotp/shared/otp"
	"streamotp/shared/store"
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
	if err := h.codes.ClaimResend(ctx, s, c.ID, h.cooldown); err != nil {
		return nil, c.because("cooldown", err)
	}
	standing, err := h.takeAgain(ctx, c, s, &contents)
	if err != nil {
		return nil, errors.Join(err, h.codes.ReturnResend(ctx, s, c.ID))
	}
	if standing.NotBefore.After(s.CreatedAt) { // a reset has ended it
		return nil, errors.Join(otp.ErrCodeExpired, h.codes.ReturnResend(ctx, s, c.ID))
	}
	if s.Message = ""; c.suppressed(&contents, standing) {
		s.Silent, s.Message = true, otp.StateBounced
	}
	request.Event.Reason = "resend"
	return answer{id}, h.codes.PutResend(ctx, s, request.ID, c.now)
}

// takeAgain takes a message for a session that has its code already. A decoy pays like a real session; that of a test
// destination, which is as silent, does not.
func (h handler) takeAgain(ctx context.Context, c call, s otp.Session, to *otp.Contents) (store.Standing, error) {
	_, test, err := h.tests.Code(ctx, to.Destination(), len(to.Code), c.now)
	if err != nil {
		return store.Standing{}, err
	}
	if test && s.Silent {
		return store.Standing{}, h.takeTest(ctx, c, to, 0)
	}
	return h.takeSend(ctx, c, to)
}
