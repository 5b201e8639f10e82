package store

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"streamotp/shared/otp"
)

// Limits counts attempts, messages and wrong passwords, in one item for each subject, client IP address and number. Prefixes, Days and
// Suppressions keep their items in the same table.
type Limits struct {
	DB    *dynamodb.Client
	Table string
	Rule  otp.AttemptLimit
}

// limit is an item of the table.
type limit struct {
	Key           string `dynamodbav:"key"`
	Attempts      int    `dynamodbav:"tries"`     // reserved attempts since the last success
	LockAt        int    `dynamodbav:"ceiling"`   // the count at which the subject locks
	LastAttempt   int64  `dynamodbav:"lastTry"`   // epoch milliseconds
	LastBy        string `dynamodbav:"lastBy"`    // request id of the last attempt
	NotifiedCount int    `dynamodbav:"told"`      // the count at the last security notification
	NotBefore     int64  `dynamodbav:"notBefore"` // epoch milliseconds: older sessions are over
	FailedBy      int64  `dynamodbav:"failedBy"`  // owner of the last wrong password

	SuppressedUntil int64 `dynamodbav:"suppressedUntil"` // epoch seconds: until then the subject gets no e-mail

	VerifiedAt int64  `dynamodbav:"verifiedAt"` // epoch milliseconds: the last success by SMS
	LoginOf    string `dynamodbav:"loginOf"`    // of a number: the login subject whose code went there last

	raw item // as it was read, with its slots
}

func decodeLimit(i item) (l limit, err error) {
	l, err = decode[limit](i)
	l.raw = i
	return l, err
}

func (l limit) attempts() otp.Attempts {
	return otp.Attempts{Count: l.Attempts, LockAt: l.LockAt, Last: time.UnixMilli(l.LastAttempt), NotifiedCount: l.NotifiedCount, VerifiedAt: time.UnixMilli(l.VerifiedAt)}
}

// The clauses of a reservation.
const (
	firstAttempt  = "attribute_not_exists(tries)"
	belowLimit    = "tries < ceiling AND lastTry > :stale"
	notOurOwn     = "attribute_not_exists(lastBy) OR lastBy <> :by"
	notEnded      = "attribute_not_exists(notBefore) OR notBefore <= :created"
	unchanged     = "tries = :n AND ceiling = :c"
	takeAttempt   = "SET tries = if_not_exists(tries, :zero) + :one, ceiling = if_not_exists(ceiling, :max), " + takeTail
	takeAfterLock = "SET tries = :tries, ceiling = :ceiling, told = :told, " + takeTail
	takeTail      = "lastTry = :now, lastBy = :by, expiredAt = :ttl"
)

// maxLosses bounds the conditional writes of one request. It loses one only to the success of a parallel request, so a request
// that loses them all is one of dozens at the same item at once.
const maxLosses = 20

// errContention is returned when parallel requests keep changing the item.
var errContention error = &otp.UnavailableError{Reason: "the item of a limit keeps changing"}

// Reserve takes one attempt at a session's subject, before anything is compared (I4), and returns the attempts with it. One
// conditional write does it; the first attempt after a lock, or after 30 days, takes a second one.
//
// Errors: *otp.LockedError; otp.ErrCodeExpired if the subject's older sessions were ended.
func (l Limits) Reserve(ctx context.Context, s otp.Session, requestID string, now time.Time) (otp.Attempts, error) {
	values := item{
		":by": text(requestID), ":now": millis(now), ":stale": millis(now.Add(-otp.AttemptsLifetime)), ":ttl": seconds(now.Add(otp.AttemptsLifetime)),
		":created": millis(s.CreatedAt), ":zero": number(0), ":one": number(1), ":max": number(int64(l.Rule.MaxAttempts)),
	}
	take := func() (limit, error) {
		return l.update(ctx, s.Subject, takeAttempt, all(either(firstAttempt, belowLimit), notOurOwn, notEnded), values)
	}
	after, err := take()
	for range maxLosses {
		found, ok := conditionFailed(err)
		if !ok {
			return after.attempts(), err
		}
		held, bad := decodeLimit(found)
		if bad != nil {
			return otp.Attempts{}, bad
		}
		switch wait := l.Rule.LockedFor(held.attempts(), now); {
		case held.NotBefore > s.CreatedAt.UnixMilli():
			return otp.Attempts{}, otp.ErrCodeExpired
		case held.LastBy == requestID:
			return held.attempts(), nil // this request reserved it: the response to an earlier write was lost
		case held.LastAttempt <= now.Add(-otp.AttemptsLifetime).UnixMilli():
			held.Attempts, held.LockAt, held.NotifiedCount = 0, 0, 0
		case wait > 0:
			if err := l.healLock(ctx, s.Subject, held, now); err != nil {
				return otp.Attempts{}, err
			}
			return otp.Attempts{}, &otp.LockedError{RetryAfter: wait}
		}
		if held.raw["tries"] == nil { // cleared or purged since
			after, err = take()
			continue
		}
		after, err = l.reserveAfterLock(ctx, s, held, requestID, now)
	}
	return otp.Attempts{}, errContention
}

