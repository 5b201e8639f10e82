package store

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"streamotp/shared/otp"
)

// Clients is the table of the applications that rely on StreamOTP.
type Clients struct {
	DB    *dynamodb.Client
	Table string
}

// client is an item of the table.
type client struct {
	ID           string         `dynamodbav:"id"`
	Name         string         `dynamodbav:"name"`
	Type         otp.ClientType `dynamodbav:"type"`
	SecretHashes []string       `dynamodbav:"secretHash,omitempty"` // the newer one first
	Purposes     []otp.Purpose  `dynamodbav:"purposes,omitempty"`
	Origins      []string       `dynamodbav:"origins,omitempty"`
	HomeURL      string         `dynamodbav:"homeUrl,omitempty"`
	CreatedAt    int64          `dynamodbav:"createdAt"` // epoch milliseconds

	RedirectURIs   []string      `dynamodbav:"redirectUris,omitempty"`
	PostLogoutURIs []string      `dynamodbav:"postLogoutUris,omitempty"`
	Logins         []otp.Purpose `dynamodbav:"logins,omitempty"`
	NoPKCE         bool          `dynamodbav:"noPkce,omitempty"`
	APIAudience    string        `dynamodbav:"apiAudience,omitempty"`
}

func (c client) client() otp.Client {
	return otp.Client{ID: c.ID, Name: c.Name, Type: c.Type, SecretHashes: c.SecretHashes, Purposes: c.Purposes, Origins: c.Origins,
		HomeURL: c.HomeURL, CreatedAt: time.UnixMilli(c.CreatedAt), RedirectURIs: c.RedirectURIs, PostLogoutURIs: c.PostLogoutURIs,
		Logins: c.Logins, NoPKCE: c.NoPKCE, APIAudience: c.APIAudience}
}

// changeable are the attributes that two operators could change at once.
var changeable = []string{"purposes", "origins", "homeUrl", "secretHash", "redirectUris", "postLogoutUris", "logins", "noPkce", "apiAudience"}

// Why a client was not found or written.
var (
	ErrNoClient     = errors.New("there is no such client")
	ErrClientExists = errors.New("the client exists already")
)

// Get reads a client. The id may be any text that a caller sent.
//
// Errors: ErrNoClient.
func (c Clients) Get(ctx context.Context, id string) (otp.Client, error) {
	if !otp.IsClientID(id) {
		return otp.Client{}, ErrNoClient
	}
	out, err := c.DB.GetItem(ctx, &dynamodb.GetItemInput{TableName: &c.Table, Key: item{"id": text(id)}})
	if err != nil {
		return otp.Client{}, err
	}
	if len(out.Item) == 0 {
		return otp.Client{}, ErrNoClient
	}
	held, err := decode[client](out.Item)
	return held.client(), err
}

// Add writes a new client. A repeated write of the same client is success.
//
// Errors: ErrClientExists.
func (c Clients) Add(ctx context.Context, added otp.Client) error {
	av, err := marshalClient(added)
	if err != nil {
		return err
	}
	return c.put(ctx, av, "attribute_not_exists(id) OR createdAt = :created", item{":created": millis(added.CreatedAt)}, ErrClientExists)
}

// Replace writes a client in place of the one with its id, as it was read.
//
// Errors: ErrNoClient if the client was removed, or changed since.
func (c Clients) Replace(ctx context.Context, held, wanted otp.Client) error {
	before, err := marshalClient(held)
	if err != nil {
		return err
	}
	av, err := marshalClient(wanted)
	if err != nil {
		return err
	}
	condition, values := "attribute_exists(id)", item{}
	for _, attribute := range changeable {
		if before[attribute] == nil {
			condition += " AND attribute_not_exists(" + attribute + ")"
			continue
		}
		condition += " AND " + attribute + " = :" + attribute
		values[":"+attribute] = before[attribute]
	}
	return c.put(ctx, av, condition, values, ErrNoClient)
}

func marshalClient(c otp.Client) (item, error) {
	return attributevalue.MarshalMap(client{c.ID, c.Name, c.Type, c.SecretHashes, c.Purposes, c.Origins, c.HomeURL, c.CreatedAt.UnixMilli(),
		c.RedirectURIs, c.PostLogoutURIs, c.Logins, c.NoPKCE, c.APIAudience})
}

func (c Clients) put(ctx context.Context, av item, condition string, values item, otherwise error) error {
	_, err := c.DB.PutItem(ctx, &dynamodb.PutItemInput{TableName: &c.Table, Item: av, ConditionExpression: &condition,
		ExpressionAttributeValues: values})
	if _, failed := conditionFailed(err); failed {
		return otherwise
	}
	return err
}

// Remove deletes a client. Functions may know it for a minute longer.
//
// Errors: ErrNoClient.
func (c Clients) Remove(ctx context.Context, id string) error {
	out, err := c.DB.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &c.Table, Key: item{"id": text(id)}, ReturnValues: types.ReturnValueAllOld})
	if err == nil && len(out.Attributes) == 0 {
		return ErrNoClient
	}
	return err
}

// List reads all clients, page by page, in no order. It ends with the first error.
func (c Clients) List(ctx context.Context) iter.Seq2[otp.Client, error] {
	in := &dynamodb.ScanInput{TableName: &c.Table, ConsistentRead: aws.Bool(true)}
	return scan(ctx, c.DB, in, func(found item) (otp.Client, bool, error) {
		held, err := decode[client](found)
		return held.client(), true, err
	})
}

// WithHome reads the clients that have a home URL, page by page, in no order: only their ID, Name and HomeURL. It ends with the first
// error. An IAM policy can require Select, and so that a caller reads nothing else.
func (c Clients) WithHome(ctx context.Context) iter.Seq2[otp.Client, error] {
	in := &dynamodb.ScanInput{
		TableName: &c.Table, Select: types.SelectSpecificAttributes, FilterExpression: aws.String("attribute_exists(homeUrl)"),
		ProjectionExpression:     aws.String("id, #name, homeUrl"),
		ExpressionAttributeNames: map[string]string{"#name": "name"}, // a reserved word
	}
	return scan(ctx, c.DB, in, func(found item) (otp.Client, bool, error) {
		held, err := decode[client](found)
		return otp.Client{ID: held.ID, Name: held.Name, HomeURL: held.HomeURL}, true, err
	})
}
