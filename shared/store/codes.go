package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"streamotp/shared/otp"
)

// Codes is the table of sessions. Its stream is the sender's work list: a row with the attribute "send" is sent once.
type Codes struct {
	DB    *dynamodb.Client
	Table string
}

// Put writes a new session.
//
// Errors: *NotWrittenError.
func (c Codes) Put(ctx context.Context, s otp.Session, requestID string) error {
	return c.insertOrNever(ctx, newRow(s, s.Digest, requestID))
}

// NotWrittenError says that a row was not written and will not appear: what was taken for it can be given back. After any
// other error of an insert the row may still appear.
type NotWrittenError struct{ cause error }

func (e *NotWrittenError) Error() string { return "the row was not written: " + e.cause.Error() }

func (e *NotWrittenError) Unwrap() error { return e.cause }

var (
	errRowExists = errors.New("another request wrote the row before")
	errPlaceKept = &otp.UnavailableError{Reason: "an empty row is in the row's place, since another request could not write it"}
)

// keeping is the time that insertOrNever keeps for the empty row, because a write that hangs would use up the caller's time.
const keeping = 1500 * time.Millisecond

// insert writes a row that is not there yet. Finding the row that the same request wrote is success: the response to an
// earlier attempt was lost. A row that was used is never written again, however late a repeated write arrives.
//
// Errors: errRowExists, errPlaceKept.
func (c Codes) insert(ctx context.Context, r row) error {
	av, err := attributevalue.MarshalMap(r)
	if err != nil {
		return err
	}
	_, err = c.DB.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &c.Table, Item: av, ConditionExpression: aws.String(noRow),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if found, failed := conditionFailed(err); failed {
		return writtenBy(found, r.AskedBy)
	}
	return err
}

// insertOrNever inserts a row. If that fails, it makes sure that the row does not appear later: it puts an empty row in the row's
// place, so that a write that is still on its way fails.
//
// Errors: *NotWrittenError; any other if the empty row could not be written either.
func (c Codes) insertOrNever(ctx context.Context, r row) error {
	inserting, cancel := ctx, context.CancelFunc(func() {})
	if deadline, ok := ctx.Deadline(); ok {
		inserting, cancel = context.WithDeadline(ctx, deadline.Add(-keeping))
	}
	failure := c.insert(inserting, r)
	cancel()
	if failure == nil {
		return nil
	}
	if errors.Is(failure, errRowExists) || errors.Is(failure, errPlaceKept) {
		return &NotWrittenError{failure}
	}
	_, err := c.DB.UpdateItem(ctx, conditional(c.Table, key(r.SessionID, r.Code),
		"SET expiredAt = :ttl, createdAt = :created", all(noRow), item{":ttl": number(r.ExpiredAt), ":created": number(r.CreatedAt)}))
	if found, failed := conditionFailed(err); failed {
		return writtenBy(found, r.AskedBy)
	}
	if err != nil {
		return errors.Join(failure, err)
	}
	return &NotWrittenError{failure}
}

// writtenBy returns nil if this request wrote the row.
func writtenBy(found item, requestID string) error {
	r, err := decode[row](found)
	switch {
	case err != nil || r.AskedBy == requestID:
		return err
	case r.isEmpty():
		return errPlaceKept
	}
	return errRowExists
}

// rows reads everything that is kept under a session's id, strongly consistent.
func (c Codes) rows(ctx context.Context, sessionID string) (rows []row, err error) {
	out, err := c.DB.Query(ctx, &dynamodb.QueryInput{
		TableName:                 &c.Table,
		ConsistentRead:            aws.Bool(true),
		KeyConditionExpression:    aws.String("sessionId = :id"),
		ExpressionAttributeValues: item{":id": text(sessionID)},
	})
	if err != nil {
		return nil, err
	}
	if err := attributevalue.UnmarshalListOfMaps(out.Items, &rows); err != nil {
		return nil, fmt.Errorf("decode a session: %w", err)
	}
	return rows, nil
}

// Session reads a session, strongly consistent.
//
// Errors: otp.ErrSessionNotFound.
func (c Codes) Session(ctx context.Context, id string) (otp.Session, error) {
	rows, err := c.rows(ctx, id)
	if err != nil {
		return otp.Session{}, err
	}
	return sessionOf(rows)
}

// PutResend has the stream send a session's code again. Of any number of parallel requests, one writes the row and the others
// are rejected. The row alone decides, so a request that ends before it writes uses up no resend.
//
// Errors: *otp.TooManyRequestsError if another request was first; *NotWrittenError.
func (c Codes) PutResend(ctx context.Context, s otp.Session, requestID string, now time.Time, cooldown time.Duration) error {
	s.CreatedAt = now
	err := c.insertOrNever(ctx, newRow(s, fmt.Sprint(resendKey, s.NextResend), requestID))
	if errors.Is(err, errRowExists) {
		return &NotWrittenError{&otp.TooManyRequestsError{RetryAfter: cooldown}}
	}
	return err
}

