package store

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"streamotp/shared/otp"
)

// Users is the table of accounts.
type Users struct {
	DB    *dynamodb.Client
	Table string
}

// User is an account. Only accounts hold an address, a name and a number in the clear.
type User struct {
	Email             string      `dynamodbav:"email"`                  // normalised
	ID                string      `dynamodbav:"id,omitempty"`           // UUID that never changes; an account of an older version has none at first
	PasswordHash      string      `dynamodbav:"passwordHash,omitempty"` // Argon2id, PHC string; an account may have no password
	Name              string      `dynamodbav:"name,omitempty"`
	Phone             string      `dynamodbav:"phone,omitempty"`             // E.164
	Channel           otp.Channel `dynamodbav:"channel"`                     // as it is stored: see LoginChannel
	PasswordChangedAt int64       `dynamodbav:"passwordChangedAt,omitempty"` // epoch milliseconds
	CreatedAt         int64       `dynamodbav:"createdAt,omitempty"`         // epoch milliseconds; an account of an older version may have none
}

// LoginChannel returns the channel that login codes take. An account without a channel has e-mail, the channel that every account can
// use. The stored text may be no channel that otp knows, since other programs write accounts too: Facts reports that.
func (u User) LoginChannel() otp.Channel { return cmp.Or(u.Channel, otp.Email) }

// Get reads an account, strongly consistent: a password that was just changed must not work any more. For an unknown
// address it returns a zero User, so that callers do the same work.
func (u Users) Get(ctx context.Context, email string) (user User, err error) {
	out, err := u.DB.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &u.Table, Key: item{"email": text(email)}, ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return user, err
	}
	return decode[User](out.Item)
}

// Identify gives an account without an id this one, and returns the id that the account then has.
//
// Errors: ErrAccountChanged if the account is gone.
func (u Users) Identify(ctx context.Context, email, id string) (string, error) {
	_, err := u.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &u.Table, Key: item{"email": text(email)},
		UpdateExpression: aws.String("SET id = :id"), ConditionExpression: all(accountExists, "attribute_not_exists(id)"),
		ExpressionAttributeValues: item{":id": text(id)},
	})
	if _, failed := conditionFailed(err); !failed {
		return id, err
	}
	user, err := u.Get(ctx, email) // another login, or an earlier attempt of this one, was first
	if err == nil && user.ID == "" {
		err = ErrAccountChanged
	}
	return user.ID, err
}

// The clauses of a new password: the account exists, and neither the account nor its password is newer than the session.
const (
	accountExists = "attribute_exists(email)"
	accountOlder  = "attribute_not_exists(createdAt) OR createdAt <= :created"
	passwordOlder = "attribute_not_exists(passwordChangedAt) OR passwordChangedAt <= :created"
)

// create is the write of an account that its owner creates. It never changes an account that exists.
func (u Users) create(user User, now time.Time) *types.Update {
	return &types.Update{
		TableName: &u.Table, Key: item{"email": text(user.Email)},
		UpdateExpression: aws.String("SET id = :id, createdAt = :now"), ConditionExpression: aws.String(noAccount),
		ExpressionAttributeValues: item{":id": text(user.ID), ":now": millis(now)},
	}
}

func (u Users) setPassword(email, hash string, created, now time.Time) *types.Update {
	return &types.Update{
		TableName: &u.Table, Key: item{"email": text(email)},
		UpdateExpression:    aws.String("SET passwordHash = :hash, passwordChangedAt = :now"),
		ConditionExpression: all(accountExists, accountOlder, passwordOlder),
		ExpressionAttributeValues: item{
			":hash": text(hash), ":now": millis(now), ":created": millis(created),
		},
	}
}

// ForgetFutureChange sets the times of the account's creation and of the last password change to now if they lie in the future, where a
// machine with a fast clock has written them: until then no reset would be accepted. It returns a time that was there, or zero.
func (u Users) ForgetFutureChange(ctx context.Context, email string, now time.Time) (was time.Time, err error) {
	for _, attribute := range []string{"createdAt", "passwordChangedAt"} {
		in := conditional(u.Table, item{"email": text(email)}, "SET "+attribute+" = :now", all(attribute+" > :future"),
			item{":now": millis(now), ":future": millis(now.Add(ClockSlack))})
		in.ReturnValues = types.ReturnValueUpdatedOld
		out, err := u.DB.UpdateItem(ctx, in)
		if _, failed := conditionFailed(err); failed {
			continue
		}
		if err != nil {
			return was, err
		}
		before, err := decode[User](out.Attributes)
		if err != nil {
			return was, err
		}
		was = time.UnixMilli(max(before.CreatedAt, before.PasswordChangedAt))
	}
	return was, nil
}

// Why an operator's write is rejected.
var (
	ErrAccountExists  = errors.New("the account exists already")
	ErrAccountChanged = errors.New("the account was changed or removed since it was read")
)

const noAccount = "attribute_not_exists(email)"

