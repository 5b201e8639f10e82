package store

import (
	"context"
	"iter"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"streamotp/shared/otp"
)

// Suppressions keeps the suppressed addresses in the limits table: one item each, named by otp.Keyring.Destination, and a mark in
// the items of the subjects whose codes go there. generate reads those items anyway before it makes a code, so verify and login
// pay nothing for the check. For a reset, the address's item is read when the code is sent, where no caller can see whether there
// was one.
type Suppressions struct {
	DB    *dynamodb.Client
	Table string
}

// Reason is why an address is suppressed.
type Reason string

const (
	Bounce    Reason = "bounce"    // the address does not exist, or its server rejects mail permanently
	Complaint Reason = "complaint" // its owner marked a message as spam
)

// Suppression is a suppressed address.
type Suppression struct {
	Destination string // by otp.Keyring.Destination
	Reason      Reason
	Since       time.Time // of the last bounce or complaint
	Until       time.Time // by then the mailbox may exist, or its owner may want mail again
}

const suppressionKey = "suppressed#" // then the destination

// suppression is an item.
type suppression struct {
	Key       string `dynamodbav:"key"`
	Reason    Reason `dynamodbav:"reason"`
	Since     int64  `dynamodbav:"since"`     // epoch milliseconds
	ExpiredAt int64  `dynamodbav:"expiredAt"` // epoch seconds, TTL
}

// Add suppresses a destination and its subjects for 30 days, which is how long items of the table live. A complaint stays a
// complaint if a bounce follows.
func (s Suppressions) Add(ctx context.Context, destination string, subjects []string, reason Reason, now time.Time) error {
	set := "reason = :reason"
	if reason == Bounce {
		set = "reason = if_not_exists(reason, :reason)"
	}
	until := seconds(now.Add(otp.AttemptsLifetime))
	err := s.set(ctx, suppressionKey+destination, "since = :now, expiredAt = :until, "+set, item{
		":reason": text(string(reason)), ":now": millis(now), ":until": until})
	for _, subject := range subjects {
		if err == nil {
			err = s.set(ctx, subject, "suppressedUntil = :until, expiredAt = :until", item{":until": until})
		}
	}
	return err
}

func (s Suppressions) set(ctx context.Context, key, what string, values item) error {
	_, err := s.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.Table, Key: keyed(key), UpdateExpression: aws.String("SET " + what), ExpressionAttributeValues: values,
	})
	return err
}

// Has reports whether a destination is suppressed. The read is eventually consistent: feedback itself takes seconds to arrive.
func (s Suppressions) Has(ctx context.Context, destination string, now time.Time) (bool, error) {
	out, err := s.DB.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.Table, Key: keyed(suppressionKey + destination)})
	if err != nil {
		return false, err
	}
	held, err := decode[suppression](out.Item)
	return now.Unix() < held.ExpiredAt, err
}

// Remove ends the suppression of a destination and its subjects. It returns what was stored; its Destination is empty if nothing
// was.
func (s Suppressions) Remove(ctx context.Context, destination string, subjects []string) (before Suppression, err error) {
	for _, subject := range subjects {
		_, err := write(ctx, s.DB, s.Table, subject, "REMOVE suppressedUntil",
			all("attribute_exists(suppressedUntil)"), nil) // or an item without a TTL would be left behind
		if err := ignoreConditionFailed(err); err != nil {
			return before, err
		}
	}
	out, err := s.DB.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: &s.Table, Key: keyed(suppressionKey + destination), ReturnValues: types.ReturnValueAllOld,
	})
	if err != nil || len(out.Attributes) == 0 {
		return before, err
	}
	return decodeSuppression(out.Attributes)
}

// List reads every suppression. It scans the table, a page at a time.
func (s Suppressions) List(ctx context.Context, now time.Time) iter.Seq2[Suppression, error] {
	return scan(ctx, s.DB, beginningWith(s.Table, suppressionKey), func(found item) (Suppression, bool, error) {
		held, err := decodeSuppression(found)
		return held, held.Until.After(now), err
	})
}

func decodeSuppression(i item) (Suppression, error) {
	held, err := decode[suppression](i)
	return Suppression{
		Destination: strings.TrimPrefix(held.Key, suppressionKey), Reason: held.Reason,
		Since: time.UnixMilli(held.Since), Until: time.Unix(held.ExpiredAt, 0),
	}, err
}
