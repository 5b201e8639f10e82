package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"streamotp/shared/admit"
	"streamotp/shared/clients"
	"streamotp/shared/httpapi"
	"streamotp/shared/otp"
	"streamotp/shared/password"
	"streamotp/shared/store"
	"streamotp/shared/store/storetest"
)

const secretWord = "tulip harbor lantern 42"

type fixture struct {
	handler
	storetest.Tables
	limits store.Limits
	ring   *otp.Keyring
	at     time.Time
	header map[string]string // of every call, beside those of the documented event
}

type fixedKeys struct{ *otp.Keyring }

func (k fixedKeys) Current(context.Context) (*otp.Keyring, error)     { return k.Keyring, nil }
func (k fixedKeys) For(context.Context, string) (*otp.Keyring, error) { return k.Keyring, nil }

type noTests struct{}

func (noTests) Code(context.Context, string, int, time.Time) (string, bool, error) {
	return "", false, nil
}

// newFixture returns the function on a real engine, with the real phone helper, ada (e-mail) and grace (SMS).
func newFixture(t *testing.T) *fixture {
	t.Helper()
	tables := storetest.New(t)
	ring, err := otp.ParseKeyring([]byte(`{"index":"0123456789abcdef0123456789abcdef"}`))
	must(t, err)
	f := &fixture{Tables: tables, ring: ring, at: time.Now()}
	f.limits = store.Limits{DB: tables.DB, Table: tables.Limits, Rule: otp.AttemptLimit{MaxAttempts: 5, Lock: 15 * time.Minute}}
	f.handler = handler{
		clients: &clients.Clients{Table: store.Clients{DB: tables.DB, Table: tables.Clients}, Limits: f.limits, Keys: fixedKeys{ring},
			Now: func() time.Time { return f.at }},
		codes: store.Codes{DB: tables.DB, Table: tables.Codes},
		users: store.Users{DB: tables.DB, Table: tables.Users},
		keys:  fixedKeys{ring}, now: func() time.Time { return f.at }, random: rand.Reader,
		codeLength: 6, codeTTL: 5 * time.Minute, cooldown: 30 * time.Second,
		admit: admit.Admitter{Limits: f.limits, Phones: &phoneReader{program: helperProgram}, Tests: noTests{}, CodeLength: 6, Countries: []string{"US", "DE"}},
	}
	hash, err := password.Hash(secretWord)
	must(t, err)
	for _, user := range []store.User{
		{Email: "ada@example.com", PasswordHash: hash, Channel: otp.Email},
		{Email: "grace@example.com", PasswordHash: hash, Channel: otp.SMS, Phone: "+4915112345678"},
		{Email: "joan@example.com", PasswordHash: hash, Channel: otp.SMS, Phone: "+33612345678"},
		{Email: "paula@example.com", Channel: otp.Email}, // has no password yet
		{Email: "fay@example.com", PasswordHash: hash, Channel: "fax"},
	} {
		item, err := attributevalue.MarshalMap(user)
		must(t, err)
		_, err = tables.DB.PutItem(context.Background(), &dynamodb.PutItemInput{TableName: &tables.Users, Item: item})
		must(t, err)
	}
	return f
}

var helperProgram string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "phone")
	if err != nil {
		panic(err)
	}
	helperProgram = dir + "/phone"
	if out, err := exec.Command("go", "build", "-o", helperProgram, "./phone").CombinedOutput(); err != nil {
		panic(fmt.Sprintf("build the phone helper: %v\n%s", err, out))
	}
	code := m.Run()
	os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	os.Exit(code)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// slowUsers calls a function while an account is read.
type slowUsers struct {
	users
	meanwhile func()
}

func (u slowUsers) Get(ctx context.Context, email string) (store.User, error) {
	u.meanwhile()
	return u.users.Get(ctx, email)
}

// call sends a body to a path as API Gateway does.
func (f *fixture) call(t *testing.T, path string, body any) (int, map[string]string, map[string]any) {
	t.Helper()
	raw, err := os.ReadFile("testdata/generate.json")
	must(t, err)
	var event events.APIGatewayV2HTTPRequest
	must(t, json.Unmarshal(raw, &event))
	text, err := json.Marshal(body)
	must(t, err)
	event.RouteKey, event.Body = "POST "+path, string(text)
	maps.Copy(event.Headers, f.header)
	event.RequestContext.RequestID = fmt.Sprint("request-", time.Now().UnixNano())
	return f.serve(t, event)
}

