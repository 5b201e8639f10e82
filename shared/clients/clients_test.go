package clients_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"streamotp/shared/clients"
	"streamotp/shared/httpapi"
	"streamotp/shared/otp"
	"streamotp/shared/store"
	"streamotp/shared/store/storetest"
)

const (
	id     = "c2VydmVyLW9mLWEtY2xpZW50"
	secret = "right"
)

type fixture struct {
	clients.Clients
	table store.Clients
	now   time.Time
	down  error // what the table's reads fail with
	calls int
}

func (f *fixture) Get(ctx context.Context, id string) (otp.Client, error) {
	if f.calls++; f.down != nil {
		return otp.Client{}, f.down
	}
	return f.table.Get(ctx, id)
}

type fixedKeys struct{ *otp.Keyring }

func (k fixedKeys) Current(context.Context) (*otp.Keyring, error) { return k.Keyring, nil }

// newFixture has a confidential client with two secrets, one of which is being replaced, and a public one.
func newFixture(t *testing.T) *fixture {
	tables := storetest.New(t)
	ring, err := otp.ParseKeyring([]byte(`{"index":"0123456789abcdef0123456789abcdef"}`))
	must(t, err)
	f := &fixture{table: store.Clients{DB: tables.DB, Table: tables.Clients}, now: time.Now()}
	f.Clients = clients.Clients{Table: f, Limits: store.Limits{DB: tables.DB, Table: tables.Limits}, Keys: fixedKeys{ring},
		Now: func() time.Time { return f.now }}
	must(t, f.table.Add(t.Context(), otp.Client{ID: id, Name: "Shop", Type: otp.ConfidentialClient, Purposes: []otp.Purpose{otp.Login},
		SecretHashes: []string{otp.HashSecret(secret), otp.HashSecret("older")}, CreatedAt: f.now}))
	must(t, f.table.Add(t.Context(), otp.Client{ID: "public", Name: "Shop", Type: otp.PublicClient, Purposes: []otp.Purpose{otp.Login}, CreatedAt: f.now}))
	return f
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func basic(id, secret string) map[string]string {
	return map[string]string{"authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))}
}

// percent encodes every character.
func percent(text string) string { return "%" + strings.ReplaceAll(fmt.Sprintf("% X", text), " ", "%") }

var requests int

// server makes a call from an address.
func (f *fixture) server(t *testing.T, header map[string]string, source string) (*otp.Client, error) {
	requests++
	return f.Clients.Server(t.Context(), header, source, fmt.Sprint("request-", requests))
}

func TestServer(t *testing.T) {
	f := newFixture(t)
	for name, c := range map[string]struct {
		header map[string]string
		right  bool
	}{
		"right credentials":                    {basic(id, secret), true},
		"the secret that is being replaced":    {basic(id, "older"), true},
		"credentials that are form-encoded":    {basic(percent(id), percent(secret)), true},
		"credentials with a broken encoding":   {basic(id+"%", secret+"%"), false},
		"a scheme in other letters":            {map[string]string{"authorization": "basic " + basic(id, secret)["authorization"][6:]}, true},
		"a wrong secret":                       {basic(id, "wrong"), false},
		"no secret":                            {basic(id, ""), false},
		"the secret's hash":                    {basic(id, otp.HashSecret(secret)), false},
		"a client that does not exist":         {basic("nobody", secret), false},
		"a public client, which has no secret": {basic("public", ""), false},
		"another scheme":                       {map[string]string{"authorization": "Bearer " + basic(id, secret)["authorization"][6:]}, false},
		"an id that no table can have":         {basic(strings.Repeat("x", 3000), secret), false},
		"no base64":                            {map[string]string{"authorization": "Basic " + id + ":" + secret}, false},
		"a scheme alone":                       {map[string]string{"authorization": "Basic"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := f.server(t, c.header, "192.0.2.1")
			if c.right && (err != nil || client == nil || client.ID != id) {
				t.Errorf("%v, %v", client, err)
			}
			if !c.right && (client != nil || !errors.Is(err, otp.ErrInvalidClient)) {
				t.Errorf("%v, %v", client, err)
			}
		})
	}
	t.Run("no credentials", func(t *testing.T) {
		if client, err := f.server(t, nil, "192.0.2.1"); client != nil || err != nil {
			t.Errorf("%v, %v", client, err)
		}
	})
	t.Run("K3: credentials from a page are rejected, right ones too", func(t *testing.T) {
		header := basic(id, secret)
		header["origin"] = "https://shop.example"
		var invalid *httpapi.InvalidError
		if client, err := f.server(t, header, "192.0.2.1"); client != nil || !errors.As(err, &invalid) {
			t.Errorf("%v, %v", client, err)
		}
	})
}

func TestWrongSecrets(t *testing.T) {
	f := newFixture(t)
	for i := range clients.WrongSecretsPerHour + 5 {
		_, err := f.server(t, basic(id, fmt.Sprint("guess ", i)), "192.0.2.1")
		var tooMany *otp.TooManyRequestsError
		if over := i >= clients.WrongSecretsPerHour; over != errors.As(err, &tooMany) || !over && !errors.Is(err, otp.ErrInvalidClient) {
			t.Fatalf("K2: guess %d: %v", i+1, err)
		}
	}
	t.Run("K1: the right secret is accepted from the same address all the same", func(t *testing.T) {
		if client, err := f.server(t, basic(id, secret), "192.0.2.1"); err != nil || client == nil {
			t.Errorf("%v, %v", client, err)
		}
	})
	t.Run("K2: another address has its own limit", func(t *testing.T) {
		if _, err := f.server(t, basic(id, "guess"), "192.0.2.2"); !errors.Is(err, otp.ErrInvalidClient) {
			t.Error(err)
		}
	})
}

func TestClientIsKeptForAMinute(t *testing.T) {
	f := newFixture(t)
	get := func() error { _, err := f.Clients.Get(t.Context(), id); return err }
	must(t, get())
	must(t, f.table.Remove(t.Context(), id))
	f.now = f.now.Add(59 * time.Second)
	if err := get(); err != nil || f.calls != 1 {
		t.Errorf("%v after %d reads", err, f.calls)
	}
	f.now = f.now.Add(time.Second)
	if err := get(); !errors.Is(err, store.ErrNoClient) {
		t.Errorf("K4: a client that was removed a minute ago: %v", err)
	}
}

func TestTableIsDown(t *testing.T) {
	f := newFixture(t)
	f.down = errors.New("down")
	if client, err := f.server(t, basic(id, secret), "192.0.2.1"); client != nil || !errors.Is(err, f.down) {
		t.Errorf("%v, %v", client, err)
	}
	if _, err := f.Clients.Get(t.Context(), id); !errors.Is(err, f.down) {
		t.Error(err)
	}
}
