package main

import (
	"cmp"
	"errors"

	"streamotp/shared/httpapi"
	"streamotp/shared/otp"
)

// asked is what a POST /generate asks for, checked.
type asked struct {
	purpose         otp.Purpose
	email           string // normalised
	phone, password string // as typed
	locale          string // primary language, lower case
}

// channel returns the channel that the request asks for by its field, or "" for a login, whose channel is the account's.
func (a asked) channel() otp.Channel {
	switch {
	case a.phone != "":
		return otp.SMS
	case a.purpose == otp.Login:
		return ""
	}
	return otp.Email
}

// readGenerate checks the fields against each other and reports everything that is wrong at once.
//
// Errors: *httpapi.InvalidError; *otp.UnsupportedError for an address that SES cannot send to.
func readGenerate(request httpapi.Request) (a asked, err error) {
	var wrong []httpapi.FieldError
	refuse := func(field, reason string) { wrong = append(wrong, httpapi.FieldError{Field: field, Reason: reason}) }

	a = asked{
		purpose: cmp.Or(otp.Purpose(request.Get("purpose")), otp.Verify),
		phone:   request.Get("phone"), password: request.Get("password"),
	}
	hasEmail, hasPhone := request.Get("email") != "", a.phone != ""
	switch a.purpose {
	case otp.Verify, otp.Login, otp.Reset:
	default:
		refuse("purpose", "must be verify, login or reset")
	}
	switch {
	case hasEmail && hasPhone:
		refuse("phone", "must not stand beside email")
	case hasPhone && a.purpose != otp.Verify:
		refuse("phone", "is for purpose verify only")
	case !hasEmail && !hasPhone:
		refuse("email", "is missing: send email or phone")
	}
	var unsupported *otp.UnsupportedError
	if hasEmail {
		if a.email, err = otp.NormalizeEmail(request.Get("email")); err != nil && !errors.As(err, &unsupported) {
			refuse("email", err.Error())
		}
	}
	switch {
	case a.purpose == otp.Login && a.password == "":
		refuse("password", httpapi.Missing)
	case a.purpose != otp.Login && a.password != "":
		refuse("password", "is for purpose login only")
	}
	if a.locale, err = otp.Language(request.Get("locale")); err != nil {
		refuse("locale", err.Error())
	}
	if len(wrong) > 0 {
		return a, &httpapi.InvalidError{Fields: wrong}
	}
	if unsupported != nil {
		return a, unsupported
	}
	return a, nil
}