func (f *fixture) serve(t *testing.T, event events.APIGatewayV2HTTPRequest) (int, map[string]string, map[string]any) {
	t.Helper()
	response, err := httpapi.Handler(f.routes(), nil, f.clients)(context.Background(), event)
	must(t, err)
	var body map[string]any
	must(t, json.Unmarshal([]byte(response.Body), &body))
	return response.StatusCode, response.Headers, body
}

// items reads the whole codes table.
func (f *fixture) items(t *testing.T) []map[string]any {
	t.Helper()
	out, err := f.DB.Scan(context.Background(), &dynamodb.ScanInput{TableName: &f.Codes})
	must(t, err)
	var items []map[string]any
	must(t, attributevalue.UnmarshalListOfMaps(out.Items, &items))
	return items
}

type fields = map[string]any

func TestGenerateRefuses(t *testing.T) {
	f := newFixture(t)
	for name, test := range map[string]struct {
		body   fields
		status int
		field  string // named in errors
	}{
		"neither address nor number":         {fields{}, 400, "email"},
		"both":                               {fields{"email": "ada@example.com", "phone": "+4915112345678"}, 400, "phone"},
		"an unknown purpose":                 {fields{"email": "ada@example.com", "purpose": "pay"}, 400, "purpose"},
		"a number for login":                 {fields{"phone": "+4915112345678", "purpose": "login", "password": "x"}, 400, "phone"},
		"a number for reset":                 {fields{"phone": "+4915112345678", "purpose": "reset"}, 400, "phone"},
		"login without a password":           {fields{"email": "ada@example.com", "purpose": "login"}, 400, "password"},
		"a password for verify":              {fields{"email": "ada@example.com", "password": "x"}, 400, "password"},
		"a password for reset":               {fields{"email": "ada@example.com", "purpose": "reset", "password": "x"}, 400, "password"},
		"a bad address":                      {fields{"email": "ada"}, 400, "email"},
		"a second recipient":                 {fields{"email": "ada@example.com,eve@example.com"}, 400, "email"},
		"a bad number":                       {fields{"phone": "015112345678"}, 400, "phone"},
		"a bad locale":                       {fields{"email": "ada@example.com", "locale": strings.Repeat("de", 200)}, 400, "locale"},
		"an unknown field":                   {fields{"email": "ada@example.com", "to": "x"}, 400, "to"},
		"an address that SES cannot send to": {fields{"email": "ädа@example.com"}, 400, ""},
		"a country that is not allowed":      {fields{"phone": "+33612345678"}, 400, ""},
		"a fixed line":                       {fields{"phone": "+493012345678"}, 400, ""},
		"a wrong password":                   {fields{"email": "ada@example.com", "purpose": "login", "password": "no"}, 401, ""},
		"an account without a password":      {fields{"email": "paula@example.com", "purpose": "login", "password": secretWord}, 401, ""},
		"an account that does not exist":     {fields{"email": "nobody@example.com", "purpose": "login", "password": secretWord}, 401, ""},
		"an account's number in a country that is not allowed": {fields{"email": "joan@example.com", "purpose": "login", "password": secretWord}, 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			status, _, body := f.call(t, "/generate", test.body)
			if status != test.status || !strings.Contains(fmt.Sprint(body["errors"]), test.field) {
				t.Errorf("%d %v", status, body)
			}
			if body["code"] == "unsupported_destination" && test.body["phone"] != nil && fmt.Sprint(body["supportedCountries"]) != "[US DE]" {
				t.Errorf("supported countries are not named: %v", body)
			}
		})
	}
	if items := f.items(t); len(items) != 0 {
		t.Errorf("rejected calls wrote %d items", len(items))
	}
}

func TestGenerateSameAnswerForNoAccount(t *testing.T) {
	f := newFixture(t)
	_, _, wrong := f.call(t, "/generate", fields{"email": "ada@example.com", "purpose": "login", "password": "no"})
	for name, email := range map[string]string{"no account": "eve@example.com", "an account without a password": "paula@example.com"} {
		_, _, other := f.call(t, "/generate", fields{"email": email, "purpose": "login", "password": "no"})
		delete(wrong, "requestId")
		delete(other, "requestId")
		if fmt.Sprint(wrong) != fmt.Sprint(other) {
			t.Errorf("%s: %v, %v", name, wrong, other)
		}
	}
}

