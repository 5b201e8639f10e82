package store

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"streamotp/shared/otp"
)

// Users is the table of accounts.
type Users struct {
	DB    *dynamodb.Client
	Table string
}

// User is an account. It is the one place where an address, a name and a number lie in the clear.
type User struct {
	Email             string      `dynamodbav:"email"`        // normalised
	PasswordHash      string      `dynamodbav:"passwordHash"` // Argon2id, PHC string
	Name              string      `dynamodbav:"name,omitempty"`
	Phone             string      `dynamodbav:"phone,omitempty"`             // E.164
	Channel           otp.Channel `dynamodbav:"channel"`                     // where login codes go
	PasswordChangedAt int64       `dynamodbav:"passwordChangedAt,omitempty"` // epoch milliseconds
}

// Get reads an account, strongly consistent: a password that was just changed must not work any more. An unknown
// address gives a zero User, so that callers go on alike.
func (u Users) Get(ctx context.Context, email string) (user User, err error) {
	out, err := u.DB.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &u.Table, Key: item{"email": text(email)}, ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return user, err
	}
	return user, decode(out.Item, &user)
}

// The clauses of a new password: the account is there, and its password is not newer than the session.
const (
	accountExists = "attribute_exists(email)"
	passwordOlder = "attribute_not_exists(passwordChangedAt) OR passwordChangedAt <= :created"
)

func (u Users) setPassword(email, hash string, created, now time.Time) *types.Update {
	return &types.Update{
		TableName: &u.Table, Key: item{"email": text(email)},
		UpdateExpression:    aws.String("SET passwordHash = :hash, passwordChangedAt = :now"),
		ConditionExpression: all(accountExists, passwordOlder),
		ExpressionAttributeValues: item{
			":hash": text(hash), ":now": millis(now), ":created": millis(created),
		},
	}
}
