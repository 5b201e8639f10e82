package store

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"streamotp/shared/otp"
)

// Message is a row that is to be sent.
type Message struct {
	SessionID, Key string
	Kind           string // SendCode or an otp.NotificationKind; empty for a row that must not be sent
	Purpose        otp.Purpose
	Subject        string
	KeyID          string
	Sealed         []byte
	CreatedAt      time.Time
	ExpiresAt      time.Time
	Sent           bool   // the provider accepted it
	Refused        bool   // the provider rejected it permanently, it bounced or was suppressed, or its dead letter was written
	Used           bool   // the session's code was used
	AskedBy        string // request id
}

// Pointer names a row by its key. The queues carry nothing else: whoever reads them learns no address and no code.
type Pointer struct {
	SessionID string `json:"sessionId"`
	Code      string `json:"code"` // the range key
}

// Valid reports whether a pointer that was read names a row at all.
func (p Pointer) Valid() bool { return p.SessionID != "" && p.Code != "" }

// Message reads a row that is to be sent, strongly consistent. It reads the whole session, because only the code's row says
// whether the code was used; a session's rows together cost as much to read as one of them.
//
// Errors: otp.ErrSessionNotFound if the row is gone.
func (c Codes) Message(ctx context.Context, sessionID, code string) (m Message, err error) {
	rows, err := c.rows(ctx, sessionID)
	if err != nil {
		return m, err
	}
	used := false
	for _, r := range rows {
		if r.Code == code {
			m = r.message()
		}
		used = used || r.kind() == sessionRow && r.UsedAt != 0
	}
	if m.Key == "" {
		return m, otp.ErrSessionNotFound
	}
	m.Used = used
	return m, nil
}

func (r row) message() Message {
	return Message{
		SessionID: r.SessionID, Key: r.Code, Kind: r.Send, Purpose: otp.Purpose(r.Purpose), Subject: r.Subject, KeyID: r.KeyID,
		Sealed: r.Sealed, CreatedAt: time.UnixMilli(r.CreatedAt), ExpiresAt: time.Unix(r.ExpiredAt, 0),
		Sent: r.SentAt != 0, Refused: r.BouncedAt != 0, AskedBy: r.AskedBy,
	}
}

// PutNotification has the stream send a notification to the owner of a session's subject. For a silent session it makes the same
// write, and nothing is sent. If another request has written the notification for the session, it is already done.
func (c Codes) PutNotification(ctx context.Context, n otp.Notification, requestID string, now time.Time) error {
	err := c.insert(ctx, newNotificationRow(n, requestID, now))
	if errors.Is(err, errRowExists) {
		return nil
	}
	return err
}

// MarkSent records that the provider accepted a message, so that it is not sent again.
func (c Codes) MarkSent(ctx context.Context, m Message, now time.Time) error {
	return c.mark(ctx, m.SessionID, m.Key, "sentAt", now)
}

// clockSkew is how far our clock and SES's may differ: resends are created by ours, bounces happen by SES's.
const clockSkew = time.Second

// messageState returns how far the messages of a session got. A bounce counts unless a message was delivered after it, or a
// resend that was created after it is sent. When the bounced message itself was sent does not matter: our clock, which says that,
// may be ahead of SES's.
func messageState(rows []row) otp.State {
	var sent, delivered, bounced, resent int64
	for _, r := range rows {
		if !r.holdsCode() {
			continue
		}
		sent, delivered, bounced = max(sent, r.SentAt), max(delivered, r.DeliveredAt), max(bounced, r.BouncedAt)
		if r.kind() == resendRow && r.SentAt != 0 {
			resent = max(resent, r.CreatedAt)
		}
	}
	switch {
	case bounced != 0 && bounced >= delivered && resent <= bounced+clockSkew.Milliseconds():
		return otp.StateBounced
	case delivered != 0:
		return otp.StateDelivered
	case sent != 0:
		return otp.StateSent
	}
	return otp.StatePending
}

// MarkDelivery records in a row what became of its message, and when: otp.StateDelivered or otp.StateBounced. Events can be
// repeated and arrive in any order, so an older time never replaces a newer one.
func (c Codes) MarkDelivery(ctx context.Context, sessionID, code string, state otp.State, at time.Time) error {
	attribute := "deliveredAt"
	if state == otp.StateBounced {
		attribute = "bouncedAt"
	}
	newer := either("attribute_not_exists("+attribute+")", attribute+" < :at")
	return c.mark(ctx, sessionID, code, attribute, at, newer)
}

// mark sets a time in a row if the clauses hold. It asks for no item, not even after a failed condition: FeedbackFunction marks rows
// and may read none.
func (c Codes) mark(ctx context.Context, sessionID, code, attribute string, at time.Time, clauses ...string) error {
	_, err := c.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &c.Table, Key: key(sessionID, code),
		UpdateExpression:          aws.String("SET " + attribute + " = :at"),
		ConditionExpression:       all(append(clauses, sessionExists)...), // or a row that TTL purged would come back
		ExpressionAttributeValues: item{":at": millis(at)},
	})
	return ignoreConditionFailed(err)
}