func TestGenerateWrites(t *testing.T) {
	for name, test := range map[string]struct {
		body    fields
		to      string
		channel otp.Channel
		decoy   bool
	}{
		"verify goes to the address":                {fields{"email": "Ada@Example.com"}, "ada@example.com", otp.Email, false},
		"verify goes to the number":                 {fields{"phone": "+49 151 12345678"}, "+4915112345678", otp.SMS, false},
		"login goes to the account's e-mail":        {fields{"email": "ada@example.com", "purpose": "login", "password": secretWord}, "ada@example.com", otp.Email, false},
		"login goes to the account's number":        {fields{"email": "grace@example.com", "purpose": "login", "password": secretWord}, "+4915112345678", otp.SMS, false},
		"reset goes by e-mail, even if SMS is on":   {fields{"email": "grace@example.com", "purpose": "reset"}, "grace@example.com", otp.Email, false},
		"reset opens an account without a password": {fields{"email": "paula@example.com", "purpose": "reset"}, "paula@example.com", otp.Email, false},
		"I6: reset of no account is a decoy":        {fields{"email": "nobody@example.com", "purpose": "reset"}, "nobody@example.com", otp.Email, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			status, header, body := f.call(t, "/generate", test.body)
			id, _ := body["sessionId"].(string)
			if status != 200 || len(body) != 1 || header["cache-control"] != "no-store" {
				t.Fatalf("%d %v %v", status, header, body)
			}
			items := f.items(t)
			if len(items) != 1 || items[0]["sessionId"] != id {
				t.Fatalf("items %v", items)
			}
			item := items[0]
			contents, err := f.ring.Open("0", id, item["sealed"].([]byte))
			must(t, err)
			if contents.Destination() != test.to || contents.Channel != test.channel || len(contents.Code) != 6 {
				t.Errorf("contents %+v", contents)
			}
			digest, err := f.ring.Digest("0", id, contents.Code)
			must(t, err)
			if _, sends := item["send"]; sends == test.decoy || (item["code"] == digest) == test.decoy {
				t.Errorf("decoy %v: %v", test.decoy, item)
			}
			delete(item, "sealed")
			if plain := fmt.Sprint(item); strings.Contains(plain, contents.Code) || strings.Contains(plain, test.to) {
				t.Errorf("I2: the item reveals the code or the destination: %v", plain)
			}
		})
	}
}

