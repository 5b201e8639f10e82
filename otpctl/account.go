package main

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"streamotp/shared/otp"
	"streamotp/shared/password"
	"streamotp/shared/phone"
	"streamotp/shared/phone/number"
	"streamotp/shared/store"
)

// refusal is why an account or a line is not taken, in words that quote nothing of it: an import's report may be passed
// on, the addresses, numbers and passwords in it may not.
type refusal string

func (r refusal) Error() string { return string(r) }

// typed is an account as an operator gives it; what is empty was not said.
type typed struct {
	email, name, phone, channel string
}

// account is what was typed once it has been read.
type account struct {
	email   string // normalised
	name    string
	phone   number.Number
	channel otp.Channel
}

const maxName = 100 // code points

// read checks what can be checked of one account alone.
//
// Errors: refusal.
func (t typed) read() (a account, err error) {
	if a.email, err = otp.NormalizeEmail(t.email); err != nil {
		return a, about("e-mail", err)
	}
	if a.name, err = readName(t.name); err != nil {
		return a, err
	}
	if a.channel, err = readChannel(t.channel); err != nil {
		return a, err
	}
	if t.phone != "" {
		if a.phone, err = phone.Parse(t.phone); err != nil {
			return a, about("phone", err)
		}
	}
	return a, nil
}

func about(field string, err error) error { return refusal(field + ": " + err.Error()) }

func readName(typed string) (string, error) {
	name, ok := otp.FoldName(typed)
	switch {
	case !ok:
		return "", refusal("name: must be plain text in UTF-8, without control characters")
	case utf8.RuneCountInString(name) > maxName:
		return "", refusal(fmt.Sprintf("name: must have at most %d characters", maxName))
	}
	return name, nil
}

func readChannel(typed string) (otp.Channel, error) {
	switch channel := otp.Channel(strings.ToLower(typed)); channel {
	case "", otp.Email, otp.SMS:
		return channel, nil
	}
	return "", refusal("channel: must be email or sms")
}

// onto lays what was typed over an account as it is held, zero for a new one: what was not said stays.
//
// Errors: refusal, where login codes would go to a number that cannot have them.
func (a account) onto(held store.User) (store.User, error) {
	wanted := held
	wanted.Email = a.email
	if a.name != "" {
		wanted.Name = a.name
	}
	if a.phone.E164 != "" {
		wanted.Phone = a.phone.E164
	}
	if a.channel != "" {
		wanted.Channel = a.channel
	}
	if wanted.Channel == "" {
		wanted.Channel = otp.Email
	}
	return wanted, checkChannel(wanted)
}

// checkChannel says whether login codes can go where the account wants them.
//
// Errors: refusal.
func checkChannel(u store.User) error {
	if u.Channel != otp.SMS {
		return nil
	}
	if u.Phone == "" {
		return refusal("channel: sms needs a phone")
	}
	if n, err := phone.Parse(u.Phone); err != nil || !n.Mobile {
		return refusal("phone: must be a mobile number, since login codes go to it by SMS")
	}
	return nil
}

// weaknesses are password.WeakError's reasons in words.
var weaknesses = map[string]string{
	"too_short":          "it has fewer than 8 characters",
	"control_characters": "it contains control characters, which no login form can send",
	"too_long":           "it has more than 256 characters",
	"common":             "it is one of those that attackers try first",
	"contains_address":   "it contains the account's address",
	"contains_app_name":  "it contains the application's name",
}

// checkPassword judges a new password as reset does. The app's name is not known here.
//
// Errors: refusal.
func checkPassword(secret, email string) error {
	var reasons []string
	for _, err := range []error{password.Check(secret, ""), password.CheckAddress(secret, email)} {
		var weak *password.WeakError
		if errors.As(err, &weak) {
			reasons = append(reasons, weak.Reasons...)
		}
	}
	if !utf8.ValidString(secret) {
		return refusal("password: must be UTF-8, or no browser could type it")
	}
	if len(reasons) == 0 {
		return nil
	}
	for i, reason := range reasons {
		if words, ok := weaknesses[reason]; ok {
			reasons[i] = words
		}
	}
	return refusal("password: choose another, " + strings.Join(reasons, " and "))
}

// checkHash takes hashes made with password.Hash's parameters only: with others, the time of a login would tell who has
// an account.
//
// Errors: refusal.
func checkHash(hash string) error {
	err := password.CheckHash(hash)
	switch {
	case err == nil:
		return nil
	case errors.Unwrap(err) != nil: // a parser's error may quote what it read
		return refusal("password_hash: must be an Argon2id hash in PHC format ($argon2id$v=19$m=…,t=…,p=…$salt$key); " +
			"others cannot be imported: their owners set a new password by a reset")
	}
	return about("password_hash", err)
}

// printable replaces what a terminal would act on instead of showing it. The joiners that a name may have only shape its letters.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || r == '\u200C' || r == '\u200D' {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}
