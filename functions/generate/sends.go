package main

import (
	"context"
	"strings"
	"time"

	"streamotp/shared/httpapi"
	"streamotp/shared/otp"
)

// takeSend takes a message from everybody's limits before anything is written or sent: first the client address's, so
// that a blocked address cannot use up a victim's; then the mailbox's, which also refuses where it is locked; for SMS
// the phone's too, over all subjects.
//
// Errors: *otp.TooManyRequestsError, *otp.LockedError.
func (h handler) takeSend(ctx context.Context, request httpapi.Request, ring *otp.Keyring, to otp.Contents, now time.Time) error {
	if h.sendsPerIP > 0 {
		client, err := h.client(ctx, request)
		if err != nil {
			return err
		}
		if err := h.limits.TakeSend(ctx, ring.Client(client), h.sendsPerIP, request.ID, now); err != nil {
			return err
		}
	}
	subject, mailbox := ring.Subject(to.Purpose, to.Identity()), ring.Subject(to.Purpose, otp.Mailbox(to.Identity()))
	if mailbox != subject { // ada+shop@: its messages are ada's, its lock is its own
		if err := h.limits.TakeSend(ctx, subject, 0, request.ID, now); err != nil {
			return err
		}
	}
	if err := h.limits.TakeSend(ctx, mailbox, h.sends, request.ID, now); err != nil {
		return err
	}
	if to.Channel == otp.SMS && h.sends > 0 {
		return h.limits.TakeSend(ctx, ring.Phone(to.Phone), h.sends, request.ID, now)
	}
	return nil
}

// client is the address that a call came from: what API Gateway saw, or what our CloudFront saw, if the call carries
// the secret that only it knows. No other header is believed.
func (h handler) client(ctx context.Context, request httpapi.Request) (string, error) {
	secret, viewer := request.Header["x-origin-secret"], request.Header["cloudfront-viewer-address"]
	if secret == "" || viewer == "" {
		return request.Source, nil
	}
	ours, err := h.origin.Sent(ctx, secret)
	if err != nil || !ours {
		return request.Source, err
	}
	// address:port; an IPv6 address has colons of its own, so that only the last one parts them.
	if colon := strings.LastIndexByte(viewer, ':'); colon > 0 {
		return strings.Trim(viewer[:colon], "[]"), nil
	}
	return request.Source, nil
}
