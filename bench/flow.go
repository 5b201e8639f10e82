package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
)

// environment returns the variables that every function gets. Each function reads those that it needs.
func (c *cloud) environment() map[string]string {
	return map[string]string{
		"GOMAXPROCS": "1", "GOGC": "200", // as the template sets them; the floors get the same
		"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SESSION_TOKEN": "c",
		"AWS_ENDPOINT_URL": c.URL, "AWS_LAMBDA_FUNCTION_NAME": "bench", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
		"CODES_TABLE": "codes", "LIMITS_TABLE": "limits", "USERS_TABLE": "users", "KEY_SECRET": "secret", "APP_NAME": "StreamOTP",
		"CODE_LENGTH": "6", "CODE_TTL_SECONDS": "600", "LOCK_SECONDS": "900", "MAX_ATTEMPTS": "5", "RESEND_COOLDOWN_SECONDS": "30",
		"ALLOWED_COUNTRIES": "DE", "SENDS_PER_HOUR": "5", "SENDS_PER_IP_PER_HOUR": "30", "ORIGIN_SECRET": "origin", "CAPTCHA_PROVIDER": "none",
		"PASSWORD_TRIES_PER_HOUR": "10", "PASSWORD_TRIES_PER_IP_PER_HOUR": "50", "SMS_PER_DAY": "500", "SMS_PREFIX_SENDS": "30",
		"SMS_PREFIX_VERIFIED_PERCENT": "20", "METRICS_NAMESPACE": "StreamOTP/bench", "RETRY_QUEUE_URL": "http://queue/1/retry", "DEAD_LETTER_QUEUE_URL": "http://queue/1/dead",
		"TEST_DESTINATIONS_SECRET": "tests", "SES_FROM_ADDRESS": "login@example.com", "SITE_PARAMETER": "site",
		"CLIENTS_TABLE": "clients", "SIGNING_KEY": "alias/current", "SIGNING_KEYS": "alias/current", "PROOF_TTL_SECONDS": "120", "SIGN_UP": "off",
	}
}

// request returns the event of a POST of JSON.
func request(path string, body map[string]string) []byte {
	text, _ := json.Marshal(body)
	return httpEvent("POST", path, string(text), jsonBody)
}

// httpEvent returns an event as API Gateway makes it.
func httpEvent(method, path, body string, headers map[string]string) []byte {
	path, query, _ := strings.Cut(path, "?")
	all := map[string]string{"accept": "*/*", "host": "x.execute-api.us-east-1.amazonaws.com", "user-agent": "bench",
		"x-forwarded-for": "203.0.113.7", "x-forwarded-port": "443", "x-forwarded-proto": "https"}
	maps.Copy(all, headers)
	var cookies []string
	if cookie := all["cookie"]; cookie != "" {
		cookies = []string{cookie}
		delete(all, "cookie")
	}
	event, _ := json.Marshal(map[string]any{
		"version": "2.0", "routeKey": method + " " + path, "rawPath": "/api" + path, "rawQueryString": query, "headers": all, "cookies": cookies,
		"requestContext": map[string]any{"accountId": "123456789012", "apiId": "x", "domainName": "x.execute-api.us-east-1.amazonaws.com",
			"http":      map[string]string{"method": method, "path": "/api" + path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7", "userAgent": "bench"},
			"requestId": "JKJaXmPLvHcESHA=", "routeKey": method + " " + path, "stage": "api", "time": "21/Nov/2026:09:00:00 +0000", "timeEpoch": 1795251600000},
		"body": body, "isBase64Encoded": false,
	})
	return event
}

// insert returns the stream's event for the items of sessions.
func (c *cloud) insert(sessionIDs ...string) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	var images []item
	for _, id := range sessionIDs {
		images = append(images, c.items[id])
	}
	return streamEvent(images...)
}

// streamEvent returns the stream's event for new items.
func streamEvent(images ...item) []byte {
	var records []any
	for n, image := range images {
		records = append(records, map[string]any{
			"eventID": fmt.Sprint(n), "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb", "awsRegion": "us-east-1",
			"dynamodb": map[string]any{"ApproximateCreationDateTime": 1795251600, "Keys": item{"sessionId": image["sessionId"], "code": image["code"]},
				"NewImage": image, "SequenceNumber": fmt.Sprint(100 + n), "SizeBytes": 700, "StreamViewType": "NEW_IMAGE"},
			"eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/codes/stream/1"})
	}
	event, _ := json.Marshal(map[string]any{"Records": records})
	return event
}

// httpResponse is a function's response to API Gateway.
type httpResponse struct {
	StatusCode int
	Headers    map[string]string
	Cookies    []string
	Body       string
}

// answer reads the body of a function's HTTP response, which must be a success.
func answer(response []byte, err error) (map[string]any, error) {
	var r httpResponse
	if err == nil {
		err = json.Unmarshal(response, &r)
	}
	return success(r, err)
}

// success reads the body of a response, which must be a success.
func success(r httpResponse, err error) (body map[string]any, _ error) {
	if err == nil && r.StatusCode != 200 {
		err = fmt.Errorf("status %d: %s", r.StatusCode, r.Body)
	}
	if err == nil {
		err = json.Unmarshal([]byte(r.Body), &body)
	}
	return body, err
}

const (
	newPassword = "violet meadow 7 kites"
	// oldHash is the hash of oldPassword, as otpctl makes it.
	oldHash     = "$argon2id$v=19$m=19456,t=2,p=1$c4MA45pcvfCFy7mDig7Adg$eaSWtXHotFbTImM+qR5cX5RLJdjfLyu4zeGJ9VQaUGs"
	oldPassword = "tulip harbor lantern 42"
)

// generate requests a code and returns the session.
func (c *cloud) generate(i *instance, body map[string]string) (string, error) {
	got, err := answer(i.invoke(request("/generate", body)))
	if err != nil {
		return "", err
	}
	return got["sessionId"].(string), nil
}

// send makes the send function send a session's code, and returns the code.
func (c *cloud) send(i *instance, sessionID string) (string, error) {
	if response, err := i.invoke(c.insert(sessionID)); err != nil || string(response) != `{"batchItemFailures":null}` && string(response) != `{"batchItemFailures":[]}` {
		return "", fmt.Errorf("send: %s, %v", response, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.code, nil
}

func verify(i *instance, sessionID, code string) error {
	_, err := answer(i.invoke(request("/verify", map[string]string{"sessionId": sessionID, "code": code})))
	return err
}

func reset(i *instance, sessionID, code string) error {
	_, err := answer(i.invoke(request("/reset", map[string]string{"sessionId": sessionID, "code": code, "password": newPassword})))
	return err
}
