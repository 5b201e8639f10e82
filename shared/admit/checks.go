package admit

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"streamotp/shared/otp"
	"streamotp/shared/phone/number"
	"streamotp/shared/store"
)

// check is one line of a list. Its function returns an error to reject the message, and notes on the admission what it took.
type check struct {
	reason string // of a rejection, for the audit log
	take   func(ctx context.Context, a *admission) error
}

// take takes a message from a key and notes how to give it back. After an error that is not a rejection, the message may have been
// taken and the response lost, so take notes it too: giving back what was not taken changes nothing.
func (a *admission) take(ctx context.Context, q store.Quota) (store.KeyState, error) {
	state, err := a.Limits.TakeMessage(ctx, q, a.ID, a.At)
	_, tooMany := errors.AsType[*otp.TooManyRequestsError](err)
	_, locked := errors.AsType[*otp.LockedError](err)
	if q.MessagesPerHour > 0 && !tooMany && !locked {
		a.undo = append(a.undo, taken{q.Key, func(ctx context.Context) error { return a.Limits.GiveBackMessage(ctx, q, a.ID, a.At) }})
	}
	return state, err
}

// client returns the quota of the client IP address, which limits nothing if there is none.
func (a *admission) client() store.Quota {
	if a.ClientIP == "" {
		return store.Quota{}
	}
	q := store.Quota{Key: a.Ring.ClientIP(a.ClientIP), MessagesPerHour: a.MessagesPerIP}
	if a.Password {
		q.WrongPasswordsPerHour = a.WrongPasswordsPerIPHour
	}
	return q
}

func takeClient(ctx context.Context, a *admission) error {
	if a.TestCode != "" {
		return a.mayKnow(ctx)
	}
	q := a.client()
	if q.MessagesPerHour+q.WrongPasswordsPerHour == 0 {
		return nil
	}
	_, err := a.take(ctx, q)
	return err
}

// account returns the quota of the exact address: the lock and the wrong passwords of ada+shop@ are its own.
func (a *admission) account() store.Quota {
	q := store.Quota{Key: a.Ring.Subject(a.To.Purpose, a.To.Identity()), RefuseLocked: true}
	if a.Password {
		q.WrongPasswordsPerHour = a.WrongPasswordsPerHour
	}
	return q
}

// mailbox returns the quota of the mailbox: the messages of ada+shop@ count as ada's.
func (a *admission) mailbox() store.Quota {
	return store.Quota{Key: a.Ring.Subject(a.To.Purpose, otp.Mailbox(a.To.Identity())), MessagesPerHour: a.MessagesPerHour}
}

// takeMailbox checks the account and takes a message from the mailbox: one write if both are the same item.
func takeMailbox(ctx context.Context, a *admission) (err error) {
	account, all := a.account(), a.mailbox()
	if account.Key == all.Key {
		account.MessagesPerHour = all.MessagesPerHour
		a.subject, err = a.take(ctx, account)
		return err
	}
	if a.subject, err = a.take(ctx, account); err != nil {
		return err
	}
	_, err = a.take(ctx, all)
	return err
}

// testSubject ends the list for a test destination. No message is sent there and none is counted, but locks and the limits on
// wrong passwords apply.
func testSubject(ctx context.Context, a *admission) error {
	if a.Again != nil && !a.Again.Silent {
		return nil // the session's messages are sent: it became a test destination only later
	}
	code, test, err := a.Tests.Code(ctx, a.To.Destination(), a.CodeLength, a.At)
	if err != nil || !test {
		return err
	}
	a.GiveBack(ctx, a.ID)
	a.TestCode, a.Reason, a.To.Prefix = code, "test_destination", ""
	_, err = a.take(ctx, a.account())
	return err
}

// readNumber reads the phone number that a code goes to, and rejects a number that gets no SMS. It also rejects an account's unknown
// channel. No earlier check may do that, since it reveals that the password was right, and the limits on wrong passwords decide who
// may learn that (A3).
func readNumber(ctx context.Context, a *admission) error {
	if _, err := a.To.Channel.Facts(); err != nil {
		return err
	}
	if a.channel.Kind != otp.PhoneNumber || a.Again != nil {
		return nil
	}
	if len(a.Countries) == 0 {
		return &otp.UnsupportedError{Reason: "Codes are not sent by " + a.channel.Label + " here.", Countries: []string{}}
	}
	n, err := a.Phones.Parse(ctx, a.To.Phone)
	if err != nil {
		return err
	}
	a.Country = n.Country
	if !n.Receives(a.Countries) {
		if _, test, err := a.Tests.Code(ctx, n.E164, a.CodeLength, a.At); err != nil || !test {
			return cmp.Or[error](err, a.unsupportedNumber(n))
		}
	}
	a.To.Phone, a.To.Prefix = n.E164, n.Prefix
	return nil
}

