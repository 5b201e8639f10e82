package admit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"streamotp/shared/admit"
	"streamotp/shared/otp"
	"streamotp/shared/phone/number"
	"streamotp/shared/store"
	"streamotp/shared/store/storetest"
)

const (
	office = "203.0.113.7"
	mobile = "+4915112345678"
)

var t0 = time.Now().Truncate(time.Second)

// fixture is an Admitter on a real engine that records its requests.
type fixture struct {
	admit.Admitter
	storetest.Tables
	limits store.Limits
	ring   *otp.Keyring
	calls  []string // in order
	asked  int
	down   string // the call that fails
	lost   bool   // a message that is taken has no response
	tests  map[string]string
}

// newFixture returns a deployment with small limits.
func newFixture(t *testing.T) *fixture {
	t.Helper()
	tables := storetest.New(t)
	ring, err := otp.ParseKeyring([]byte(`{"index":"0123456789abcdef0123456789abcdef"}`))
	must(t, err)
	f := &fixture{Tables: tables, ring: ring, tests: map[string]string{},
		limits: store.Limits{DB: tables.DB, Table: tables.Limits, Rule: otp.AttemptLimit{MaxAttempts: 5, Lock: 15 * time.Minute}}}
	f.Admitter = admit.Admitter{
		Limits: f, Phones: f, Tests: f,
		Prefixes:        store.Prefixes{DB: tables.DB, Table: tables.Limits, Rule: otp.PumpingLimit{Sends: 2, Percent: 50}},
		Days:            store.Days{DB: tables.DB, Table: tables.Limits, SMS: 4},
		Countries:       []string{"DE"},
		CodeLength:      6,
		MessagesPerHour: 3, MessagesPerIP: 5, WrongPasswordsPerHour: 2, WrongPasswordsPerIPHour: 4,
	}
	return f
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var errDown = &otp.UnavailableError{Reason: "injected"}

func (f *fixture) call(name string) error {
	f.calls = append(f.calls, name)
	if f.down == name {
		return errDown
	}
	return nil
}

func (f *fixture) TakeMessage(ctx context.Context, q store.Quota, id string, now time.Time) (store.KeyState, error) {
	if err := f.call("take"); err != nil {
		return store.KeyState{}, err
	}
	state, err := f.limits.TakeMessage(ctx, q, id, now)
	if f.lost {
		return store.KeyState{}, errDown
	}
	return state, err
}

func (f *fixture) GiveBackMessage(ctx context.Context, q store.Quota, id string, at time.Time) error {
	if err := f.call("give back"); err != nil {
		return err
	}
	return f.limits.GiveBackMessage(ctx, q, id, at)
}

func (f *fixture) TakeWrongPassword(ctx context.Context, q store.Quota, id string, now time.Time) error {
	if err := f.call("wrong password"); err != nil {
		return err
	}
	return f.limits.TakeWrongPassword(ctx, q, id, now)
}

func (f *fixture) Peek(ctx context.Context, q store.Quota, now time.Time) (store.KeyState, error) {
	if err := f.call("peek"); err != nil {
		return store.KeyState{}, err
	}
	return f.limits.Peek(ctx, q, now)
}

func (f *fixture) Parse(_ context.Context, typed string) (number.Number, error) {
	err := f.call("parse")
	return number.Number{E164: typed, Country: map[bool]string{true: "DE", false: "FR"}[strings.HasPrefix(typed, "+49")], Mobile: true, Prefix: typed[:8]}, err
}

func (f *fixture) Code(_ context.Context, destination string, _ int, _ time.Time) (string, bool, error) {
	code, ok := f.tests[destination]
	return code, ok, nil
}

// from returns a new request.
func (f *fixture) from(ip string, to otp.Contents) admit.Request {
	f.asked++
	return admit.Request{ID: fmt.Sprint("request-", f.asked), ClientIP: ip, At: t0, Ring: f.ring, To: &to, Password: to.Purpose == otp.Login}
}

func mail(p otp.Purpose, to string) otp.Contents {
	return otp.Contents{Purpose: p, Channel: otp.Email, Email: to}
}

func sms(to string) otp.Contents {
	return otp.Contents{Purpose: otp.Verify, Channel: otp.SMS, Phone: to}
}

func smsLogin(email, to string) otp.Contents {
	return otp.Contents{Purpose: otp.Login, Channel: otp.SMS, Email: email, Phone: to}
}

// ask returns the outcome as text: "ok", or "limited subject" with the reason.
func (f *fixture) ask(t *testing.T, r admit.Request) string {
	t.Helper()
	d, err := f.Admit(context.Background(), r)
	return outcome(t, d, err)
}

func outcome(t *testing.T, d admit.Decision, err error) string {
	t.Helper()
	var limited *otp.TooManyRequestsError
	var locked *otp.LockedError
	var unsupported *otp.UnsupportedError
	switch {
	case err == nil:
		return strings.TrimSpace("ok " + d.Reason)
	case errors.As(err, &limited):
		return "limited " + d.Reason
	case errors.As(err, &locked):
		return strings.TrimSpace("locked " + d.Reason)
	case errors.As(err, &unsupported):
		return "unsupported " + d.Reason
	case errors.Is(err, error(errDown)):
		return "down"
	}
	t.Fatalf("error %v", err)
	return ""
}

// counted returns what the tables count, without the empty slots that a rejected request may leave behind.
func (f *fixture) counted(t *testing.T) (messages int) {
	t.Helper()
	for _, item := range f.Scan(t, f.Tables.Limits) {
		for name, value := range item {
			n, isNumber := value.(*types.AttributeValueMemberN)
			message := len(name) == 2 && name[0] == 'm' || name == "sends" || name == "sms"
			if isNumber && message && n.Value != "0" {
				messages++
			}
		}
	}
	return messages
}

// lock locks a subject by five wrong codes.
func (f *fixture) lock(t *testing.T, p otp.Purpose, to string) {
	t.Helper()
	for i := range 5 {
		_, err := f.limits.Reserve(context.Background(), otp.Session{Subject: f.ring.Subject(p, to), CreatedAt: t0}, fmt.Sprint("guess", i), t0)
		must(t, err)
	}
}

func TestAdmit(t *testing.T) {
	type ask struct {
		ip   string
		to   otp.Contents
		want string
	}
	other := func(i int) string { return fmt.Sprintf("198.51.100.%d", i) }
	for name, asks := range map[string][]ask{
		"a mailbox gets its messages of an hour, however it is spelled": {
			{other(1), mail(otp.Verify, "ada@example.com"), "ok"}, {other(2), mail(otp.Verify, "ada+a@example.com"), "ok"},
			{other(3), mail(otp.Verify, "ada+b@example.com"), "ok"}, {other(4), mail(otp.Verify, "ada@example.com"), "limited subject"},
			{other(5), mail(otp.Verify, "ada+c@example.com"), "limited subject"}, {other(6), mail(otp.Reset, "ada@example.com"), "ok"},
		},
		"a client IP address gets its messages over all mailboxes": {
			{office, mail(otp.Verify, "a@example.com"), "ok"}, {office, mail(otp.Reset, "b@example.com"), "ok"}, {office, mail(otp.Login, "c@example.com"), "ok"},
			{office, mail(otp.Verify, "d@example.com"), "ok"}, {office, mail(otp.Verify, "e@example.com"), "ok"},
			{office, mail(otp.Verify, "f@example.com"), "limited client"}, {office, mail(otp.Login, "g@example.com"), "limited client"},
			{other(1), mail(otp.Verify, "f@example.com"), "ok"},
		},
		"a number counts over all who use it": {
			{other(1), smsLogin("a@example.com", mobile), "ok"}, {other(2), smsLogin("b@example.com", mobile), "ok"},
			{other(3), smsLogin("c@example.com", mobile), "unsupported paused"}, // the prefix has had two
		},
		"SMS goes to the allowed countries": {{office, sms("+33612345678"), "unsupported country"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			for i, a := range asks {
				if got := f.ask(t, f.from(a.ip, a.to)); got != a.want {
					t.Errorf("request %d: %s, want %s", i, got, a.want)
				}
			}
		})
	}
	t.Run("R12: a lock is of the very address", func(t *testing.T) {
		f := newFixture(t)
		f.lock(t, otp.Verify, "base@example.com")
		f.lock(t, otp.Verify, "own+tag@example.com")
		for to, want := range map[string]string{"base@example.com": "locked", "base+other@example.com": "ok", "own+tag@example.com": "locked", "own@example.com": "ok"} {
			if got := f.ask(t, f.from(office, mail(otp.Verify, to))); got != want {
				t.Errorf("%s: %s, want %s", to, got, want)
			}
		}
	})
	t.Run("R17: a blocked client IP address is rejected before the number is read", func(t *testing.T) {
		f := newFixture(t)
		f.MessagesPerIP = 1
		f.ask(t, f.from(office, mail(otp.Verify, "a@example.com")))
		f.calls = nil
		if got := f.ask(t, f.from(office, sms(mobile))); got != "limited client" || !slices.Equal(f.calls, []string{"take"}) {
			t.Errorf("%s after %v", got, f.calls)
		}
	})
}

// Whichever check rejects a request, it leaves nothing taken; and everything that an admitted request took can be given back.
func TestNothingStaysTaken(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(t *testing.T, f *fixture)
		to      otp.Contents
		want    string
	}{
		"a locked subject":                {func(t *testing.T, f *fixture) { f.lock(t, otp.Verify, "ada@example.com") }, mail(otp.Verify, "ada@example.com"), "locked"},
		"a country that is not allowed":   {func(*testing.T, *fixture) {}, sms("+33612345678"), "unsupported country"},
		"a number that is unreadable now": {func(_ *testing.T, f *fixture) { f.down = "parse" }, sms(mobile), "down"},
		"a day without SMS left": {func(t *testing.T, f *fixture) {
			for i := range 4 {
				must(t, f.Days.TakeSMS(context.Background(), fmt.Sprint(i), t0))
			}
		}, smsLogin("ada@example.com", mobile), "limited day"},
		"a client IP address without a message left, after a right password": {func(t *testing.T, f *fixture) {
			for i := range 5 {
				f.ask(t, f.from(office, mail(otp.Verify, fmt.Sprint(i, "@example.com"))))
			}
		}, smsLogin("ada@example.com", mobile), "limited client"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			c.prepare(t, f)
			before := f.counted(t)
			if got := f.ask(t, f.from(office, c.to)); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if after := f.counted(t); after != before {
				t.Errorf("%d counted, were %d", after, before)
			}
		})
	}
	for name, to := range map[string]otp.Contents{
		"an e-mail": mail(otp.Reset, "ada+x@example.com"), "an SMS": sms(mobile), "a login by SMS": smsLogin("ada+x@example.com", mobile),
	} {
		t.Run("R2: "+name+" that was not written is given back, ten times over", func(t *testing.T) {
			f := newFixture(t)
			for range 10 {
				r := f.from(office, to)
				d, err := f.Admit(context.Background(), r)
				must(t, err)
				if f.counted(t) == 0 {
					t.Fatal("nothing was taken")
				}
				d.GiveBack(context.Background(), r.ID)
				d.GiveBack(context.Background(), r.ID) // a second time there is nothing left
				if n := f.counted(t); n != 0 {
					t.Fatalf("%d stay counted", n)
				}
			}
		})
	}
	t.Run("asking whether a prefix is paused costs the client's message and nobody else's", func(t *testing.T) {
		f := newFixture(t)
		for range 3 {
			_ = f.Prefixes.TakeMessage(context.Background(), mobile[:8], t0)
		}
		before := f.counted(t)
		for i := range 7 {
			want := "unsupported paused"
			if i >= 5 {
				want = "limited client"
			}
			if got := f.ask(t, f.from(office, sms(mobile))); got != want {
				t.Errorf("%d: %s, want %s", i, got, want)
			}
		}
		if after := f.counted(t); after != before+5 {
			t.Errorf("%d counted, were %d", after, before)
		}
	})
	t.Run("a message is given back whose write succeeded and whose response was lost", func(t *testing.T) {
		f := newFixture(t)
		f.lost = true
		if got := f.ask(t, f.from(office, mail(otp.Verify, "ada@example.com"))); got != "down" {
			t.Error(got)
		}
		if n := f.counted(t); n != 0 {
			t.Errorf("%d stay counted", n)
		}
	})
	t.Run("a failure to give back one part does not keep the rest", func(t *testing.T) {
		f := newFixture(t)
		r := f.from(office, sms(mobile))
		d, err := f.Admit(context.Background(), r)
		must(t, err)
		f.down = "give back"
		d.GiveBack(context.Background(), r.ID)
		if n := f.counted(t); n != 2 { // client IP address and number; not prefix and day
			t.Errorf("%d stay counted", n)
		}
	})
}

