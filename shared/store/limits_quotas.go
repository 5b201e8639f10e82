package store

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"streamotp/shared/otp"
)

// Quota is what one key of the table allows; the key stands for a subject, a client IP address or a number.
type Quota struct {
	Key                   string
	MessagesPerHour       int    // in any rolling hour; 0 means no limit
	WrongPasswordsPerHour int    // in any rolling hour; at the limit no message is allowed either; 0 means no limit
	RefuseLocked          bool   // a locked subject gets no message
	LoginSubject          string // for a number: the login subject whose code goes there, which the item remembers; else empty
}

// KeyState is what a key's item holds beside its limits.
type KeyState struct {
	VerifiedAt   time.Time // the last success by SMS; zero for none in 30 days
	LoginSubject string    // the last login subject whose code went to this number

	SuppressedUntil time.Time // until then the subject gets no e-mail
	NotBefore       time.Time // older sessions of the subject have ended
}

// notLocked is a clause of taking a message, beside those of its slots.
const notLocked = "attribute_not_exists(tries) OR tries < ceiling"

// contention is how many times a write is made that loses to parallel ones. Each loss returns the item as it is now.
const contention = 10

// TakeMessage takes a message from a key's limit. The same write makes sure that a locked subject, or one with too many
// wrong passwords, gets no message. A repeated write of the same request takes one slot.
//
// Errors: *otp.LockedError, *otp.TooManyRequestsError.
func (l Limits) TakeMessage(ctx context.Context, q Quota, requestID string, now time.Time) (KeyState, error) {
	if q.MessagesPerHour == 0 && q.LoginSubject == "" {
		return l.peek(ctx, q, now, q.WrongPasswordsPerHour > 0)
	}
	var found item // the item that a condition failed on; nil at first, when no lock that has passed is expected
	for range contention {
		after, err := l.apply(ctx, q.Key, q.takeMessage(found, requestID, now))
		var failed bool
		if found, failed = conditionFailed(err); !failed {
			return after.state(), err
		}
		held, err := decodeLimit(found)
		if err != nil || messageSlots(q.MessagesPerHour).find(found, owned(requestID, now)) >= 0 {
			return held.state(), err // ours: the response to an earlier attempt was lost
		}
		if err := l.checkQuota(ctx, q, held, now); err != nil {
			return KeyState{}, err
		}
	}
	return KeyState{}, errContention
}

// takeMessage is the write that takes a slot, given the item that an earlier one failed on.
func (q Quota) takeMessage(found item, requestID string, now time.Time) *update {
	u := newUpdate(now)
	messages := messageSlots(q.MessagesPerHour)
	messages.needNotOurs(u)
	messages.take(u, owned(requestID, now), now)
	wrongPasswordSlots(q.WrongPasswordsPerHour).needFree(u, now)
	switch {
	case q.RefuseLocked && found["tries"] != nil: // the lock has passed; the next attempt sets the count of the next one
		u.need(unchanged)
		u.values[":n"], u.values[":c"] = found["tries"], found["ceiling"]
	case q.RefuseLocked:
		u.need(notLocked)
	}
	if q.LoginSubject != "" {
		u.set("loginOf", ":login", text(q.LoginSubject))
	}
	return u
}

// GiveBackMessage gives back the slot that a request took at takenAt, if the slot is still that request's. Nothing else in the item
// changes. If other requests keep changing the item, the slot stays taken.
func (l Limits) GiveBackMessage(ctx context.Context, q Quota, requestID string, takenAt time.Time) error {
	if q.MessagesPerHour == 0 {
		return nil
	}
	slots, ours, at := messageSlots(q.MessagesPerHour), owned(requestID, takenAt), 0 // usually the newest
	for range contention {
		u := &update{values: item{}} // giving back does not extend the item's life
		slots.giveBack(u, at, ours)
		// The sender's role may ask for no item after the write; a failed condition shows the item.
		_, err := l.DB.UpdateItem(ctx, conditional(l.Table, keyed(q.Key), "SET "+strings.Join(u.sets, ", "), all(u.clauses...), u.values))
		found, failed := conditionFailed(err)
		if !failed {
			return err
		}
		if at = slots.find(found, ours); at < 0 {
			return nil // it was given back before
		}
	}
	return errContention
}