// reserveAfterLock takes the first attempt after a lock, or after 30 days, if the item is unchanged since it was read.
func (l Limits) reserveAfterLock(ctx context.Context, s otp.Session, held limit, requestID string, now time.Time) (limit, error) {
	lockAt := held.LockAt
	if held.Attempts >= lockAt {
		lockAt = l.Rule.NextLockAt(held.Attempts)
	}
	return l.update(ctx, s.Subject, takeAfterLock, all(unchanged, notEnded), item{
		":n": held.raw["tries"], ":c": held.raw["ceiling"], ":created": millis(s.CreatedAt),
		":tries": number(int64(held.Attempts + 1)), ":told": number(int64(held.NotifiedCount)), ":ceiling": number(int64(lockAt)),
		":by": text(requestID), ":now": millis(now), ":ttl": seconds(now.Add(otp.AttemptsLifetime)),
	})
}

// healLock makes a lock end at most its whole length after now. An instance whose clock was fast may have written a
// last attempt that lies far in the future; the subject would be locked until then.
func (l Limits) healLock(ctx context.Context, subject string, held limit, now time.Time) error {
	if held.LastAttempt <= now.Add(ClockSlack).UnixMilli() {
		return nil
	}
	_, err := l.update(ctx, subject, "SET lastTry = :now", all(unchanged, "lastTry = :last"),
		item{":n": held.raw["tries"], ":c": held.raw["ceiling"], ":last": held.raw["lastTry"], ":now": millis(now)})
	return ignoreConditionFailed(err) // another attempt healed it or was taken
}

func (l Limits) update(ctx context.Context, key, update string, condition *string, values item) (after limit, err error) {
	found, err := write(ctx, l.DB, l.Table, key, update, condition, values)
	if err != nil {
		return after, err
	}
	return decodeLimit(found)
}

// write makes a conditional write on one item of the limits table and returns the item after it.
func write(ctx context.Context, db *dynamodb.Client, table, key, update string, condition *string, values item,
	options ...func(*dynamodb.Options)) (after item, err error) {
	in := conditional(table, keyed(key), update, condition, values)
	in.ReturnValues = types.ReturnValueAllNew
	out, err := db.UpdateItem(ctx, in, options...)
	if err != nil {
		return nil, err
	}
	return out.Attributes, nil
}

// keyed is the key of an item of the limits table.
func keyed(key string) item { return item{"key": text(key)} }

// Attempts reads the attempts at a subject, and the time before which its sessions have ended. The read is
// eventually consistent, since nothing is decided by it.
func (l Limits) Attempts(ctx context.Context, subject string) (attempts otp.Attempts, notBefore time.Time, err error) {
	held, err := l.read(ctx, subject, false)
	return held.attempts(), time.UnixMilli(held.NotBefore), err
}

// EndedBefore returns the time before which a subject's sessions have ended, strongly consistent; 1970 if none have.
func (l Limits) EndedBefore(ctx context.Context, subject string) (time.Time, error) {
	held, err := l.read(ctx, subject, true)
	return time.UnixMilli(held.NotBefore), err
}

// read returns an item. If there is none, it is zero.
func (l Limits) read(ctx context.Context, key string, consistent bool) (limit, error) {
	out, err := l.DB.GetItem(ctx, &dynamodb.GetItemInput{TableName: &l.Table, Key: keyed(key), ConsistentRead: &consistent})
	if err != nil {
		return limit{}, err
	}
	return decodeLimit(out.Item)
}

