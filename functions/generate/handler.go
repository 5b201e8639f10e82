package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"time"

	"github.com/google/uuid"

	"streamotp/shared/httpapi"
	"streamotp/shared/otp"
	"streamotp/shared/password"
	"streamotp/shared/phone/number"
	"streamotp/shared/store"
	"streamotp/shared/telemetry"
)

type handler struct {
	codes  codes
	limits limits
	users  users
	keys   keyrings
	phones phones
	now    func() time.Time
	random io.Reader // crypto/rand

	codeLength int
	codeTTL    time.Duration
	cooldown   time.Duration // before a code is sent again
	countries  []string      // that SMS may go to; none means that SMS is off
	sends      int           // messages an hour for one subject, and for one phone; 0 means no limit
	sendsPerIP int           // messages an hour for one client address; 0 means no limit
	passwords  int           // wrong ones an hour for one account, and from one client address; 0 means no limit
	prefixes   store.Prefixes
	ceilings   *store.Ceilings
	origin     origin
	tests      testDestinations
	captcha    *captcha // nil: none is asked for
}

type codes interface {
	Put(ctx context.Context, s otp.Session, by string) error
	Session(ctx context.Context, id string) (otp.Session, error)
	ClaimResend(ctx context.Context, s otp.Session, by string, cooldown time.Duration) error
	ReturnResend(ctx context.Context, s otp.Session, by string) error
	PutResend(ctx context.Context, s otp.Session, by string, now time.Time) error
}

type limits interface {
	TakeSend(ctx context.Context, s store.Send, by string, now time.Time) (store.Standing, error)
	TakePassword(ctx context.Context, s store.Send, by string, now time.Time) error
	Glance(ctx context.Context, s store.Send, now time.Time) (store.Standing, error)
}

type users interface {
	Get(ctx context.Context, email string) (store.User, error)
}

type keyrings interface {
	Current(ctx context.Context) (*otp.Keyring, error)
	For(ctx context.Context, keyID string) (*otp.Keyring, error)
}

// origin knows whether a call came through our own CloudFront.
type origin interface {
	Sent(ctx context.Context, secret string) (bool, error)
}

// testDestinations knows the codes that an operator fixed for a time.
type testDestinations interface {
	Code(ctx context.Context, destination string, length int, now time.Time) (code string, ok bool, err error)
}

type phones interface {
	Parse(ctx context.Context, typed string) (number.Number, error)
}

func (h handler) routes() map[string]httpapi.Endpoint {
	return map[string]httpapi.Endpoint{
		"POST /generate": {
			Fields: []string{"email", "phone", "purpose", "password", "locale", "captchaToken", "website", "url"},
			Serve:  h.generate, Counts: telemetry.Generated,
		},
		"POST /resend": {Fields: []string{"sessionId"}, Serve: h.resend, Counts: telemetry.Generated},
	}
}

type answer struct {
	SessionID string `json:"sessionId"`
}

// recipient is who a session is for, once that is known.
type recipient struct {
	otp.Contents
	decoy bool
}

// call is one request and what it is counted by.
type call struct {
	httpapi.Request
	ring   *otp.Keyring
	client string // its address
	now    time.Time
}

func (h handler) generate(ctx context.Context, request httpapi.Request) (any, error) {
	asked, err := readGenerate(request)
	if err != nil {
		return nil, err
	}
	request.Event.Purpose, request.Event.Channel = asked.purpose, asked.channel()
	id := uuid.NewString()
	if request.Get("website") != "" || request.Get("url") != "" { // fields that people do not see and robots fill in
		request.Event.Name, request.Event.Reason, request.Event.Session = telemetry.Blocked, "honeypot", id
		return answer{id}, nil
	}
	if err := h.checkCaptcha(ctx, request, asked.purpose); err != nil {
		return nil, err
	}
	c, err := h.begin(ctx, request) // before the account is read: a password that is changed from here on ends this session
	if err != nil {
		return nil, err
	}
	to, err := h.recipient(ctx, c, asked)
	if err != nil {
		return nil, err
	}
	to.Locale, to.Purpose = asked.locale, asked.purpose
	return answer{id}, h.put(ctx, c, id, to)
}

func (h handler) begin(ctx context.Context, request httpapi.Request) (c call, err error) {
	c = call{Request: request, now: h.now()}
	if c.ring, err = h.keys.Current(ctx); err != nil {
		return c, err
	}
	// Read now, for everybody: later only a right password would wait for it.
	if _, _, err = h.tests.Code(ctx, "", h.codeLength, c.now); err != nil {
		return c, err
	}
	c.client, err = h.client(ctx, request)
	return c, err
}

// recipient finds where the code goes: to what was typed for verify, to the account's own channel for login, by e-mail
// only for reset, so that a phone alone never takes an account over.
func (h handler) recipient(ctx context.Context, c call, asked asked) (recipient, error) {
	switch {
	case asked.phone != "":
		to := recipient{Contents: otp.Contents{Channel: otp.SMS, Phone: asked.phone}}
		return to, h.number(ctx, c, &to.Contents)
	case asked.purpose == otp.Login:
		return h.login(ctx, c, asked)
	case asked.purpose == otp.Reset:
		user, err := h.users.Get(ctx, asked.email)
		return recipient{decoy: user.Email == "",
			Contents: otp.Contents{Channel: otp.Email, Email: asked.email}}, err
	}
	return recipient{Contents: otp.Contents{Channel: otp.Email, Email: asked.email}}, nil
}

