// Package feedback is what comes back of an e-mail: the tags that it is sent with, and the events that SES publishes
// of it.
//
// Its invariants:
//
//	F1: a tag tells no address and no code: both are named by their keyed hashes.
//	F2: of an event only its type, its times and our own tags are read: the rest contains the address.
package feedback

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"streamotp/shared/store"
)

// Tags go with an e-mail and come back with its events. What is empty is not sent.
type Tags struct {
	Destination string // by otp.Keyring.Destination
	Verify      string // by otp.Keyring.Subject: whose codes go there. Only of verify: of others it would tell strangers of them
	Login       string
	Session     string // whose owner may be told what became of it; never of a reset
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

// Map is the tags by name.
func (t Tags) Map() map[string]string {
	tags := map[string]string{destinationTag: t.Destination, verifyTag: t.Verify, loginTag: t.Login, sessionTag: t.Session, digestTag: t.Digest}
	maps.DeleteFunc(tags, func(_, value string) bool { return value == "" })
	return tags
}

// Subjects are those that a suppression is marked in.
func (t Tags) Subjects() []string {
	return slices.DeleteFunc([]string{t.Verify, t.Login}, func(subject string) bool { return subject == "" })
}

// Kind is what became of an e-mail.
type Kind int

const (
	Other     Kind = iota // nothing that changes anything
	Delivered             // the recipient's server took it
	Failed                // it was not delivered, which may be otherwise another time; or an out-of-office reply came
	Bounced               // it was not delivered, and none will be
	Complaint             // the recipient called it spam
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
	Reason string        // SES's own words, as Permanent/NoEmail; empty for a delivery
	Took   time.Duration // of a delivery: from SES's acceptance to the recipient's server's

	// At orders the events of a message, which SES may repeat and bring in any order: when the event happened. A Failed event
	// counts from when SES accepted the message, so that a delivery of the same message always comes after it: an
	// out-of-office reply looks like a bounce, and follows a delivery. Zero if the event does not say.
	At time.Time
}

// ErrNoEvent says that a text is no event of SES: it writes one in words to a topic that is new to it.
var ErrNoEvent = errors.New("not an event of SES")

// published is an event as SES publishes it ("Contents of event data that Amazon SES publishes to Amazon SNS"), as far
// as it is read (F2).
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
	tag := func(name string) string { return first(p.Mail.Tags[name]) }
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

// instant reads a time. One that is malformed does not lose the event, which may suppress an address.
func instant(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return t
}

// bounce tells what is over from what may pass.
func bounce(kind string) Kind {
	if kind == "Permanent" {
		return Bounced
	}
	return Failed
}

func complaint(feedback, sub string) (Kind, string) {
	switch {
	case sub == "OnAccountSuppressionList": // SES did not send it, for an earlier one
		return Bounced, sub
	case feedback == "not-spam": // RFC 5965: taken out of the spam folder, say
		return Other, feedback
	}
	return Complaint, feedback
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}
