package store

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"streamotp/shared/otp"
)

// A rolling limit of n is n slots in one item, newest first. Taking one shifts them by one conditional write: it needs
// the last to be free or an hour old. So in every hour there are n at most, at any parallelism and without a read.
const window = time.Hour

// slots are the parts of one such limit. A limit of 0 has none and holds nothing back.
type slots struct {
	letter string // sends are a1 to an, wrong passwords p1 to pn
	n      int
}

const sends, passwords = "a", "p"

func sendSlots(n int) slots     { return slots{sends, n} }
func passwordSlots(n int) slots { return slots{passwords, n} }

// mostSlots is the highest limit that the template allows.
const mostSlots = 60

func (s slots) name(i int) string { return s.letter + strconv.Itoa(i) }

func (s slots) names() []string {
	names := make([]string, s.n)
	for i := range names {
		names[i] = s.name(i + 1)
	}
	return names
}

// take has an update take the newest slot, on the condition that the oldest is free.
func (s slots) take(u *update, now time.Time) {
	if s.n == 0 {
		return
	}
	u.set(s.name(1), ":now", millis(now))
	for i := 2; i <= s.n; i++ {
		u.set(s.name(i), ifThere(s.name(i-1)), number(0))
	}
	s.needFree(u, now)
}

// needFree has an update need a free slot.
func (s slots) needFree(u *update, now time.Time) {
	if s.n == 0 {
		return
	}
	u.need(fmt.Sprintf("attribute_not_exists(%[1]s) OR %[1]s <= :hourAgo", s.name(s.n)))
	u.values[":hourAgo"] = millis(now.Add(-window))
}

func ifThere(name string) string { return "if_not_exists(" + name + ", :zero)" }

// full says whether the oldest slot is still within the window, and for how long.
func (s slots) full(found item, now time.Time) error {
	taken, ok := found[s.name(s.n)].(*types.AttributeValueMemberN)
	if !ok {
		return nil
	}
	at, err := strconv.ParseInt(taken.Value, 10, 64)
	if err != nil {
		return err
	}
	if wait := time.UnixMilli(at).Add(window).Sub(now); wait > 0 {
		return &otp.TooManyRequestsError{RetryAfter: min(wait, window), Passwords: s.letter == passwords}
	}
	return nil
}

// update is a conditional update of an item as it is put together.
type update struct {
	sets, clauses []string
	values        item
}

// newUpdate is one that a request makes; the item then lives as long as limits do.
func newUpdate(by string, now time.Time) *update {
	u := &update{values: item{":by": text(by)}}
	u.set("expiredAt", ":ttl", seconds(now.Add(otp.TriesLifetime)))
	return u
}

// set adds name = expression; value is what the placeholder stands for that the expression ends with.
func (u *update) set(name, expression string, value types.AttributeValue) {
	u.sets = append(u.sets, name+" = "+expression)
	u.values[strings.TrimSuffix(expression[strings.LastIndexByte(expression, ':'):], ")")] = value
}

func (u *update) need(clause string) { u.clauses = append(u.clauses, clause) }

func (l Limits) apply(ctx context.Context, key string, u *update) (item, error) {
	return l.write(ctx, key, "SET "+strings.Join(u.sets, ", "), all(u.clauses...), u.values)
}

// Send is a message that is to be counted against one key: a subject, a client address or a number.
type Send struct {
	Key       string
	Limit     int    // messages an hour; 0 means no limit
	Passwords int    // wrong passwords an hour at which there is none either; 0 means that they are not looked at
	Locks     bool   // a locked subject gets none
	LoginOf   string // for a number: the login subject whose code goes there, to be remembered
}

// Standing is what a key's item says beside its limits.
type Standing struct {
	VerifiedAt time.Time // the last success by SMS; zero for none in 30 days
	LoginOf    string    // the last login subject whose code went to this number

	SuppressedUntil time.Time // nothing is e-mailed to the subject before
	NotBefore       time.Time // sessions of the subject that are older are over
}

// The clauses of a send beside free slots.
const (
	notLocked  = "attribute_not_exists(tries) OR tries < ceiling"
	notOurSend = "attribute_not_exists(sentBy) OR sentBy <> :by"
)