// login checks the password, as long for no account as for one. A client address without a try or a message left is
// refused before anybody's password is looked at.
func (h handler) login(ctx context.Context, c call, asked asked) (to recipient, err error) {
	if h.passwords > 0 {
		if _, err := h.limits.Glance(ctx, h.clientOf(c), c.now); err != nil {
			return to, c.because("client", err)
		}
	}
	user, err := h.users.Get(ctx, asked.email)
	if err != nil {
		return to, err
	}
	ok, err := password.Matches(asked.password, user.PasswordHash)
	if err != nil {
		return to, err
	}
	if !ok {
		return to, h.wrongPassword(ctx, c, asked.email)
	}
	to.Contents = otp.Contents{Channel: otp.Email, Email: user.Email}
	if user.Channel == otp.SMS {
		to.Channel, to.Phone = otp.SMS, user.Phone
	}
	return to, nil
}

// wrongPassword counts one before it says so: first against the client's address, so that one without any left cannot
// use up an account's.
func (h handler) wrongPassword(ctx context.Context, c call, email string) error {
	account := store.Send{Key: c.ring.Subject(otp.Login, email), Passwords: h.passwords}
	c.Event.Subject = account.Key
	if err := h.limits.TakePassword(ctx, h.clientOf(c), c.ID, c.now); err != nil {
		// After the glance this is so only where others came between. A right password would have asked its account too by
		// now: so does this, whatever it says.
		_, _ = h.limits.Glance(ctx, account, c.now)
		return c.because("client", err)
	}
	if err := h.limits.TakePassword(ctx, account, c.ID, c.now); err != nil {
		return c.because("subject", err)
	}
	return httpapi.ErrInvalidCredentials
}

// because notes for the audit log which limit an error comes from.
func (c call) because(reason string, err error) error {
	var limited *otp.TooManyRequestsError
	if errors.As(err, &limited) {
		c.Event.Reason = reason
		if limited.Passwords {
			c.Event.Reason += "_passwords"
		}
	}
	return err
}

// number normalises the phone that a code goes to, if SMS goes there.
func (h handler) number(ctx context.Context, c call, to *otp.Contents) error {
	c.Event.Channel = otp.SMS
	if len(h.countries) == 0 {
		c.Event.Reason = "country"
		return &otp.UnsupportedError{Reason: "Codes are not sent by SMS here.", Countries: []string{}}
	}
	n, err := h.phones.Parse(ctx, to.Phone)
	if err != nil {
		return err
	}
	c.Event.Country = n.Country
	if !n.Receives(h.countries) {
		if _, test, err := h.tests.Code(ctx, n.E164, h.codeLength, c.now); err != nil || !test {
			c.Event.Reason = "country"
			return cmp.Or(err, h.unsupported())
		}
	}
	to.Phone, to.Prefix = n.E164, n.Prefix
	return nil
}

// unsupported is the answer for a number that nothing is sent to, whatever the reason.
func (h handler) unsupported() error {
	return &otp.UnsupportedError{Reason: "Codes are not sent to this number.", Countries: h.countries}
}

// put writes the session: one item, with everything decided.
func (h handler) put(ctx context.Context, c call, id string, to recipient) (err error) {
	s := otp.Session{
		ID: id, Purpose: to.Purpose, Subject: c.ring.Subject(to.Purpose, to.Identity()), KeyID: c.ring.CurrentID(),
		CreatedAt: c.now, ExpiresAt: c.now.Add(h.codeTTL),
	}
	c.Event.Session, c.Event.Subject, c.Event.Channel = id, s.Subject, to.Channel
	if to.Code, s.Silent, err = h.tests.Code(ctx, to.Destination(), h.codeLength, c.now); err != nil {
		return err
	}
	standing, err := h.take(ctx, c, &to.Contents, s.Silent)
	if err != nil {
		return err
	}
	if c.suppressed(&to.Contents, standing) {
		s.Silent, s.Message = true, otp.StateBounced
	}
	if to.Code == "" {
		if to.Code, err = otp.NewCode(h.random, h.codeLength); err != nil {
			return err
		}
	}
	if s.Digest, err = c.ring.Digest(s.KeyID, id, to.Code); err != nil {
		return err
	}
	if to.decoy {
		if err := h.disguise(c, &s); err != nil {
			return err
		}
	}
	if s.Sealed, err = c.ring.Seal(id, to.Contents); err != nil {
		return err
	}
	return h.codes.Put(ctx, s, c.ID)
}

// disguise makes a session a decoy: nothing is sent and no code is right.
func (h handler) disguise(c call, s *otp.Session) (err error) {
	c.Event.Reason, s.Silent = "decoy", true
	s.Digest, err = otp.DecoyDigest(h.random)
	return err
}
