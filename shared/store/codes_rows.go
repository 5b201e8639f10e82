package store

import (
	"strings"
	"time"

	"streamotp/shared/otp"
)

// SendCode is the value of "send" in a row that holds a code; a notification's row has its otp.NotificationKind there. A row that
// must not be sent has "skip" instead, which is as long and matches no filter.
const SendCode = "code"

// The range keys of the rows beside a session's own row, whose key is its digest.
const (
	resendKey       = "resend#" // and 1 or 2
	changedKey      = "notice"  // otp.NotifyPasswordChanged
	notificationKey = "notice#" // and any other otp.NotificationKind
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
	SentAt    int64  `dynamodbav:"sentAt,omitempty"`  // epoch milliseconds
	UsedAt    int64  `dynamodbav:"usedAt,omitempty"`  // epoch milliseconds
	UsedBy    string `dynamodbav:"usedBy,omitempty"`  // request id
	AskedBy   string `dynamodbav:"askedBy,omitempty"` // request id

	Attempts    int   `dynamodbav:"attempts,omitempty"`    // wrong codes for this session; only for a purpose that hides accounts
	AttemptedAt int64 `dynamodbav:"attemptedAt,omitempty"` // epoch milliseconds: the last of them

	DeliveredAt int64 `dynamodbav:"deliveredAt,omitempty"` // epoch milliseconds
	BouncedAt   int64 `dynamodbav:"bouncedAt,omitempty"`   // epoch milliseconds
}

// rowKind is what a row holds. Only a sessionRow is ever read as a session.
type rowKind int

const (
	emptyRow        rowKind = iota // no row, or a placeholder for one of these: see insertOrNever
	emptyResend                    // a placeholder for a resend
	sessionRow                     // a session, under its digest
	resendRow                      // the same code once more
	notificationRow                // a security notification
)

// kind returns what the row holds.
func (r row) kind() rowKind {
	isEmpty, isResend := r.Purpose == "", strings.HasPrefix(r.Code, resendKey)
	switch {
	case isEmpty && isResend:
		return emptyResend
	case isEmpty:
		return emptyRow
	case isResend:
		return resendRow
	case r.Code == changedKey || strings.Contains(r.Code, "#"): // a digest has no #
		return notificationRow
	}
	return sessionRow
}

// isEmpty reports whether the row is only a placeholder.
func (r row) isEmpty() bool { return r.kind() == emptyRow || r.kind() == emptyResend }

// holdsCode reports whether the row's message is a session's code.
func (r row) holdsCode() bool { return r.kind() == sessionRow || r.kind() == resendRow }

// newRow returns the row of a session's code, under its digest or a resend's key.
func newRow(s otp.Session, code, requestID string) row {
	r := row{
		SessionID: s.ID, Code: code, Sealed: s.Sealed, Subject: s.Subject, Purpose: string(s.Purpose), KeyID: s.KeyID,
		CreatedAt: s.CreatedAt.UnixMilli(), ExpiredAt: s.ExpiresAt.Unix(), AskedBy: requestID,
	}
	r.Send, r.Skip = sendOrSkip(SendCode, s.Silent)
	if s.Message == otp.StateBounced {
		r.BouncedAt = r.CreatedAt
	}
	return r
}

// notificationLifetime is long enough for an operator to look at the dead-letter queue.
const notificationLifetime = 24 * time.Hour

// newNotificationRow returns a notification's row.
func newNotificationRow(n otp.Notification, requestID string, now time.Time) row {
	r := row{
		SessionID: n.SessionID, Code: notificationKey + string(n.Kind), Sealed: n.Sealed, Subject: n.Subject, Purpose: string(n.Purpose),
		KeyID: n.KeyID, CreatedAt: now.UnixMilli(), ExpiredAt: now.Add(notificationLifetime).Unix(), AskedBy: requestID,
	}
	if n.Kind == otp.NotifyPasswordChanged {
		r.Code = changedKey
	}
	r.Send, r.Skip = sendOrSkip(string(n.Kind), n.Silent)
	return r
}

// sendOrSkip returns the attributes "send" and "skip", of which a row has one.
func sendOrSkip(what string, silent bool) (send, skip string) {
	if silent {
		return "", what
	}
	return what, ""
}

// session returns the session that the row holds.
//
// Errors: otp.ErrSessionNotFound for every other kind of row.
func (r row) session() (otp.Session, error) {
	if r.kind() != sessionRow {
		return otp.Session{}, otp.ErrSessionNotFound
	}
	s := otp.Session{
		ID: r.SessionID, Digest: r.Code, Purpose: otp.Purpose(r.Purpose), Subject: r.Subject, KeyID: r.KeyID,
		Sealed: r.Sealed, CreatedAt: time.UnixMilli(r.CreatedAt), ExpiresAt: time.Unix(r.ExpiredAt, 0), UsedBy: r.UsedBy,
		Silent: r.Skip != "",
	}
	if r.UsedAt != 0 {
		s.UsedAt = time.UnixMilli(r.UsedAt)
	}
	if r.Attempts > 0 {
		s.Attempts, s.AttemptedAt = r.Attempts, time.UnixMilli(r.AttemptedAt)
	}
	return s, nil
}

// sessionOf returns the session that a set of rows holds, with its resends and the state of its messages.
//
// Errors: otp.ErrSessionNotFound.
func sessionOf(rows []row) (s otp.Session, err error) {
	err = otp.ErrSessionNotFound
	var resends []time.Time
	next := 1
	for _, r := range rows {
		switch r.kind() {
		case sessionRow:
			s, err = r.session()
		case resendRow:
			resends = append(resends, time.UnixMilli(r.CreatedAt))
			next++
		case emptyResend:
			next++ // nothing was sent, but the number is taken
		}
	}
	s.Resends, s.NextResend, s.Message = resends, next, messageState(rows)
	return s, err
}

// decodeSession reads a session from an item that a write found or returned.
//
// Errors: otp.ErrSessionNotFound if the item is empty or holds no session.
func decodeSession(found item) (otp.Session, error) {
	r, err := decode[row](found)
	if err != nil {
		return otp.Session{}, err
	}
	return r.session()
}
