// Package clients finds out which application makes a call: a server proves itself with HTTP Basic credentials, and a page only
// names its client.
//
// Its invariants:
//
//	K1: a right secret is never rejected. Secrets are compared before anything is counted, because otherwise anybody could lock
//	    out a client's server by sending wrong secrets with the client's public id.
//	K2: wrong secrets are limited for each IP address that API Gateway saw. A caller cannot set this address.
//	K3: a secret never comes from a page: a request with credentials and an Origin is rejected.
//	K4: every function instance knows the change or removal of a client within a minute.
package clients

import (
	"context"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"sync"
	"time"

	"streamotp/shared/httpapi"
	"streamotp/shared/otp"
	"streamotp/shared/store"
)

const (
	keptFor = time.Minute // a client as it was read
	most    = 1000        // clients that an instance keeps

	// WrongSecretsPerHour is the most wrong secrets from one address in any rolling hour.
	WrongSecretsPerHour = 50
)

// Clients reads clients, and keeps each for a minute. It is safe for concurrent use.
type Clients struct {
	Table  table
	Limits limits
	Keys   keyrings
	Now    func() time.Time

	mu   sync.Mutex
	kept map[string]kept
}

// New returns the clients of a table that lies beside that of the limits.
func New(limits store.Limits, tableName string, keys keyrings, now func() time.Time) *Clients {
	return &Clients{Table: store.Clients{DB: limits.DB, Table: tableName}, Limits: limits, Keys: keys, Now: now}
}

type kept struct {
	client otp.Client
	readAt time.Time
}

type table interface {
	Get(ctx context.Context, id string) (otp.Client, error)
}

type limits interface {
	TakeWrongPassword(ctx context.Context, q store.Quota, requestID string, now time.Time) error
}

type keyrings interface {
	Current(ctx context.Context) (*otp.Keyring, error)
}

// Get returns a client.
//
// Errors: store.ErrNoClient.
func (c *Clients) Get(ctx context.Context, id string) (otp.Client, error) {
	now := c.Now()
	c.mu.Lock()
	held, ok := c.kept[id]
	c.mu.Unlock()
	if age := now.Round(0).Sub(held.readAt); ok && age >= 0 && age < keptFor {
		return held.client, nil
	}
	client, err := c.Table.Get(ctx, id)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		delete(c.kept, id)
		return otp.Client{}, err
	}
	if c.kept == nil || len(c.kept) >= most {
		c.kept = map[string]kept{}
	}
	c.kept[id] = kept{client, now.Round(0)}
	return client, nil
}

// Server returns the client whose credentials a request carries in its header authorization, or nil if it carries none. source is
// the address that API Gateway saw.
//
// Errors: otp.ErrInvalidClient, *otp.TooManyRequestsError; *httpapi.InvalidError for credentials from a page.
func (c *Clients) Server(ctx context.Context, header map[string]string, source, requestID string) (*otp.Client, error) {
	credentials := header["authorization"]
	if credentials == "" {
		return nil, nil
	}
	if header["origin"] != "" {
		return nil, httpapi.Invalid("", "must not come from a page with the header authorization: a page cannot keep a secret")
	}
	id, secret := Basic(credentials)
	client, err := c.Authenticate(ctx, id, secret, source, requestID)
	if err != nil {
		return nil, err
	}
	return &client, nil
}

// Authenticate returns the confidential client with this id and secret. source is the address that API Gateway saw.
//
// Errors: otp.ErrInvalidClient, *otp.TooManyRequestsError.
func (c *Clients) Authenticate(ctx context.Context, id, secret, source, requestID string) (otp.Client, error) {
	client, err := c.Get(ctx, id)
	if err != nil && !errors.Is(err, store.ErrNoClient) {
		return otp.Client{}, err
	}
	if client.HasSecret(secret) {
		return client, nil
	}
	return otp.Client{}, c.refuse(ctx, source, requestID)
}

// refuse counts a wrong secret, and returns why it is refused.
func (c *Clients) refuse(ctx context.Context, source, requestID string) error {
	ring, err := c.Keys.Current(ctx)
	if err != nil {
		return err
	}
	quota := store.Quota{Key: ring.SecretGuesses(source), WrongPasswordsPerHour: WrongSecretsPerHour}
	if err := c.Limits.TakeWrongPassword(ctx, quota, requestID, c.Now()); err != nil {
		return err
	}
	return otp.ErrInvalidClient
}

// Basic reads "Basic " and base64 of id:secret (RFC 7617). Both are empty if the text is anything else. Some libraries encode the id and the
// secret as a form does (RFC 6749 2.3.1), and some of these encode even "-" and "_". Other libraries encode nothing. Decoding is right for
// all of them: a client's id and secret are base64url, without % and +.
func Basic(credentials string) (id, secret string) {
	scheme, encoded, _ := strings.Cut(credentials, " ")
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil || !strings.EqualFold(scheme, "Basic") {
		return "", ""
	}
	id, secret, _ = strings.Cut(string(decoded), ":")
	id, errID := url.QueryUnescape(id)
	secret, errSecret := url.QueryUnescape(secret)
	if errID != nil || errSecret != nil {
		return "", ""
	}
	return id, secret
}
