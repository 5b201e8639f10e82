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
	Put(ctx context.Context, s otp.Session) error
	Session(ctx context.Context, id string) (otp.Session, error)
	PutResend(ctx context.Context, s otp.Session, by string, now time.Time, cooldown time.Duration) error
}

type limits interface {
	TakeSend(ctx context.Context, s store.Send, by string, now time.Time) (store.Standing, error)
	TakePassword(ctx context.Context, key string, n int, by string, now time.Time) error
	Standing(ctx context.Context, key string) (store.Standing, error)
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
		request.Event.Name, request.Event.Reason = telemetry.Blocked, "honeypot"
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
	c.client, err = h.client(ctx, request)
	return c, err
}

// recipient finds where the code goes: to what was typed for verify, to the account's own channel for login, by e-mail
// only for reset, so that a phone alone never takes an account over.
func (h handler) recipient(ctx context.Context, c call, asked asked) (recipient, error) {
	switch {
	case asked.phone != "":
		return h.number(ctx, c, asked.phone, "")
	case asked.purpose == otp.Login:
		return h.login(ctx, c, asked)
	case asked.purpose == otp.Reset:
		user, err := h.users.Get(ctx, asked.email)
		return recipient{decoy: user.Email == "",
			Contents: otp.Contents{Channel: otp.Email, Email: asked.email}}, err
	}
	return recipient{Contents: otp.Contents{Channel: otp.Email, Email: asked.email}}, nil
}

// login checks the password, as long for no account as for one.
func (h handler) login(ctx context.Context, c call, asked asked) (to recipient, err error) {
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
	if user.Channel == otp.SMS {
		to, err = h.number(ctx, c, user.Phone, user.Email)
		if err != nil { // which tells that the password was right
			return to, h.mayKnow(ctx, c, user.Email, err)
		}
		return to, nil
	}
	return recipient{Contents: otp.Contents{Channel: otp.Email, Email: user.Email}}, nil
}

// wrongPassword counts one before it says so: first against the client's address, so that a blocked one cannot use up
// a victim's.
func (h handler) wrongPassword(ctx context.Context, c call, email string) error {
	c.Event.Subject = c.ring.Subject(otp.Login, email)
	if err := h.limits.TakePassword(ctx, c.ring.Client(c.client), h.passwords, c.ID, c.now); err != nil {
		return c.because("client_passwords", err)
	}
	if err := h.limits.TakePassword(ctx, c.Event.Subject, h.passwords, c.ID, c.now); err != nil {
		return c.because("passwords", err)
	}
	return httpapi.ErrInvalidCredentials
}

// mayKnow refuses whoever has no wrong password left to be told of a right one.
func (h handler) mayKnow(ctx context.Context, c call, email string, err error) error {
	if h.passwords == 0 {
		return err
	}
	subject := store.Send{Key: c.ring.Subject(otp.Login, email), Passwords: h.passwords}
	if _, limited := h.limits.TakeSend(ctx, subject, c.ID, c.now); limited != nil {
		err = c.because("passwords", limited)
	}
	return h.orTooManyPasswords(ctx, c, err)
}

// because notes for the audit log which limit an error comes from.
func (c call) because(reason string, err error) error {
	var limited *otp.TooManyRequestsError
	if errors.As(err, &limited) {
		c.Event.Reason = reason
	}
	return err
}

// number normalises a phone, of an account or for itself, if SMS goes there.
func (h handler) number(ctx context.Context, c call, typed, email string) (to recipient, err error) {
	c.Event.Channel, c.Event.Reason = otp.SMS, "country"
	if len(h.countries) == 0 {
		return to, &otp.UnsupportedError{Reason: "Codes are not sent by SMS here.", Countries: []string{}}
	}
	n, err := h.phones.Parse(ctx, typed)
	if err != nil {
		return to, err
	}
	c.Event.Country = n.Country
	if !n.Receives(h.countries) {
		if _, test, err := h.tests.Code(ctx, n.E164, h.codeLength, c.now); err != nil || !test {
			return to, cmp.Or(err, h.unsupported())
		}
	}
	c.Event.Reason = ""
	return recipient{Contents: otp.Contents{Channel: otp.SMS, Email: email, Phone: n.E164, Prefix: n.Prefix}}, nil
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
	take := h.takeSend
	if s.Silent {
		take = h.takeNothing
	}
	if err := take(ctx, c, &to.Contents, h.passwords); err != nil {
		return err
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
	return h.codes.Put(ctx, s)
}

// disguise makes a session a decoy: nothing is sent and no code is right.
func (h handler) disguise(c call, s *otp.Session) (err error) {
	c.Event.Reason, s.Silent = "decoy", true
	s.Digest, err = otp.DecoyDigest(h.random)
	return err
}
