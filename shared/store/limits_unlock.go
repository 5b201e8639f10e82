package store

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"streamotp/shared/otp"
)

// Counted holds what an item of the table counts.
type Counted struct {
	Attempts  int           // wrong codes since the last right one
	LockedFor time.Duration // 0 if it is not locked
	Sends     int           // messages in the last hour
	Passwords int           // wrong passwords in the last hour

	// Times in the future, from a machine whose clock was fast; zero if there is none.
	LastAttempt time.Time // of the last wrong code
	NotBefore   time.Time // sessions older than this have ended: until then, every session
}

// Unlock forgets what is counted against a key: attempts with their lock, messages and wrong passwords. It returns what
// was there. Everything else in the item stays, and if there is no item, none is created. The time before which sessions have
// ended stays too. If it lies in the future, it becomes now: without it, the sessions that it ended would be valid again.
func (l Limits) Unlock(ctx context.Context, key string, now time.Time) (before Counted, err error) {
	attempts := []string{"tries", "ceiling", "lastTry", "lastBy", "told", "failedBy"}
	before, err = l.forget(ctx, key, now, slices.Concat(attempts, messageSlots(mostSlots).names(), wrongPasswordSlots(mostSlots).names()))
	if err != nil || before.NotBefore.IsZero() {
		return before, err
	}
	_, err = l.update(ctx, key, "SET notBefore = :now", aws.String("notBefore = :held"),
		item{":now": millis(now), ":held": millis(before.NotBefore)})
	return before, ignoreConditionFailed(err)
}

// ForgetSends forgets the messages that are counted for a key. It leaves the attempts and wrong passwords: those in a mailbox's
// item belong to one of its addresses alone. The counters that it returns are of the whole item.
func (l Limits) ForgetSends(ctx context.Context, key string, now time.Time) (before Counted, err error) {
	return l.forget(ctx, key, now, messageSlots(mostSlots).names())
}

func (l Limits) forget(ctx context.Context, key string, now time.Time, attributes []string) (before Counted, err error) {
	in := conditional(l.Table, keyed(key), "REMOVE "+strings.Join(attributes, ", "),
		all("attribute_exists(#key)"), nil) // or an item without a TTL would be left behind
	in.ExpressionAttributeNames = map[string]string{"#key": "key"} // a reserved word
	in.ReturnValues = types.ReturnValueAllOld
	out, err := l.DB.UpdateItem(ctx, in)
	if err != nil {
		return before, ignoreConditionFailed(err)
	}
	return l.count(out.Attributes, now)
}

func (l Limits) count(found item, now time.Time) (c Counted, err error) {
	held, err := decodeLimit(found)
	if err != nil {
		return c, err
	}
	if held.LastAttempt > now.Add(-otp.AttemptsLifetime).UnixMilli() {
		c.Attempts, c.LockedFor = held.Attempts, l.Rule.LockedFor(held.attempts(), now)
	}
	c.LastAttempt, c.NotBefore = future(held.LastAttempt, now), future(held.NotBefore, now)
	var badSends, badPasswords error
	c.Sends, badSends = messageSlots(mostSlots).taken(found, now)
	c.Passwords, badPasswords = wrongPasswordSlots(mostSlots).taken(found, now)
	return c, errors.Join(badSends, badPasswords)
}

// future returns a stored time if it lies so far ahead that a clock must have been wrong, else zero.
func future(stored int64, now time.Time) (at time.Time) {
	if stored > now.Add(ClockSlack).UnixMilli() {
		at = time.UnixMilli(stored)
	}
	return at
}
