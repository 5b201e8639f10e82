package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"streamotp/shared/otp"
)

// Codes is the table of sessions. Its stream is the sender's work list: what has the attribute "send" is sent once.
type Codes struct {
	DB    *dynamodb.Client
	Table string
}

// SendCode is what a row of a code is for: the value of "send". Of a notice's row it is the otp.Notice. What is not to
// be sent has "skip" in its place, of the same size, which no filter matches.
const SendCode = "code"

// The range keys of other rows than a code's, which is its digest.
const (
	resendKey  = "resend#" // and 1 or 2
	changedKey = "notice"  // that the password was changed
	noticeKey  = "notice#" // and any other otp.Notice
)

// row is an item of the table.
type row struct {
	SessionID string `dynamodbav:"sessionId"`
	Code      string `dynamodbav:"code"`
	Sealed    []byte `dynamodbav:"sealed"`
	Subject   string `dynamodbav:"subject,omitempty"`
	Purpose   string `dynamodbav:"purpose"`
	KeyID     string `dynamodbav:"kid"`
	CreatedAt int64  `dynamodbav:"createdAt"` // epoch milliseconds
	ExpiredAt int64  `dynamodbav:"expiredAt"` // epoch seconds, TTL
	Send      string `dynamodbav:"send,omitempty"`
	Skip      string `dynamodbav:"skip,omitempty"`
	SentAt    int64  `dynamodbav:"sentAt,omitempty"`   // epoch milliseconds
	UsedAt    int64  `dynamodbav:"usedAt,omitempty"`   // epoch milliseconds
	UsedBy    string `dynamodbav:"usedBy,omitempty"`   // request id
	ResentBy  string `dynamodbav:"resentBy,omitempty"` // request id of the last turn to be sent again; "resends" is its number
	AskedBy   string `dynamodbav:"askedBy,omitempty"`  // request id

	DeliveredAt int64 `dynamodbav:"deliveredAt,omitempty"` // epoch milliseconds
	BouncedAt   int64 `dynamodbav:"bouncedAt,omitempty"`   // epoch milliseconds
}

// isCode tells a session's own row from what else is kept under its id.
func (r row) isCode() bool { return r.Code != changedKey && !strings.Contains(r.Code, "#") }

func newRow(s otp.Session, code, send, by string) row {
	r := row{
		SessionID: s.ID, Code: code, Sealed: s.Sealed, Subject: s.Subject, Purpose: string(s.Purpose), KeyID: s.KeyID,
		CreatedAt: s.CreatedAt.UnixMilli(), ExpiredAt: s.ExpiresAt.Unix(), Send: send, AskedBy: by,
	}
	if s.Silent {
		r.Send, r.Skip = "", send
	}
	if s.Message == otp.StateBounced {
		r.BouncedAt = r.CreatedAt
	}
	return r
}

func (r row) session() otp.Session {
	s := otp.Session{
		ID: r.SessionID, Digest: r.Code, Purpose: otp.Purpose(r.Purpose), Subject: r.Subject, KeyID: r.KeyID,
		Sealed: r.Sealed, CreatedAt: time.UnixMilli(r.CreatedAt), ExpiresAt: time.Unix(r.ExpiredAt, 0), UsedBy: r.UsedBy,
		Silent: r.Skip != "",
	}
	if r.UsedAt != 0 {
		s.UsedAt = time.UnixMilli(r.UsedAt)
	}
	return s
}

// Put writes a new session. It is unconditional, and the same bytes when the SDK repeats it.
func (c Codes) Put(ctx context.Context, s otp.Session, by string) error {
	av, err := attributevalue.MarshalMap(newRow(s, s.Digest, SendCode, by))
	if err != nil {
		return err
	}
	_, err = c.DB.PutItem(ctx, &dynamodb.PutItemInput{TableName: &c.Table, Item: av})
	return err
}

