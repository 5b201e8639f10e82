// Package dynamo starts the development stack's DynamoDB engine, dynoxide, and is a client for the part of DynamoDB's wire
// protocol (JSON 1.0) that the stack needs to talk to it, or to another engine such as DynamoDB Local.
package dynamo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"streamotp/local/template"
)

// The prefixes of X-Amz-Target.
const (
	Tables  = "DynamoDB_20120810."
	Streams = "DynamoDBStreams_20120810."
)

// Client calls an engine.
type Client struct {
	URL  string
	http http.Client
}

// NewClient returns a client of the engine at url.
func NewClient(url string) *Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute}
	return &Client{URL: url, http: http.Client{Transport: transport, Timeout: 30 * time.Second}}
}

// Error is a response of the engine whose status is not 200.
type Error struct{ Code, Message string }

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Is reports whether err is an engine's error with this code.
func Is(err error, code string) bool {
	e := (*Error)(nil)
	return errors.As(err, &e) && e.Code == code
}

// Send posts a request body unchanged and returns the status and the body of the response.
func (c *Client) Send(ctx context.Context, target string, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	now := time.Now().UTC()
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	req.Header.Set("X-Amz-Target", target)
	req.Header.Set("X-Amz-Date", now.Format("20060102T150405Z"))
	// All callers share one access key, as DynamoDB Local separates the tables of each key. No engine checks a
	// signature.
	req.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=streamotp/%s/%s/dynamodb/aws4_request, "+
		"SignedHeaders=host;x-amz-date;x-amz-target, Signature=%064d", now.Format("20060102"), template.Region, 0))
	res, err := c.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

// Call makes one call and decodes the response into out, unless out is nil.
func (c *Client) Call(ctx context.Context, target string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	status, answer, err := c.Send(ctx, target, body)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return parseError(answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

// parseError reads the body of an error.
func parseError(body []byte) *Error {
	var e struct {
		Type    string `json:"__type"`
		Message string // also as message
	}
	if json.Unmarshal(body, &e) != nil || e.Type == "" {
		return &Error{"UnknownError", string(body)}
	}
	return &Error{e.Type[strings.Index(e.Type, "#")+1:], e.Message}
}