func TestGenerate(t *testing.T) {
	t.Run("a robot that fills in the hidden field gets a session id and nothing happens", func(t *testing.T) {
		f := newFixture(t)
		if status, _, body := f.call(t, "/generate", fields{"email": "ada@example.com", "contact_me_by_fax_only": "x"}); status != 200 || len(body) != 1 {
			t.Errorf("%d %v", status, body)
		}
		if items := f.items(t); len(items) != 0 {
			t.Errorf("items %v", items)
		}
	})
	t.Run("a stray field of a typed client is rejected", func(t *testing.T) {
		f := newFixture(t)
		for _, field := range []string{"website", "url"} {
			status, _, body := f.call(t, "/generate", fields{"email": "ada@example.com", field: "x"})
			if status != 400 || fmt.Sprint(body["errors"]) != "[map[field:"+field+" reason:is not known here]]" {
				t.Errorf("%d %v", status, body)
			}
		}
	})
	t.Run("an absent field may be null or empty", func(t *testing.T) {
		f := newFixture(t)
		for _, body := range []fields{
			{"email": "ada@example.com", "phone": nil, "captchaToken": nil, "password": nil, "locale": nil, "purpose": nil, honeypot: nil},
			{"email": "ada@example.com", "phone": "", "captchaToken": "", "password": "", "locale": "", "purpose": "", honeypot: ""},
			{"phone": "+4915112345678", "email": ""},
		} {
			if status, _, answer := f.call(t, "/generate", body); status != 200 {
				t.Errorf("%v: %d %v", body, status, answer)
			}
		}
		if items := f.items(t); len(items) != 3 {
			t.Errorf("items %v", items)
		}
		for want, body := range map[string]fields{
			"[map[field:email reason:is missing: send email or phone]]": {"email": nil, "phone": ""},
			"[map[field:password reason:is missing]]":                   {"email": "ada@example.com", "purpose": "login", "password": nil},
		} {
			if status, _, answer := f.call(t, "/generate", body); status != 400 || fmt.Sprint(answer["errors"]) != want {
				t.Errorf("%v: %d %v", body, status, answer)
			}
		}
	})
	t.Run("a number that cannot be read is rejected with the true reason", func(t *testing.T) {
		f := newFixture(t)
		for typed, says := range map[string]string{
			"4.9E+12": "a spreadsheet has rounded", `="+4915112345678"`: "spreadsheet's formula", "015112345678": "begin with + and its country code",
			"+34 (0)612345678": "0 after its country code",
		} {
			status, _, body := f.call(t, "/generate", fields{"phone": typed})
			if status != 400 || body["code"] != "invalid_request" || !strings.Contains(fmt.Sprint(body["errors"]), says) {
				t.Errorf("%q: %d %v", typed, status, body)
			}
		}
	})
	t.Run("a number of a country without SMS is rejected with the country's name", func(t *testing.T) {
		f := newFixture(t)
		status, _, body := f.call(t, "/generate", fields{"phone": "+447781123456"})
		if status != 400 || body["code"] != "unsupported_destination" || body["country"] != "GG" || !strings.Contains(fmt.Sprint(body["detail"]), "Guernsey") {
			t.Errorf("%d %v", status, body)
		}
		for what, body := range map[string]fields{"a fixed line": {"phone": "+493012345678"}, "an account's own number": {"email": "joan@example.com", "purpose": "login", "password": secretWord}} {
			if status, _, body := f.call(t, "/generate", body); status != 400 || body["country"] != nil || strings.Contains(fmt.Sprint(body), "France") {
				t.Errorf("%s: %d %v", what, status, body)
			}
		}
	})
	t.Run("a locked subject gets no code, for account and decoy alike", func(t *testing.T) {
		f := newFixture(t)
		limits := f.limits
		for _, email := range []string{"ada@example.com", "nobody@example.com"} {
			for i := range 5 {
				s := otp.Session{Subject: f.ring.Subject(otp.Reset, email), CreatedAt: f.at}
				_, err := limits.Reserve(context.Background(), s, fmt.Sprint(email, i), f.at)
				must(t, err)
			}
			status, header, body := f.call(t, "/generate", fields{"email": email, "purpose": "reset"})
			if status != 403 || body["code"] != "locked" || header["retry-after"] != "900" {
				t.Errorf("%s: %d %v %v", email, status, header, body)
			}
		}
		if items := f.items(t); len(items) != 0 {
			t.Errorf("items %v", items)
		}
	})
	t.Run("a login's session is as old as the reading of its account", func(t *testing.T) {
		f := newFixture(t)
		start := f.at
		f.users = slowUsers{f.users, func() { f.at = f.at.Add(time.Minute) }}
		if status, _, body := f.call(t, "/generate", fields{"email": "ada@example.com", "purpose": "login", "password": secretWord}); status != 200 {
			t.Fatalf("%d %v", status, body)
		}
		if got := fmt.Sprintf("%.0f", f.items(t)[0]["createdAt"]); got != fmt.Sprint(start.UnixMilli()) {
			t.Errorf("created at %s, the account was read from %d on", got, start.UnixMilli())
		}
	})
	t.Run("SMS is off where no country is allowed", func(t *testing.T) {
		f := newFixture(t)
		f.admit.Countries = nil
		status, _, body := f.call(t, "/generate", fields{"phone": "+4915112345678"})
		if status != 400 || body["code"] != "unsupported_destination" || fmt.Sprint(body["supportedCountries"]) != "[]" {
			t.Errorf("%d %v", status, body)
		}
	})
	t.Run("events as API Gateway sends them are read, also in base64", func(t *testing.T) {
		f := newFixture(t)
		for _, name := range []string{"generate", "generate-base64"} {
			raw, err := os.ReadFile("testdata/" + name + ".json")
			must(t, err)
			var event events.APIGatewayV2HTTPRequest
			must(t, json.Unmarshal(raw, &event))
			if status, _, body := f.serve(t, event); status != 200 {
				t.Errorf("%s: %d %v", name, status, body)
			}
		}
	})
}