// Session reads a session, strongly consistent.
//
// Errors: otp.ErrSessionNotFound.
func (c Codes) Session(ctx context.Context, id string) (s otp.Session, err error) {
	out, err := c.DB.Query(ctx, &dynamodb.QueryInput{
		TableName:                 &c.Table,
		ConsistentRead:            aws.Bool(true),
		KeyConditionExpression:    aws.String("sessionId = :id"),
		ExpressionAttributeValues: item{":id": text(id)},
	})
	if err != nil {
		return s, err
	}
	var rows []row
	if err := attributevalue.UnmarshalListOfMaps(out.Items, &rows); err != nil {
		return s, fmt.Errorf("decode a session: %w", err)
	}
	var resends []time.Time
	for _, r := range rows {
		switch {
		case r.isCode():
			s = r.session()
		case strings.HasPrefix(r.Code, resendKey):
			resends = append(resends, time.UnixMilli(r.CreatedAt))
		}
	}
	s.Resends, s.Message = resends, messageState(rows)
	if s.ID == "" {
		return s, otp.ErrSessionNotFound
	}
	return s, nil
}

// ClaimResend takes a session's next turn to be sent again, before anything is taken for it: of any number at once one
// has it.
//
// Errors: *otp.TooManyRequestsError for the others; otp.ErrSessionNotFound.
func (c Codes) ClaimResend(ctx context.Context, s otp.Session, by string, cooldown time.Duration) error {
	_, err := c.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &c.Table, Key: key(s.ID, s.Digest),
		UpdateExpression:                    aws.String("SET resends = :next, resentBy = :by"),
		ConditionExpression:                 all(sessionExists, "attribute_not_exists(resends) OR resends < :next"),
		ExpressionAttributeValues:           item{":next": number(int64(len(s.Resends) + 1)), ":by": text(by)},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	found, ok := refused(err)
	if !ok {
		return err
	}
	var r row
	if err := decode(found, &r); err != nil || r.ResentBy == by {
		return err // ours: the answer to our first try was lost
	}
	if r.SessionID == "" {
		return otp.ErrSessionNotFound // purged since it was read
	}
	return &otp.TooManyRequestsError{RetryAfter: cooldown}
}

// ReturnResend gives a turn back that was not used.
func (c Codes) ReturnResend(ctx context.Context, s otp.Session, by string) error {
	_, err := c.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &c.Table, Key: key(s.ID, s.Digest),
		UpdateExpression:          aws.String("SET resends = :held"),
		ConditionExpression:       all(sessionExists, "resentBy = :by"),
		ExpressionAttributeValues: item{":held": number(int64(len(s.Resends))), ":by": text(by)},
	})
	return doneIfRefused(err)
}

// PutResend has the stream send a session's code again.
func (c Codes) PutResend(ctx context.Context, s otp.Session, by string, now time.Time) error {
	s.CreatedAt = now
	av, err := attributevalue.MarshalMap(newRow(s, fmt.Sprint(resendKey, len(s.Resends)+1), SendCode, by))
	if err != nil {
		return err
	}
	_, err = c.DB.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &c.Table, Item: av, ConditionExpression: aws.String("attribute_not_exists(code)"),
	})
	return doneIfRefused(err) // our own, whose answer was lost
}

// The clauses of a consume: the row is there, unused and unexpired.
const (
	sessionExists = "attribute_exists(code)"
	notUsed       = "attribute_not_exists(usedAt)"
	notExpired    = "expiredAt > :seconds"
	useIt         = "SET usedAt = :now, usedBy = :by"
)

func consumption(by string, now time.Time) item {
	return item{":now": millis(now), ":seconds": seconds(now), ":by": text(by)}
}

// key is the composite key of a row.
func key(sessionID, code string) item { return item{"sessionId": text(sessionID), "code": text(code)} }

