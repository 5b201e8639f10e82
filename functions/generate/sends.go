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

// take takes what a new session needs from everybody's limits, before anything is written or sent. Silent is for a test
// destination: no message goes out and none is counted, but locks and the limits of passwords hold.
//
// Errors: *otp.TooManyRequestsError, *otp.LockedError, *otp.UnsupportedError.
func (h handler) take(ctx context.Context, c call, to *otp.Contents, silent bool) (store.Standing, error) {
	switch {
	case to.Purpose == otp.Login:
		return h.takeLogin(ctx, c, to, silent)
	case silent:
		return store.Standing{}, h.takeTest(ctx, c, to, 0)
	}
	return h.takeSend(ctx, c, to)
}

// takeSend takes a message first from the client address, so that a blocked one cannot use up a victim's; then from the
// mailbox, which also refuses where it is locked; for SMS from the number and its prefix; at last from the day.
func (h handler) takeSend(ctx context.Context, c call, to *otp.Contents) (store.Standing, error) {
	if err := h.takeClient(ctx, c); err != nil {
		return store.Standing{}, err
	}
	standing, err := h.takeMailbox(ctx, c, to, 0)
	if err != nil {
		return standing, err
	}
	return standing, h.takeRest(ctx, c, to, standing)
}

// takeLogin is for a login whose password was right. Where the account has too many wrong ones, everything is as if this
// was one more: the answer, the writes, what is used up of the client address. Otherwise the address gives a message.
func (h handler) takeLogin(ctx context.Context, c call, to *otp.Contents, silent bool) (store.Standing, error) {
	if h.passwords == 0 && !silent {
		if err := h.takeClient(ctx, c); err != nil {
			return store.Standing{}, err
		}
	}
	standing, err := h.takeAccount(ctx, c, to, silent)
	if h.passwords == 0 {
		return standing, err
	}
	client := h.clientOf(c)
	var limited *otp.TooManyRequestsError
	if errors.As(err, &limited) && limited.Passwords {
		return standing, cmp.Or(c.because("client", h.limits.TakePassword(ctx, client, c.ID, c.now)), err)
	}
	if err != nil || silent {
		client.Limit = 0 // no message is sent: the address is only asked whether it may know
	}
	_, refused := h.limits.TakeSend(ctx, client, c.ID, c.now)
	return standing, cmp.Or(c.because("client", refused), err)
}

// takeAccount asks the account before its number is looked at, which takes time after right passwords only.
func (h handler) takeAccount(ctx context.Context, c call, to *otp.Contents, silent bool) (store.Standing, error) {
	if silent {
		return store.Standing{}, h.takeTest(ctx, c, to, h.passwords)
	}
	standing, err := h.takeMailbox(ctx, c, to, h.passwords)
	if err == nil && to.Channel == otp.SMS {
		err = h.number(ctx, c, to)
	}
	if err != nil {
		return standing, err
	}
	return standing, h.takeRest(ctx, c, to, standing)
}

// suppressed says whether nothing is to be sent to where a code goes, and counts it. Of a reset its sender finds that out.
func (c call) suppressed(to *otp.Contents, subject store.Standing) bool {
	if to.Channel != otp.Email || !c.now.Before(subject.SuppressedUntil) {
		return false
	}
	telemetry.Event{Name: telemetry.Suppressed, Channel: to.Channel, Session: c.Event.Session, Subject: c.Event.Subject}.Write(c.ID, c.now)
	return true
}

// clientOf is the limit of a call's client address.
func (h handler) clientOf(c call) store.Send {
	return store.Send{Key: c.ring.Client(c.client), Limit: h.sendsPerIP, Passwords: h.passwords}
}

func (h handler) takeClient(ctx context.Context, c call) error {
	if h.sendsPerIP == 0 {
		return nil
	}
	client := h.clientOf(c)
	client.Passwords = 0
	_, err := h.limits.TakeSend(ctx, client, c.ID, c.now)
	return c.because("client", err)
}

// takeMailbox takes a message from the mailbox: ada+shop@'s messages are ada's, its lock and its passwords are its own.
func (h handler) takeMailbox(ctx context.Context, c call, to *otp.Contents, passwords int) (store.Standing, error) {
	mailbox := store.Send{Key: c.ring.Subject(to.Purpose, otp.Mailbox(to.Identity())), Limit: h.sends, Passwords: passwords, Locks: true}
	if subject := c.ring.Subject(to.Purpose, to.Identity()); mailbox.Key != subject {
		standing, err := h.limits.TakeSend(ctx, store.Send{Key: subject, Passwords: passwords, Locks: true}, c.ID, c.now)
		if err != nil {
			return standing, c.because("subject", err)
		}
		mailbox.Passwords = 0
		_, err = h.limits.TakeSend(ctx, mailbox, c.ID, c.now)
		return standing, c.because("subject", err)
	}
	standing, err := h.limits.TakeSend(ctx, mailbox, c.ID, c.now)
	return standing, c.because("subject", err)
}

func (h handler) takeRest(ctx context.Context, c call, to *otp.Contents, subject store.Standing) error {
	if to.Channel == otp.SMS {
		if err := h.takeNumber(ctx, c, to, subject); err != nil {
			return err
		}
	}
	return c.because("day", h.ceilings.Take(ctx, to.Channel, c.now))
}

// takeTest looks at a test destination's lock, and at the wrong passwords of its account.
func (h handler) takeTest(ctx context.Context, c call, to *otp.Contents, passwords int) error {
	c.Event.Reason, to.Prefix = "test_destination", ""
	subject := store.Send{Key: c.ring.Subject(to.Purpose, to.Identity()), Passwords: passwords, Locks: true}
	if _, err := h.limits.TakeSend(ctx, subject, c.ID, c.now); err != nil {
		return c.because("subject", err)
	}
	use := *c.Event
	use.Name = telemetry.TestDestination
	use.Write(c.ID, c.now)
	return nil
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
		login, err := h.limits.Glance(ctx, store.Send{Key: number.LoginOf}, c.now)
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
	return otp.Known(s.VerifiedAt, c.now)
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
