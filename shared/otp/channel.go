package otp

import "slices"

// Channel names a way to send messages. The name is stored in accounts and sealed contents, and is part of the API.
type Channel string

// The channels. The table below says everything else about them.
const (
	Email Channel = "email"
	SMS   Channel = "sms"
)

// ChannelFacts are what the code needs to know about a channel. Where two channels must differ, the difference is a field here:
// no other code compares channels.
type ChannelFacts struct {
	Channel  Channel
	Label    string          // the name in a sentence
	Kind     DestinationKind // the field of Contents that messages go to, and how it is masked
	Provider Provider        // shared/deliver has a function for each
	Field    string          // of POST /generate that people type its destination into; empty if only accounts have the channel
	SiteLine bool            // a code's message ends with the line "@host #code", so it needs the site's host

	// The limits that a message counts against, beside those of its subject and its client IP address.
	NumberLimit bool // the number's own messages, over all accounts
	PrefixRule  bool // SMS pumping protection, for which the time of the last right code is kept too
	DailyLimit  bool // SmsPerDay
	Suppression bool // a suppressed address gets nothing
}

// channels is the table of channels. CONTRIBUTING.md lists what else a new channel needs.
var channels = []ChannelFacts{
	{Channel: Email, Label: "e-mail", Kind: EmailAddress, Provider: SES, Field: "email", Suppression: true},
	{Channel: SMS, Label: "SMS", Kind: PhoneNumber, Provider: SNS, Field: "phone", SiteLine: true, NumberLimit: true, PrefixRule: true, DailyLimit: true},
}

// Provider names the service that sends a channel's messages, and with it the function in shared/deliver that calls the service.
type Provider string

// The providers.
const (
	SES Provider = "ses"
	SNS Provider = "sns"
)

// DestinationKind is what a channel's messages go to. The zero value is no destination.
type DestinationKind int

// The kinds of destinations.
const (
	EmailAddress DestinationKind = iota + 1
	PhoneNumber
)

// UnknownChannelError says that a channel is not in the table: an account or a session was written by a newer version, or by
// hand. Only an operator can fix it. The error does not quote the channel, which may be any text, a phone number included.
type UnknownChannelError struct{}

func (*UnknownChannelError) Error() string { return "the channel is unknown" }

// Facts returns the channel's row of the table.
//
// Errors: *UnknownChannelError. The facts are zero then: no destination, no provider.
func (c Channel) Facts() (ChannelFacts, error) {
	i := slices.IndexFunc(channels, func(f ChannelFacts) bool { return f.Channel == c })
	if i < 0 {
		return ChannelFacts{}, &UnknownChannelError{}
	}
	return channels[i], nil
}

// ParseChannel reads the name of a channel. Upper case is another name.
//
// Errors: *UnknownChannelError.
func ParseChannel(name string) (Channel, error) {
	facts, err := Channel(name).Facts()
	return facts.Channel, err
}

// TypedInto returns the channel whose destination is typed into a field of POST /generate, or "" if there is none.
func TypedInto(field string) Channel {
	for _, f := range channels {
		if f.Field == field && field != "" {
			return f.Channel
		}
	}
	return ""
}

// Channels returns the table.
func Channels() []ChannelFacts { return slices.Clone(channels) }

// ChannelNames returns the names of all channels, in the table's order.
func ChannelNames() (names []string) {
	for _, f := range channels {
		names = append(names, string(f.Channel))
	}
	return names
}
