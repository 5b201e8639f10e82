package telemetry

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"slices"
	"time"

	"streamotp/shared/otp"
)

// The events. Each is a metric of its name, with the dimensions that Event.dimensions gives it. CloudWatch bills every combination
// of a name and a dimension's value.
const (
	Generated       = "Generated"
	Sent            = "Sent"
	Verified        = "Verified"
	WrongCode       = "WrongCode"
	Expired         = "Expired" // a code that came too late or was used before, or a message that was no longer needed
	Locked          = "Locked"
	Limited         = "Limited"
	Blocked         = "Blocked"       // a robot, a request around CloudFront, or a destination that nothing is sent to
	Suspected       = "Suspected"     // an operator should look at it: see Reason
	ProviderError   = "ProviderError" // a call to a provider or a table failed
	TestDestination = "TestDestination"

	// Only for e-mail, and only by channel.
	Delivered  = "Delivered"
	Bounced    = "Bounced"
	Complained = "Complained" // the recipient marked the e-mail as spam
	Suppressed = "Suppressed" // an e-mail was not sent, because an earlier one bounced or was marked as spam

	DeliveryTime = "DeliveryTime" // milliseconds until the recipient's server accepted it; beside Delivered

	// Without dimensions only.
	ServerError = "ServerError" // a bug of ours, for which the API returns 500
	Undelivered = "Undelivered" // a message that expired before it could be sent; its dead letter was written
	Settled     = "Settled"     // a message that needs nothing more: sent, or not to be sent; see Event.Settles

	ProofFailed   = "ProofFailed"   // a client's proof could not be signed, and the code stays usable; beside ProviderError
	ClientRefused = "ClientRefused" // wrong credentials of a client

	// Of hosted login, without dimensions only.
	Authorized = "Authorized" // a person logged in to an application
	Exchanged  = "Exchanged"  // the application got its tokens
	Revoked    = "Revoked"    // an authorization code was used again, so its tokens ended

	SignedUp = "SignedUp" // a right code created an account; beside Verified, and without dimensions only

	Proven = "Proven" // a client's proof was signed; beside Verified, and by purpose alone

	WrongPassword = "WrongPassword" // an audit event without a metric
)

// Event is what happened, for the audit log and the metrics. It names people and sessions by hashes alone.
type Event struct {
	Name    string // one of the constants; empty if nothing is counted
	Channel otp.Channel
	Purpose otp.Purpose
	Session string // the session id; what is written is its hash
	Subject string // the keyed hash
	Client  string // id of the client that the request is for; empty for none
	Reason  string
	Country string        // ISO 3166, of a number
	Prefix  string        // of a number: the prefix, if it is paused
	Took    time.Duration // of a delivery
	Waits   bool          // of Generated: the message is to be sent, which counts Sent and Settled as 0
	Settles bool          // the sender has nothing more to do for the message, which counts Settled as 1
}

// namespace is the namespace of the metrics; Start sets it.
var namespace string

// Write writes the event of a request as a log line of its own.
func (e Event) Write(requestID string, now time.Time) {
	attrs := append([]slog.Attr{slog.String("requestId", requestID)}, e.Attrs(now)...)
	slog.LogAttrs(context.Background(), slog.LevelInfo, "event", attrs...)
}

// WriteAs writes the event under another name, as a log line of its own.
func (e Event) WriteAs(name, requestID string, now time.Time) {
	e.Name = name
	e.Write(requestID, now)
}

// Attrs returns the parts of a log line that make it an audit event and, in CloudWatch's embedded metric format, a metric.
func (e Event) Attrs(now time.Time) []slog.Attr {
	var attrs []slog.Attr
	add := func(name, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(name, value))
		}
	}
	add("event", e.Name)
	add("session", hash(e.Session))
	add("subject", e.Subject)
	add("client", e.Client)
	add("reason", e.Reason)
	add("country", e.Country)
	add("prefix", e.Prefix)
	add("Channel", string(e.Channel))
	add("Purpose", string(e.Purpose))
	directives := e.directives()
	if len(directives) == 0 {
		return attrs
	}
	for _, d := range directives {
		for _, m := range d.Metrics {
			attrs = append(attrs, slog.Int64(m.Name, m.value))
		}
	}
	return append(attrs, slog.Any("_aws", struct {
		Timestamp         int64 // epoch milliseconds
		CloudWatchMetrics []directive
	}{now.UnixMilli(), directives}))
}

// directive is the part of a line from which CloudWatch counts metrics with the same dimensions (embedded metric format).
type directive struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []metric
}

type metric struct {
	Name, Unit string
	value      int64
}

// directives returns what the event counts.
func (e Event) directives() (list []directive) {
	if e.Name != "" && e.Name != WrongPassword {
		metrics := []metric{{e.Name, "Count", 1}}
		if e.Name == Delivered {
			metrics = append(metrics, metric{DeliveryTime, "Milliseconds", e.Took.Milliseconds()})
		}
		list = append(list, directive{namespace, e.dimensions(), metrics})
	}
	switch {
	case e.Name == Generated && e.Waits: // so that the metrics exist, and an alarm sees if the sender does nothing
		list = append(list, directive{namespace, [][]string{{}}, []metric{{Sent, "Count", 0}, {Settled, "Count", 0}}})
	case e.Settles:
		list = append(list, directive{namespace, [][]string{{}}, []metric{{Settled, "Count", 1}}})
	}
	return list
}

func (e Event) dimensions() (dimensions [][]string) {
	bare := slices.Contains(withoutDimension, e.Name)
	if e.Channel != "" && !bare && e.Name != Proven {
		dimensions = append(dimensions, []string{"Channel"})
	}
	if e.Purpose != "" && !bare {
		dimensions = append(dimensions, []string{"Purpose"})
	}
	if len(dimensions) == 0 || slices.Contains(watched, e.Name) {
		dimensions = append(dimensions, []string{})
	}
	return dimensions
}

// withoutDimension are the metrics that exist without a dimension only.
var withoutDimension = []string{ServerError, Undelivered, ProofFailed, ClientRefused, Authorized, Exchanged, Revoked, SignedUp}

// watched are the metrics that also exist without a dimension, so that an alarm can watch all channels and purposes together.
var watched = []string{ProviderError, Locked, Blocked, Sent}

// hash returns the name of a session in the log, because its id is half of what verifies it.
func hash(session string) string {
	if session == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(session))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}
