package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

const (
	growthRounds = 8  // of each size; a round makes the codes of both kinds
	growthCodes  = 15 // of each kind in a round
	goal         = 1.05
)

// kinds are the codes whose cost is measured. A login has one Argon2id, which does not depend on the tables.
var kinds = []string{"verify", "login"}

// grown is a development stack whose tables hold n live sessions, n accounts and the counters of n people.
type grown struct {
	*development
	engine *engine
	mail   *mailbox
	n      int
	made   map[string]int    // codes, by kind
	cost   map[string][]cost // of each round, by kind
}

// cost is the cost of one code.
type cost struct{ cpu, engine, units, bytes float64 } // ms, ms, request units, bytes of the calls

// growth measures the cost of one code while more and more sessions and accounts are in the tables. The sizes take turns, each on its own
// stack, so that a change of the machine's speed affects all of them alike.
func growth(dir string, most int, seed uint64) error {
	tables, err := sampleTables(dir)
	if err != nil {
		return err
	}
	var stacks []*grown
	for n := 1000; n <= most; n *= 10 {
		begun := time.Now()
		g := &grown{n: n, made: map[string]int{}, cost: map[string][]cost{}}
		if g.engine, err = startEngine(); err != nil {
			return err
		}
		defer g.engine.stop()
		for _, t := range tables {
			if err := g.engine.fill(t, n); err != nil {
				return err
			}
		}
		if g.development, err = startStack("-data", dir, "-dynamodb", g.engine.url); err != nil {
			return err
		}
		defer g.stop()
		if err := g.warm(); err != nil {
			return err
		}
		log.Printf("%d sessions and accounts, after %.0f s: the engine has %d MiB", n, time.Since(begun).Seconds(), rssOf(g.engine.cmd.Process.Pid)/1024)
		stacks = append(stacks, g)
	}
	random := rand.New(rand.NewPCG(seed, 0))
	for range growthRounds {
		for _, i := range random.Perm(len(stacks)) {
			for _, kind := range kinds {
				if err := stacks[i].round(kind); err != nil {
					return err
				}
			}
		}
	}
	return reportGrowth(stacks, seed)
}

// warm makes codes until every function runs and has read its secrets.
func (g *grown) warm() (err error) {
	g.http = manyAddresses()
	if g.mail, err = g.listen(); err != nil {
		return err
	}
	for _, kind := range kinds {
		if err := g.codes(kind, 20); err != nil {
			return err
		}
	}
	return nil
}

// table is a table of the template, with the items that one code and the demo accounts leave in it.
type table struct {
	TableName            string
	KeySchema            []any
	AttributeDefinitions []any
	StreamSpecification  map[string]any
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

func startEngine() (*engine, error) {
	found, err := filepath.Glob("local/engine/node_modules/@dynoxide/*/dynoxide")
	if err != nil || len(found) == 0 {
		return nil, fmt.Errorf("the DynamoDB engine is missing: run `make bench`, which installs it (%w)", err)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	e := &engine{cmd: exec.Command(found[0], "--host", "127.0.0.1", "--port", port), url: "http://127.0.0.1:" + port}
	if err := e.cmd.Start(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = e.call("ListTables", struct{}{}, &struct{}{}); err == nil {
			return e, nil
		}
	}
	return nil, err
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
	e.cmd.Wait()         //nolint:errcheck // killed
}

// manyAddresses returns a client whose every connection comes from another address of the loopback network, as the default limits allow
// 30 codes an hour for one address. All addresses are as long as each other, so that all calls are.
func manyAddresses() *http.Client {
	var connections atomic.Uint32
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			n := connections.Add(1)
			from := net.IPv4(127, 100+byte(n>>14&127), 100+byte(n>>7&127), 100+byte(n&127))
			return (&net.Dialer{LocalAddr: &net.TCPAddr{IP: from}}).DialContext(ctx, network, address)
		}}}
}

// fill creates a table and writes n copies of its samples. The table gets its stream afterwards, because a write to this engine takes longer
// the more records its stream has.
func (e *engine) fill(t table, n int) error {
	create := map[string]any{"TableName": t.TableName, "KeySchema": t.KeySchema, "AttributeDefinitions": t.AttributeDefinitions, "BillingMode": "PAY_PER_REQUEST"}
	if err := e.call("CreateTable", create, &struct{}{}); err != nil {
		return err
	}
	batches, failed := make(chan int), make([]error, 2)
	var wait sync.WaitGroup
	for w := range failed {
		wait.Go(func() {
			for from := range batches {
				if failed[w] == nil {
					failed[w] = e.writeBatch(t, from, min(from+batchSize, n))
				}
			}
		})
	}
	for from := 0; from < n; from += batchSize {
		batches <- from
	}
	close(batches)
	wait.Wait()
	if err := errors.Join(failed...); err != nil || t.StreamSpecification == nil {
		return err
	}
	return e.call("UpdateTable", map[string]any{"TableName": t.TableName, "StreamSpecification": t.StreamSpecification}, &struct{}{})
}

const batchSize = 25 // the most that BatchWriteItem takes

func (e *engine) writeBatch(t table, from, to int) error {
	var puts []any
	for n := from; n < to; n++ {
		puts = append(puts, map[string]any{"PutRequest": map[string]any{"Item": another(t.samples[n%len(t.samples)], n)}})
	}
	var out struct{ UnprocessedItems map[string]any }
	err := e.call("BatchWriteItem", map[string]any{"RequestItems": map[string]any{t.TableName: puts}}, &out)
	if err == nil && len(out.UnprocessedItems) > 0 {
		err = errors.New("the engine did not write all items")
	}
	return err
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
	if err != nil || response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s %s (%w)", action, response.Status, text, err)
	}
	return json.Unmarshal(text, out)
}

