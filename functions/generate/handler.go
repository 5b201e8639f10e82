package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"streamotp/shared/admit"
	"streamotp/shared/httpapi"
	"streamotp/shared/keys"
	"streamotp/shared/otp"
	"streamotp/shared/password"
	"streamotp/shared/store"
	"streamotp/shared/telemetry"
)

type handler struct {
	codes   codes
	users   users
	clients clientTable
	keys    keyrings
	admit   admit.Admitter
	origin  origin
	captcha *captcha // nil if none is required
	site    issuer
	signUps signUps // nil if nobody may create an account
	now     func() time.Time
	random  io.Reader // crypto/rand

	codeLength int
	codeTTL    time.Duration
	cooldown   time.Duration // before a code is sent again
}

type codes interface {
	Put(ctx context.Context, s otp.Session, requestID string) error
	Session(ctx context.Context, id string) (otp.Session, error)
	PutResend(ctx context.Context, s otp.Session, requestID string, now time.Time, cooldown time.Duration) error
	ClientOf(ctx context.Context, transaction string, now time.Time) (client, wanted string, err error)
}

// issuer is the site, whose URL is also the origin of its pages.
type issuer interface {
	URL(ctx context.Context) (string, error)
}

type users interface {
	Get(ctx context.Context, email string) (store.User, error)
	Identify(ctx context.Context, email, id string) (string, error)
}

type signUps interface {
	Blocks(ctx context.Context, email string) (bool, error)
}

type keyrings interface {
	Current(ctx context.Context) (*otp.Keyring, error)
	For(ctx context.Context, keyID string) (*otp.Keyring, error)
}

// origin reports whether a request came through our own CloudFront distribution.
type origin interface {
	Sent(ctx context.Context, secret string) (bool, error)
}

// honeypot is a field that people do not see and robots fill in. No client has a field of this name by accident, and no password
// manager fills it.
const honeypot = "contact_me_by_fax_only"

func (h handler) routes() map[string]httpapi.Endpoint {
	return map[string]httpapi.Endpoint{
		"POST /generate": {
			Fields: []string{"email", "phone", "purpose", "password", "locale", "captchaToken", "clientId", "nonce", "transaction", honeypot},
			Serve:  h.generate, Counts: telemetry.Generated,
		},
		"POST /resend": {Fields: []string{"sessionId"}, Serve: h.resend, Counts: telemetry.Generated},
	}
}

type answer struct {
	SessionID string `json:"sessionId"`
}

// recipient is the person whom a session is for, once known.
type recipient struct {
	otp.Contents
	decoy bool
}

// call is one request, with what its limits need.
type call struct {
	httpapi.Request
	ring     *otp.Keyring
	clientIP string
	now      time.Time
}

// generate reads the request, checks whether a message may be sent, and writes the session: one item, with everything decided.
func (h handler) generate(ctx context.Context, request httpapi.Request) (any, error) {
	body, err := readGenerate(request)
	if err != nil {
		return nil, err
	}
	request.Event.Purpose, request.Event.Channel = body.purpose, body.channel()
	id := uuid.NewString()
	if request.Get(honeypot) != "" {
		request.Event.Name, request.Event.Reason, request.Event.Session = telemetry.Blocked, "honeypot", id
		return answer{id}, nil
	}
	client, err := h.client(ctx, request, body)
	if err != nil {
		return nil, err
	}
	c, err := h.newCall(ctx, request)
	if err != nil {
		return nil, err
	}
	if request.Server == nil { // a server's people solve its own CAPTCHA, if it has one
		if err := h.checkCaptcha(ctx, c, body.purpose); err != nil {
			return nil, err
		}
	}
	c.now = h.now() // before the account is read: a password that is changed from here on ends this session
	to, err := h.recipient(ctx, c, body)
	if err != nil {
		return nil, err
	}
	to.Client, to.App, to.Nonce, to.Server = client.ID, client.Name, cmp.Or(body.transaction, body.nonce), request.Server != nil
	to.Hosted = body.transaction != ""
	channel, _ := to.Channel.Facts() // Admit rejects an unknown channel. Its text is not logged, since it may be anything
	c.Event.Channel = channel.Channel
	d, err := h.admit.Admit(ctx, c.admission(&to.Contents, body.purpose == otp.Login, nil))
	if c.note(d); err != nil {
		return nil, err
	}
	c.noteUse(d)
	if err := h.identify(ctx, c, &to.Contents); err != nil {
		d.GiveBack(ctx, c.ID)
		return nil, err
	}
	return answer{id}, h.write(ctx, c, id, to, d)
}

