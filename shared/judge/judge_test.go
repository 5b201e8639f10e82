package judge_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"streamotp/shared/judge"
	"streamotp/shared/otp"
	"streamotp/shared/telemetry"
)

// world is everything that a judge calls; it records the order of the calls.
type world struct {
	session otp.Session
	reserve error
	consume error
	clear   error
	keyring *otp.Keyring
	events  []string
	count   int // of attempts, with this one
	asked   otp.Purpose
	notify  error
	told    otp.Notification
	toldOf  int
	changed bool // another program wrote another purpose into the item

	own      int  // wrong codes of the session itself
	locks    bool // the attempt is the subject's last
	countErr error
}

func (w *world) Session(context.Context, string) (otp.Session, error) {
	if w.session.ID == "" {
		return otp.Session{}, otp.ErrSessionNotFound
	}
	return w.session, nil
}

func (w *world) Reserve(context.Context, otp.Session, string, time.Time) (otp.Attempts, error) {
	w.events = append(w.events, "reserve")
	if w.locks {
		return otp.Attempts{Count: 5, LockAt: 5, Last: noon, NotifiedCount: 5}, w.reserve
	}
	return otp.Attempts{Count: w.count, LockAt: w.count + 3, NotifiedCount: w.toldOf}, w.reserve
}

func (w *world) Clear(_ context.Context, _ string, channel otp.Channel, _ string, _ time.Time) (bool, error) {
	w.events = append(w.events, "clear")
	return channel == otp.SMS, w.clear
}

func (w *world) CountAttempt(context.Context, otp.Session, string, time.Time) (int, error) {
	w.events, w.own = append(w.events, "count"), w.own+1
	return w.own, w.countErr
}

func (w *world) PutNotification(_ context.Context, n otp.Notification, _ string, _ time.Time) error {
	w.events, w.told = append(w.events, "notify "+string(n.Kind)), n
	return w.notify
}

func (w *world) For(context.Context, string) (*otp.Keyring, error) { return w.keyring, nil }

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func newWorld(t *testing.T) *world {
	ring, err := otp.ParseKeyring([]byte(`{"index":"0123456789abcdef0123456789abcdef"}`))
	if err != nil {
		t.Fatal(err)
	}
	s := otp.Session{ID: "s", Purpose: otp.Login, KeyID: "0", CreatedAt: noon, ExpiresAt: noon.Add(time.Minute)}
	if s.Sealed, err = ring.Seal("s", otp.Contents{Purpose: otp.Login, Channel: otp.Email, Code: "482913", Email: "ada@example.com"}); err != nil {
		t.Fatal(err)
	}
	if s.Digest, err = ring.Digest("0", "s", "482913"); err != nil {
		t.Fatal(err)
	}
	return &world{session: s, keyring: ring, asked: otp.Login, count: 2}
}

func (w *world) MarkNotified(_ context.Context, _ string, kind otp.NotificationKind) error {
	w.toldOf = kind.Threshold()
	return nil
}

// purpose gives the session a purpose other than login.
func (w *world) purpose(p otp.Purpose) {
	w.asked, w.session.Purpose = p, p
	w.session.Sealed, _ = w.keyring.Seal("s", otp.Contents{Purpose: p, Channel: otp.Email, Code: "482913", Email: "ada@example.com"})
}

// channel gives the session's code another channel.
func (w *world) channel(c otp.Channel) {
	w.session.Sealed, _ = w.keyring.Seal("s", otp.Contents{Purpose: otp.Login, Channel: c, Code: "482913", Email: "ada@example.com"})
}

// check runs a whole check of a code and returns its error and the order of events.
func (w *world) check(code string) (string, error) {
	if w.changed {
		w.asked, w.session.Purpose = otp.Verify, otp.Verify
	}
	j := judge.Judge{Codes: w, Limits: w, Keys: w, Rule: otp.AttemptLimit{MaxAttempts: 5, Lock: time.Minute}, Now: func() time.Time { return noon }}
	c, err := j.Open(context.Background(), &telemetry.Event{}, "", "s", w.asked)
	if err == nil {
		err = j.Check(context.Background(), &c, code, "request", func(context.Context) error {
			w.events = append(w.events, "consume")
			return w.consume
		})
	}
	return fmt.Sprint(w.events), err
}