// codes makes whole codes, four at once: for addresses without an account, or to log in to accounts that are spread over all of them.
func (g *grown) codes(kind string, n int) error {
	next, failed := make(chan int), make([]error, 4)
	var wait sync.WaitGroup
	for w := range failed {
		wait.Go(func() {
			for i := range next {
				to := numbered("visitor", i)
				body := map[string]string{"email": to}
				if kind == "login" {
					to = numbered("account", i*(g.n/1000))
					body = map[string]string{"email": to, "purpose": "login", "password": oldPassword}
				}
				if _, err := g.mail.trip(body, to); err != nil {
					failed[w] = err
				}
			}
		})
	}
	for range n {
		g.made[kind]++
		next <- g.made[kind]
	}
	close(next)
	wait.Wait()
	return errors.Join(failed...)
}

// round measures the codes of one kind.
func (g *grown) round(kind string) error {
	if err := g.forget(); err != nil {
		return err
	}
	before, engine := g.cpuByProcess(), cpuOf(g.engine.cmd.Process.Pid)
	if err := g.codes(kind, growthCodes); err != nil {
		return err
	}
	calls, err := g.settled(growthCodes)
	if err != nil {
		return err
	}
	perCode := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) / growthCodes }
	c := cost{engine: perCode(cpuOf(g.engine.cmd.Process.Pid) - engine)}
	for name, cpu := range g.cpuByProcess() {
		if strings.HasSuffix(name, "Function") {
			c.cpu += perCode(cpu - before[name])
		}
	}
	for _, call := range calls {
		if call.Service == "dynamodb" || call.Service == "ses" { // the functions read secrets once a minute
			c.units += call.Units / growthCodes
			c.bytes += float64(call.Bytes) / growthCodes
		}
	}
	g.cost[kind] = append(g.cost[kind], c)
	return nil
}

// numbered returns an address. All addresses of a kind are as long as each other.
func numbered(kind string, n int) string { return person(kind, 1_000_000+n) }

// settled returns the recorded calls once the feedback function has handled the delivery of every message.
func (d *development) settled(messages int) (calls []awsCall, err error) {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		calls = nil
		if err := d.get("/_local/calls", &calls); err != nil {
			return nil, err
		}
		delivered := 0
		for _, c := range calls {
			if c.Function == "FeedbackFunction" && c.Service == "dynamodb" {
				delivered++
			}
		}
		if delivered >= messages {
			return calls, nil
		}
	}
	return nil, errors.New("not all deliveries were reported")
}

// spread returns the mean and its standard error.
func spread(values []float64) (mean, err float64) {
	for _, v := range values {
		mean += v / float64(len(values))
	}
	for _, v := range values {
		err += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(err / float64(len(values)-1) / float64(len(values)))
}

// ratios compares a cost with that of the smallest size in the same round.
func (g *grown) ratios(kind string, least *grown, of func(cost) float64) (mean, err float64) {
	var values []float64
	for i, c := range g.cost[kind] {
		values = append(values, of(c)/of(least.cost[kind][i]))
	}
	return spread(values)
}

func reportGrowth(stacks []*grown, seed uint64) error {
	least, most := stacks[0], stacks[len(stacks)-1]
	c := chart{title: fmt.Sprintf("Cost of one code by what the tables hold, with %d as 1 (bars: standard error)", least.n),
		x: axis{title: "live sessions and accounts", from: float64(least.n) * 0.8, to: float64(most.n) * 1.25, log: true, formatted: "%.0f"},
		y: axis{from: 0.8, to: 1.2, marks: []float64{0.8, 0.9, 1, goal, 1.1, 1.2}, formatted: "%.2f"}}
	for _, g := range stacks {
		c.x.marks = append(c.x.marks, float64(g.n))
	}
	fmt.Printf("\n%s, %d cores, seed %d, %d rounds of %d codes\n\n| a code, sessions and accounts | CPU, ms | ratio | request units | bytes | ratio | the engine's CPU, ms |\n|---|---|---|---|---|---|---|\n",
		runtime.GOARCH, runtime.NumCPU(), seed, growthRounds, growthCodes)
	columns := []struct {
		name string
		of   func(cost) float64
	}{
		{"CPU", func(c cost) float64 { return c.cpu }}, {"units", func(c cost) float64 { return c.units }},
		{"bytes", func(c cost) float64 { return c.bytes }}, {"engine", func(c cost) float64 { return c.engine }},
	}
	for _, kind := range kinds {
		lines := make([]line, len(columns)-1)
		for _, g := range stacks {
			var mean, err, ratio, ratioErr [4]float64
			for i, column := range columns {
				var values []float64
				for _, c := range g.cost[kind] {
					values = append(values, column.of(c))
				}
				mean[i], err[i] = spread(values)
				ratio[i], ratioErr[i] = g.ratios(kind, least, column.of)
				if i < len(lines) {
					lines[i].name = kind + ", " + column.name
					lines[i].points = append(lines[i].points, point{float64(g.n), ratio[i], ratioErr[i]})
				}
			}
			fmt.Printf("| %s, %d | %.2f ± %.2f | %.3f ± %.3f | %.4g | %.1f | %.4f | %.2f ± %.2f |\n", kind, g.n,
				mean[0], err[0], ratio[0], ratioErr[0], mean[1], mean[2], ratio[2], mean[3], err[3])
			if g != least && (ratio[1] > goal || ratio[2] > goal) {
				fmt.Printf("missed: more than %.2f times\n", goal)
			}
		}
		c.lines = append(c.lines, lines...)
	}
	return draw("docs/images/growth.svg", c)
}
