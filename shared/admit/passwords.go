package admit

import (
	"cmp"
	"context"
	"errors"

	"streamotp/shared/otp"
	"streamotp/shared/store"
)

// Peek checks that a client IP address has a message and a wrong password left, before a password is compared, which takes time.
// It takes nothing.
//
// Errors: *otp.TooManyRequestsError.
func (a Admitter) Peek(ctx context.Context, r Request) (Decision, error) {
	m := admission{Admitter: a, Request: r}
	m.Password = true
	q := m.client()
	if q.MessagesPerHour+q.WrongPasswordsPerHour == 0 {
		return Decision{}, nil
	}
	_, err := a.Limits.Peek(ctx, q, r.At)
	return Decision{Reason: reasonOf("client", err)}, err
}

// WrongPassword counts a wrong password before the response says that it is wrong. It counts for the client IP address first, so
// that an address at its limit cannot use up an account's. If it returns nil, the response may say so.
//
// Errors: *otp.TooManyRequestsError.
func (a Admitter) WrongPassword(ctx context.Context, r Request) (Decision, error) {
	m := admission{Admitter: a, Request: r}
	m.Password = true
	client, account := m.wrongPasswords(), m.account()
	account.RefuseLocked = false // the response must not reveal a lock before the password is right
	if err := a.Limits.TakeWrongPassword(ctx, client, r.ID, r.At); err != nil {
		// Peek passed, so parallel requests have filled the limit since. A right password would also have read the account's
		// item by now; read it here too, so that both cases do the same work.
		_, _ = a.Limits.Peek(ctx, account, r.At)
		return Decision{Reason: reasonOf("client", err)}, err
	}
	err := a.Limits.TakeWrongPassword(ctx, account, r.ID, r.At)
	return Decision{Reason: reasonOf("subject", err)}, err
}

// wrongPasswords returns the quota of the client IP address's wrong passwords alone, for a request with a password.
func (a *admission) wrongPasswords() store.Quota {
	q := a.client()
	q.MessagesPerHour = 0
	return q
}

// mayKnow returns an error if the client IP address must not learn that a password was right (A3).
func (a *admission) mayKnow(ctx context.Context) error {
	q := a.wrongPasswords()
	if !a.Password || q.WrongPasswordsPerHour == 0 {
		return nil
	}
	_, err := a.Limits.TakeMessage(ctx, q, a.ID, a.At) // without a message to take, this is a consistent read
	return err
}

// refuse turns a check's error into the request's error and notes the reason for the audit log. After a right password, an account
// at its wrong-password limit is rejected as for one more wrong password, with the same writes. Any other rejection shows that the
// password was right, so refuse first checks whether the client IP address may know.
func (a *admission) refuse(ctx context.Context, c check, err error) error {
	reason := reasonOf(c.reason, err)
	if a.Password && c.reason != "client" {
		var client error
		if limited, ok := errors.AsType[*otp.TooManyRequestsError](err); ok && limited.Passwords {
			client = a.Limits.TakeWrongPassword(ctx, a.wrongPasswords(), a.ID, a.At)
		} else {
			client = a.mayKnow(ctx)
		}
		if client != nil {
			reason = reasonOf("client", client)
		}
		err = cmp.Or(client, err)
	}
	a.Reason = cmp.Or(reason, a.Reason)
	return err
}
