package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// table is a table of the template, with the items that one code and the demo accounts leave in it.
type table struct {
	TableName            string
	KeySchema            []any
	AttributeDefinitions []any
	BillingMode          string
	StreamSpecification  map[string]any `json:",omitempty"`
	samples              []item
}

// sampleTables makes one code, and returns the tables that it writes. All stacks whose data is in one folder give their tables the same names.
func sampleTables(dir string) (all []table, err error) {
	d, err := startStack("-data", dir)
	if err != nil {
		return nil, err
	}
	defer d.stop()
	if err := d.trip(map[string]string{"email": numbered("sample", 0)}, numbered("sample", 0)); err != nil {
		return nil, err
	}
	var health struct{ AWS string }
	if err := d.get("/_local/healthz", &health); err != nil {
		return nil, err
	}
	e := &engine{url: health.AWS}
	var list struct{ TableNames []string }
	if err := e.call("ListTables", struct{}{}, &list); err != nil {
		return nil, err
	}
	for _, name := range list.TableNames {
		for _, id := range []string{"CodesTable", "LimitsTable", "UsersTable"} {
			var out struct{ Table table }
			if !strings.Contains(name, id) {
				continue
			}
			if err := e.call("DescribeTable", map[string]string{"TableName": name}, &out); err != nil {
				return nil, err
			}
			out.Table.BillingMode = "PAY_PER_REQUEST"
			if err := d.get("/_local/items?table="+id, &out.Table.samples); err != nil {
				return nil, err
			}
			all = append(all, out.Table)
		}
	}
	return all, nil
}

// engine is the development stack's DynamoDB engine, which the stack would start by itself if the tables were not to be filled before.
type engine struct {
	cmd *exec.Cmd
	url string
}

// startFilled starts an engine whose tables hold n copies of their samples each. The engine imports them from files, as DynamoDB exports a table: that
// is several times faster than BatchWriteItem, and adds no records to a stream.
func startFilled(dir string, tables []table, n int) (*engine, error) {
	source := filepath.Join(dir, fmt.Sprint("export", n))
	defer os.RemoveAll(source) //nolint:errcheck // in a temporary folder
	schema := filepath.Join(source, "schema.json")
	if err := export(source, schema, tables, n); err != nil {
		return nil, err
	}
	return startEngine("import", "--source", source, "--schema", schema, "--serve")
}

// startEngine starts an engine in memory.
func startEngine(args ...string) (*engine, error) {
	found, err := filepath.Glob("local/engine/node_modules/@dynoxide/*/dynoxide")
	if err != nil || len(found) == 0 {
		return nil, fmt.Errorf("the DynamoDB engine is missing: run `make bench`, which installs it (%w)", err)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	e := &engine{cmd: exec.Command(found[0], append(args, "--host", "127.0.0.1", "--port", port)...), url: "http://127.0.0.1:" + port}
	var output bytes.Buffer
	e.cmd.Stdout, e.cmd.Stderr = &output, &output
	if err := e.cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() { e.cmd.Wait(); close(ended) }() //nolint:errcheck // output says why
	for {
		if e.call("ListTables", struct{}{}, &struct{}{}) == nil {
			return e, nil
		}
		select {
		case <-ended:
			return nil, fmt.Errorf("the DynamoDB engine ended:\n%s", output.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// freePort returns a free port below the range from which the kernel gives ports to anyone that asks for any port.
func freePort() (port string, err error) {
	for range 20 {
		port = fmt.Sprint(20_000 + rand.IntN(12_000))
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			return port, l.Close()
		}
	}
	return "", err
}

func (e *engine) stop() {
	e.cmd.Process.Kill() //nolint:errcheck // it may have ended
}

// export writes the tables' schema, and n copies of their samples, to files.
func export(source, schema string, tables []table, n int) error {
	failed := make([]error, len(tables))
	var wait sync.WaitGroup
	for i, t := range tables {
		wait.Go(func() { failed[i] = t.export(filepath.Join(source, t.TableName, "data"), n) })
	}
	wait.Wait()
	type described struct{ Table table } // as DescribeTable returns it
	var all []described
	for _, t := range tables {
		all = append(all, described{t})
	}
	text, err := json.Marshal(all)
	return errors.Join(append(failed, err, os.WriteFile(schema, text, 0o600))...)
}

func (t table) export(dir string, n int) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(dir, "items.json"))
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // flushed below
	buffer := bufio.NewWriter(file)
	lines := json.NewEncoder(buffer)
	for i := range n {
		if err := lines.Encode(map[string]item{"Item": another(t.samples[i%len(t.samples)], i)}); err != nil {
			return err
		}
	}
	return buffer.Flush()
}

// another returns a copy of an item of any table with keys of its own. It lives a day and is not to be sent: "skip" is as long as "code".
func another(sample item, n int) item {
	own := maps.Clone(sample)
	key := func() map[string]any {
		id := uuid.New()
		return map[string]any{"S": base64.RawURLEncoding.EncodeToString(append(id[:], id[:]...))} // as long as a digest
	}
	for name, value := range map[string]map[string]any{
		"sessionId": {"S": uuid.NewString()}, "code": key(), "subject": key(), "key": key(), "send": {"S": "skip"},
		"email": {"S": numbered("account", n)}, "passwordHash": {"S": oldHash}, "channel": {"S": "email"}, "id": {"S": uuid.NewString()},
		"expiredAt": {"N": fmt.Sprint(time.Now().Add(24 * time.Hour).Unix())},
	} {
		if own[name] != nil {
			own[name] = value
		}
	}
	return own
}

// call makes one call. Neither the engine nor the development stack checks the signature.
func (e *engine) call(action string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.0")
	request.Header.Set("X-Amz-Target", "DynamoDB_20120810."+action)
	request.Header.Set("X-Amz-Date", "20261129T000000Z")
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=streamotp/20261129/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return err
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: %s %s", action, response.Status, text)
	}
	return json.Unmarshal(text, out)
}