// Peek checks a key without taking anything. The read is eventually consistent: it spares work, and a later write decides.
//
// Errors: *otp.LockedError, *otp.TooManyRequestsError.
func (l Limits) Peek(ctx context.Context, q Quota, now time.Time) (KeyState, error) {
	return l.peek(ctx, q, now, false)
}

// peek checks a key by a read. The read must be consistent if wrong passwords count. Otherwise it only saves a message, and
// Reserve is what stops a guess.
func (l Limits) peek(ctx context.Context, q Quota, now time.Time, consistent bool) (KeyState, error) {
	held, err := l.read(ctx, q.Key, consistent)
	if err != nil {
		return KeyState{}, err
	}
	return held.state(), l.checkQuota(ctx, q, held, now)
}

// checkQuota returns an error if the item allows no message. Too many wrong passwords come first: no other response may reveal that a
// password was right.
func (l Limits) checkQuota(ctx context.Context, q Quota, held limit, now time.Time) error {
	if err := wrongPasswordSlots(q.WrongPasswordsPerHour).full(held.raw, now); err != nil {
		return err
	}
	if wait := l.Rule.LockedFor(held.attempts(), now); q.RefuseLocked && wait > 0 {
		return cmp.Or[error](l.healLock(ctx, q.Key, held, now), &otp.LockedError{RetryAfter: wait})
	}
	return messageSlots(q.MessagesPerHour).full(held.raw, now)
}

func (l limit) state() KeyState {
	s := KeyState{LoginSubject: l.LoginOf, SuppressedUntil: time.Unix(l.SuppressedUntil, 0), NotBefore: time.UnixMilli(l.NotBefore)}
	if l.VerifiedAt != 0 {
		s.VerifiedAt = time.UnixMilli(l.VerifiedAt)
	}
	return s
}

const notOurFailure = "attribute_not_exists(failedBy) OR failedBy <> :by"

// TakeWrongPassword counts one wrong password, before the response says that it is wrong. A right password needs a free
// slot as a condition of TakeMessage, so it costs no write of its own. So, of any number of parallel passwords, no more than
// the limit get a response that says right or wrong.
//
// Errors: *otp.TooManyRequestsError.
func (l Limits) TakeWrongPassword(ctx context.Context, q Quota, requestID string, now time.Time) error {
	if q.WrongPasswordsPerHour == 0 {
		return nil
	}
	u := newUpdate(now)
	u.set("failedBy", ":by", number(owner(requestID)))
	u.need(notOurFailure)
	wrongPasswordSlots(q.WrongPasswordsPerHour).take(u, millis(now), now)
	_, err := l.apply(ctx, q.Key, u)
	found, failed := conditionFailed(err)
	if !failed {
		return err
	}
	held, err := decodeLimit(found)
	if err != nil || held.FailedBy == owner(requestID) {
		return err
	}
	return cmp.Or(l.checkQuota(ctx, q, held, now), errContention)
}

// Count counts one event under a key that belongs to a period, and forgets the key after the period's end. most is how
// many events the period may have. A repeated write counts twice.
//
// Errors: *otp.TooManyRequestsError.
func (l Limits) Count(ctx context.Context, key string, most int, now, end time.Time) error {
	_, err := l.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &l.Table, Key: keyed(key), UpdateExpression: aws.String("SET expiredAt = :ttl ADD events :one"),
		ConditionExpression:       aws.String(either("attribute_not_exists(events)", "events < :most")),
		ExpressionAttributeValues: item{":ttl": seconds(end), ":one": number(1), ":most": number(int64(most))},
	})
	if _, failed := conditionFailed(err); failed {
		return &otp.TooManyRequestsError{RetryAfter: end.Sub(now)}
	}
	return err
}
