package main

import (
	"context"
	"encoding/json"
	"fmt"

	"streamotp/local/dynamo"
	"streamotp/local/template"
)

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