func TestGiveBackRefused(t *testing.T) {
	for name, c := range map[string]struct {
		to   otp.Contents
		want int // that stay counted
	}{
		"an e-mail keeps the client IP address's":                          {mail(otp.Verify, "ada+x@example.com"), 1},
		"an SMS keeps the client IP address's, the prefix's and the day's": {sms(mobile), 3},
		"a login by SMS gives the mailbox's and the number's back":         {smsLogin("ada@example.com", mobile), 3},
		"a reset keeps all: more would reveal an account":                  {mail(otp.Reset, "ada@example.com"), 2},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			r := f.from(office, c.to)
			d, err := f.Admit(context.Background(), r)
			must(t, err)
			for range 2 { // the stream may deliver it again
				must(t, f.GiveBackRefused(context.Background(), r))
			}
			if n := f.counted(t); n != c.want || d.Reason != "" {
				t.Errorf("%d stay counted, %s", n, d.Reason)
			}
		})
	}
}

func TestPasswords(t *testing.T) {
	ctx := context.Background()
	wrong := func(t *testing.T, f *fixture, ip, email string) string {
		t.Helper()
		d, err := f.WrongPassword(ctx, f.from(ip, mail(otp.Login, email)))
		return outcome(t, d, err)
	}
	t.Run("R14: an office behind one address gets more wrong than one account may", func(t *testing.T) {
		f := newFixture(t)
		for i, want := range []string{"ok", "ok", "ok", "ok", "limited client_passwords"} {
			if got := wrong(t, f, office, fmt.Sprint(i, "@example.com")); got != want {
				t.Errorf("%d: %s, want %s", i, got, want)
			}
		}
		for i, want := range []string{"ok", "ok", "limited subject_passwords"} {
			if got := wrong(t, f, fmt.Sprint("198.51.100.", i), "ada@example.com"); got != want {
				t.Errorf("account, %d: %s, want %s", i, got, want)
			}
		}
	})
	t.Run("A3: at the account's limit a right password does the same as a wrong one", func(t *testing.T) {
		f := newFixture(t)
		for i := range 2 {
			wrong(t, f, fmt.Sprint("198.51.100.", i), "ada@example.com")
		}
		f.calls = nil
		for i := range 2 { // of the office's 4
			if got := f.ask(t, f.from(office, mail(otp.Login, "ada@example.com"))); got != "limited subject_passwords" {
				t.Errorf("right: %s", got)
			}
			if got := wrong(t, f, office, "ada@example.com"); got != "limited subject_passwords" {
				t.Errorf("wrong: %s", got)
			}
			if want := []string{"take", "wrong password", "wrong password", "wrong password"}; !slices.Equal(f.calls[4*i:], want) {
				t.Errorf("calls %v", f.calls[4*i:])
			}
		}
		for _, got := range []string{wrong(t, f, office, "eve@example.com"), f.ask(t, f.from(office, mail(otp.Login, "eve@example.com")))} {
			if got != "limited client_passwords" {
				t.Errorf("the right ones did not count for the client IP address: %s", got)
			}
		}
	})
	t.Run("A3: a client IP address without a wrong password left learns from nothing that one was right", func(t *testing.T) {
		for name, to := range map[string]otp.Contents{
			"a locked account":              mail(otp.Login, "locked@example.com"),
			"a number that gets nothing":    smsLogin("ada@example.com", "+33612345678"),
			"a test destination":            mail(otp.Login, "review@example.com"),
			"an account that gets its code": mail(otp.Login, "ada@example.com"),
		} {
			f := newFixture(t)
			f.tests["review@example.com"] = "482913"
			f.lock(t, otp.Login, "locked@example.com")
			for i := range 4 {
				wrong(t, f, office, fmt.Sprint(i, "@example.com"))
			}
			if got := f.ask(t, f.from(office, to)); got != "limited client_passwords" {
				t.Errorf("%s: %s", name, got)
			}
		}
	})
	t.Run("Peek rejects what a login would, and takes nothing", func(t *testing.T) {
		f := newFixture(t)
		r := f.from(office, mail(otp.Login, ""))
		if d, err := f.Admitter.Peek(ctx, r); outcome(t, d, err) != "ok" || f.counted(t) != 0 {
			t.Error(d, err)
		}
		for i := range 4 {
			wrong(t, f, office, fmt.Sprint(i, "@example.com"))
		}
		if d, err := f.Admitter.Peek(ctx, r); outcome(t, d, err) != "limited client_passwords" {
			t.Error(d, err)
		}
		if got := f.ask(t, f.from(office, mail(otp.Verify, "ada@example.com"))); got != "ok" {
			t.Errorf("wrong passwords stop a request without a password: %s", got)
		}
	})
}