func TestResend(t *testing.T) {
	f := newFixture(t)
	start := f.at.Truncate(time.Second)
	f.at = start
	_, _, body := f.call(t, "/generate", fields{"email": "nobody@example.com", "purpose": "reset"})
	decoy := body["sessionId"]
	_, _, body = f.call(t, "/generate", fields{"email": "ada@example.com", "purpose": "reset"})
	id := body["sessionId"]
	for _, step := range []struct {
		name   string
		id     any
		after  time.Duration
		status int
		code   any
		retry  string
		items  int
	}{
		{"an unknown session is not resent", "6f2a9d0c-3b1e-4a77-9d3e-0c1b2a3d4e5f", time.Minute, 404, "session_not_found", "", 2},
		{"a malformed one is not even looked for", "x", time.Minute, 400, "invalid_request", "", 2},
		{"not before the cooldown is over", id, 10 * time.Second, 429, "too_many_requests", "20", 2},
		{"once after it", id, 30 * time.Second, 200, nil, "", 3},
		{"a decoy too", decoy, 30 * time.Second, 200, nil, "", 4},
		{"not twice in a cooldown", id, 40 * time.Second, 429, "too_many_requests", "20", 4},
		{"a second time", id, 60 * time.Second, 200, nil, "", 5},
		{"not a third time, however long one waits", id, 200 * time.Second, 429, "too_many_requests", "100", 5},
		{"not after the end", id, 300 * time.Second, 410, "code_expired", "", 5},
	} {
		t.Run(step.name, func(t *testing.T) {
			f.at = start.Add(step.after)
			status, header, body := f.call(t, "/resend", fields{"sessionId": step.id})
			if status != step.status || body["code"] != step.code || status == 200 && body["sessionId"] != step.id {
				t.Errorf("%d %v", status, body)
			}
			if step.retry != "" && header["retry-after"] != step.retry {
				t.Errorf("retry-after %q", header["retry-after"])
			}
			if items := f.items(t); len(items) != step.items {
				t.Errorf("%d items", len(items))
			}
		})
	}
	t.Run("a resend carries the same sealed code; a decoy's is not sent", func(t *testing.T) {
		sealed := map[string]int{}
		for _, item := range f.items(t) {
			sealed[fmt.Sprint(item["sessionId"], item["sealed"])]++
			if _, sends := item["send"]; sends != (item["sessionId"] == id) {
				t.Errorf("item %v", item)
			}
		}
		if len(sealed) != 2 {
			t.Errorf("%d different contents", len(sealed))
		}
	})
}

// At the wrong-password limit no other response may reveal that a password was right.
func TestNothingTellsOfARightPassword(t *testing.T) {
	for email, before := range map[string]int{
		"joan@example.com": 400, // a number that nothing is sent to
		"fay@example.com":  500, // a channel that is unknown
		"ada@example.com":  403, // locked
	} {
		f := newFixture(t)
		f.admit.WrongPasswordsPerHour, f.admit.WrongPasswordsPerIPHour = 1, 1
		for i := range 5 {
			s := otp.Session{ID: "s", Subject: f.ring.Subject(otp.Login, "ada@example.com"), CreatedAt: f.at}
			_, err := f.limits.Reserve(context.Background(), s, fmt.Sprint(i), f.at)
			must(t, err)
		}
		answer := func(password string) string {
			status, headers, body := f.call(t, "/generate", fields{"email": email, "purpose": "login", "password": password})
			delete(body, "requestId")
			return fmt.Sprint(status, headers["retry-after"], body["code"], len(body))
		}
		if got := answer(secretWord); !strings.HasPrefix(got, fmt.Sprint(before)) {
			t.Errorf("%s: %s", email, got)
		}
		if got := answer("no"); !strings.HasPrefix(got, "401") {
			t.Errorf("%s: %s", email, got)
		}
		if wrong, right := answer("no"), answer(secretWord); wrong != right || !strings.HasPrefix(wrong, "429") {
			t.Errorf("%s: wrong %s, right %s", email, wrong, right)
		}
	}
}
