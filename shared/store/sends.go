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

// A rolling limit of n is n slots in one item, a1 to an, newest first. Taking one shifts them by one conditional write:
// it needs an to be free or an hour old. So in every hour there are n at most, at any parallelism and without a read.
const window = time.Hour

// slots names the parts of a limit of n.
type slots int

func (n slots) last() string { return "a" + strconv.Itoa(int(n)) }

// free is the clause that the oldest slot is out of the window.
func (n slots) free() string {
	return fmt.Sprintf("attribute_not_exists(%[1]s) OR %[1]s <= :hourAgo", n.last())
}

// shift is the update that takes the newest slot.
func (n slots) shift() string {
	set := []string{"a1 = :now"}
	for i := 2; i <= int(n); i++ {
		set = append(set, fmt.Sprintf("a%d = if_not_exists(a%d, :zero)", i, i-1))
	}
	return "SET " + strings.Join(append(set, "sentBy = :by", "expiredAt = :ttl"), ", ")
}

// The clauses of a send beside a free slot.
const (
	notLocked  = "attribute_not_exists(tries) OR tries < ceiling"
	notOurSend = "attribute_not_exists(sentBy) OR sentBy <> :by"
)

// TakeSend takes one of the n messages that a subject, client address or phone has in an hour; 0 means no limit. The
// same write sees to it that a locked subject gets no code. By is the request's id: a repeated write takes one slot.
//
// Errors: *otp.LockedError, *otp.TooManyRequestsError.
func (l Limits) TakeSend(ctx context.Context, key string, n int, by string, now time.Time) error {
	if n == 0 {
		return l.checkLock(ctx, key, now)
	}
	limit := slots(n)
	values := item{":now": millis(now), ":hourAgo": millis(now.Add(-window)), ":by": text(by), ":ttl": seconds(now.Add(otp.TriesLifetime))}
	if n > 1 {
		values[":zero"] = number(0)
	}
	_, err := l.update(ctx, key, limit.shift(), all(limit.free(), notLocked, notOurSend), values)
	found, ok := refused(err)
	if !ok {
		return err
	}
	held, err := decodeLimit(found)
	if err != nil || held.SentBy == by {
		return err // ours: the answer to our first try was lost
	}
	if wait := l.Rule.LockedFor(held.tries(), now); wait > 0 {
		return &otp.LockedError{RetryAfter: wait}
	}
	if err := full(found, limit, now); err != nil {
		return err
	}
	// The lock has passed. Its next ceiling is set by the next try, if it is still as it was found.
	values[":n"], values[":c"] = found["tries"], found["ceiling"]
	_, err = l.update(ctx, key, limit.shift(), all(limit.free(), asWeRead, notOurSend), values)
	if found, ok := refused(err); ok {
		return cmp.Or[error](full(found, limit, now), &otp.UnavailableError{Reason: "the subject's item changed"})
	}
	return err
}

// full says whether an item's oldest slot is still within the window, and for how long.
func full(found item, n slots, now time.Time) error {
	taken, ok := found[n.last()].(*types.AttributeValueMemberN)
	if !ok {
		return nil
	}
	at, err := strconv.ParseInt(taken.Value, 10, 64)
	if err != nil {
		return err
	}
	if wait := time.UnixMilli(at).Add(window).Sub(now); wait > 0 {
		return &otp.TooManyRequestsError{RetryAfter: min(wait, window)}
	}
	return nil
}

func (l Limits) checkLock(ctx context.Context, key string, now time.Time) error {
	wait, err := l.Locked(ctx, key, now)
	if err == nil && wait > 0 {
		err = &otp.LockedError{RetryAfter: wait}
	}
	return err
}