// Consume uses a session's code up, in one conditional write on its composite key (I3).
//
// Errors: otp.ErrCodeUsed, otp.ErrCodeExpired, otp.ErrSessionNotFound.
func (c Codes) Consume(ctx context.Context, s otp.Session, by string, now time.Time) error {
	_, err := c.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &c.Table, Key: key(s.ID, s.Digest),
		UpdateExpression:                    aws.String(useIt),
		ConditionExpression:                 all(sessionExists, notUsed, notExpired),
		ExpressionAttributeValues:           consumption(by, now),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if found, ok := refused(err); ok {
		return whyNotConsumed(found, by)
	}
	return err
}

// whyNotConsumed reads the reason of a refused consume from the row that it found.
func whyNotConsumed(found item, by string) error {
	var r row
	if err := decode(found, &r); err != nil {
		return err
	}
	switch {
	case r.SessionID == "":
		return otp.ErrSessionNotFound // purged since it was read
	case r.UsedAt != 0 && r.UsedBy == by:
		return nil // we did it: the answer to our first try was lost
	case r.UsedAt != 0:
		return otp.ErrCodeUsed
	}
	return otp.ErrCodeExpired
}

// noticeLifetime is long enough for the dead-letter queue to be looked at.
const noticeLifetime = 24 * time.Hour

func noticeRow(s otp.Session, notice otp.Notice, by string, now time.Time) row {
	s.CreatedAt, s.ExpiresAt, s.Message = now, now.Add(noticeLifetime), ""
	if notice == otp.NoticeChanged {
		return newRow(s, changedKey, string(notice), by)
	}
	return newRow(s, noticeKey+string(notice), string(notice), by)
}

// PutNotice has the stream tell the owner of a session's subject something; s has the notice's KeyID and Sealed. It is
// the same write for a session of which nothing is sent.
func (c Codes) PutNotice(ctx context.Context, s otp.Session, notice otp.Notice, by string, now time.Time) error {
	av, err := attributevalue.MarshalMap(noticeRow(s, notice, by, now))
	if err != nil {
		return err
	}
	_, err = c.DB.PutItem(ctx, &dynamodb.PutItemInput{TableName: &c.Table, Item: av})
	return err
}

// Reset is what a reset writes.
type Reset struct {
	Session      otp.Session // whose code is used up
	Notice       otp.Session // what the owner is told: ID, Purpose, Subject, KeyID and Sealed
	Users        Users
	Email        string // of the account
	PasswordHash string
	By           string // request id
	Now          time.Time
}

// Reset uses a reset session's code up, sets the account's new password and has the stream tell the owner: all or
// nothing, in one transaction.
//
// Errors: otp.ErrCodeUsed, otp.ErrSessionNotFound; otp.ErrCodeExpired also where the account is gone or its password is
// newer than the session.
func (c Codes) Reset(ctx context.Context, r Reset) error {
	av, err := attributevalue.MarshalMap(noticeRow(r.Notice, otp.NoticeChanged, r.By, r.Now))
	if err != nil {
		return err
	}
	_, err = c.DB.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Update: &types.Update{
			TableName: &c.Table, Key: key(r.Session.ID, r.Session.Digest),
			UpdateExpression:                    aws.String(useIt),
			ConditionExpression:                 all(sessionExists, notUsed, notExpired),
			ExpressionAttributeValues:           consumption(r.By, r.Now),
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		}},
		{Update: r.Users.setPassword(r.Email, r.PasswordHash, r.Session.CreatedAt, r.Now)},
		{Put: &types.Put{TableName: &c.Table, Item: av}},
	}})
	var cancelled *types.TransactionCanceledException
	if !errors.As(err, &cancelled) {
		return err
	}
	for i, reason := range cancelled.CancellationReasons {
		if aws.ToString(reason.Code) != "ConditionalCheckFailed" {
			continue
		}
		if i == 0 {
			return whyNotConsumed(reason.Item, r.By)
		}
		return otp.ErrCodeExpired
	}
	return err
}