// unsupportedNumber rejects a number. It names the country if that is the reason, since several countries share +44 and +1. About
// an account's number the caller may learn nothing.
func (a *admission) unsupportedNumber(n number.Number) error {
	if a.To.Purpose != otp.Verify || slices.Contains(a.Countries, n.Country) {
		return a.unsupported()
	}
	return &otp.UnsupportedError{Reason: "Codes are not sent to numbers of this country: " + n.Region + ".", Countries: a.Countries, Country: n.Country}
}

// unsupported returns the error for a number that gets no SMS, whatever the reason.
func (a *admission) unsupported() error {
	return &otp.UnsupportedError{Reason: "Codes are not sent to this number.", Countries: a.Countries}
}

// numberQuota returns the quota of a number over all accounts, and whether it applies. A number that is being verified is the
// subject itself, which the mailbox's check has taken from.
func (a *admission) numberQuota() (store.Quota, bool) {
	return store.Quota{Key: a.Ring.Phone(a.To.Phone), MessagesPerHour: a.MessagesPerHour,
		LoginSubject: a.Ring.Subject(a.To.Purpose, a.To.Identity())}, a.channel.NumberLimit && a.To.Purpose == otp.Login
}

func takeNumber(ctx context.Context, a *admission) (err error) {
	a.number = a.subject
	if q, ok := a.numberQuota(); ok {
		a.number, err = a.take(ctx, q)
	}
	return err
}

// takePrefix counts a message for its prefix unless its subject or number was verified in the last 30 days. Such a message is
// not counted, and a pause does not stop it.
func takePrefix(ctx context.Context, a *admission) error {
	recentlyVerified := a.recentlyVerified(a.subject) || a.recentlyVerified(a.number)
	if !a.channel.PrefixRule || a.Prefixes.Rule.Sends == 0 || a.To.Prefix == "" || recentlyVerified {
		a.To.Prefix = ""
		return nil
	}
	name := a.To.Prefix
	err := a.Prefixes.TakeMessage(ctx, name, a.At)
	if err == nil {
		a.undo = append(a.undo, taken{name, func(ctx context.Context) error { return a.Prefixes.GiveBackSend(ctx, name, a.At) }})
		return nil
	}
	paused, ok := errors.AsType[*otp.PausedError](err)
	if !ok {
		return err
	}
	if a.number.LoginSubject != "" { // the account whose login code went there last may have verified the number
		login, err := a.Limits.Peek(ctx, store.Quota{Key: a.number.LoginSubject}, a.At)
		if err != nil {
			return err
		}
		if a.recentlyVerified(login) {
			a.To.Prefix = ""
			return nil
		}
	}
	a.Paused, a.PauseBegan = name, paused.Began
	// The message of the client IP address stays taken. If it were free, one address could ask for every number of the prefix and
	// see from the responses which numbers were verified here.
	client := a.client().Key
	a.undo = slices.DeleteFunc(a.undo, func(t taken) bool { return t.key == client })
	return a.unsupported() // as for any number that gets nothing: only the log has the reason
}

func (a *admission) recentlyVerified(s store.KeyState) bool {
	return otp.RecentlyVerified(s.VerifiedAt, a.At)
}

func takeDay(ctx context.Context, a *admission) error {
	if !a.channel.DailyLimit {
		return nil
	}
	err := a.Days.TakeSMS(ctx, a.ID, a.At)
	if err == nil {
		a.undo = append(a.undo, taken{"", func(ctx context.Context) error { return a.Days.GiveBackSMS(ctx, a.At) }})
	}
	return err
}

// reasonOf returns the reason for the audit log of a check's error, or "" if neither a limit nor a rule rejected the message.
func reasonOf(reason string, err error) string {
	limited, isLimit := errors.AsType[*otp.TooManyRequestsError](err)
	_, isRule := errors.AsType[*otp.UnsupportedError](err)
	switch {
	case isLimit && limited.Passwords:
		return reason + "_passwords"
	case isLimit, isRule:
		return reason
	}
	return ""
}
