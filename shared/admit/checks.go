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

// check is one line of a list. It returns an error to refuse the message; what it took it has noted on the admission.
type check struct {
	reason string // of a refusal, for the audit log
	take   func(ctx context.Context, a *admission) error
}

// take takes a message from a key and notes how it is given back. After an error that is no refusal it may have been taken:
// the response was lost. To give back what was not taken changes nothing.
func (a *admission) take(ctx context.Context, q store.Quota) (store.KeyState, error) {
	state, err := a.Limits.TakeMessage(ctx, q, a.ID, a.At)
	var tooMany *otp.TooManyRequestsError
	var locked *otp.LockedError
	if q.MessagesPerHour > 0 && !errors.As(err, &tooMany) && !errors.As(err, &locked) {
		a.undo = append(a.undo, taken{q.Key, func(ctx context.Context) error { return a.Limits.GiveBackMessage(ctx, q, a.ID, a.At) }})
	}
	return state, err
}

// client is what the client IP address allows.
func (a *admission) client() store.Quota {
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

// account is what the very address allows: ada+shop@'s lock and wrong passwords are its own.
func (a *admission) account() store.Quota {
	q := store.Quota{Key: a.Ring.Subject(a.To.Purpose, a.To.Identity()), RefuseLocked: true}
	if a.Password {
		q.WrongPasswordsPerHour = a.WrongPasswordsPerHour
	}
	return q
}

// mailbox is what the mailbox allows: ada+shop@'s messages are ada's.
func (a *admission) mailbox() store.Quota {
	return store.Quota{Key: a.Ring.Subject(a.To.Purpose, otp.Mailbox(a.To.Identity())), MessagesPerHour: a.MessagesPerHour}
}

// takeMailbox asks the account and takes from the mailbox: one write where they are the same item.
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

// testSubject ends the list for a test destination. No message goes there and none is counted, but locks and the limits of
// wrong passwords hold.
func testSubject(ctx context.Context, a *admission) error {
	if a.Again != nil && !a.Again.Silent {
		return nil // its messages are sent: it became a test destination since
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

// readNumber reads the number that a code goes to, if codes are sent there. An account's channel may be unknown: that is an error
// here and not before, since it reveals that the password was right, and the limits of wrong passwords decide who may learn that (A3).
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

// unsupportedNumber names the country where that is the reason, since +44 and +1 are shared by many. The number of an account
// is not the caller's to learn from.
func (a *admission) unsupportedNumber(n number.Number) error {
	if a.To.Purpose != otp.Verify || slices.Contains(a.Countries, n.Country) {
		return a.unsupported()
	}
	return &otp.UnsupportedError{Reason: "Codes are not sent to numbers of this country: " + n.Region + ".", Countries: a.Countries, Country: n.Country}
}

// unsupported is the answer for a number that gets no SMS, whatever the reason.
func (a *admission) unsupported() error {
	return &otp.UnsupportedError{Reason: "Codes are not sent to this number.", Countries: a.Countries}
}

// numberQuota is the limit of a number over all accounts. Where a number is verified it is the subject itself, which the
// mailbox's line took from.
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

// takePrefix counts a message for its prefix unless its subject or number was verified in the last 30 days: such a message is
// neither counted nor held up by a pause.
func takePrefix(ctx context.Context, a *admission) error {
	recentlyVerified := a.recentlyVerified(a.subject) || a.recentlyVerified(a.number)
	if !a.channel.PrefixRule || a.Prefixes.Rule.Sends == 0 || a.To.Prefix == "" || recentlyVerified {
		a.To.Prefix = ""
		return nil
	}
	name := a.To.Prefix
	err := a.Prefixes.TakeMessage(ctx, name, a.At)
	var paused *otp.PausedError
	switch {
	case err == nil:
		a.undo = append(a.undo, taken{name, func(ctx context.Context) error { return a.Prefixes.GiveBackSend(ctx, name, a.At) }})
		return nil
	case !errors.As(err, &paused):
		return err
	}
	if a.number.LoginSubject != "" { // the last account that has its codes sent there may have proven the number
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
	// The client's message stays taken. For nothing, one address could ask for every number of the prefix and see by the answers
	// which ones were verified here.
	client := a.client().Key
	a.undo = slices.DeleteFunc(a.undo, func(t taken) bool { return t.key == client })
	return a.unsupported() // as for any number that gets nothing: only the log says why
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

// reasonOf is what the audit log says of a check's error: nothing where no limit and no rule refused.
func reasonOf(reason string, err error) string {
	var limited *otp.TooManyRequestsError
	var unsupported *otp.UnsupportedError
	switch {
	case errors.As(err, &limited) && limited.Passwords:
		return reason + "_passwords"
	case errors.As(err, &limited), errors.As(err, &unsupported):
		return reason
	}
	return ""
}