func (h handler) newCall(ctx context.Context, request httpapi.Request) (c call, err error) {
	c = call{Request: request, now: h.now()}
	if c.ring, err = h.keys.Current(ctx); err != nil {
		return c, err
	}
	// Read this now, for everybody: later only a request with a right password would wait for it.
	if _, _, err = h.admit.Tests.Code(ctx, "", h.codeLength, c.now); err != nil {
		return c, err
	}
	c.clientIP, err = h.clientIP(ctx, request)
	return c, err
}

// admission returns the request that the call makes to the limits.
func (c call) admission(to *otp.Contents, password bool, again *otp.Session) admit.Request {
	return admit.Request{ID: c.ID, ClientIP: c.clientIP, At: c.now, Ring: c.ring, To: to, Password: password, Again: again}
}

// note puts a decision into the audit event.
func (c call) note(d admit.Decision) {
	c.Event.Reason, c.Event.Country, c.Event.Prefix = d.Reason, d.Country, d.Paused
	if d.PauseBegan {
		began := *c.Event
		began.Name, began.Reason = telemetry.Suspected, "pumping"
		began.Write(c.ID, c.now)
	}
}

// noteUse counts the use of a test destination.
func (c call) noteUse(d admit.Decision) {
	if d.TestCode != "" {
		c.Event.WriteAs(telemetry.TestDestination, c.ID, c.now)
	}
}

// recipient decides where the code goes: for verify to what was typed, for login to the account's own channel. For reset and
// passwordless it goes by e-mail only, so that a phone alone is never enough to take over an account.
func (h handler) recipient(ctx context.Context, c call, body generateRequest) (to recipient, err error) {
	to.Contents = otp.Contents{Purpose: body.purpose, Channel: body.channel(), Email: body.email, Phone: body.phone, Locale: body.locale}
	switch body.purpose {
	case otp.Login:
		err = h.login(ctx, c, body, &to.Contents)
	case otp.Reset:
		var user store.User
		user, err = h.users.Get(ctx, body.email)
		to.decoy = user.Email == ""
	case otp.Passwordless:
		err = h.passwordless(ctx, c, body, &to)
	}
	return to, err
}

// passwordless decides who gets a code without a password: an account whose codes go by e-mail, since the caller must not choose the
// weaker channel; and, if people may create accounts, an address without one. Both have the same reads.
func (h handler) passwordless(ctx context.Context, c call, body generateRequest, to *recipient) error {
	user, err := h.users.Get(ctx, body.email)
	if err != nil {
		return err
	}
	blocked := true
	if h.signUps != nil {
		if blocked, err = h.signUps.Blocks(ctx, body.email); err != nil {
			return err
		}
	}
	if user.Email == "" {
		to.AccountID, to.New, to.decoy = uuid.NewString(), true, blocked
	} else {
		to.AccountID, to.decoy = cmp.Or(user.ID, c.ring.AccountID(user.Email)), user.LoginChannel() != otp.Email
	}
	if body.transaction != "" {
		to.Name = otp.ShortName(user.Name)
	}
	return nil
}

// login checks the password, and takes as long if there is no account. Since that takes time, it checks the client IP address first.
func (h handler) login(ctx context.Context, c call, body generateRequest, to *otp.Contents) error {
	d, err := h.admit.Peek(ctx, c.admission(to, true, nil))
	if c.note(d); err != nil {
		return err
	}
	user, err := h.users.Get(ctx, body.email)
	if err != nil {
		return err
	}
	ok, err := password.Matches(body.password, user.PasswordHash)
	if err != nil {
		return err
	}
	if !ok {
		c.Event.Subject = c.ring.Subject(otp.Login, body.email)
		d, err := h.admit.WrongPassword(ctx, c.admission(to, true, nil))
		c.note(d)
		return cmp.Or(err, httpapi.ErrInvalidCredentials)
	}
	to.AccountID = user.ID
	if body.transaction != "" {
		to.Name = otp.ShortName(user.Name)
	}
	to.Channel = user.LoginChannel()
	if channel, _ := to.Channel.Facts(); channel.Kind == otp.PhoneNumber {
		to.Phone = user.Phone
	}
	return nil
}