// CountAttempt counts a wrong code against its own session and returns the session's attempts. A repeated write counts once.
//
// Errors: otp.ErrSessionNotFound if the row was purged since it was read.
func (c Codes) CountAttempt(ctx context.Context, s otp.Session, requestID string, now time.Time) (attempts int, err error) {
	in := conditional(c.Table, key(s.ID, s.Digest), "SET attemptedAt = :now, attemptBy = :by ADD attempts :one",
		all(sessionExists, "attribute_not_exists(attemptBy) OR attemptBy <> :by"),
		item{":now": millis(now), ":by": text(requestID), ":one": number(1)})
	in.ReturnValues = types.ReturnValueAllNew
	out, err := c.DB.UpdateItem(ctx, in)
	found, failed := conditionFailed(err)
	if err == nil {
		found = out.Attributes
	} else if !failed {
		return 0, err
	}
	counted, err := decodeSession(found)
	return counted.Attempts, err
}

// The clauses of a write that consumes a code: the row exists, unused and unexpired.
const (
	sessionExists = "attribute_exists(code)"
	noRow         = "attribute_not_exists(code)"
	notUsed       = "attribute_not_exists(usedAt)"
	notExpired    = "expiredAt > :seconds"
	useIt         = "SET usedAt = :now, usedBy = :by"
)

func consumption(requestID string, now time.Time) item {
	return item{":now": millis(now), ":seconds": seconds(now), ":by": text(requestID)}
}

// key is the composite key of a row.
func key(sessionID, code string) item { return item{"sessionId": text(sessionID), "code": text(code)} }

// Consume consumes a session's code, in one conditional write on its composite key (I3).
//
// Errors: otp.ErrCodeUsed, otp.ErrCodeExpired, otp.ErrSessionNotFound.
func (c Codes) Consume(ctx context.Context, s otp.Session, requestID string, now time.Time) error {
	_, err := c.DB.UpdateItem(ctx, conditional(c.Table, key(s.ID, s.Digest), useIt,
		all(sessionExists, notUsed, notExpired), consumption(requestID, now)))
	if found, ok := conditionFailed(err); ok {
		return whyNotConsumed(found, requestID)
	}
	return err
}

// whyNotConsumed returns why a consuming write failed, from the row that it found, or nil if this request had consumed the code.
func whyNotConsumed(found item, requestID string) error {
	s, err := decodeSession(found)
	switch {
	case err != nil:
		return err // purged since it was read
	case !s.UsedAt.IsZero() && s.UsedBy == requestID:
		return nil // this request consumed it: the response to an earlier attempt was lost
	case !s.UsedAt.IsZero():
		return otp.ErrCodeUsed
	}
	return otp.ErrCodeExpired
}

// Reset is what a reset writes.
type Reset struct {
	Session      otp.Session // the one whose code is consumed
	Notification otp.Notification
	Users        Users
	Email        string // of the account
	PasswordHash string
	RequestID    string // request id
	Now          time.Time
}

// Reset consumes a reset session's code, sets the account's new password and has the stream notify the owner: all or
// nothing, in one transaction.
//
// Errors: otp.ErrCodeUsed, otp.ErrSessionNotFound; otp.ErrCodeExpired, also if the account is gone, or the
// account or its password is newer than the session.
func (c Codes) Reset(ctx context.Context, r Reset) error {
	av, err := attributevalue.MarshalMap(newNotificationRow(r.Notification, r.RequestID, r.Now))
	if err != nil {
		return err
	}
	return c.consumeWith(ctx, r.Session, r.RequestID, r.Now,
		types.TransactWriteItem{Update: r.Users.setPassword(r.Email, r.PasswordHash, r.Session.CreatedAt, r.Now)},
		types.TransactWriteItem{Put: &types.Put{TableName: &c.Table, Item: av}})
}

// SignUp consumes the code of a session that is for a new account, and creates the account: both or neither, in one transaction.
//
// Errors: otp.ErrCodeUsed, otp.ErrSessionNotFound; otp.ErrCodeExpired, also if the address has an account by now.
func (c Codes) SignUp(ctx context.Context, s otp.Session, users Users, user User, requestID string, now time.Time) error {
	return c.consumeWith(ctx, s, requestID, now, types.TransactWriteItem{Update: users.create(user, now)})
}

// consumeWith consumes a session's code together with other writes: all or nothing, in one transaction.
//
// Errors: otp.ErrCodeUsed, otp.ErrSessionNotFound; otp.ErrCodeExpired, also if the condition of another write fails.
func (c Codes) consumeWith(ctx context.Context, s otp.Session, requestID string, now time.Time, others ...types.TransactWriteItem) error {
	consume := types.TransactWriteItem{Update: &types.Update{
		TableName: &c.Table, Key: key(s.ID, s.Digest), UpdateExpression: aws.String(useIt), ConditionExpression: all(sessionExists, notUsed, notExpired),
		ExpressionAttributeValues:           consumption(requestID, now),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}}
	_, err := c.DB.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: append([]types.TransactWriteItem{consume}, others...)})
	cancelled, ok := errors.AsType[*types.TransactionCanceledException](err)
	if !ok {
		return err
	}
	for i, reason := range cancelled.CancellationReasons {
		if aws.ToString(reason.Code) != "ConditionalCheckFailed" {
			continue
		}
		if i == 0 {
			return whyNotConsumed(reason.Item, requestID)
		}
		return otp.ErrCodeExpired
	}
	return err
}
