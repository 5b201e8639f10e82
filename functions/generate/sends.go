package main

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"streamotp/shared/httpapi"
	"streamotp/shared/otp"
	"streamotp/shared/store"
	"streamotp/shared/telemetry"
)

// takeSend takes a message from everybody's limits before anything is written or sent: first the client address's, so
// that a blocked address cannot use up a victim's; then the mailbox's, which also refuses where it is locked; for SMS
// the number's and its prefix's; at last the day's.
//
// A code for a login also needs that the account and the address have a wrong password left (passwords): nobody who
// guesses beyond that is told that one was right. There the mailbox comes first: a right password beyond the limit must
// use up of the caller's address what a wrong one does, and no message.
//
// Errors: *otp.TooManyRequestsError, *otp.LockedError, *otp.UnsupportedError.
func (h handler) takeSend(ctx context.Context, c call, to *otp.Contents, passwords int) error {
	if to.Purpose != otp.Login {
		passwords = 0
	}
	if passwords == 0 {
		if err := h.takeClient(ctx, c, 0); err != nil {
			return err
		}
	}
	standing, err := h.takeMailbox(ctx, c, to, passwords)
	if err != nil && passwords > 0 {
		return h.orTooManyPasswords(ctx, c, err)
	}
	if err == nil && passwords > 0 {
		err = h.takeClient(ctx, c, passwords)
	}
	if err != nil {
		return err
	}
	if to.Channel == otp.SMS {
		if err := h.takeNumber(ctx, c, to, standing); err != nil {
			return err
		}
	}
	return c.because("day", h.ceilings.Take(ctx, to.Channel, c.now))
}

// takeNothing is for a test destination: no message goes out and none is counted. Locks and the limits of passwords hold.
func (h handler) takeNothing(ctx context.Context, c call, to *otp.Contents, _ int) error {
	c.Event.Reason, to.Prefix = "test_destination", ""
	if to.Purpose == otp.Login {
		if err := h.mayKnow(ctx, c, to.Email, nil); err != nil {
			return err
		}
	}
	subject := store.Send{Key: c.ring.Subject(to.Purpose, to.Identity()), Locks: true}
	if _, err := h.limits.TakeSend(ctx, subject, c.ID, c.now); err != nil {
		return err
	}
	use := *c.Event
	use.Name = telemetry.TestDestination
	use.Write(c.ID, c.now)
	return nil
}

func (h handler) takeClient(ctx context.Context, c call, passwords int) error {
	if h.sendsPerIP == 0 && passwords == 0 {
		return nil
	}
	client := store.Send{Key: c.ring.Client(c.client), Limit: h.sendsPerIP, Passwords: passwords}
	_, err := h.limits.TakeSend(ctx, client, c.ID, c.now)
	return c.because("client", err)
}

func (h handler) takeMailbox(ctx context.Context, c call, to *otp.Contents, passwords int) (store.Standing, error) {
	mailbox := store.Send{Key: c.ring.Subject(to.Purpose, otp.Mailbox(to.Identity())), Limit: h.sends, Passwords: passwords, Locks: true}
	if subject := c.ring.Subject(to.Purpose, to.Identity()); mailbox.Key != subject { // ada+shop@: its messages are ada's, its lock is its own
		if _, err := h.limits.TakeSend(ctx, store.Send{Key: subject, Passwords: passwords, Locks: true}, c.ID, c.now); err != nil {
			return store.Standing{}, c.because("passwords", err)
		}
		mailbox.Passwords = 0
	}
	standing, err := h.limits.TakeSend(ctx, mailbox, c.ID, c.now)
	return standing, c.because("subject", err)
}

// orTooManyPasswords is what a login is told in place of err, which tells that its password was right. Where the account
// has no wrong one left, it is counted against the address as if it were wrong.
func (h handler) orTooManyPasswords(ctx context.Context, c call, err error) error {
	var limited *otp.TooManyRequestsError
	if errors.As(err, &limited) && limited.Passwords {
		counted := h.limits.TakePassword(ctx, c.ring.Client(c.client), h.passwords, c.ID, c.now)
		return cmp.Or(c.because("client_passwords", counted), err)
	}
	_, client := h.limits.TakeSend(ctx, store.Send{Key: c.ring.Client(c.client), Passwords: h.passwords}, c.ID, c.now)
	return cmp.Or(c.because("client_passwords", client), err)
}

// takeNumber takes an SMS from its number's limit and its prefix's. Whose subject or number has been verified in the
// last 30 days is neither counted for the prefix nor held up by its pause.
func (h handler) takeNumber(ctx context.Context, c call, to *otp.Contents, subject store.Standing) (err error) {
	number := subject
	if to.Purpose == otp.Login {
		send := store.Send{Key: c.ring.Phone(to.Phone), Limit: h.sends, LoginOf: c.ring.Subject(to.Purpose, to.Identity())}
		if number, err = h.limits.TakeSend(ctx, send, c.ID, c.now); err != nil {
			return c.because("number", err)
		}
	}
	if h.prefixes.Rule.Sends == 0 || to.Prefix == "" || c.known(subject) || c.known(number) {
		to.Prefix = ""
		return nil
	}
	err = h.prefixes.TakeSend(ctx, to.Prefix, c.now)
	var paused *otp.PausedError
	if !errors.As(err, &paused) {
		return err
	}
	if number.LoginOf != "" { // the last account that has its codes sent there may have proven the number
		login, err := h.limits.Standing(ctx, number.LoginOf)
		if err != nil {
			return err
		}
		if c.known(login) {
			to.Prefix = ""
			return nil
		}
	}
	return h.refusePaused(c, paused)
}

func (c call) known(s store.Standing) bool {
	return c.now.Sub(s.VerifiedAt) < otp.VerifiedLifetime
}

// refusePaused answers as for any number that nothing is sent to; only the log knows better.
func (h handler) refusePaused(c call, paused *otp.PausedError) error {
	c.Event.Reason, c.Event.Prefix = "paused", paused.Prefix
	if paused.Began {
		began := *c.Event
		began.Name, began.Reason = telemetry.Suspected, "pumping"
		began.Write(c.ID, c.now)
	}
	return h.unsupported()
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
