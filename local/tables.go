package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"streamotp/local/dynamo"
	"streamotp/local/template"
)

// createTables creates the template's tables unless they exist.
func (s *stack) createTables(ctx context.Context) error {
	for _, t := range s.spec.Tables {
		if err := s.createTable(ctx, t); err != nil {
			return fmt.Errorf("%s: %w", t.ID, err)
		}
	}
	if s.DynamoDB != "" && s.Data == "" { // the names are of this run only, so no later run could find the tables
		s.onClose(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			for _, t := range s.spec.Tables {
				_ = s.engine.Call(ctx, dynamo.Tables+"DeleteTable", map[string]any{"TableName": t.Name}, nil)
			}
		})
	}
	return nil
}

func (s *stack) createTable(ctx context.Context, t template.Table) error {
	type attribute struct {
		AttributeName string
		KeyType       string `json:",omitempty"`
		AttributeType string `json:",omitempty"`
	}
	var keys, types []attribute
	for _, k := range t.Keys {
		keys = append(keys, attribute{AttributeName: k.Name, KeyType: k.Type})
	}
	for _, k := range t.Types {
		types = append(types, attribute{AttributeName: k.Name, AttributeType: k.Type})
	}
	in := map[string]any{"TableName": t.Name, "BillingMode": "PAY_PER_REQUEST", "KeySchema": keys, "AttributeDefinitions": types}
	if t.StreamView != "" {
		in["StreamSpecification"] = map[string]any{"StreamEnabled": true, "StreamViewType": t.StreamView}
	}
	err := s.engine.Call(ctx, dynamo.Tables+"CreateTable", in, nil)
	if dynamo.Is(err, "ResourceInUseException") {
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.awaitTable(ctx, t.Name); err != nil || t.TTL == "" {
		return err
	}
	err = s.engine.Call(ctx, dynamo.Tables+"UpdateTimeToLive", map[string]any{"TableName": t.Name,
		"TimeToLiveSpecification": map[string]any{"AttributeName": t.TTL, "Enabled": true}}, nil)
	if dynamo.Is(err, "UnknownOperationException") {
		s.log.line("skipped UpdateTimeToLive of %s: the DynamoDB engine does not have it", t.ID)
		return nil
	}
	return err
}

func (s *stack) awaitTable(ctx context.Context, name string) error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		var out struct{ Table struct{ TableStatus string } }
		err := s.engine.Call(ctx, dynamo.Tables+"DescribeTable", map[string]any{"TableName": name}, &out)
		if err != nil || out.Table.TableStatus == "ACTIVE" {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("table stays %s", out.Table.TableStatus)
		}
	}
}

// table returns the template's table with this logical id.
func (s *stack) table(id string) (template.Table, bool) {
	for _, t := range s.spec.Tables {
		if t.ID == id {
			return t, true
		}
	}
	return template.Table{}, false
}

// keyNames returns the key attributes of a table, given its physical name.
func (s *stack) keyNames(name string) []string {
	var out []string
	for _, t := range s.spec.Tables {
		for _, k := range t.Keys {
			if t.Name == name {
				out = append(out, k.Name)
			}
		}
	}
	return out
}

// items reads all items of a table.
func (s *stack) items(ctx context.Context, name string) ([]json.RawMessage, error) {
	items := []json.RawMessage{}
	var from json.RawMessage
	for {
		in := map[string]any{"TableName": name, "ConsistentRead": true}
		if from != nil {
			in["ExclusiveStartKey"] = from
		}
		var out struct {
			Items            []json.RawMessage
			LastEvaluatedKey json.RawMessage
		}
		if err := s.engine.Call(ctx, dynamo.Tables+"Scan", in, &out); err != nil {
			return nil, err
		}
		items = append(items, out.Items...)
		if from = out.LastEvaluatedKey; from == nil {
			return items, nil
		}
	}
}

// putItem writes a raw item and makes the table's stream be read.
func (s *stack) putItem(ctx context.Context, name string, item json.RawMessage) error {
	if err := s.engine.Call(ctx, dynamo.Tables+"PutItem", map[string]any{"TableName": name, "Item": item}, nil); err != nil {
		return err
	}
	s.poke(name)
	return nil
}

// poke makes the mappings of a table read its stream.
func (s *stack) poke(name string) {
	for _, m := range s.sources {
		if m.TableName == name {
			m.Poke()
		}
	}
}
