// Package proof makes the signed token from which a client learns what a person has proven: a JSON Web Token (RFC 7519), signed with
// RS256 by a key that never leaves AWS KMS. The algorithm is RS256 because API Gateway's authorizers and load balancers accept no other.
//
// Its invariants:
//
//	T1: a token contains only facts of its session: the client, the purpose, and the destination of the code.
//	T2: a token's header names the key that signed it, also while the key is being replaced.
//	T3: a token exists only for a session with a client, and never for a reset.
//	T4: the audience of a proof for hosted login is the issuer itself, so no application accepts the proof.
package proof

import (
	"errors"
	"time"

	"streamotp/shared/otp"
)

// Claims are what a token says (RFC 7519 4.1; OpenID Connect Core 2 and 5.1).
type Claims struct {
	Issuer   string `json:"iss"` // URL of the site, without a slash at its end
	Audience string `json:"aud"` // id of the client that the proof is for; Sign replaces "" by the issuer, for our own hosted login
	Subject  string `json:"sub"` // the account's id; verify: a hash of the destination that this client alone knows
	IssuedAt int64  `json:"iat"` // epoch seconds, as all times
	Expires  int64  `json:"exp"`
	ID       string `json:"jti"`             // UUID
	Nonce    string `json:"nonce,omitempty"` // of the client, or the transaction of hosted login
	AuthTime int64  `json:"auth_time"`       // when the code was entered

	Purpose otp.Purpose `json:"purpose"`
	Channel otp.Channel `json:"channel"` // that the code took
	Scope   string      `json:"scope"`   // otp: and the purpose; API Gateway's authorizers distinguish tokens by it
	Methods []string    `json:"amr"`     // RFC 8176
	Level   string      `json:"acr"`

	Email         string `json:"email,omitempty"`
	EmailVerified *bool  `json:"email_verified,omitempty"` // whether this code went to the address
	Phone         string `json:"phone_number,omitempty"`   // E.164
	PhoneVerified *bool  `json:"phone_number_verified,omitempty"`
	Name          string `json:"name,omitempty"` // of the account; only for hosted login
	Test          bool   `json:"test,omitempty"` // a test destination: the operator fixed the code, and nothing was sent
}

// errNothingToProve says that a session has no client, or is for a purpose without a proof (T3).
var errNothingToProve = errors.New("the session is for no proof")

// ClaimsOf returns what the right code of a session proves. pairwise hashes a destination for the client, as
// otp.Keyring.Pairwise does. Issuer is left to Sign.
func ClaimsOf(c otp.Contents, id string, now time.Time, life time.Duration, pairwise func(client, destination string) string) (Claims, error) {
	claims := Claims{
		Audience: c.Client, IssuedAt: now.Unix(), Expires: now.Add(life).Unix(), ID: id, Nonce: c.Nonce, AuthTime: now.Unix(),
		Purpose: c.Purpose, Channel: c.Channel, Scope: "otp:" + string(c.Purpose), Email: c.Email, Phone: c.Phone, Test: c.Test,
		Name: c.Name, Level: c.Purpose.Level(),
	}
	if c.Hosted {
		claims.Audience = ""
	}
	channel, err := c.Channel.Facts()
	if err != nil {
		return claims, err
	}
	byMail := channel.Kind == otp.EmailAddress
	if c.Email != "" {
		claims.EmailVerified = &byMail
	}
	byPhone := !byMail
	if c.Phone != "" {
		claims.PhoneVerified = &byPhone
	}
	switch {
	case c.Client == "":
		return claims, errNothingToProve
	case c.Purpose == otp.Verify:
		claims.Subject, claims.Methods = pairwise(c.Client, c.Identity()), []string{"otp"}
	case c.Purpose == otp.Passwordless && c.AccountID != "":
		claims.Subject, claims.Methods = c.AccountID, []string{"otp"}
	case c.Purpose == otp.Login && c.AccountID != "":
		claims.Subject, claims.Methods = c.AccountID, []string{"pwd", "otp"}
		if byPhone { // a phone is something that the person has; a mailbox is not (NIST SP 800-63B-4 3.1.3.1)
			claims.Methods = append(claims.Methods, "sms", "mfa")
		}
	default:
		return claims, errNothingToProve
	}
	return claims, nil
}
