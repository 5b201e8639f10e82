package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"streamotp/shared/otp"
	"streamotp/shared/store"
	"streamotp/shared/store/storetest"
)

var (
	ctx = context.Background()
	t0  = time.Now().Truncate(time.Second)
)

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func session(id string) otp.Session {
	return otp.Session{ID: id, Digest: "digest", Purpose: otp.Reset, Subject: "subject", KeyID: "0", Sealed: []byte("box"), NextResend: 1,
		CreatedAt: t0, ExpiresAt: t0.Add(5 * time.Minute)}
}

// notification is a notification of a session.
func notification(sessionID string, kind otp.NotificationKind) otp.Notification {
	return otp.Notification{SessionID: sessionID, Kind: kind, Purpose: otp.Reset, Subject: "subject", KeyID: "0", Sealed: []byte("box")}
}

// fixture is one test's tables with a session "s" and an account in them.
type fixture struct {
	storetest.Tables
	codes  store.Codes
	limits store.Limits
	users  store.Users
}

func newFixture(t *testing.T) fixture {
	tables := storetest.New(t)
	f := fixture{
		Tables: tables,
		codes:  store.Codes{DB: tables.DB, Table: tables.Codes},
		limits: store.Limits{DB: tables.DB, Table: tables.Limits, Rule: otp.AttemptLimit{MaxAttempts: 5, Lock: 15 * time.Minute}},
		users:  store.Users{DB: tables.DB, Table: tables.Users},
	}
	must(t, f.codes.Put(ctx, session("s"), "request"))
	f.put(t, tables.Users, store.User{Email: "ada@example.com", PasswordHash: "old", Channel: otp.Email})
	return f
}

func (f fixture) put(t *testing.T, table string, value any) {
	t.Helper()
	item, err := attributevalue.MarshalMap(value)
	must(t, err)
	_, err = f.DB.PutItem(ctx, &dynamodb.PutItemInput{TableName: &table, Item: item})
	must(t, err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("error %v, want %v", got, want)
	}
}
