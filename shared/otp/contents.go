package otp

import (
	"cmp"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// Contents hold what the functions need to send and check a session's code. Nobody else can read them.
type Contents struct {
	Purpose Purpose `json:"u"` // repeats the row's purpose where nobody can change it
	Code    string  `json:"c"`
	Channel Channel `json:"h"`
	Email   string  `json:"e,omitempty"` // the account's address, or the address to verify
	Phone   string  `json:"p,omitempty"` // E.164; the account's or the one to verify
	Locale  string  `json:"l,omitempty"` // primary language of the message, as "de"
	Prefix  string  `json:"x,omitempty"` // of a number that is new here: a right code counts as verified for the prefix
	Test    bool    `json:"t,omitempty"` // of a test destination

	Client    string `json:"i,omitempty"` // id of the client that the code is for; empty for none
	App       string `json:"n,omitempty"` // the client's name, which the message shows in place of AppName
	Server    bool   `json:"s,omitempty"` // the client made the session with its credentials, and nobody else may use it
	Nonce     string `json:"o,omitempty"` // of the client, for the proof
	AccountID string `json:"a,omitempty"` // of the account of a login for a client: a UUID that never changes
	New       bool   `json:"w,omitempty"` // the address has no account: the right code creates it, with AccountID

	Hosted bool   `json:"y,omitempty"` // the proof is for our own hosted login, whose transaction is Nonce, and not for the client
	Name   string `json:"m,omitempty"` // of the account, by ShortName; only with Hosted
}

// maxNameJSON is the most bytes that a name may have in sealed contents, as JSON.
const maxNameJSON = 160

// ShortName returns a name, cut if its JSON is too long for sealed contents.
func ShortName(name string) string {
	for {
		text, err := json.Marshal(name)
		if err != nil {
			return ""
		}
		if len(text) <= maxNameJSON {
			return name
		}
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
}

// UsableBy reports whether a call may use the session: one that a server made with its credentials answers only to them. serverID
// is the client whose credentials came with the call, or "".
func (c Contents) UsableBy(serverID string) bool { return !c.Server || c.Client == serverID }

// Destination returns where the message goes, or "" for an unknown channel, which has no destination.
func (c Contents) Destination() string {
	channel, _ := c.Channel.Facts() // an unknown one has the zero kind
	switch channel.Kind {
	case EmailAddress:
		return c.Email
	case PhoneNumber:
		return c.Phone
	}
	return ""
}

// Masked returns what may be shown of the destination: a•••@example.com, •••78.
func (c Contents) Masked() string {
	channel, _ := c.Channel.Facts()
	switch to := c.Destination(); channel.Kind {
	case EmailAddress:
		local, domain, _ := strings.Cut(to, "@")
		return local[:min(1, len(local))] + "•••@" + domain
	case PhoneNumber:
		return "•••" + to[max(0, len(to)-2):]
	}
	return "•••"
}

// Identity returns what attempts count against and what a right code proves: the e-mail address, or the number if the contents have no address.
func (c Contents) Identity() string { return cmp.Or(c.Email, c.Phone) }