func TestJudge(t *testing.T) {
	down := errors.New("down")
	wrong, own4 := &otp.WrongCodeError{AttemptsRemaining: 3}, &otp.WrongCodeError{AttemptsRemaining: 4}
	for _, test := range []struct {
		name   string
		change func(w *world)
		code   string
		events string
		want   error
	}{
		{"an unknown session costs no attempt", func(w *world) { w.session.ID = "" }, "482913", "[]", otp.ErrSessionNotFound},
		{"a session for the other call costs no attempt", func(w *world) { w.session.Purpose = otp.Reset }, "482913", "[]", otp.ErrSessionNotFound},
		{"a used code costs no attempt", func(w *world) { w.session.UsedAt = noon }, "482913", "[]", otp.ErrCodeUsed},
		{"an expired code costs no attempt", func(w *world) { w.session.ExpiresAt = noon }, "482913", "[]", otp.ErrCodeExpired},
		{"a session of an unknown key costs no attempt", func(w *world) { w.session.KeyID = "9" }, "482913", "[]", otp.ErrUnknownKey},
		{"a session with an unknown channel costs no attempt", func(w *world) { w.channel("fax") }, "482913", "[]", &otp.UnknownChannelError{}},
		{"a session without a channel costs no attempt", func(w *world) { w.channel("") }, "482913", "[]", &otp.UnknownChannelError{}},
		{"a locked subject is rejected whatever the code", func(w *world) { w.reserve = &otp.LockedError{} }, "482913", "[reserve]", &otp.LockedError{}},
		{"nothing is compared if no attempt could be reserved", func(w *world) { w.reserve = down }, "482913", "[reserve]", down},
		{"a wrong code is not consumed and its attempt stays counted", func(*world) {}, "482914", "[reserve]", wrong},
		{"the fifth wrong code after a right password notifies the owner", func(w *world) { w.count = 5 }, "482914", "[reserve notify guessed]", wrong},
		{"the fifth wrong code without a password does not", func(w *world) { w.count = 5; w.purpose(otp.Reset) }, "482914", "[reserve count]", own4},
		{"R15: a reset session says how many attempts of its own are left", func(w *world) { w.own = 2; w.purpose(otp.Reset) }, "482914", "[reserve count]", &otp.WrongCodeError{AttemptsRemaining: 2}},
		{"if they cannot be counted, the response does not say how many", func(w *world) { w.countErr = down; w.purpose(otp.Reset) }, "482914", "[reserve count]", down},
		{"the sixth does not notify again", func(w *world) { w.count, w.toldOf = 6, 5 }, "482914", "[reserve]", wrong},
		{"the sixth notifies if the fifth did not", func(w *world) { w.count = 6 }, "482914", "[reserve notify guessed]", wrong},
		{"a right fifth code does not notify", func(w *world) { w.count = 5 }, "482913", "[reserve consume clear]", nil},
		{"the hundredth notifies for every purpose", func(w *world) { w.count = 100; w.purpose(otp.Reset) }, "482914", "[reserve notify closed count]", own4},
		{"a decoy's notification is written in the same way", func(w *world) { w.count = 100; w.purpose(otp.Reset); w.session.Silent = true }, "482914", "[reserve notify closed count]", own4},
		{"the response is the same if the notification cannot be written", func(w *world) { w.count, w.notify = 5, down }, "482914", "[reserve notify guessed]", wrong},
		{"a code of another length costs no attempt", func(*world) {}, "4829131", "[]", &otp.CodeLengthError{Digits: 6}},
		{"a session whose purpose was changed is unknown", func(w *world) { w.changed = true }, "482913", "[]", otp.ErrSessionNotFound},
		{"a right code is consumed after its attempt was reserved", func(*world) {}, "482913", "[reserve consume clear]", nil},
		{"a right code that another request used clears the attempts too", func(w *world) { w.consume = otp.ErrCodeUsed }, "482913", "[reserve consume clear]", otp.ErrCodeUsed},
		{"a right code that is over keeps the attempt, because it could come again", func(w *world) { w.consume = otp.ErrCodeExpired }, "482913", "[reserve consume]", otp.ErrCodeExpired},
		{"a failed consume is no success and keeps the attempt", func(w *world) { w.consume = down }, "482913", "[reserve consume]", down},
		{"a success stays one if the attempts cannot be cleared", func(w *world) { w.clear = down }, "482913", "[reserve consume clear]", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			test.change(w)
			events, err := w.check(test.code)
			if events != test.events || fmt.Sprintf("%T", err) != fmt.Sprintf("%T", test.want) || fmt.Sprint(err) != fmt.Sprint(test.want) {
				t.Errorf("%s, %v; want %s, %v", events, err, test.events, test.want)
			}
		})
	}
}

// The response must say how long to wait. A reset session's wait depends only on its own attempts, not on others at the subject.
func TestWrongCodeSaysHowLongItsLockLasts(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(w *world)
		want   time.Duration
	}{
		{"attempts remain", func(*world) {}, 0},
		{"the last attempt", func(w *world) { w.locks = true }, time.Minute},
		{"attempts of a reset session remain", func(w *world) { w.locks = true; w.purpose(otp.Reset) }, 0},
		{"the last attempt of a reset session", func(w *world) { w.own = 4; w.purpose(otp.Reset) }, time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			test.change(w)
			_, err := w.check("482914")
			var wrong *otp.WrongCodeError
			if !errors.As(err, &wrong) || wrong.RetryAfter != test.want || (wrong.AttemptsRemaining == 0) != (test.want > 0) {
				t.Errorf("%+v", err)
			}
		})
	}
}

func TestNotificationOpensForTheSender(t *testing.T) {
	ada, number := "ada@example.com", "+4915112345678"
	for _, test := range []struct {
		rule string
		code otp.Contents // of the session
		want otp.Contents
	}{
		{"it goes by e-mail", otp.Contents{Channel: otp.Email, Email: ada}, otp.Contents{Channel: otp.Email, Email: ada}},
		{"it goes by e-mail though the code went to a number", otp.Contents{Channel: otp.SMS, Email: ada, Phone: number}, otp.Contents{Channel: otp.Email, Email: ada}},
		{"it goes the way of the code where there is no address", otp.Contents{Channel: otp.SMS, Phone: number}, otp.Contents{Channel: otp.SMS, Phone: number}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			w := newWorld(t)
			w.count = 100
			test.code.Purpose, test.code.Code, test.want.Purpose = otp.Login, "482913", otp.Login
			w.session.Sealed, _ = w.keyring.Seal("s", test.code)
			if _, err := w.check("482914"); err == nil {
				t.Fatal("no error")
			}
			c, err := w.keyring.Open(w.told.KeyID, w.told.SessionID, w.told.Sealed)
			if err != nil || c != test.want || w.told.Kind != otp.NotifyLocked || w.told.Subject != w.session.Subject {
				t.Errorf("%+v in %+v, %v", c, w.told, err)
			}
		})
	}
}
