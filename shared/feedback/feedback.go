// Package feedback holds the tags that an e-mail is sent with, and reads the events that SES publishes about the e-mail.
//
// Its invariants:
//
//	F1: a tag reveals no address and no code, because it contains only keyed hashes of them.
//	F2: only the types, the times and our own tags of an event are read, because the rest of the event contains the address.
package feedback

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"streamotp/shared/store"
)

// Tags are sent with an e-mail and come back with its events. Empty tags are not sent.
type Tags struct {
	Destination string // by otp.Keyring.Destination
	Verify      string // by otp.Keyring.Subject; only for purpose verify: an account's bounce would show in a stranger's verify session
	Login       string // by otp.Keyring.Subject
	Session     string // the session whose caller may learn what became of the e-mail; never of a purpose that hides accounts
	Digest      string // the range key of the session's row
}

// The names of tags. SES allows letters, digits, _ and - in names and values.
const (
	destinationTag = "destination"
	verifyTag      = "verify"
	loginTag       = "login"
	sessionTag     = "session"
	digestTag      = "digest"
)

// Map returns the tags by name.
func (t Tags) Map() map[string]string {
	tags := map[string]string{destinationTag: t.Destination, verifyTag: t.Verify, loginTag: t.Login, sessionTag: t.Session, digestTag: t.Digest}
	maps.DeleteFunc(tags, func(_, value string) bool { return value == "" })
	return tags
}

// Subjects returns the subjects in which a suppression is marked.
func (t Tags) Subjects() []string {
	return slices.DeleteFunc([]string{t.Verify, t.Login}, func(subject string) bool { return subject == "" })
}

// Kind is what became of an e-mail.
type Kind int

const (
	Other     Kind = iota // an event that changes nothing
	Delivered             // the recipient's mail server accepted it
	Failed                // it was not delivered, but a later e-mail may be; or an out-of-office reply came
	Bounced               // it was not delivered, and no later e-mail will be
	Complaint             // the recipient marked it as spam
)

// SuppressionReason returns why the destination must get no more e-mail, and whether there is such a reason.
func (k Kind) SuppressionReason() (store.Reason, bool) {
	switch k {
	case Bounced:
		return store.Bounce, true
	case Complaint:
		return store.Complaint, true
	}
	return "", false
}

// Event is one event of one e-mail.
type Event struct {
	Tags
	Kind   Kind
	Reason string        // SES's own type and subtype, as Permanent/NoEmail; empty for a delivery
	Took   time.Duration // of a delivery: from SES's acceptance to that of the recipient's server

	// At is when the event happened. It orders the events of a message, which SES may repeat and send in any order. For a Failed
	// event it is when SES accepted the message, so that a delivery of the same message always counts as later: an out-of-office
	// reply looks like a bounce, and follows a delivery. At is zero if the event has no valid time.
	At time.Time
}

// ErrNoEvent says that a text is not an event of SES. SES sends a topic that is new to it a plain sentence.
var ErrNoEvent = errors.New("not an event of SES")

// published is the part that is read (F2) of an event as SES publishes it ("Contents of event data that Amazon SES publishes to
// Amazon SNS").
type published struct {
	EventType string
	Mail      struct {
		Timestamp string // ISO 8601, as all times
		Tags      map[string][]string
	}
	Bounce    struct{ BounceType, BounceSubType, Timestamp string }
	Complaint struct{ ComplaintFeedbackType, ComplaintSubType, Timestamp string }
	Delivery  struct {
		ProcessingTimeMillis int64
		Timestamp            string
	}
}

// Parse reads an event.
//
// Errors: ErrNoEvent.
func Parse(text string) (Event, error) {
	var p published
	if json.Unmarshal([]byte(text), &p) != nil || p.EventType == "" {
		return Event{}, ErrNoEvent
	}
	tag := func(name string) string {
		if values := p.Mail.Tags[name]; len(values) > 0 {
			return values[0] // each of ours has one
		}
		return ""
	}
	e := Event{Tags: Tags{
		Destination: tag(destinationTag), Verify: tag(verifyTag), Login: tag(loginTag), Session: tag(sessionTag), Digest: tag(digestTag),
	}}
	switch p.EventType {
	case "Delivery":
		e.Kind, e.Took = Delivered, time.Duration(p.Delivery.ProcessingTimeMillis)*time.Millisecond
		e.At = instant(p.Delivery.Timestamp)
	case "Bounce":
		e.Kind, e.Reason = bounce(p.Bounce.BounceType), p.Bounce.BounceType+"/"+p.Bounce.BounceSubType
		e.At = instant(p.Bounce.Timestamp)
	case "Complaint":
		e.Kind, e.Reason = complaint(p.Complaint.ComplaintFeedbackType, p.Complaint.ComplaintSubType)
		e.At = instant(p.Complaint.Timestamp)
	}
	if e.Kind == Failed {
		e.At = instant(p.Mail.Timestamp)
	}
	return e, nil
}

// instant reads a time. A malformed time becomes zero: the event may suppress an address, so it must not be lost.
func instant(text string) time.Time {
	t, _ := time.Parse(time.RFC3339, text)
	return t
}

// bounce distinguishes a permanent bounce from a transient one.
func bounce(kind string) Kind {
	if kind == "Permanent" {
		return Bounced
	}
	return Failed
}

func complaint(feedback, sub string) (Kind, string) {
	switch {
	case sub == "OnAccountSuppressionList": // SES did not send it: the account's suppression list has the address
		return Bounced, sub
	case feedback == "not-spam": // RFC 5965: for example, it was moved out of the spam folder
		return Other, feedback
	}
	return Complaint, feedback
}
