package main

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"streamotp/shared/otp"
)

// setChannel writes the channel of an account as another program could; "" removes the attribute.
func (f *fixture) setChannel(t *testing.T, email, channel string) {
	t.Helper()
	item := f.Item(t, f.Users, map[string]types.AttributeValue{"email": &types.AttributeValueMemberS{Value: email}})
	delete(item, "channel")
	if channel != "" {
		item["channel"] = &types.AttributeValueMemberS{Value: channel}
	}
	_, err := f.DB.PutItem(context.Background(), &dynamodb.PutItemInput{TableName: &f.Users, Item: item})
	must(t, err)
}

func TestAccountWithAnUnknownChannel(t *testing.T) {
	login := func(password string) fields {
		return fields{"email": "grace@example.com", "purpose": "login", "password": password}
	}
	t.Run("gets no code by any channel, and the log does not quote what the account has", func(t *testing.T) {
		for _, channel := range []string{"fax", "SMS", "email ", "+4915112345678"} {
			f := newFixture(t)
			f.setChannel(t, "grace@example.com", channel)
			out := logged(t)
			status, _, body := f.call(t, "/generate", login(secretWord))
			if items := f.items(t); status != 500 || body["code"] != "internal" || len(items) != 0 {
				t.Errorf("%q: %d %v, %d items", channel, status, body, len(items))
			}
			if log := out.String(); !strings.Contains(log, "otp.UnknownChannelError") || strings.Contains(log, `"Channel"`) || strings.Contains(log, `"`+channel) {
				t.Errorf("%q: the log says %s", channel, log)
			}
		}
	})
	t.Run("gets the response of any other account to a wrong password and to a reset", func(t *testing.T) {
		f := newFixture(t)
		f.setChannel(t, "grace@example.com", "fax")
		for name, body := range map[string]fields{"wrong password": login("no"), "reset": {"email": "grace@example.com", "purpose": "reset"}} {
			other := maps.Clone(body)
			other["email"] = "ada@example.com"
			status, _, answer := f.call(t, "/generate", body)
			wantStatus, _, want := f.call(t, "/generate", other)
			if status != wantStatus || len(answer) != len(want) || answer["code"] != want["code"] {
				t.Errorf("%s: %d %v, want %d %v", name, status, answer, wantStatus, want)
			}
		}
	})
	t.Run("gets its messages back", func(t *testing.T) {
		f := newFixture(t)
		f.admit.MessagesPerHour = 1
		f.setChannel(t, "grace@example.com", "fax")
		for range 3 {
			if status, _, body := f.call(t, "/generate", login(secretWord)); status != 500 {
				t.Errorf("%d %v", status, body)
			}
		}
		f.setChannel(t, "grace@example.com", "sms")
		if status, _, body := f.call(t, "/generate", login(secretWord)); status != 200 {
			t.Errorf("%d %v", status, body)
		}
	})
	t.Run("is not one without a channel: that account gets e-mail", func(t *testing.T) {
		f := newFixture(t)
		f.setChannel(t, "grace@example.com", "")
		if status, _, body := f.call(t, "/generate", login(secretWord)); status != 200 {
			t.Fatalf("%d %v", status, body)
		}
		item := f.items(t)[0]
		contents, err := f.ring.Open("0", fmt.Sprint(item["sessionId"]), item["sealed"].([]byte))
		must(t, err)
		if contents.Channel != otp.Email || contents.Destination() != "grace@example.com" {
			t.Errorf("%+v", contents)
		}
	})
}
