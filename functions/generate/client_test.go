package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"streamotp/shared/otp"
	"streamotp/shared/store"
)

const (
	pageClient   = "page"   // public, for login and verify, with one origin
	serverClient = "server" // confidential, for login alone
	serverSecret = "server-secret"
)

// withClients adds the two clients.
func withClients(t *testing.T) *fixture {
	f := newFixture(t)
	table := store.Clients{DB: f.DB, Table: f.Clients}
	must(t, table.Add(t.Context(), otp.Client{ID: pageClient, Name: "Page & Co", Type: otp.PublicClient, CreatedAt: f.at,
		Purposes: []otp.Purpose{otp.Verify, otp.Login}, Origins: []string{"https://page.example"}}))
	must(t, table.Add(t.Context(), otp.Client{ID: serverClient, Name: "Server", Type: otp.ConfidentialClient, CreatedAt: f.at,
		Purposes: []otp.Purpose{otp.Login}, SecretHashes: []string{otp.HashSecret(serverSecret)}}))
	return f
}

// as makes every call carry a client's credentials.
func (f *fixture) as(id, secret string) *fixture {
	f.header = map[string]string{"authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))}
	return f
}

func login(more fields) fields {
	body := fields{"email": "ada@example.com", "purpose": "login", "password": secretWord}
	for name, value := range more {
		body[name] = value
	}
	return body
}

// contents opens the one session that was written.
func (f *fixture) contents(t *testing.T) otp.Contents {
	t.Helper()
	items := f.items(t)
	if len(items) != 1 {
		t.Fatalf("%d items", len(items))
	}
	c, err := f.ring.Open("0", fmt.Sprint(items[0]["sessionId"]), items[0]["sealed"].([]byte))
	must(t, err)
	return c
}

func TestClientRefuses(t *testing.T) {
	basic := func(id, secret string) map[string]string { return (&fixture{}).as(id, secret).header }
	for name, c := range map[string]struct {
		header map[string]string
		body   fields
		status int
		says   string
	}{
		"an unknown client":                          {nil, login(fields{"clientId": "nobody", "nonce": "n"}), 400, "clientId"},
		"a client's id that could be none":           {nil, login(fields{"clientId": strings.Repeat("x", 3000), "nonce": "n"}), 400, "clientId"},
		"a public client without a nonce":            {nil, login(fields{"clientId": pageClient}), 400, "nonce"},
		"a nonce that is too long":                   {nil, login(fields{"clientId": pageClient, "nonce": strings.Repeat("n", 129)}), 400, "nonce"},
		"a nonce with another script's letter":       {nil, login(fields{"clientId": pageClient, "nonce": "ä"}), 400, "nonce"},
		"a nonce without a client":                   {nil, login(fields{"nonce": "n"}), 400, "nonce"},
		"a client for a reset":                       {nil, fields{"email": "ada@example.com", "purpose": "reset", "clientId": pageClient}, 400, "clientId"},
		"a nonce for a reset":                        {basic(serverClient, serverSecret), fields{"email": "ada@example.com", "purpose": "reset", "nonce": "n"}, 400, "nonce"},
		"a page of another origin":                   {map[string]string{"origin": "https://evil.example"}, login(fields{"clientId": pageClient, "nonce": "n"}), 400, "clientId"},
		"a confidential client without credentials":  {nil, login(fields{"clientId": serverClient}), 401, "invalid_client"},
		"a confidential client with a wrong secret":  {basic(serverClient, "wrong"), login(nil), 401, "invalid_client"},
		"credentials of a public client":             {basic(pageClient, ""), login(nil), 401, "invalid_client"},
		"credentials from a page":                    {map[string]string{"origin": "https://page.example", "authorization": basic(serverClient, serverSecret)["authorization"]}, login(nil), 400, "page"},
		"another client than the credentials'":       {basic(serverClient, serverSecret), login(fields{"clientId": pageClient, "nonce": "n"}), 400, "clientId"},
		"a purpose that the client may not ask for":  {basic(serverClient, serverSecret), fields{"email": "ada@example.com"}, 400, "purpose"},
		"a user's address that is no IP address":     {merge(basic(serverClient, serverSecret), "x-client-ip", "home"), login(nil), 400, "x-client-ip"},
		"a wrong password, with the right secret":    {basic(serverClient, serverSecret), login(fields{"password": "no"}), 401, "invalid_credentials"},
		"a secret in the body, where it is unknown":  {nil, login(fields{"clientId": serverClient, "clientSecret": serverSecret}), 400, "clientSecret"},
		"credentials with a client's id in capitals": {basic(strings.ToUpper(serverClient), serverSecret), login(nil), 401, "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			f := withClients(t)
			f.header = c.header
			status, _, body := f.call(t, "/generate", c.body)
			if status != c.status || !strings.Contains(fmt.Sprint(body), c.says) {
				t.Errorf("%d %v", status, body)
			}
			if strings.Contains(fmt.Sprint(body), serverSecret) {
				t.Errorf("the answer has the secret: %v", body)
			}
			if items := f.items(t); len(items) != 0 {
				t.Errorf("%d items", len(items))
			}
		})
	}
}

