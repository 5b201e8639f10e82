package main

import (
	"cmp"
	"errors"

	"streamotp/shared/email"
	"streamotp/shared/httpapi"
	"streamotp/shared/otp"
)

// generateRequest is the checked body of a POST /generate.
type generateRequest struct {
	purpose         otp.Purpose
	email           string // normalised
	phone, password string // as typed
	locale          string // primary language, lower case
	client, nonce   string // the client's id as it was sent, and what its proof repeats
	transaction     string // of hosted login, which takes the place of client and nonce
}

// channel returns the channel that the request asks for by its field, or "" for a login, whose channel is the account's.
func (r generateRequest) channel() otp.Channel {
	switch {
	case r.phone != "":
		return otp.TypedInto("phone")
	case r.purpose == otp.Login:
		return ""
	}
	return otp.TypedInto("email")
}

// readGenerate checks the fields against each other and reports everything that is wrong at once.
//
// Errors: *httpapi.InvalidError; *otp.UnsupportedError for an address that SES cannot send to.
func readGenerate(request httpapi.Request) (r generateRequest, err error) {
	var wrong []httpapi.FieldError
	refuse := func(field, reason string) { wrong = append(wrong, httpapi.FieldError{Field: field, Reason: reason}) }

	r = generateRequest{
		purpose: cmp.Or(otp.Purpose(request.Get("purpose")), otp.Verify),
		phone:   request.Get("phone"), password: request.Get("password"),
		client: request.Get("clientId"), nonce: request.Get("nonce"), transaction: request.Get("transaction"),
	}
	hasEmail, hasPhone := request.Get("email") != "", r.phone != ""
	switch r.purpose {
	case otp.Verify, otp.Login, otp.Reset:
	case otp.Passwordless:
		if r.client == "" && r.transaction == "" && request.Server == nil {
			refuse("purpose", "is for a client only: send clientId")
		}
	default:
		refuse("purpose", "must be verify, login, reset or passwordless")
	}
	switch {
	case hasEmail && hasPhone:
		refuse("phone", "must not stand beside email")
	case hasPhone && r.purpose != otp.Verify:
		refuse("phone", "is for purpose verify only")
	case !hasEmail && !hasPhone:
		refuse("email", "is missing: send email or phone")
	}
	var unsupported *otp.UnsupportedError
	if hasEmail {
		if r.email, err = email.Normalize(request.Get("email")); err != nil && !errors.As(err, &unsupported) {
			refuse("email", err.Error())
		}
	}
	switch {
	case r.purpose == otp.Login && r.password == "":
		refuse("password", httpapi.Missing)
	case r.purpose != otp.Login && r.password != "":
		refuse("password", "is for purpose login only")
	}
	switch {
	case r.client != "" && r.purpose == otp.Reset:
		refuse("clientId", "is not for purpose reset, which has no proof")
	case r.nonce != "" && r.purpose == otp.Reset:
		refuse("nonce", "is not for purpose reset, which has no proof")
	case r.transaction != "" && (r.client != "" || r.nonce != "" || request.Server != nil):
		refuse("transaction", "must not come with clientId, nonce or credentials: it says which client it is for")
	case r.transaction != "" && r.purpose != otp.Login && r.purpose != otp.Passwordless:
		refuse("transaction", "is for purposes login and passwordless only")
	case r.transaction != "" && !otp.IsTransactionID(r.transaction):
		refuse("transaction", "must be the text after # in the login page's address")
	case r.nonce != "" && r.client == "" && request.Server == nil:
		refuse("nonce", "is for a client's proof: send clientId too")
	case r.nonce != "" && !otp.IsNonce(r.nonce):
		refuse("nonce", "must be 1 to 128 printable ASCII characters")
	}
	if r.locale, err = otp.Language(request.Get("locale")); err != nil {
		refuse("locale", err.Error())
	}
	if len(wrong) > 0 {
		return r, &httpapi.InvalidError{Fields: wrong}
	}
	if unsupported != nil {
		return r, unsupported
	}
	return r, nil
}
