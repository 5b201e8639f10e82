package store

import (
	"context"
	"iter"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"streamotp/shared/otp"
)

// Prefixes counts, in the limits table, the messages to numbers that were not verified here before: one item for each prefix. The
// counts of today and yesterday (UTC) are added up, so that they contain every rolling day.
type Prefixes struct {
	DB    *dynamodb.Client
	Table string
	Rule  otp.PumpingLimit
}

const prefixKey = "prefix#" // then the country code and the leading digits, as +4915112

// traffic is an item of a prefix.
type traffic struct {
	Key         string `dynamodbav:"key"`
	Day         int64  `dynamodbav:"epochDay"` // days since the epoch; the day of the next two counts
	Sends       int    `dynamodbav:"sends"`
	Verified    int    `dynamodbav:"verified"`
	SendsBefore int    `dynamodbav:"sendsBefore"` // of the day before
	VerifBefore int    `dynamodbav:"verifiedBefore"`
	Pauses      int    `dynamodbav:"pauses"`
	PausedUntil int64  `dynamodbav:"pausedUntil"` // epoch seconds
}

const daySeconds = 24 * 60 * 60

// rolling returns the sum of the counts of this day and the previous day, which covers at least a rolling day.
func (t traffic) rolling(now time.Time) otp.Traffic {
	r := otp.Traffic{Pauses: t.pausesAt(now)}
	switch now.Unix() / daySeconds {
	case t.Day:
		r.Sends, r.Verified = t.Sends+t.SendsBefore, t.Verified+t.VerifBefore
	case t.Day + 1:
		r.Sends, r.Verified = t.Sends, t.Verified
	}
	return r
}

// pausesAt returns the number of pauses, or 0 if they ended long ago.
func (t traffic) pausesAt(now time.Time) int {
	if time.Unix(t.PausedUntil, 0).Add(otp.PausesLifetime).Before(now) {
		return 0
	}
	return t.Pauses
}

// The clauses of a message to a prefix.
const (
	sameDay   = "attribute_not_exists(epochDay) OR epochDay = :day"
	notPaused = "attribute_not_exists(pausedUntil) OR pausedUntil <= :seconds"
)

// TakeMessage counts a message to a new number of a prefix, before it is sent.
//
// Errors: *otp.PausedError.
func (p Prefixes) TakeMessage(ctx context.Context, prefix string, now time.Time) error {
	held, err := p.count(ctx, prefix, now)
	if err != nil || !p.Rule.ShouldPause(held.rolling(now)) {
		return err
	}
	return p.pause(ctx, prefix, held, now)
}

func (p Prefixes) count(ctx context.Context, prefix string, now time.Time) (held traffic, err error) {
	day := now.Unix() / daySeconds
	for range maxLosses { // lost to parallel requests that begin the day
		after, err := p.update(ctx, prefix, "SET epochDay = :day, expiredAt = :ttl ADD sends :one", all(sameDay, notPaused), item{
			":day": number(day), ":seconds": seconds(now), ":ttl": seconds(now.Add(otp.AttemptsLifetime)), ":one": number(1),
		})
		found, ok := conditionFailed(err)
		if !ok {
			return after, err
		}
		if held, err = decode[traffic](found); err != nil {
			return held, err
		}
		if now.Before(time.Unix(held.PausedUntil, 0)) {
			return held, &otp.PausedError{Prefix: prefix}
		}
		after, err = p.beginDay(ctx, prefix, held, day, now)
		if _, other := conditionFailed(err); !other {
			return after, err
		}
	}
	return held, errContention
}

// beginDay counts the first message of a day. It keeps the counts of the day before, and drops older ones.
func (p Prefixes) beginDay(ctx context.Context, prefix string, held traffic, day int64, now time.Time) (traffic, error) {
	before := traffic{}
	if held.Day == day-1 {
		before = held
	}
	return p.update(ctx, prefix, "SET epochDay = :day, expiredAt = :ttl, sends = :one, verified = :zero, sendsBefore = :sends, verifiedBefore = :verified",
		all("epochDay = :found", notPaused), item{
			":seconds": seconds(now), ":ttl": seconds(now.Add(otp.AttemptsLifetime)),
			":day": number(day), ":found": number(held.Day), ":zero": number(0), ":one": number(1),
			":sends": number(int64(before.Sends)), ":verified": number(int64(before.Verified)),
		})
}