func merge(header map[string]string, name, value string) map[string]string {
	header[name] = value
	return header
}

// fixedSite is a site whose URL is known.
type fixedSite string

func (s fixedSite) URL(context.Context) (string, error) { return string(s), nil }

// TestTransaction: a page of the site asks for a code for a transaction, whose client it does not name.
func TestTransaction(t *testing.T) {
	const id, site = "abcdefghijklmnopqrstuv", "https://login.example.com"
	begin := func(t *testing.T, change func(*otp.Transaction, *otp.Client)) *fixture {
		t.Helper()
		f := withClients(t)
		f.handler.site = fixedSite(site)
		transaction := otp.Transaction{ID: id, ClientID: "hosted", Browser: "b", KeyID: "0", CreatedAt: f.at, ExpiresAt: f.at.Add(otp.TransactionLife)}
		client := otp.Client{ID: "hosted", Name: "Shop", Type: otp.ConfidentialClient, RedirectURIs: []string{"https://shop.example/cb"}, CreatedAt: f.at}
		if change != nil {
			change(&transaction, &client)
		}
		must(t, f.codes.(store.Codes).PutTransaction(t.Context(), transaction, "r"))
		must(t, store.Clients{DB: f.DB, Table: f.Clients}.Add(t.Context(), client))
		return f
	}
	t.Run("its session is for our own issuer, and the message names the client", func(t *testing.T) {
		f := begin(t, nil)
		f.header = map[string]string{"origin": site}
		if status, _, body := f.call(t, "/generate", login(fields{"transaction": id})); status != 200 {
			t.Fatalf("%d %v", status, body)
		}
		items := f.items(t)
		for _, item := range items {
			if item["sessionId"] == "authz#"+id {
				continue
			}
			c, err := f.ring.Open("0", fmt.Sprint(item["sessionId"]), item["sealed"].([]byte))
			if must(t, err); !c.Hosted || c.Nonce != id || c.Client != "hosted" || c.App != "Shop" || c.Server || uuid.Validate(c.AccountID) != nil {
				t.Errorf("%+v", c)
			}
		}
		if len(items) != 2 {
			t.Errorf("%d items", len(items))
		}
	})
	for name, c := range map[string]struct {
		change func(*otp.Transaction, *otp.Client)
		header map[string]string
		body   fields
		status int
		says   string
	}{
		"an unknown transaction": {nil, nil, login(fields{"transaction": id[:21] + "x"}), 404, "transaction_not_found"},
		"an expired transaction": {func(t *otp.Transaction, _ *otp.Client) { t.ExpiresAt = t.CreatedAt }, nil, login(fields{"transaction": id}), 404, "transaction_not_found"},
		"the transaction of a client that gets proofs now": {func(_ *otp.Transaction, c *otp.Client) { c.Purposes = []otp.Purpose{otp.Login} }, nil,
			login(fields{"transaction": id}), 404, "transaction_not_found"},
		"the transaction of a client that was removed": {func(_ *otp.Transaction, c *otp.Client) { c.ID = "other" }, nil, login(fields{"transaction": id}), 404, "transaction_not_found"},
		"a page of another origin":                     {nil, map[string]string{"origin": "https://page.example"}, login(fields{"transaction": id}), 403, "foreign_request"},
		"a client beside it":                           {nil, nil, login(fields{"transaction": id, "clientId": pageClient}), 400, "transaction"},
		"a nonce beside it":                            {nil, nil, login(fields{"transaction": id, "nonce": "n"}), 400, "transaction"},
		"credentials beside it":                        {nil, (&fixture{}).as(serverClient, serverSecret).header, login(fields{"transaction": id}), 400, "transaction"},
		"another purpose":                              {nil, nil, fields{"email": "ada@example.com", "transaction": id}, 400, "transaction"},
		"a text that is no transaction":                {nil, nil, login(fields{"transaction": "authz#x"}), 400, "transaction"},
		"the client of hosted login, which gets no proof": {func(_ *otp.Transaction, c *otp.Client) { c.Type = otp.PublicClient }, nil,
			login(fields{"clientId": "hosted", "nonce": "n"}), 400, "purpose"},
	} {
		t.Run(name, func(t *testing.T) {
			f := begin(t, c.change)
			f.header = c.header
			if status, _, body := f.call(t, "/generate", c.body); status != c.status || !strings.Contains(fmt.Sprint(body), c.says) {
				t.Errorf("%d %v", status, body)
			}
			if items := f.items(t); len(items) != 1 {
				t.Errorf("%d items", len(items))
			}
		})
	}
}

