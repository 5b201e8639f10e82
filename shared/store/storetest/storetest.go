// Package storetest gives tests a real DynamoDB engine: the one that STREAMOTP_DYNAMODB names (DynamoDB Local), or else the
// development stack's own, started once for the test process. A missing engine fails the test. For other AWS services it
// starts MiniStack, an imitation of AWS.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"

	"streamotp/shared/config"
)

// Tables are the tables of one test, empty and with names of their own.
type Tables struct {
	DB                            *dynamodb.Client
	Config                        aws.Config
	Codes, Limits, Users, Clients string
}

// New makes the four tables as the template does.
func New(t testing.TB) Tables {
	t.Helper()
	endpoint, err := engine()
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_ENDPOINT_URL": endpoint,
	} {
		t.Setenv(name, value)
	}
	var env config.Env
	cfg := env.AWS()
	suffix := uuid.NewString()[:8]
	tables := Tables{
		DB: dynamodb.NewFromConfig(cfg), Config: cfg,
		Codes: "codes-" + suffix, Limits: "limits-" + suffix, Users: "users-" + suffix, Clients: "clients-" + suffix,
	}
	tables.create(t, tables.Codes, "sessionId", "code")
	tables.create(t, tables.Limits, "key")
	tables.create(t, tables.Users, "email")
	tables.create(t, tables.Clients, "id")
	return tables
}

// create makes a table with a hash key and perhaps a range key.
func (tables Tables) create(t testing.TB, name string, keys ...string) {
	t.Helper()
	in := &dynamodb.CreateTableInput{TableName: &name, BillingMode: types.BillingModePayPerRequest}
	for i, key := range keys {
		kind := []types.KeyType{types.KeyTypeHash, types.KeyTypeRange}[i]
		in.KeySchema = append(in.KeySchema, types.KeySchemaElement{AttributeName: &key, KeyType: kind})
		in.AttributeDefinitions = append(in.AttributeDefinitions,
			types.AttributeDefinition{AttributeName: &key, AttributeType: types.ScalarAttributeTypeS})
	}
	if _, err := tables.DB.CreateTable(context.Background(), in); err != nil {
		t.Fatalf("create table %s: %v", name, err)
	}
}

// Item reads a raw item, or returns nil if there is none.
func (tables Tables) Item(t testing.TB, table string, key map[string]types.AttributeValue) map[string]types.AttributeValue {
	t.Helper()
	out, err := tables.DB.GetItem(context.Background(), &dynamodb.GetItemInput{
		TableName: &table, Key: key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	return out.Item
}

// Scan reads every item of a table.
func (tables Tables) Scan(t testing.TB, table string) []map[string]types.AttributeValue {
	t.Helper()
	out, err := tables.DB.Scan(context.Background(), &dynamodb.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	return out.Items
}

// engine returns the endpoint of the engine, starting it on the first call.
var engine = sync.OnceValues(func() (string, error) {
	if endpoint := os.Getenv("STREAMOTP_DYNAMODB"); endpoint != "" {
		return endpoint, nil
	}
	root, port, err := place()
	if err != nil {
		return "", err
	}
	programs, _ := filepath.Glob(filepath.Join(root, "local/engine/node_modules/@dynoxide/*/dynoxide"))
	if len(programs) == 0 {
		return "", errors.New("the DynamoDB engine is missing: run `npm ci` in local/engine, or `make test`, which does")
	}
	address := "127.0.0.1:" + port
	return "http://" + address, run(exec.Command(programs[0], "--host", "127.0.0.1", "--port", port), func() error {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	})
})

// run starts a server and waits until ready returns no error. The server ends with the tests, however they end.
func run(cmd *exec.Cmd, ready func() error) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // Pdeathsig comes when the thread that started the process ends
		started <- cmd.Start()
		select {}
	}()
	if err := <-started; err != nil {
		return err
	}
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if err = ready(); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%s is not ready after a minute: %w", filepath.Base(cmd.Path), err)
}

// place returns the folder of go.work, and a free port for a server. The port is below those that the kernel assigns by itself: the
// kernel could assign such a port again before the server uses it.
func place() (root, port string, err error) {
	workspace, err := exec.Command("go", "env", "GOWORK").Output()
	if err != nil {
		return "", "", err
	}
	for range 20 {
		var l net.Listener
		port = strconv.Itoa(20_000 + rand.IntN(12_000))
		if l, err = net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			return filepath.Dir(string(workspace)), port, l.Close()
		}
	}
	return "", "", err
}
