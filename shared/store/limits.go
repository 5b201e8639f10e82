package store

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"streamotp/shared/otp"
)

// Limits is the table of what is counted: one item a subject.
type Limits struct {
	DB    *dynamodb.Client
	Table string
	Rule  otp.TryLimit
}

// limit is an item of the table.
type limit struct {
	Key       string `dynamodbav:"key"`
	Tries     int    `dynamodbav:"tries"`     // guesses let through since the last success
	Ceiling   int    `dynamodbav:"ceiling"`   // the count at which the subject locks
	LastTry   int64  `dynamodbav:"lastTry"`   // epoch milliseconds
	LastBy    string `dynamodbav:"lastBy"`    // request id of the last try
	NotBefore int64  `dynamodbav:"notBefore"` // epoch milliseconds: older sessions are over
	SentBy    string `dynamodbav:"sentBy"`    // request id of the last send
}

func decodeLimit(i item) (l limit, err error) {
	err = decode(i, &l)
	return l, err
}

func (l limit) tries() otp.Tries {
	return otp.Tries{Count: l.Tries, Ceiling: l.Ceiling, Last: time.UnixMilli(l.LastTry)}
}

// The clauses of a reservation.
const (
	firstTry    = "attribute_not_exists(tries)"
	belowLimit  = "tries < ceiling AND lastTry > :stale"
	notOurOwn   = "attribute_not_exists(lastBy) OR lastBy <> :by"
	notEnded    = "attribute_not_exists(notBefore) OR notBefore <= :created"
	asWeRead    = "tries = :n AND ceiling = :c"
	takeTry     = "SET tries = if_not_exists(tries, :zero) + :one, ceiling = if_not_exists(ceiling, :max), " + takeTryTail
	takeReopen  = "SET tries = :tries, ceiling = :ceiling, " + takeTryTail
	takeTryTail = "lastTry = :now, lastBy = :by, expiredAt = :ttl"
)

// Reserve takes one try at a session's subject, before anything is compared (I4). It returns how many remain before the
// subject locks. One conditional write does it; the first try after a lock, or after 30 days, takes a second one.
//
// Errors: *otp.LockedError; otp.ErrCodeExpired where the subject's older sessions were ended.
func (l Limits) Reserve(ctx context.Context, s otp.Session, by string, now time.Time) (remaining int, err error) {
	values := item{
		":by": text(by), ":now": millis(now), ":stale": millis(now.Add(-otp.TriesLifetime)), ":ttl": seconds(now.Add(otp.TriesLifetime)),
		":created": millis(s.CreatedAt), ":zero": number(0), ":one": number(1), ":max": number(int64(l.Rule.MaxAttempts)),
	}
	take := func() (limit, error) {
		return l.update(ctx, s.Subject, takeTry, all(either(firstTry, belowLimit), notOurOwn, notEnded), values)
	}
	after, err := take()
	for range 5 { // lost to others who reopen at the same time
		found, ok := refused(err)
		if !ok {
			return after.Ceiling - after.Tries, err
		}
		held, bad := decodeLimit(found)
		if bad != nil {
			return 0, bad
		}
		switch wait := l.Rule.LockedFor(held.tries(), now); {
		case held.NotBefore > s.CreatedAt.UnixMilli():
			return 0, otp.ErrCodeExpired
		case held.LastBy == by:
			return held.Ceiling - held.Tries, nil // we did it: the answer to our first try was lost
		case held.LastTry <= now.Add(-otp.TriesLifetime).UnixMilli():
			held.Tries, held.Ceiling = 0, 0
		case wait > 0:
			return 0, &otp.LockedError{RetryAfter: wait}
		}
		if found["tries"] == nil { // cleared or purged since
			after, err = take()
			continue
		}
		after, err = l.reopen(ctx, s, found, held, by, now)
	}
	return 0, &otp.UnavailableError{Reason: "the subject's item keeps changing"}
}

// reopen takes the first try after a lock, if the item is still as it was found.
func (l Limits) reopen(ctx context.Context, s otp.Session, found item, held limit, by string, now time.Time) (limit, error) {
	ceiling := held.Ceiling
	if held.Tries >= ceiling {
		ceiling = l.Rule.NextCeiling(held.Tries)
	}
	return l.update(ctx, s.Subject, takeReopen, all(asWeRead, notEnded), item{
		":n": found["tries"], ":c": found["ceiling"], ":created": millis(s.CreatedAt),
		":tries": number(int64(held.Tries + 1)), ":ceiling": number(int64(ceiling)),
		":by": text(by), ":now": millis(now), ":ttl": seconds(now.Add(otp.TriesLifetime)),
	})
}

func (l Limits) update(ctx context.Context, subject, update string, condition *string, values item) (limit, error) {
	var after limit
	out, err := l.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &l.Table, Key: item{"key": text(subject)},
		UpdateExpression: &update, ConditionExpression: condition, ExpressionAttributeValues: values,
		ReturnValues:                        types.ReturnValueAllNew,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if err != nil {
		return after, err
	}
	return after, decode(out.Attributes, &after)
}

// Clear forgets a subject's tries after a success, up to the one that was taken at asOf: a write that comes late or
// twice leaves those that came after it.
func (l Limits) Clear(ctx context.Context, subject string, asOf time.Time) error {
	_, err := l.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &l.Table, Key: item{"key": text(subject)},
		UpdateExpression: aws.String("REMOVE tries, ceiling, lastTry, lastBy"),
		// Without tries there is nothing to forget, and an item without a TTL would be left behind.
		ConditionExpression:       all("attribute_exists(tries)", "lastTry <= :asOf"),
		ExpressionAttributeValues: item{":asOf": millis(asOf)},
	})
	return doneIfRefused(err)
}

// EndSessions ends the sessions of a subject that were made before now: their next try answers otp.ErrCodeExpired.
func (l Limits) EndSessions(ctx context.Context, subject string, now time.Time) error {
	_, err := l.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &l.Table, Key: item{"key": text(subject)},
		UpdateExpression:          aws.String("SET notBefore = :now, expiredAt = :ttl"),
		ConditionExpression:       aws.String("attribute_not_exists(notBefore) OR notBefore < :now"), // only forward
		ExpressionAttributeValues: item{":now": millis(now), ":ttl": seconds(now.Add(otp.TriesLifetime))},
	})
	return doneIfRefused(err)
}

// Locked says for how long a subject gets no code: zero when it gets one. The read is eventually consistent: it spares
// a message, Reserve is what stops a guess.
func (l Limits) Locked(ctx context.Context, subject string, now time.Time) (time.Duration, error) {
	out, err := l.DB.GetItem(ctx, &dynamodb.GetItemInput{TableName: &l.Table, Key: item{"key": text(subject)}})
	if err != nil {
		return 0, err
	}
	held, err := decodeLimit(out.Item)
	return l.Rule.LockedFor(held.tries(), now), err
}
