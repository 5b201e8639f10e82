package store

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
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

func sendSlots(n int) slots     { return slots{"a", n} }
func passwordSlots(n int) slots { return slots{"p", n} }

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

// free is the clause that the oldest slot is out of the window.
func (s slots) free() string {
	return fmt.Sprintf("attribute_not_exists(%[1]s) OR %[1]s <= :hourAgo", s.name(s.n))
}

// shift is the update that takes the newest slot.
func (s slots) shift() string {
	set := []string{s.name(1) + " = :now"}
	for i := 2; i <= s.n; i++ {
		set = append(set, fmt.Sprintf("%s = if_not_exists(%s, :zero)", s.name(i), s.name(i-1)))
	}
	return "SET " + strings.Join(set, ", ")
}

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
		return &otp.TooManyRequestsError{RetryAfter: min(wait, window), Passwords: s.letter == passwordSlots(0).letter}
	}
	return nil
}

// values are what shifting slots needs beside a key.
func (s slots) values(by string, now time.Time) item {
	values := item{":now": millis(now), ":hourAgo": millis(now.Add(-window)), ":by": text(by), ":ttl": seconds(now.Add(otp.TriesLifetime))}
	if s.n > 1 {
		values[":zero"] = number(0)
	}
	return values
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
	switch {
	case s.Limit == 0 && s.LoginOf != "":
		found, err := l.write(ctx, s.Key, "SET loginOf = :login, expiredAt = :ttl", nil,
			item{":login": text(s.LoginOf), ":ttl": seconds(now.Add(otp.TriesLifetime))})
		return standing(found), err
	case s.Limit == 0:
		return l.look(ctx, s, now)
	}
	lock := notLocked
	if !s.Locks {
		lock = ""
	}
	after, err := l.shift(ctx, s, lock, by, now, nil)
	found, ok := refused(err)
	if !ok {
		return standing(after), err
	}
	held, err := decodeLimit(found)
	if err != nil || held.SentBy == by {
		return standing(found), err // ours: the answer to our first try was lost
	}
	if err := l.forbids(s, found, now); err != nil {
		return Standing{}, err
	}
	if found["tries"] == nil {
		return Standing{}, errKeepsChanging
	}
	// The lock has passed. Its next ceiling is set by the next try, if it is still as it was found.
	after, err = l.shift(ctx, s, asWeRead, by, now, item{":n": found["tries"], ":c": found["ceiling"]})
	if found, ok := refused(err); ok {
		return Standing{}, cmp.Or(l.forbids(s, found, now), errKeepsChanging)
	}
	return standing(after), err
}

// shift is the write that takes a slot.
func (l Limits) shift(ctx context.Context, s Send, lock, by string, now time.Time, more item) (item, error) {
	limit := sendSlots(s.Limit)
	values := limit.values(by, now)
	for name, value := range more {
		values[name] = value
	}
	update, clauses := limit.shift()+", sentBy = :by, expiredAt = :ttl", []string{limit.free(), notOurSend}
	if lock != "" {
		clauses = append(clauses, lock)
	}
	if s.Passwords > 0 {
		clauses = append(clauses, passwordSlots(s.Passwords).free())
	}
	if s.LoginOf != "" {
		update, values[":login"] = update+", loginOf = :login", text(s.LoginOf)
	}
	return l.write(ctx, s.Key, update, all(clauses...), values)
}

// look judges a key that has no limit of its own. Where wrong passwords count, what is read must be what is: the read
// is strongly consistent. Otherwise it spares a message, and Reserve is what stops a guess.
func (l Limits) look(ctx context.Context, s Send, now time.Time) (Standing, error) {
	out, err := l.DB.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &l.Table, Key: item{"key": text(s.Key)}, ConsistentRead: aws.Bool(s.Passwords > 0),
	})
	if err != nil {
		return Standing{}, err
	}
	return standing(out.Item), l.forbids(s, out.Item, now)
}

// forbids says what in an item stands against a send. Too many wrong passwords come first: no other answer may tell that
// one was right.
func (l Limits) forbids(s Send, found item, now time.Time) error {
	held, err := decodeLimit(found)
	if err != nil {
		return err
	}
	if err := passwordSlots(s.Passwords).full(found, now); err != nil {
		return err
	}
	if wait := l.Rule.LockedFor(held.tries(), now); s.Locks && wait > 0 {
		return &otp.LockedError{RetryAfter: wait}
	}
	return sendSlots(s.Limit).full(found, now)
}

// Standing reads a key's item, without counting anything.
func (l Limits) Standing(ctx context.Context, key string) (Standing, error) {
	return l.look(ctx, Send{Key: key}, time.Time{})
}

func standing(found item) Standing {
	held, err := decodeLimit(found)
	if err != nil || held.VerifiedAt == 0 {
		return Standing{LoginOf: held.LoginOf}
	}
	return Standing{VerifiedAt: time.UnixMilli(held.VerifiedAt), LoginOf: held.LoginOf}
}

const notOurFailure = "attribute_not_exists(failedBy) OR failedBy <> :by"

// TakePassword counts a wrong password against a subject or a client address. Whoever has no slot left must not be told
// that it was wrong: the verdict is given only to those whom this lets through, and a right password gets no code
// unless a slot is free (Send.Passwords). So of any number of passwords at once no more than n are ever judged wrong,
// and none is judged right after them; a right one costs no write of its own.
//
// Errors: *otp.TooManyRequestsError.
func (l Limits) TakePassword(ctx context.Context, key string, n int, by string, now time.Time) error {
	if n == 0 {
		return nil
	}
	limit := passwordSlots(n)
	_, err := l.write(ctx, key, limit.shift()+", failedBy = :by, expiredAt = :ttl", all(limit.free(), notOurFailure), limit.values(by, now))
	found, ok := refused(err)
	if !ok {
		return err
	}
	held, err := decodeLimit(found)
	if err != nil || held.FailedBy == by {
		return err
	}
	return cmp.Or(limit.full(found, now), errKeepsChanging)
}