func TestClientIsSealed(t *testing.T) {
	t.Run("a page's", func(t *testing.T) {
		f := withClients(t)
		f.header = map[string]string{"origin": "https://page.example"}
		if status, _, body := f.call(t, "/generate", login(fields{"clientId": pageClient, "nonce": `"n"`})); status != 200 {
			t.Fatalf("%d %v", status, body)
		}
		if c := f.contents(t); c.Client != pageClient || c.App != "Page & Co" || c.Nonce != `"n"` || c.Server || uuid.Validate(c.AccountID) != nil {
			t.Errorf("%+v", c)
		}
	})
	t.Run("a server's, also for a reset, which has no proof", func(t *testing.T) {
		f := withClients(t).as(serverClient, serverSecret)
		if status, _, body := f.call(t, "/generate", fields{"email": "ada@example.com", "purpose": "reset"}); status != 200 {
			t.Fatalf("%d %v", status, body)
		}
		if c := f.contents(t); c.Client != serverClient || c.App != "Server" || !c.Server || c.AccountID != "" {
			t.Errorf("%+v", c)
		}
	})
	t.Run("a decoy is as long as a real session", func(t *testing.T) {
		f := withClients(t).as(serverClient, serverSecret)
		f.call(t, "/generate", fields{"email": "ada@example.com", "purpose": "reset"})
		f.call(t, "/generate", fields{"email": "nobody@example.com", "purpose": "reset"})
		items := f.items(t)
		if len(items) != 2 || len(items[0]["sealed"].([]byte)) != len(items[1]["sealed"].([]byte)) {
			t.Errorf("%v", items)
		}
	})
}

// TestAccountID: an account without an id gets one with its first login for a client, and keeps it. A login that is refused, or
// that is for no client, gives it none.
func TestAccountID(t *testing.T) {
	f := withClients(t).as(serverClient, serverSecret)
	id := func() string {
		user, err := f.users.Get(context.Background(), "ada@example.com")
		must(t, err)
		return user.ID
	}
	f.call(t, "/generate", login(fields{"password": "no"}))
	f.admit.Countries = nil
	f.call(t, "/generate", fields{"email": "grace@example.com", "purpose": "login", "password": secretWord}) // SMS is off
	f.header = nil
	f.call(t, "/generate", login(nil))
	if grace, err := f.users.Get(context.Background(), "grace@example.com"); err != nil || grace.ID != "" || id() != "" {
		t.Errorf("ids %q and %q, %v", grace.ID, id(), err)
	}
	f.as(serverClient, serverSecret)
	f.call(t, "/generate", login(nil))
	first := id()
	f.call(t, "/generate", login(nil))
	if uuid.Validate(first) != nil || id() != first {
		t.Errorf("%q, then %q", first, id())
	}
}

// TestServerNamesItsUser: the limit of a client IP address applies to the address that a server names, and to no call that names none.
func TestServerNamesItsUser(t *testing.T) {
	f := withClients(t).as(serverClient, serverSecret)
	f.admit.Limits, f.admit.MessagesPerIP = f.limits, 1
	for i, c := range []struct {
		address string
		status  int
	}{{"192.0.2.1", 200}, {"192.0.2.1", 429}, {"192.0.2.2", 200}, {"", 200}, {"", 200}} {
		delete(f.header, "x-client-ip")
		if c.address != "" {
			f.header["x-client-ip"] = c.address
		}
		if status, _, body := f.call(t, "/generate", fields{"email": fmt.Sprint("user", i, "@example.com"), "purpose": "reset"}); status != c.status {
			t.Errorf("%d: %d %v", i, status, body)
		}
	}
	f.header = map[string]string{"x-client-ip": "192.0.2.9"}
	f.call(t, "/generate", fields{"email": "page1@example.com"})
	f.header["x-client-ip"] = "192.0.2.10"
	if status, _, _ := f.call(t, "/generate", fields{"email": "page2@example.com"}); status != 429 {
		t.Errorf("without a secret x-client-ip is believed: %d", status)
	}
}

func TestResendOfAServersSession(t *testing.T) {
	f := withClients(t).as(serverClient, serverSecret)
	_, _, body := f.call(t, "/generate", login(nil))
	f.at = f.at.Add(f.cooldown)
	again := fields{"sessionId": body["sessionId"]}
	f.header = nil
	if status, _, answer := f.call(t, "/resend", again); status != 404 {
		t.Errorf("without credentials: %d %v", status, answer)
	}
	f.as(serverClient, serverSecret)
	if status, _, answer := f.call(t, "/resend", again); status != 200 {
		t.Errorf("with credentials: %d %v", status, answer)
	}
}
