package store

import (
	"context"
	"iter"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// SignUps keeps the domains whose addresses create no account, one item each, in the limits table.
type SignUps struct {
	DB    *dynamodb.Client
	Table string
}

const blockedKey = "blocked#" // then the domain

// Blocks reports whether an address has a blocked domain, or one below it. It makes the same reads for every address of a domain that
// is not blocked, whether the address has an account or not.
func (s SignUps) Blocks(ctx context.Context, email string) (bool, error) {
	_, domain, _ := strings.Cut(email, "@")
	for strings.Contains(domain, ".") {
		out, err := s.DB.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.Table, Key: keyed(blockedKey + domain)})
		if err != nil || len(out.Item) > 0 {
			return true, err
		}
		_, domain, _ = strings.Cut(domain, ".")
	}
	return false, nil
}

// Block blocks a domain, which may be blocked already.
func (s SignUps) Block(ctx context.Context, domain string) error {
	_, err := s.DB.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.Table, Item: keyed(blockedKey + domain)})
	return err
}

// Unblock reports whether the domain was blocked.
func (s SignUps) Unblock(ctx context.Context, domain string) (was bool, err error) {
	out, err := s.DB.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &s.Table, Key: keyed(blockedKey + domain), ReturnValues: types.ReturnValueAllOld})
	if err != nil {
		return false, err
	}
	return len(out.Attributes) > 0, nil
}

// Blocked reads the blocked domains, a page at a time, in no order. It ends with the first error.
func (s SignUps) Blocked(ctx context.Context) iter.Seq2[string, error] {
	in := beginningWith(s.Table, blockedKey)
	in.ConsistentRead = aws.Bool(true) // or a domain that was just added could be missing
	return scan(ctx, s.DB, in, func(found item) (string, bool, error) {
		held, err := decode[struct {
			Key string `dynamodbav:"key"`
		}](found)
		return strings.TrimPrefix(held.Key, blockedKey), true, err
	})
}
