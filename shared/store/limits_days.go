package store

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"streamotp/shared/otp"
)

// Days counts, in the limits table, the SMS messages of each day (UTC): one item a day, and one conditional write a message.
// So the limit is exact. One item takes 1,000 writes a second, far more than any SMS sender sends.
type Days struct {
	DB    *dynamodb.Client
	Table string
	SMS   int // SMS messages a day; 0 means no limit
}

const dayKey = "day#" // and the date

// The clauses of a day's message.
const (
	belowDayLimit = "attribute_not_exists(sms) OR sms < :most"
	notLastOfDay  = "attribute_not_exists(smsBy) OR smsBy <> :by" // a repeated write counts once
)

// TakeSMS takes one SMS message from the day's limit.
//
// Errors: *otp.TooManyRequestsError until midnight.
func (d Days) TakeSMS(ctx context.Context, requestID string, now time.Time) error {
	if d.SMS == 0 {
		return nil
	}
	_, err := write(ctx, d.DB, d.Table, dayOf(now), "SET smsBy = :by, expiredAt = :ttl ADD sms :one",
		all(belowDayLimit, notLastOfDay), item{":by": text(requestID), ":most": number(int64(d.SMS)), ":one": number(1),
			":ttl": seconds(now.Add(otp.AttemptsLifetime))})
	found, failed := conditionFailed(err)
	if !failed {
		return err
	}
	day, err := decode[struct {
		SMSBy string `dynamodbav:"smsBy"`
	}](found)
	if err != nil || day.SMSBy == requestID {
		return err
	}
	return &otp.TooManyRequestsError{RetryAfter: untilMidnight(now)}
}

// GiveBackSMS gives back a message that was taken at takenAt and not written.
func (d Days) GiveBackSMS(ctx context.Context, takenAt time.Time) error {
	if d.SMS == 0 {
		return nil
	}
	_, err := write(ctx, d.DB, d.Table, dayOf(takenAt), "ADD sms :less", all("sms > :zero"),
		item{":less": number(-1), ":zero": number(0)}, once)
	return ignoreConditionFailed(err)
}

func dayOf(now time.Time) string { return dayKey + now.UTC().Format(time.DateOnly) }

func untilMidnight(now time.Time) time.Duration {
	return now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(now)
}