// identify makes sure that the account of a login for a client has an id. It comes after every limit was taken, so that it reveals
// nothing about the password. Without a client nothing needs the id.
func (h handler) identify(ctx context.Context, c call, to *otp.Contents) (err error) {
	switch {
	case to.Client == "":
		to.AccountID = ""
	case to.Purpose == otp.Login && to.AccountID == "":
		to.AccountID, err = h.users.Identify(ctx, to.Email, c.ring.AccountID(to.Email))
	}
	return err
}

// write writes the session of a message that was admitted. If that fails, it gives the message back.
func (h handler) write(ctx context.Context, c call, id string, to recipient, d admit.Decision) (err error) {
	s := otp.Session{
		ID: id, Purpose: to.Purpose, Subject: c.ring.Subject(to.Purpose, to.Identity()), KeyID: c.ring.CurrentID(),
		CreatedAt: c.now, ExpiresAt: c.now.Add(h.codeTTL), Silent: d.TestCode != "",
	}
	c.Event.Session, c.Event.Subject, c.Event.Channel = id, s.Subject, to.Channel
	if d.Suppressed {
		c.suppress(&s, to.Channel)
	}
	if err = h.seal(c, &s, to, d.TestCode); err == nil {
		err = h.codes.Put(ctx, s, c.ID)
	}
	c.Event.Waits = !s.Silent
	return h.giveBack(ctx, c, d, err)
}

// seal makes the session's code, its digest and its sealed contents.
func (h handler) seal(c call, s *otp.Session, to recipient, testCode string) (err error) {
	to.Test = testCode != "" && to.Client != ""
	if to.Code = testCode; to.Code == "" {
		if to.Code, err = otp.NewCode(h.random, h.codeLength); err != nil {
			return err
		}
	}
	if s.Digest, err = c.ring.Digest(s.KeyID, s.ID, to.Code); err != nil {
		return err
	}
	if to.decoy { // a session that accepts no code and sends nothing
		c.Event.Reason, s.Silent = "decoy", true
		if s.Digest, err = otp.DecoyDigest(h.random); err != nil {
			return err
		}
	}
	s.Sealed, err = c.ring.Seal(s.ID, to.Contents)
	return err
}

// giveBack gives back a message whose row was not written and will not appear.
func (h handler) giveBack(ctx context.Context, c call, d admit.Decision, err error) error {
	if _, notWritten := errors.AsType[*store.NotWrittenError](err); notWritten {
		d.GiveBack(ctx, c.ID)
	}
	return err
}

// suppress makes a session one whose code is not sent, because an earlier e-mail to the address bounced or drew a complaint.
func (c call) suppress(s *otp.Session, channel otp.Channel) {
	s.Silent, s.Message = true, otp.StateBounced
	telemetry.Event{Name: telemetry.Suppressed, Channel: channel, Session: c.Event.Session, Subject: c.Event.Subject}.Write(c.ID, c.now)
}

var errNoSource = errors.New("the event has no source address")

// clientIP returns the address that a request came from, as keys.Viewer does. A client's server names the address of its user, or
// none.
func (h handler) clientIP(ctx context.Context, request httpapi.Request) (string, error) {
	if request.Server != nil {
		named := request.Header["x-client-ip"]
		if _, err := netip.ParseAddr(named); err != nil && named != "" {
			return "", httpapi.Invalid("", "must come with an IP address in x-client-ip, or without that header")
		}
		return named, nil
	}
	if request.Source == "" { // API Gateway always says it; without it no limit of an address would apply
		return "", errNoSource
	}
	return keys.Viewer(ctx, h.origin, request.Header, request.Source)
}