// Clear forgets a subject's attempts after the success of a request, if the request's attempt is still the last one: a write that is late
// or repeated leaves later attempts alone, also those of a process whose clock is behind. On a channel with the prefix rule it also stores
// the time of the success and reports whether it is the first in 30 days: of any number of parallel successes only one is.
//
// Errors: *otp.UnknownChannelError.
func (l Limits) Clear(ctx context.Context, subject string, channel otp.Channel, requestID string, now time.Time) (first bool, err error) {
	facts, err := channel.Facts()
	if err != nil {
		return false, err
	}
	update, values := "REMOVE tries, ceiling, lastTry, lastBy, told", item{":by": text(requestID)}
	if facts.PrefixRule {
		update = "SET verifiedAt = :now " + update
		values[":now"] = millis(now)
	}
	in := conditional(l.Table, keyed(subject), update, all("lastBy = :by"), values)
	in.ReturnValues = types.ReturnValueAllOld
	out, err := l.DB.UpdateItem(ctx, in)
	if err != nil {
		return false, ignoreConditionFailed(err)
	}
	before, err := decodeLimit(out.Attributes)
	return facts.PrefixRule && !otp.RecentlyVerified(before.attempts().VerifiedAt, now), err
}

// MarkNotified records that a notification to a subject's owner was written. Until then every further wrong code writes it again.
func (l Limits) MarkNotified(ctx context.Context, subject string, kind otp.NotificationKind) error {
	_, err := l.update(ctx, subject, "SET told = :told", all("attribute_exists(tries)", "attribute_not_exists(told) OR told < :told"),
		item{":told": number(int64(kind.Threshold()))})
	return ignoreConditionFailed(err)
}

// EndSessions ends the sessions of a login subject, and the account's sessions of Passwordless, that were created before now. changed:
// the account has another password, channel or number by now, so the subject's wrong passwords are forgotten too. The next attempt at
// such a session returns otp.ErrCodeExpired.
func (l Limits) EndSessions(ctx context.Context, subject string, changed bool, now time.Time) error {
	update := "SET notBefore = :now, expiredAt = :ttl"
	if changed {
		update += " REMOVE " + strings.Join(wrongPasswordSlots(mostSlots).names(), ", ")
	}
	_, err := l.update(ctx, subject, update,
		aws.String("attribute_not_exists(notBefore) OR notBefore < :now"), // only forward, and once if it is repeated
		item{":now": millis(now), ":ttl": seconds(now.Add(otp.AttemptsLifetime))})
	return ignoreConditionFailed(err)
}

func (l Limits) apply(ctx context.Context, key string, u *update) (limit, error) {
	var condition *string
	if len(u.clauses) > 0 {
		condition = all(u.clauses...)
	}
	return l.update(ctx, key, "SET "+strings.Join(u.sets, ", "), condition, u.values)
}

// update is a conditional update of an item that is being built.
type update struct {
	sets, clauses []string
	values        item
}

// newUpdate begins an update after which the item lives as long as limits do.
func newUpdate(now time.Time) *update {
	u := &update{values: item{}}
	u.set("expiredAt", ":ttl", seconds(now.Add(otp.AttemptsLifetime)))
	return u
}

// set adds name = expression. value belongs to the placeholder with which the expression ends.
func (u *update) set(name, expression string, value types.AttributeValue) {
	u.sets = append(u.sets, name+" = "+expression)
	u.values[strings.TrimSuffix(expression[strings.LastIndexByte(expression, ':'):], ")")] = value
}

func (u *update) need(clause string) { u.clauses = append(u.clauses, clause) }

// once makes a single attempt of a write that is not safe to repeat: after a lost response it could give back more than was taken.
func once(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} }

// beginningWith selects the items of the limits table whose key has a beginning.
func beginningWith(table, beginning string) *dynamodb.ScanInput {
	return &dynamodb.ScanInput{
		TableName: &table, FilterExpression: aws.String("begins_with(#key, :beginning)"),
		ExpressionAttributeNames:  map[string]string{"#key": "key"}, // a reserved word
		ExpressionAttributeValues: item{":beginning": text(beginning)},
	}
}
