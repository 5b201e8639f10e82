package otp_test

import (
	"errors"
	"testing"

	"streamotp/shared/otp"
)

func isUnknown(err error) bool {
	var unknown *otp.UnknownChannelError
	return errors.As(err, &unknown)
}

func TestChannels(t *testing.T) {
	t.Run("each has everything that the code asks about", func(t *testing.T) {
		names := map[otp.Channel]bool{}
		for _, c := range otp.Channels() {
			if c.Channel == "" || c.Label == "" || c.Provider == "" || c.Kind != otp.EmailAddress && c.Kind != otp.PhoneNumber || names[c.Channel] {
				t.Errorf("%+v", c)
			}
			names[c.Channel] = true
			if got, err := otp.ParseChannel(string(c.Channel)); got != c.Channel || err != nil {
				t.Errorf("%s is read as %q, %v", c.Channel, got, err)
			}
		}
	})
	t.Run("what counts against a number goes to one, and what is suppressed goes to an address", func(t *testing.T) {
		for _, c := range otp.Channels() {
			if (c.NumberLimit || c.PrefixRule) && c.Kind != otp.PhoneNumber || c.Suppression && c.Kind != otp.EmailAddress {
				t.Errorf("%+v", c)
			}
		}
	})
	t.Run("an unknown one is an error and has no destination", func(t *testing.T) {
		for _, name := range []string{"", "fax", "SMS", "Email", "email ", "sms\x00", "e-mail"} {
			if c, err := otp.ParseChannel(name); c != "" || !isUnknown(err) {
				t.Errorf("%q is read as %q, %v", name, c, err)
			}
			if facts, err := otp.Channel(name).Facts(); facts != (otp.ChannelFacts{}) || !isUnknown(err) {
				t.Errorf("%q: %+v, %v", name, facts, err)
			}
			contents := otp.Contents{Channel: otp.Channel(name), Email: "ada@example.com", Phone: "+4915112345678"}
			if got := contents.Destination(); got != "" {
				t.Errorf("%q goes to %s", name, got)
			}
		}
	})
	t.Run("contents with an unknown one do not open", func(t *testing.T) {
		for _, name := range []otp.Channel{"", "fax", "SMS"} {
			box, err := ring(t).Seal("a", otp.Contents{Purpose: otp.Login, Channel: name, Email: "ada@example.com", Code: "482913"})
			if err != nil {
				t.Fatal(err)
			}
			if c, err := ring(t).Open("0", "a", box); c != (otp.Contents{}) || !isUnknown(err) {
				t.Errorf("%q opened as %+v, %v", name, c, err)
			}
		}
	})
}
