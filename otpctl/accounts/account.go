// Package accounts has the commands for accounts, their locks, and suppressed addresses (promises C2 to C5 of otpctl).
package accounts

import (
	"cmp"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"streamotp/otpctl/console"
	"streamotp/shared/email"
	"streamotp/shared/otp"
	"streamotp/shared/password"
	"streamotp/shared/phone"
	"streamotp/shared/phone/number"
	"streamotp/shared/store"
)

// typed is an account as an operator enters it. Empty fields were not given.
type typed struct {
	email, name, phone, channel string
}

// account is what was entered, after it has been read.
type account struct {
	email   string // normalised
	name    string
	phone   number.Number
	channel otp.Channel
}

const maxName = 100 // code points

// read checks everything that can be checked without other accounts. A channel may be in upper or lower case.
//
// Errors: console.Refusal.
func (t typed) read() (a account, err error) {
	if a.email, err = email.Normalize(t.email); err != nil {
		return a, console.Refusalf("e-mail: %v", err)
	}
	var plain bool
	switch a.name, plain = otp.FoldName(t.name); {
	case !plain:
		return a, console.Refusal("name: must be plain text in UTF-8, without control characters")
	case utf8.RuneCountInString(a.name) > maxName:
		return a, console.Refusalf("name: must have at most %d characters", maxName)
	}
	if t.channel != "" {
		if a.channel, err = otp.ParseChannel(strings.ToLower(t.channel)); err != nil {
			return a, console.Refusal("channel: must be " + strings.Join(otp.ChannelNames(), " or "))
		}
	}
	if t.phone != "" {
		if a.phone, err = phone.Parse(t.phone); err != nil {
			return a, console.Refusalf("phone: %v", err)
		}
	}
	return a, nil
}

// onto changes a stored account (zero for a new one) to what was entered. Everything else stays as it is. Codes may go
// only to numbers of the given countries.
//
// Errors: console.Refusal, if login codes would go to a number that cannot receive them, or by an unknown channel.
func (a account) onto(held store.User, countries []string) (store.User, error) {
	wanted := held
	if wanted.Email = a.email; held.Email == "" {
		wanted.ID = uuid.NewString()
	}
	wanted.Name = cmp.Or(a.name, held.Name)
	wanted.Phone = cmp.Or(a.phone.E164, held.Phone)
	wanted.Channel = cmp.Or(a.channel, held.LoginChannel())
	return wanted, checkChannel(wanted, countries)
}

// checkChannel checks that login codes can go by the account's channel, by the same rules as generate.
//
// Errors: console.Refusal.
func checkChannel(u store.User, countries []string) error {
	channel, err := u.Channel.Facts()
	if err != nil {
		return console.Refusal("channel: the account's is unknown: set it with --channel " + strings.Join(otp.ChannelNames(), " or --channel "))
	}
	if channel.Kind != otp.PhoneNumber {
		return nil
	}
	if u.Phone == "" {
		return console.Refusalf("channel: %s needs a phone", channel.Channel)
	}
	n, err := phone.Parse(u.Phone)
	switch {
	case len(countries) == 0:
		return console.Refusal("channel: must be email, since this stack sends no " + channel.Label + ": its parameter AllowedCountries is empty")
	case err != nil || !n.Mobile:
		return console.Refusal("phone: must be a mobile number, since login codes go to it by " + channel.Label)
	case !n.Receives(countries):
		return console.Refusalf("phone: is a number of %s, and this stack sends %s only to %s: its parameter AllowedCountries lists them",
			n.Country, channel.Label, strings.Join(countries, ", "))
	}
	return nil
}

// weaknesses are the reasons of password.WeakError, in words.
var weaknesses = map[string]string{
	"too_short":          "it has fewer than 8 characters",
	"control_characters": "it contains control characters, which no login form can send",
	"too_long":           "it has more than 256 characters",
	"common":             "it is one of those that attackers try first",
	"contains_address":   "it contains the account's address",
	"contains_app_name":  "it contains the application's name",
}

// checkPassword checks a new password as reset does, except that the app's name is not known here.
//
// Errors: console.Refusal; the error of password.CheckList.
func checkPassword(secret, email string) error {
	if err := password.CheckList(); err != nil {
		return err
	}
	var reasons []string
	for _, err := range []error{password.Check(secret, ""), password.CheckAddress(secret, email)} {
		var weak *password.WeakError
		if errors.As(err, &weak) {
			reasons = append(reasons, weak.Reasons...)
		}
	}
	if !utf8.ValidString(secret) {
		return console.Refusal("password: must be UTF-8, or no browser could type it")
	}
	if len(reasons) == 0 {
		return nil
	}
	for i, reason := range reasons {
		reasons[i] = cmp.Or(weaknesses[reason], reason)
	}
	return console.Refusal("password: choose another, " + strings.Join(reasons, " and "))
}
