package mailbox

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"streamotp/local/aws"
	"streamotp/local/lambda"
	"streamotp/local/template"
)

// deliveryOutcome is how the delivery of an accepted message ends.
type deliveryOutcome struct {
	words  string   // for the mailbox page
	lost   bool     // the message does not arrive
	events []string // that SES publishes, in this order
	detail object   // of the bounce or complaint
}

type object = map[string]any

// simulatedOutcomes are those of SES's mailbox simulator ("Using the mailbox simulator manually in Amazon SES"), by local
// part; bounce+label@ is like bounce@. E-mail to every other address arrives.
var simulatedOutcomes = map[string]deliveryOutcome{
	"bounce": {words: "Bounced", lost: true, events: []string{"Bounce"}, detail: object{"bounceType": "Permanent", "bounceSubType": "General"}},
	"suppressionlist": {words: "Suppressed", lost: true, events: []string{"Bounce"},
		detail: object{"bounceType": "Permanent", "bounceSubType": "Suppressed"}},
	"ooto": {words: "Delivered, then an out-of-office reply", events: []string{"Delivery", "Bounce"}, detail: object{"bounceType": "Transient", "bounceSubType": "General"}},
	"complaint": {words: "Delivered, then reported as spam", events: []string{"Delivery", "Complaint"},
		detail: object{"complaintFeedbackType": "abuse", "complaintSubType": nil}},
}

func outcomeOf(m aws.Message) deliveryOutcome {
	local, simulated := strings.CutSuffix(m.To, "@simulator.amazonses.com")
	local, _, _ = strings.Cut(local, "+")
	if f, ok := simulatedOutcomes[local]; ok && simulated {
		return f
	}
	switch m.Channel {
	case "email":
		return deliveryOutcome{words: "Delivered", events: []string{"Delivery"}}
	case "sms":
		return deliveryOutcome{words: "Sent"} // SNS publishes no events
	}
	return deliveryOutcome{words: "Unknown channel: " + m.Channel}
}

// mailEventDelay is how long SES takes to publish an event. In AWS it is a second or two, or as long as the recipient's
// server takes to accept the e-mail.
const mailEventDelay = 500 * time.Millisecond

// publishMailEvents publishes the events of an e-mail to the topics that the template names, which invokes the functions
// that subscribe to them.
func (b *Mailbox) publishMailEvents(m aws.Message, outcome deliveryOutcome) {
	for _, destination := range b.Template.EventDestinations {
		if m.MailSet != destination.ConfigurationSetName {
			continue
		}
		events := destination.EventDestination
		b.publishing.Go(func() {
			if !lambda.Sleep(b.ctx, mailEventDelay) {
				return
			}
			for _, kind := range outcome.events {
				if slices.Contains(events.MatchingEventTypes, strings.ToLower(kind)) {
					b.notify(events.SnsDestination.TopicARN, mailEvent(m, kind, outcome.detail))
				}
			}
		})
	}
}

// mailEvent returns the event that SES publishes ("Contents of event data that Amazon SES publishes to Amazon SNS").
func mailEvent(m aws.Message, kind string, detail object) string {
	now := time.Now().UTC().Format(time.RFC3339Nano)
	tags := object{"ses:configuration-set": []string{m.MailSet}, "ses:outgoing-ip": []string{"192.0.2.1"}}
	for name, value := range m.Tags {
		tags[name] = []string{value}
	}
	event := object{"eventType": kind, "mail": object{
		"timestamp": m.SentAt, "messageId": m.ID, "source": m.From, "sendingAccountId": template.Account,
		"destination": []string{m.To}, "headersTruncated": false, "tags": tags,
		"headers":       []object{{"name": "From", "value": m.From}, {"name": "To", "value": m.To}, {"name": "Subject", "value": m.Subject}},
		"commonHeaders": object{"from": []string{m.From}, "to": []string{m.To}, "messageId": m.ID, "subject": m.Subject},
	}}
	switch kind {
	case "Bounce":
		event["bounce"] = merge(detail, object{"timestamp": now, "feedbackId": m.ID, "bouncedRecipients": []object{
			{"emailAddress": m.To, "action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}}})
	case "Complaint":
		event["complaint"] = merge(detail, object{"timestamp": now, "feedbackId": m.ID, "complainedRecipients": []object{{"emailAddress": m.To}}})
	default:
		event["delivery"] = object{"timestamp": now, "processingTimeMillis": 1, "recipients": []string{m.To}, "smtpResponse": "250 OK"}
	}
	data, err := json.Marshal(event)
	if err != nil {
		panic(err) // only text and numbers
	}
	return string(data)
}

func merge(detail, more object) object {
	maps.Copy(more, detail)
	return more
}

// notify invokes the functions that subscribe to a topic. A function that fails is invoked again, up to three times in
// all, as Lambda does for asynchronous invocations but without the minutes between them.
func (b *Mailbox) notify(topic, message string) {
	event := object{"Records": []object{{
		"EventVersion": "1.0", "EventSource": "aws:sns", "EventSubscriptionArn": topic + ":6f2a9d0c-3b1e-4a77-9d3e-0c1b2a3d4e5f",
		"Sns": object{"Type": "Notification", "MessageId": uuid.NewString(), "TopicArn": topic, "Subject": "Amazon SES Email Event Notification",
			"Message": message, "Timestamp": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), "MessageAttributes": object{}},
	}}}
	for _, f := range b.Template.Functions {
		if slices.Contains(f.Topics, topic) {
			b.invokeLater(topic, f.ID, event)
		}
	}
}

func (b *Mailbox) invokeLater(topic, function string, event any) {
	for try := range 3 {
		r := b.Invoke(context.Background(), function, event, "")
		b.Heard(topic, r)
		if r.Err == nil {
			return
		}
		if !lambda.Sleep(b.ctx, 100*time.Millisecond<<try) {
			return
		}
	}
	b.Log("%s: event dropped after three tries", function)
}
