package deliver

import (
	"context"
	"errors"
	"testing"

	"streamotp/shared/otp"
)

func TestProviders(t *testing.T) {
	t.Run("each channel's provider has a function", func(t *testing.T) {
		for _, channel := range otp.Channels() {
			if providers[channel.Provider] == nil {
				t.Errorf("%s has none", channel.Channel)
			}
		}
	})
	t.Run("a message of an unknown channel is not sent, and a later attempt may succeed", func(t *testing.T) {
		for _, channel := range []otp.Channel{"", "fax", "SMS"} {
			m := code(otp.Login)
			m.Channel = channel
			err := (&Sender{}).Send(context.Background(), m) // this Sender has no clients: a call to one would panic
			var unknown *otp.UnknownChannelError
			var permanent *PermanentError
			if !errors.As(err, &unknown) || errors.As(err, &permanent) {
				t.Errorf("%q: %v", channel, err)
			}
		}
	})
}