func TestTestDestination(t *testing.T) {
	for name, to := range map[string]otp.Contents{"by e-mail": mail(otp.Verify, "review@example.com"), "by SMS": sms("+33612345678"),
		"of a login": mail(otp.Login, "review@example.com")} {
		t.Run("nothing is counted "+name+", not even from abroad", func(t *testing.T) {
			f := newFixture(t)
			f.tests["review@example.com"], f.tests["+33612345678"] = "482913", "482913"
			for range 10 {
				d, err := f.Admit(context.Background(), f.from(office, to))
				if got := outcome(t, d, err); got != "ok test_destination" || d.TestCode != "482913" {
					t.Errorf("%s, %q", got, d.TestCode)
				}
			}
			if n := f.counted(t); n != 0 {
				t.Errorf("%d are counted", n)
			}
			f.lock(t, to.Purpose, to.Identity())
			if got := f.ask(t, f.from(office, to)); !strings.HasPrefix(got, "locked") {
				t.Errorf("locked: %s", got)
			}
		})
	}
	t.Run("a session whose code was sent is not one, whatever an operator does meanwhile", func(t *testing.T) {
		f := newFixture(t)
		f.tests["ada@example.com"] = "482913"
		r := f.from(office, mail(otp.Verify, "ada@example.com"))
		r.Again = &otp.Session{}
		if d, err := f.Admit(context.Background(), r); err != nil || d.TestCode != "" || f.counted(t) != 2 {
			t.Errorf("%+v, %v", d, err)
		}
	})
	t.Run("a resend's number was read before", func(t *testing.T) {
		f := newFixture(t)
		r := f.from(office, sms(mobile))
		r.Again = &otp.Session{}
		if got := f.ask(t, r); got != "ok" || slices.Contains(f.calls, "parse") {
			t.Errorf("%s after %v", got, f.calls)
		}
	})
}
