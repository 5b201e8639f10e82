package main

import (
	"context"
	"io"
	"time"

	"github.com/google/uuid"

	"streamotp/shared/httpapi"
	"streamotp/shared/otp"
	"streamotp/shared/password"
	"streamotp/shared/phone/number"
	"streamotp/shared/store"
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
	origin     origin
}

type codes interface {
	Put(ctx context.Context, s otp.Session) error
	Session(ctx context.Context, id string) (otp.Session, error)
	PutResend(ctx context.Context, s otp.Session, by string, now time.Time, cooldown time.Duration) error
}

type limits interface {
	TakeSend(ctx context.Context, key string, n int, by string, now time.Time) error
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

type phones interface {
	Parse(ctx context.Context, typed string) (number.Number, error)
}

func (h handler) routes() map[string]httpapi.Endpoint {
	return map[string]httpapi.Endpoint{
		"POST /generate": {
			Fields: []string{"email", "phone", "purpose", "password", "locale", "captchaToken", "website", "url"},
			Serve:  h.generate,
		},
		"POST /resend": {Fields: []string{"sessionId"}, Serve: h.resend},
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

func (h handler) generate(ctx context.Context, request httpapi.Request) (any, error) {
	asked, err := readGenerate(request)
	if err != nil {
		return nil, err
	}
	id := uuid.NewString()
	if request.Get("website") != "" || request.Get("url") != "" { // fields that people do not see and robots fill in
		return answer{id}, nil
	}
	now := h.now() // before the account is read: a password that is changed from here on ends this session
	to, err := h.recipient(ctx, asked)
	if err != nil {
		return nil, err
	}
	to.Locale, to.Purpose = asked.locale, asked.purpose
	return answer{id}, h.put(ctx, request, id, to, now)
}

// recipient finds where the code goes: to what was typed for verify, to the account's own channel for login, by e-mail
// only for reset, so that a phone alone never takes an account over.
func (h handler) recipient(ctx context.Context, asked asked) (recipient, error) {
	switch {
	case asked.phone != "":
		phone, err := h.phone(ctx, asked.phone)
		return recipient{Contents: otp.Contents{Channel: otp.SMS, Phone: phone}}, err
	case asked.purpose == otp.Login:
		return h.login(ctx, asked)
	case asked.purpose == otp.Reset:
		user, err := h.users.Get(ctx, asked.email)
		return recipient{decoy: user.Email == "",
			Contents: otp.Contents{Channel: otp.Email, Email: asked.email}}, err
	}
	return recipient{Contents: otp.Contents{Channel: otp.Email, Email: asked.email}}, nil
}

// login checks the password, as long for no account as for one.
func (h handler) login(ctx context.Context, asked asked) (to recipient, err error) {
	user, err := h.users.Get(ctx, asked.email)
	if err != nil {
		return to, err
	}
	ok, err := password.Matches(asked.password, user.PasswordHash)
	if err != nil {
		return to, err
	}
	if !ok {
		return to, httpapi.ErrInvalidCredentials
	}
	to = recipient{Contents: otp.Contents{Channel: otp.Email, Email: user.Email}}
	if user.Channel == otp.SMS {
		to.Channel = otp.SMS
		to.Phone, err = h.phone(ctx, user.Phone)
	}
	return to, err
}

// phone normalises a number, if SMS goes there.
func (h handler) phone(ctx context.Context, typed string) (string, error) {
	if len(h.countries) == 0 {
		return "", &otp.UnsupportedError{Reason: "Codes are not sent by SMS here.", Countries: []string{}}
	}
	n, err := h.phones.Parse(ctx, typed)
	if err != nil {
		return "", err
	}
	if !n.Receives(h.countries) {
		return "", &otp.UnsupportedError{Reason: "Codes are not sent to this number.", Countries: h.countries}
	}
	return n.E164, nil
}

// put writes the session: one item, with everything decided.
func (h handler) put(ctx context.Context, request httpapi.Request, id string, to recipient, now time.Time) (err error) {
	ring, err := h.keys.Current(ctx)
	if err != nil {
		return err
	}
	s := otp.Session{
		ID: id, Purpose: to.Purpose, Subject: ring.Subject(to.Purpose, to.Identity()), KeyID: ring.CurrentID(), Decoy: to.decoy,
		CreatedAt: now, ExpiresAt: now.Add(h.codeTTL),
	}
	if err := h.takeSend(ctx, request, ring, to.Contents, now); err != nil {
		return err
	}
	if to.Code, err = otp.NewCode(h.random, h.codeLength); err != nil {
		return err
	}
	if s.Digest, err = ring.Digest(s.KeyID, id, to.Code); err != nil {
		return err
	}
	if to.decoy {
		if s.Digest, err = otp.DecoyDigest(h.random); err != nil {
			return err
		}
	}
	if s.Sealed, err = ring.Seal(id, to.Contents); err != nil {
		return err
	}
	return h.codes.Put(ctx, s)
}

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
	now := h.now()
	if err := s.Check(now, otp.Verify, otp.Login, otp.Reset); err != nil {
		return nil, err
	}
	if wait := s.ResendWait(now, h.cooldown); wait > 0 {
		return nil, &otp.TooManyRequestsError{RetryAfter: wait}
	}
	ring, err := h.keys.For(ctx, s.KeyID)
	if err != nil {
		return nil, err
	}
	contents, err := ring.Open(s.KeyID, s.ID, s.Sealed)
	if err != nil {
		return nil, err
	}
	if err := h.takeSend(ctx, request, ring, contents, now); err != nil {
		return nil, err
	}
	return answer{id}, h.codes.PutResend(ctx, s, request.ID, now, h.cooldown)
}
