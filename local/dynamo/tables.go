package dynamo

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"streamotp/local/template"
)

type object = map[string]any

// Create creates a table unless it exists. It logs if the engine has no time to live.
func (c *Client) Create(ctx context.Context, t template.Table, log func(format string, args ...any)) error {
	in := object{"TableName": t.Name, "BillingMode": t.BillingMode, "KeySchema": t.KeySchema, "AttributeDefinitions": t.AttributeDefinitions}
	if view := t.StreamSpecification.StreamViewType; view != "" {
		in["StreamSpecification"] = object{"StreamEnabled": true, "StreamViewType": view}
	}
	err := c.Call(ctx, Tables+"CreateTable", in, nil)
	if Is(err, "ResourceInUseException") {
		return nil
	}
	if err == nil {
		err = c.awaitTable(ctx, t.Name)
	}
	if err != nil || !t.TimeToLiveSpecification.Enabled {
		return err
	}
	err = c.Call(ctx, Tables+"UpdateTimeToLive", object{"TableName": t.Name, "TimeToLiveSpecification": t.TimeToLiveSpecification}, nil)
	if Is(err, "UnknownOperationException") {
		log("skipped UpdateTimeToLive of %s: the DynamoDB engine does not have it", t.ID)
		return nil
	}
	return err
}

func (c *Client) awaitTable(ctx context.Context, name string) error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		var out struct{ Table struct{ TableStatus string } }
		err := c.Call(ctx, Tables+"DescribeTable", object{"TableName": name}, &out)
		if err != nil || out.Table.TableStatus == "ACTIVE" {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("table stays %s", out.Table.TableStatus)
		}
	}
}

// Items reads all items of a table.
func (c *Client) Items(ctx context.Context, table string) ([]json.RawMessage, error) {
	items := []json.RawMessage{}
	in := object{"TableName": table, "ConsistentRead": true}
	for {
		var out struct {
			Items            []json.RawMessage
			LastEvaluatedKey json.RawMessage
		}
		if err := c.Call(ctx, Tables+"Scan", in, &out); err != nil {
			return nil, err
		}
		items = append(items, out.Items...)
		if out.LastEvaluatedKey == nil {
			return items, nil
		}
		in["ExclusiveStartKey"] = out.LastEvaluatedKey
	}
}
