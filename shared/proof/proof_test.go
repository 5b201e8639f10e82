package proof_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"streamotp/shared/otp"
	"streamotp/shared/proof"
)

var now = time.Unix(1764370000, 0)

func pairwise(client, destination string) string { return "hash of " + destination + " for " + client }

// TestClaims: what a token says of each way to prove something (T1).
func TestClaims(t *testing.T) {
	const common = `{"iss":"","aud":"shop","sub":"%SUB%","iat":1764370000,"exp":1764370120,"jti":"id","nonce":"n","auth_time":1764370000,`
	for name, c := range map[string]struct {
		contents otp.Contents
		sub      string
		rest     string
	}{
		"verify by e-mail": {
			otp.Contents{Purpose: otp.Verify, Channel: otp.Email, Email: "ada@example.com"}, "hash of ada@example.com for shop",
			`"purpose":"verify","channel":"email","scope":"otp:verify","amr":["otp"],"acr":"urn:streamotp:1","email":"ada@example.com","email_verified":true}`,
		},
		"verify by SMS": {
			otp.Contents{Purpose: otp.Verify, Channel: otp.SMS, Phone: "+4915112345678"}, "hash of +4915112345678 for shop",
			`"purpose":"verify","channel":"sms","scope":"otp:verify","amr":["otp"],"acr":"urn:streamotp:1","phone_number":"+4915112345678","phone_number_verified":true}`,
		},
		"login by e-mail is not multi-factor": {
			otp.Contents{Purpose: otp.Login, Channel: otp.Email, Email: "ada@example.com", AccountID: "account"}, "account",
			`"purpose":"login","channel":"email","scope":"otp:login","amr":["pwd","otp"],"acr":"urn:streamotp:2","email":"ada@example.com","email_verified":true}`,
		},
		"login by SMS does not confirm the address": {
			otp.Contents{Purpose: otp.Login, Channel: otp.SMS, Email: "ada@example.com", Phone: "+4915112345678", AccountID: "account"}, "account",
			`"purpose":"login","channel":"sms","scope":"otp:login","amr":["pwd","otp","sms","mfa"],"acr":"urn:streamotp:2","email":"ada@example.com","email_verified":false,"phone_number":"+4915112345678","phone_number_verified":true}`,
		},
		"a code alone is the account's, by its address": {
			otp.Contents{Purpose: otp.Passwordless, Channel: otp.Email, Email: "ada@example.com", AccountID: "account", New: true}, "account",
			`"purpose":"passwordless","channel":"email","scope":"otp:passwordless","amr":["otp"],"acr":"urn:streamotp:1","email":"ada@example.com","email_verified":true}`,
		},
		"a test destination says so": {
			otp.Contents{Purpose: otp.Verify, Channel: otp.Email, Email: "ada@example.com", Test: true}, "hash of ada@example.com for shop",
			`"purpose":"verify","channel":"email","scope":"otp:verify","amr":["otp"],"acr":"urn:streamotp:1","email":"ada@example.com","email_verified":true,"test":true}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.contents.Client, c.contents.Nonce = "shop", "n"
			claims, err := proof.ClaimsOf(c.contents, "id", now, 2*time.Minute, pairwise)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(claims)
			if want := strings.Replace(common, "%SUB%", c.sub, 1) + c.rest; err != nil || string(got) != want {
				t.Errorf("%v\n%s\nwant\n%s", err, got, want)
			}
		})
	}
}

// TestHosted: T4.
func TestHosted(t *testing.T) {
	claims, err := proof.ClaimsOf(otp.Contents{Purpose: otp.Login, Channel: otp.Email, Email: "ada@example.com", AccountID: "account", Client: "shop", Nonce: "t",
		Hosted: true, Name: "Ada"}, "id", now, time.Minute, pairwise)
	if err != nil || claims.Audience != "" || claims.Nonce != "t" || claims.Subject != "account" || claims.Name != "Ada" {
		t.Errorf("%+v, %v", claims, err)
	}
}

// TestNothingToProve: T3.
func TestNothingToProve(t *testing.T) {
	for name, contents := range map[string]otp.Contents{
		"a reset":                     {Client: "shop", Purpose: otp.Reset, Channel: otp.Email, Email: "ada@example.com", AccountID: "account"},
		"no client":                   {Purpose: otp.Verify, Channel: otp.Email, Email: "ada@example.com"},
		"a code alone, of no account": {Client: "shop", Purpose: otp.Passwordless, Channel: otp.Email, Email: "ada@example.com"},
		"a login of no known account": {Client: "shop", Purpose: otp.Login, Channel: otp.Email, Email: "ada@example.com"},
		"an unknown channel":          {Client: "shop", Purpose: otp.Verify, Channel: "fax", Phone: "+4915112345678"},
		"an unknown purpose":          {Client: "shop", Purpose: "other", Channel: otp.Email, Email: "ada@example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			if claims, err := proof.ClaimsOf(contents, "id", now, time.Minute, pairwise); err == nil {
				t.Errorf("%+v", claims)
			}
		})
	}
}
