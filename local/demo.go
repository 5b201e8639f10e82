package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"streamotp/local/dynamo"
	"streamotp/local/template"
)

// clientsTable is the logical id of the table that has the demo clients.
const clientsTable = "ClientsTable"

// The demo clients: one for the pages of this server and of an example application, one for a server that runs beside it, one for the
// application at appPath, and one for the example application that people log in to on this server's pages.
const demoClient, demoServer, demoApp, demoWeb = "demo", "demo-server", "demo-app", "demo-web"

// webOrigin is where the example applications run.
const webOrigin = "http://127.0.0.1:8080"

// appPath is where the application is that people log in to.
const appPath = "/_local/app"

// putDemoClients writes the demo clients and returns the secret of demoServer and demoApp, which is another one in each run.
func putDemoClients(ctx context.Context, engine *dynamo.Client, spec *template.Stack, origin string) (secret string, err error) {
	t := spec.Table(clientsTable)
	if t == nil {
		return "", nil
	}
	secret = base64.RawURLEncoding.EncodeToString([]byte(rand.Text() + rand.Text()))
	hash := sha256.Sum256([]byte(secret))
	texts := func(values ...string) any {
		list := make([]any, len(values))
		for i, v := range values {
			list[i] = map[string]any{"S": v}
		}
		return map[string]any{"L": list}
	}
	origins := []string{origin}
	if allowed := spec.Parameters["AllowedOrigins"]; allowed != "" {
		origins = append(origins, strings.Split(allowed, ",")...)
	}
	purposes, secretHash := texts("login", "passwordless", "verify"), texts(base64.RawURLEncoding.EncodeToString(hash[:]))
	for _, c := range []map[string]any{
		{"id": demoClient, "name": "Demo", "type": "public", "purposes": purposes, "origins": texts(origins...), "homeUrl": origin + examplePath},
		{"id": demoServer, "name": "Demo server", "type": "confidential", "purposes": purposes, "secretHash": secretHash},
		{"id": demoApp, "name": "Example application", "type": "confidential", "secretHash": secretHash, "redirectUris": texts(origin + appPath + "/callback"),
			"postLogoutUris": texts(origin + appPath), "logins": texts("login", "passwordless")},
		{"id": demoWeb, "name": "Example application", "type": "public", "redirectUris": texts(webOrigin + "/callback"),
			"postLogoutUris": texts(webOrigin + "/"), "logins": texts("login", "passwordless"), "apiAudience": webOrigin + "/api"},
	} {
		item := map[string]any{"createdAt": map[string]any{"N": strconv.FormatInt(time.Now().UnixMilli(), 10)}}
		for name, value := range c {
			if text, ok := value.(string); ok {
				value = map[string]any{"S": text}
			}
			item[name] = value
		}
		err := engine.Call(ctx, dynamo.Tables+"PutItem", map[string]any{"TableName": t.Name, "Item": item}, &json.RawMessage{})
		if err != nil {
			return "", fmt.Errorf("demo client %s: %w", c["id"], err)
		}
	}
	return secret, nil
}

// usersTable is the logical id of the table that has the demo users.
const usersTable = "UsersTable"

// demoPassword is the demo users' password. Their stored hashes are its Argon2id hashes (m=19456 KiB, t=2, p=1).
const demoPassword = "tulip harbor lantern 42"

// demoUsers are the accounts for a first look: one gets codes by e-mail, one by SMS.
var demoUsers = []map[string]string{
	{
		"email": "ada@example.com", "name": "Ada", "channel": "email",
		"passwordHash": "$argon2id$v=19$m=19456,t=2,p=1$c4MA45pcvfCFy7mDig7Adg$eaSWtXHotFbTImM+qR5cX5RLJdjfLyu4zeGJ9VQaUGs",
	},
	{
		"email": "grace@example.com", "name": "Grace", "channel": "sms", "phone": "+4915112345678",
		"passwordHash": "$argon2id$v=19$m=19456,t=2,p=1$k7NzgnTjY8yKSNFC08S+xg$WAbljNVCHxjw9mJN7byMGPWtfr1AUWNHcru2NwqquCU",
	},
}

// putDemoUsers writes the demo users unless they exist: with -data, a password that was reset stays so.
func putDemoUsers(ctx context.Context, engine *dynamo.Client, spec *template.Stack) error {
	t := spec.Table(usersTable)
	if t == nil {
		return nil
	}
	for _, u := range demoUsers {
		item := map[string]map[string]string{}
		for name, value := range u {
			item[name] = map[string]string{"S": value}
		}
		err := engine.Call(ctx, dynamo.Tables+"PutItem", map[string]any{"TableName": t.Name, "Item": item,
			"ConditionExpression": "attribute_not_exists(email)"}, &json.RawMessage{})
		if err != nil && !dynamo.Is(err, "ConditionalCheckFailedException") {
			return fmt.Errorf("demo user %s: %w", u["email"], err)
		}
	}
	return nil
}