// Add writes a new account. Of two parallel writes one succeeds.
//
// Errors: ErrAccountExists.
func (u Users) Add(ctx context.Context, user User) error {
	av, err := attributevalue.MarshalMap(user)
	if err != nil {
		return err
	}
	_, err = u.DB.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &u.Table, Item: av,
		ConditionExpression:                 aws.String(noAccount),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	found, ok := conditionFailed(err)
	if !ok {
		return err
	}
	if other, err := decode[User](found); err != nil || other == user {
		return err // nil if the account is ours: the response to our first attempt was lost
	}
	return ErrAccountExists
}

// Update changes an account from what was read to what is wanted. It writes only what differs, so that it does not undo a parallel
// reset. phone and channel must be as they were read, since each is checked against the other.
//
// Errors: ErrAccountChanged. The caller reads the account again and decides anew.
func (u Users) Update(ctx context.Context, held, wanted User) error {
	c := change{names: map[string]string{}, values: item{}}
	c.text("passwordHash", held.PasswordHash, wanted.PasswordHash)
	c.text("name", held.Name, wanted.Name)
	c.text("phone", held.Phone, wanted.Phone)
	c.text("channel", string(held.Channel), string(wanted.Channel))
	if held.PasswordChangedAt != wanted.PasswordChangedAt {
		c.set("passwordChangedAt", number(wanted.PasswordChangedAt))
	}
	if len(c.sets)+len(c.removes) == 0 {
		return nil
	}
	condition := all(accountExists, c.asRead("phone", held.Phone), c.asRead("channel", string(held.Channel)))
	in := &dynamodb.UpdateItemInput{
		TableName: &u.Table, Key: item{"email": text(held.Email)},
		UpdateExpression: c.expression(), ConditionExpression: condition, ExpressionAttributeNames: c.names,
	}
	if len(c.values) > 0 { // DynamoDB refuses an empty map
		in.ExpressionAttributeValues = c.values
	}
	_, err := u.DB.UpdateItem(ctx, in)
	if _, ok := conditionFailed(err); ok {
		return ErrAccountChanged
	}
	return err
}

// change collects an update expression. Attributes appear in it as #attribute: "name" is a reserved word.
type change struct {
	sets, removes []string
	names         map[string]string
	values        item
}

// text adds an attribute that differs; an empty attribute is removed.
func (c *change) text(attribute, held, wanted string) {
	switch {
	case held == wanted:
	case wanted == "":
		c.names["#"+attribute] = attribute
		c.removes = append(c.removes, "#"+attribute)
	default:
		c.set(attribute, text(wanted))
	}
}

func (c *change) set(attribute string, value types.AttributeValue) {
	c.names["#"+attribute], c.values[":"+attribute] = attribute, value
	c.sets = append(c.sets, "#"+attribute+" = :"+attribute)
}

// asRead returns the clause that an attribute is still as it was read.
func (c *change) asRead(attribute, held string) string {
	c.names["#"+attribute] = attribute
	if held == "" {
		return "attribute_not_exists(#" + attribute + ")"
	}
	c.values[":held_"+attribute] = text(held)
	return "#" + attribute + " = :held_" + attribute
}

func (c *change) expression() *string {
	var parts []string
	if len(c.sets) > 0 {
		parts = append(parts, "SET "+strings.Join(c.sets, ", "))
	}
	if len(c.removes) > 0 {
		parts = append(parts, "REMOVE "+strings.Join(c.removes, ", "))
	}
	return aws.String(strings.Join(parts, " "))
}

// Remove deletes an account that is as it was read, or gone already. The decision to remove it was about the owner of this
// password, not about a person who got the address since.
//
// Errors: ErrAccountChanged.
func (u Users) Remove(ctx context.Context, held User) error {
	c := change{names: map[string]string{}, values: item{}}
	condition := either(noAccount, c.asRead("passwordHash", held.PasswordHash))
	in := &dynamodb.DeleteItemInput{
		TableName: &u.Table, Key: item{"email": text(held.Email)},
		ConditionExpression: &condition, ExpressionAttributeNames: c.names,
	}
	if len(c.values) > 0 {
		in.ExpressionAttributeValues = c.values
	}
	_, err := u.DB.DeleteItem(ctx, in)
	if _, ok := conditionFailed(err); ok {
		return ErrAccountChanged
	}
	return err
}

// List reads all accounts, page by page, in no order, without their password hashes: those stay in the table. It ends
// with the first error.
func (u Users) List(ctx context.Context) iter.Seq2[User, error] {
	in := &dynamodb.ScanInput{
		TableName: &u.Table, ConsistentRead: aws.Bool(true), // or an account that was just added could be missing
		ProjectionExpression:     aws.String("email, id, #name, phone, channel, passwordChangedAt"),
		ExpressionAttributeNames: map[string]string{"#name": "name"},
	}
	return scan(ctx, u.DB, in, func(found item) (User, bool, error) {
		user, err := decode[User](found)
		return user, true, err
	})
}
