// Package store keeps sessions, limits, users and clients in DynamoDB. It is the only package that knows attribute names. The name of
// each file begins with the name of a table: codes, limits, users or clients.
//
// Every write that decides something is one conditional write with named clauses, so that exactly one of any number
// of parallel callers succeeds. Every write must be safe to repeat, because the SDK repeats a call whose response was
// lost: a write that decides records the request's id, and a repeated write that finds its own id has succeeded. Only the last id is
// kept. So if another request wrote in between, a repeated write may count twice, but a limit is still never exceeded. The
// counts of prefixes record no request, so a repeated write may count twice there too.
package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

type item = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func millis(t time.Time) types.AttributeValue  { return number(t.UnixMilli()) }
func seconds(t time.Time) types.AttributeValue { return number(t.Unix()) }

// all and either join named clauses of a condition.
func all(clauses ...string) *string { return aws.String("(" + strings.Join(clauses, ") AND (") + ")") }
func either(clauses ...string) string {
	return "(" + strings.Join(clauses, ") OR (") + ")"
}

// conditionFailed reports whether err is a failed condition, and returns the item that the condition was checked on. The item
// is empty if there was none.
func conditionFailed(err error) (found item, ok bool) {
	if failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return failed.Item, true
	}
	return nil, false
}

// ignoreConditionFailed returns nil for a failed condition, and any other error as it is. It is for writes whose condition fails
// only if nothing is left to do.
func ignoreConditionFailed(err error) error {
	if _, ok := conditionFailed(err); ok {
		return nil
	}
	return err
}

// decode reads an item. An empty item is a zero T.
func decode[T any](i item) (value T, err error) {
	if err = attributevalue.UnmarshalMap(i, &value); err != nil {
		return value, fmt.Errorf("decode an item: %w", err)
	}
	return value, nil
}

// conditional returns an update of one item. If its condition fails, the error has the item as the condition found it.
func conditional(table string, key item, update string, condition *string, values item) *dynamodb.UpdateItemInput {
	return &dynamodb.UpdateItemInput{
		TableName: &table, Key: key, UpdateExpression: &update, ConditionExpression: condition, ExpressionAttributeValues: values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
}

// scan reads the items of a table, page by page, without those that read does not keep. It ends with the first error.
func scan[T any](ctx context.Context, db *dynamodb.Client, in *dynamodb.ScanInput,
	read func(item) (value T, keep bool, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for pages := dynamodb.NewScanPaginator(db, in); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(*new(T), err)
				return
			}
			for _, found := range page.Items {
				value, keep, err := read(found)
				if (keep || err != nil) && !yield(value, err) || err != nil {
					return
				}
			}
		}
	}
}

// ClockSlack is how far apart the clocks of two instances may be in normal operation.
const ClockSlack = 5 * time.Second