// pause stops a prefix's messages for a time. Its counts begin at zero again, so that right codes for messages that are on
// their way, or that go out after the pause, count in its favour.
func (p Prefixes) pause(ctx context.Context, prefix string, held traffic, now time.Time) error {
	before := held.pausesAt(now)
	until := now.Add(otp.PauseFor(before))
	_, err := p.update(ctx, prefix,
		"SET pausedUntil = :until, pauses = :pauses, expiredAt = :ttl, sends = :zero, verified = :zero, sendsBefore = :zero, verifiedBefore = :zero",
		all(sameDay, notPaused), item{
			":day": number(held.Day), ":seconds": seconds(now), ":until": seconds(until), ":pauses": number(int64(before + 1)),
			":ttl": seconds(until.Add(otp.AttemptsLifetime)), ":zero": number(0),
		})
	_, other := conditionFailed(err)
	if err != nil && !other {
		return err
	}
	return &otp.PausedError{Prefix: prefix, Began: !other}
}

// GiveBackSend gives back a message that was counted at takenAt and not written. If the prefix was paused since, or another day
// has begun, the message stays counted.
func (p Prefixes) GiveBackSend(ctx context.Context, prefix string, takenAt time.Time) error {
	_, err := p.update(ctx, prefix, "ADD sends :less", all("epochDay = :day", notPaused, "sends > :zero"), item{
		":less": number(-1), ":zero": number(0), ":day": number(takenAt.Unix() / daySeconds), ":seconds": seconds(takenAt)}, once)
	return ignoreConditionFailed(err)
}

// Verified counts that the code of a message to a prefix was entered.
func (p Prefixes) Verified(ctx context.Context, prefix string) error {
	_, err := p.update(ctx, prefix, "ADD verified :one",
		all("attribute_exists(sends)"), // or an item without a TTL would be left behind
		item{":one": number(1)}, once)  // losing a count is safer than counting twice
	return ignoreConditionFailed(err)
}

func (p Prefixes) update(ctx context.Context, prefix, update string, condition *string, values item,
	options ...func(*dynamodb.Options)) (after traffic, err error) {
	found, err := write(ctx, p.DB, p.Table, prefixKey+prefix, update, condition, values, options...)
	if err != nil {
		return after, err
	}
	return decode[traffic](found)
}

// Prefix is a prefix as an operator sees it.
type Prefix struct {
	Name            string // as +4915112
	Sends, Verified int    // for numbers that are new here, today and yesterday
	PausedUntil     time.Time
	Pauses          int
}

// List reads every known prefix. It scans the table, a page at a time.
func (p Prefixes) List(ctx context.Context, now time.Time) iter.Seq2[Prefix, error] {
	return scan(ctx, p.DB, beginningWith(p.Table, prefixKey), func(found item) (Prefix, bool, error) {
		t, err := decode[traffic](found)
		return t.prefix(now), true, err
	})
}

func (t traffic) prefix(now time.Time) Prefix {
	r := t.rolling(now)
	out := Prefix{Name: strings.TrimPrefix(t.Key, prefixKey), Sends: r.Sends, Verified: r.Verified, Pauses: r.Pauses}
	if t.PausedUntil > 0 {
		out.PausedUntil = time.Unix(t.PausedUntil, 0)
	}
	return out
}

// Release forgets a prefix: its pause, its counts and its history. It returns false if nothing was known about the prefix.
func (p Prefixes) Release(ctx context.Context, prefix string) (bool, error) {
	_, err := p.DB.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: &p.Table, Key: keyed(prefixKey + prefix), ConditionExpression: aws.String("attribute_exists(sends)"),
	})
	if _, unknown := conditionFailed(err); unknown {
		return false, nil
	}
	return err == nil, err
}