// TakeSend takes a message from a key's limit. The same write sees to it that a locked subject, or one with too many
// wrong passwords, gets no code. By is the request's id: a repeated write takes one slot.
//
// Errors: *otp.LockedError, *otp.TooManyRequestsError.
func (l Limits) TakeSend(ctx context.Context, s Send, by string, now time.Time) (Standing, error) {
	if s.Limit == 0 && s.LoginOf == "" {
		return l.look(ctx, s, now, s.Passwords > 0)
	}
	var found item // that refused; at first a lock that is over is not expected
	for range 5 {
		after, err := l.apply(ctx, s.Key, s.update(found, by, now))
		var ok bool
		if found, ok = refused(err); !ok {
			if err != nil {
				return Standing{}, err
			}
			held, err := decodeLimit(after)
			return held.standing(), err
		}
		held, err := decodeLimit(found)
		if err != nil || held.SentBy == by {
			return held.standing(), err // ours: the answer to our first try was lost
		}
		if err := l.forbids(s, held, found, now); err != nil {
			return Standing{}, err
		}
	}
	return Standing{}, errKeepsChanging
}

// update is the write that takes a slot, given the item that refused it before.
func (s Send) update(found item, by string, now time.Time) *update {
	u := newUpdate(by, now)
	u.set("sentBy", ":by", text(by))
	u.need(notOurSend)
	sendSlots(s.Limit).take(u, now)
	passwordSlots(s.Passwords).needFree(u, now)
	switch {
	case s.Locks && found["tries"] != nil: // the lock is over; its next ceiling is set by the next try
		u.need(asWeRead)
		u.values[":n"], u.values[":c"] = found["tries"], found["ceiling"]
	case s.Locks:
		u.need(notLocked)
	}
	if s.LoginOf != "" {
		u.set("loginOf", ":login", text(s.LoginOf))
	}
	return u
}

// Glance judges a key without taking anything. The read is eventually consistent: it spares work, and what follows decides.
//
// Errors: *otp.LockedError, *otp.TooManyRequestsError.
func (l Limits) Glance(ctx context.Context, s Send, now time.Time) (Standing, error) {
	return l.look(ctx, s, now, false)
}

// look judges a key that has no limit of its own. Where wrong passwords count, what is read must be what is. Otherwise
// it spares a message, and Reserve is what stops a guess.
func (l Limits) look(ctx context.Context, s Send, now time.Time, consistent bool) (Standing, error) {
	held, found, err := l.read(ctx, s.Key, consistent)
	if err != nil {
		return Standing{}, err
	}
	return held.standing(), l.forbids(s, held, found, now)
}

// forbids says what in an item stands against a send. Too many wrong passwords come first: no other answer may tell that
// one was right.
func (l Limits) forbids(s Send, held limit, found item, now time.Time) error {
	if err := passwordSlots(s.Passwords).full(found, now); err != nil {
		return err
	}
	if wait := l.Rule.LockedFor(held.tries(), now); s.Locks && wait > 0 {
		return &otp.LockedError{RetryAfter: wait}
	}
	return sendSlots(s.Limit).full(found, now)
}

func (l limit) standing() Standing {
	s := Standing{LoginOf: l.LoginOf, SuppressedUntil: time.Unix(l.SuppressedUntil, 0), NotBefore: time.UnixMilli(l.NotBefore)}
	if l.VerifiedAt != 0 {
		s.VerifiedAt = time.UnixMilli(l.VerifiedAt)
	}
	return s
}

const notOurFailure = "attribute_not_exists(failedBy) OR failedBy <> :by"

// TakePassword takes one of the wrong passwords that a key has in an hour (s.Passwords). It is taken after a wrong one and
// before anybody is told so; a right one needs that one is left, in the write that takes its message (Send.Passwords).
// So of any number of passwords at once no more than that are ever told, right or wrong, and a right one costs no write.
//
// Errors: *otp.TooManyRequestsError.
func (l Limits) TakePassword(ctx context.Context, s Send, by string, now time.Time) error {
	if s.Passwords == 0 {
		return nil
	}
	u := newUpdate(by, now)
	u.set("failedBy", ":by", text(by))
	u.need(notOurFailure)
	passwordSlots(s.Passwords).take(u, now)
	_, err := l.apply(ctx, s.Key, u)
	found, ok := refused(err)
	if !ok {
		return err
	}
	held, err := decodeLimit(found)
	if err != nil || held.FailedBy == by {
		return err
	}
	return cmp.Or(l.forbids(s, held, found, now), errKeepsChanging)
}
