package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"
)

// peer is a running system of one-time codes.
type peer interface {
	prepare(to string) error                  // makes what a destination must have before a code, such as an account
	create(to string) (id string, _ error)    // requests a code
	code(to string) (string, error)           // waits for the code and takes it from the mailbox
	verify(id, to, code string) verdict       // answers
	cpu() (own, store time.Duration)          // processor time so far of its processes, and of a store outside of them
	memory() int                              // resident memory in KiB: one process of each of its functions, or the server; with a store of its own
	cold() (cpu, wall time.Duration, _ error) // starts what a code needs, and lets it do the first work
	shipped() (int, error)                    // bytes of the zip that is deployed
	stored() ([]byte, error)                  // everything in the store
	stop()
}

// counter is a peer whose responses do not say whether an answer was compared with the code, and which counts that itself.
type counter interface{ compared() (int, error) }

// rester is a peer that still works on a code after it was verified.
type rester interface{ rest(codes int) error }

// verdict says what a system did with an answer.
type verdict int

const (
	rejected verdict = iota // without a comparison
	wrong                   // compared
	accepted
	faulty // an error of the system
)

// errRejected is the error of create for a destination that gets no code.
var errRejected = errors.New("no code for this destination")

const atOnce = 8 // processes of each function, as in the development stack

// ---- StreamOTP ---------------------------------------------------------------------------------------------------

// ours is StreamOTP on the development stack, with its default parameters except ThrottleRate and ThrottleBurst. The stack itself is not counted.
type ours struct {
	*development
	mail   *mailbox
	engine *engine
	*lab
}

var ourFunctions = []string{"Generate", "Send", "Verify", "Feedback"}

func newOurs(dir string, e *engine) (*ours, error) {
	for _, name := range ourFunctions {
		if err := build("functions", name, filepath.Join(dir, runtime.GOARCH, strings.ToLower(name)), runtime.GOARCH); err != nil {
			return nil, err
		}
	}
	d, err := startStack("-dynamodb", e.url)
	if err != nil {
		return nil, err
	}
	d.http = manyAddresses()
	o := &ours{development: d, engine: e, lab: &lab{cloud: newCloud(), dir: dir}}
	o.mail, err = d.listen()
	return o, err
}

func (o *ours) stop() {
	o.development.stop()
	o.cloud.Close()
}

// prepare forgets the calls so far, which rest counts.
func (o *ours) prepare(string) error { return o.forget() }

// rest waits until feedback has handled the delivery of each code, which is after the code was verified.
func (o *ours) rest(codes int) error {
	_, err := o.settled(codes)
	return err
}

func (o *ours) create(to string) (string, error) {
	status, out := post(o.http, o.url+"/api/generate", map[string]string{"email": to})
	return out["sessionId"], created(status)
}

func (o *ours) code(to string) (string, error) {
	select {
	case m := <-o.mail.await(to):
		return ownLine.FindString(m.Text), nil
	case <-time.After(20 * time.Second):
		return "", errors.New("no code came to " + to)
	}
}

func (o *ours) verify(id, _, code string) verdict {
	status, out := post(o.http, o.url+"/api/verify", map[string]string{"sessionId": id, "code": code})
	if out["code"] == "wrong_code" {
		return wrong
	}
	return judged(status)
}

func (o *ours) cpu() (own, store time.Duration) {
	for _, pids := range o.functions() {
		for _, pid := range pids {
			own += cpuOf(pid)
		}
	}
	return own, cpuOf(o.engine.cmd.Process.Pid)
}

func (o *ours) memory() (total int) {
	for _, pids := range o.functions() {
		most := 0
		for _, pid := range pids {
			most = max(most, rssOf(pid))
		}
		total += most
	}
	return total
}

func (o *ours) cold() (cpu, wall time.Duration, err error) {
	generate, send, err := o.helpers()
	if err != nil {
		return 0, 0, err
	}
	defer generate.stop()
	defer send.stop()
	id, err := o.generate(generate, map[string]string{"email": address})
	if err != nil {
		return 0, 0, err
	}
	code, err := o.send(send, id)
	if err != nil {
		return 0, 0, err
	}
	return firstRuns([]firstRun{
		{func() (*instance, error) { return o.function("generate") }, func(i *instance) error {
			_, err := o.generate(i, map[string]string{"email": address})
			return err
		}},
		{func() (*instance, error) { return o.function("send") }, func(i *instance) error { _, err := o.send(i, id); return err }},
		{func() (*instance, error) { return o.function("verify") }, func(i *instance) error { return verify(i, id, code) }},
	})
}

func (o *ours) shipped() (total int, err error) {
	for _, name := range ourFunctions {
		size, err := zipped(filepath.Join(o.dir, runtime.GOARCH, strings.ToLower(name)), nil)
		if err != nil {
			return 0, err
		}
		total += size
	}
	return total, nil
}

func (o *ours) stored() ([]byte, error) {
	return o.engine.dump(func(table string) bool { return !strings.HasPrefix(table, "peer-") })
}

// dump returns the items of tables, with their binary values also as they are.
func (e *engine) dump(wanted func(table string) bool) ([]byte, error) {
	var list struct{ TableNames []string }
	if err := e.call("ListTables", struct{}{}, &list); err != nil {
		return nil, err
	}
	var all []byte
	for _, name := range list.TableNames {
		for from := json.RawMessage(nil); wanted(name); {
			var page struct{ Items, LastEvaluatedKey json.RawMessage }
			in := map[string]any{"TableName": name}
			if from != nil {
				in["ExclusiveStartKey"] = from
			}
			if err := e.call("Scan", in, &page); err != nil {
				return nil, err
			}
			all = append(append(all, page.Items...), binaryValues(page.Items)...)
			if from = page.LastEvaluatedKey; from == nil {
				break
			}
		}
	}
	return all, nil
}

// binaryValues returns the bytes of all binary values (B and BS) of items, whose JSON encodes them by base64.
func binaryValues(items []byte) (all []byte) {
	var walk func(name string, value any)
	walk = func(name string, value any) {
		switch value := value.(type) {
		case map[string]any:
			for name, inner := range value {
				walk(name, inner)
			}
		case []any:
			for _, inner := range value {
				walk(name, inner)
			}
		case string:
			if name == "B" || name == "BS" {
				raw, _ := base64.StdEncoding.DecodeString(value) // the engine's own encoding
				all = append(append(all, '\n'), raw...)
			}
		}
	}
	var parsed any
	json.Unmarshal(items, &parsed) //nolint:errcheck // the engine's own JSON
	walk("", parsed)
	return all
}

// ---- the tutorials -----------------------------------------------------------------------------------------------

// tutorial is a system of functions that a tutorial shows, on the Lambda Runtime API and the same DynamoDB engine as StreamOTP.
type tutorial struct {
	*sink
	engine  *engine
	cloud   *cloud // answers from memory in a cold start
	folder  string // the source
	dir     string // where the functions run
	table   string
	command func(function string) []string
	sms     bool
	streams bool // a third function, which sends the codes of the table's stream

	mu        sync.Mutex
	functions map[string]*processes
	numbers   map[string]string // phone numbers of destinations
	imitating time.Duration     // processor time of the engine for imitating the stream
}

// processes are the running processes of a function, each of which handles one event at a time.
type processes struct {
	start func() (*instance, error)
	mu    sync.Mutex
	all   []*instance
	idle  chan *instance
}

func (p *processes) take() (*instance, error) {
	select {
	case i := <-p.idle:
		return i, nil
	default:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.all) == atOnce {
		return <-p.idle, nil
	}
	i, err := p.start()
	if err == nil {
		p.all = append(p.all, i)
	}
	return i, err
}

func (p *processes) invoke(event []byte) ([]byte, error) {
	i, err := p.take()
	if err != nil {
		return nil, err
	}
	defer func() { p.idle <- i }()
	return i.invoke(event)
}

func (t *tutorial) open() error {
	keys, attributes := []any{}, []any{}
	names := map[bool][]string{true: {"sessionId", "code"}, false: {"phone"}}[t.streams]
	for n, name := range names {
		keys = append(keys, map[string]string{"AttributeName": name, "KeyType": []string{"HASH", "RANGE"}[n]})
		attributes = append(attributes, map[string]string{"AttributeName": name, "AttributeType": "S"})
	}
	t.functions, t.numbers = map[string]*processes{}, map[string]string{}
	for _, name := range t.names() {
		t.functions[name] = &processes{start: func() (*instance, error) { return t.launch(name, t.engine.url) }, idle: make(chan *instance, atOnce)}
	}
	return t.engine.call("CreateTable", map[string]any{"TableName": t.table, "KeySchema": keys, "AttributeDefinitions": attributes, "BillingMode": "PAY_PER_REQUEST"}, &struct{}{})
}

func (t *tutorial) names() []string {
	if t.streams {
		return []string{"generate", "send", "verify"}
	}
	return []string{"generate", "verify"}
}

func (t *tutorial) launch(function, table string) (*instance, error) {
	return startIn(t.dir, map[string]string{"TABLE": t.table, "AWS_ENDPOINT_URL": t.URL, "AWS_ENDPOINT_URL_DYNAMODB": table,
		"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "streamotp", "AWS_SECRET_ACCESS_KEY": "b",
		"AWS_LAMBDA_FUNCTION_NAME": "bench", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512", "NODE_NO_WARNINGS": "1"}, t.command(function)...)
}

func (t *tutorial) stop() {
	for _, p := range t.functions {
		for _, i := range p.all {
			i.stop()
		}
	}
}

func (t *tutorial) prepare(string) error { return nil }

// destination returns how the functions name a destination.
func (t *tutorial) destination(to string) (kind, value string) {
	if !t.sms {
		return "email", to
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.numbers[to] == "" {
		t.numbers[to] = fmt.Sprintf("+1415%07d", len(t.numbers))
	}
	return "phone", t.numbers[to]
}

func (t *tutorial) code(to string) (string, error) {
	_, to = t.destination(to)
	return t.sink.code(to)
}

// call invokes a function by an HTTP request, and returns its status and its body.
func (t *tutorial) call(function string, body map[string]string) (int, map[string]string) {
	text, err := t.functions[function].invoke(request("/"+function, body))
	if err != nil {
		return 0, nil
	}
	return parseResponse(text)
}

func (t *tutorial) create(to string) (string, error) {
	kind, value := t.destination(to)
	status, out := t.call("generate", map[string]string{kind: value})
	if err := created(status); err != nil || !t.streams {
		return "", err
	}
	event, err := t.insert(out["sessionId"])
	if err == nil {
		_, err = t.functions["send"].invoke(event)
	}
	return out["sessionId"], err
}

// insert returns the stream's event for a new item. It reads the item by a query, whose cost is not counted.
func (t *tutorial) insert(id string) ([]byte, error) {
	var found struct{ Items []item }
	before := cpuOf(t.engine.cmd.Process.Pid)
	defer func() { t.imitating += cpuOf(t.engine.cmd.Process.Pid) - before }()
	err := t.engine.call("Query", map[string]any{"TableName": t.table, "KeyConditionExpression": "sessionId = :id",
		"ExpressionAttributeValues": item{":id": {"S": id}}}, &found)
	if err != nil || len(found.Items) == 0 {
		return nil, fmt.Errorf("the session was not stored (%w)", err)
	}
	return streamEvent(found.Items[0]), nil
}

func (t *tutorial) verify(id, to, code string) verdict {
	body := map[string]string{"sessionId": id, "code": code}
	if t.sms {
		_, number := t.destination(to)
		body = map[string]string{"phone": number, "code": code}
	}
	status, _ := t.call("verify", body)
	if status == http.StatusUnprocessableEntity {
		return wrong
	}
	return judged(status)
}

func (t *tutorial) cpu() (own, store time.Duration) {
	for _, p := range t.functions {
		for _, i := range p.all {
			own += i.cpu()
		}
	}
	return own, cpuOf(t.engine.cmd.Process.Pid) - t.imitating
}

func (t *tutorial) memory() (total int) {
	for _, p := range t.functions {
		most := 0
		for _, i := range p.all {
			most = max(most, i.rss())
		}
		total += most
	}
	return total
}

func (t *tutorial) cold() (cpu, wall time.Duration, err error) {
	kind, value := t.destination("cold@example.com")
	events := map[string][]byte{
		"generate": request("/generate", map[string]string{kind: value}),
		"send":     streamEvent(item{"sessionId": {"S": "1"}, "code": {"S": "123456"}, "email": {"S": value}}),
		"verify":   request("/verify", map[string]string{"sessionId": "1", "phone": value, "code": "123456"}),
	}
	var starts []firstRun
	for _, name := range t.names() {
		starts = append(starts, firstRun{func() (*instance, error) { return t.launch(name, t.cloud.URL) },
			func(i *instance) error { _, err := i.invoke(events[name]); return err }})
	}
	return firstRuns(starts)
}

// handlerFile is a file that is deployed: Lambda's runtimes have the AWS SDK and the loop of the Runtime API.
var handlerFile = regexp.MustCompile(`/(app\.py|(generate|send|verify|table)\.mjs)$`)

func (t *tutorial) shipped() (int, error) {
	return zipped(t.folder, func(path string) bool { return handlerFile.MatchString(path) })
}

func (t *tutorial) stored() ([]byte, error) {
	return t.engine.dump(func(table string) bool { return table == t.table })
}

// firstRun is a function that starts, and its first invocation.
type firstRun struct {
	start  func() (*instance, error)
	invoke func(*instance) error
}

// firstRuns sums the processor time and the duration of cold starts, one after the other.
func firstRuns(all []firstRun) (cpu, wall time.Duration, err error) {
	for _, c := range all {
		begun := time.Now()
		i, err := c.start()
		if err != nil {
			return 0, 0, err
		}
		err = c.invoke(i)
		wall += time.Since(begun)
		cpu += i.stop()
		if err != nil {
			return 0, 0, err
		}
	}
	return cpu, wall, nil
}

// ---- servers -----------------------------------------------------------------------------------------------------

// server is a system that is one process for all requests.
type server struct {
	*sink
	client   *http.Client
	command  func(port string) *exec.Cmd
	data     string // the folder of its store
	deployed string
	needless *regexp.Regexp // files of deployed that a deployment does not need

	cmd *exec.Cmd
	url string
}

func (s *server) launch() error {
	port, err := freePort()
	if err != nil {
		return err
	}
	s.cmd, s.url = s.command(port), "http://127.0.0.1:"+port
	s.cmd.Stderr = os.Stderr
	return s.cmd.Start()
}

func (s *server) stop() {
	if s.cmd != nil {
		s.cmd.Process.Kill() //nolint:errcheck // it may have ended
		s.cmd.Wait()         //nolint:errcheck // killed
	}
}

func (s *server) prepare(string) error            { return nil }
func (s *server) cpu() (own, store time.Duration) { return cpuOf(s.cmd.Process.Pid), 0 }
func (s *server) memory() int                     { return rssOf(s.cmd.Process.Pid) }

// restart measures a start until the first code is created. The server keeps running.
func (s *server) restart(create func(to string) (string, error)) (cpu, wall time.Duration, err error) {
	s.stop()
	begun := time.Now()
	if err := s.launch(); err != nil {
		return 0, 0, err
	}
	for time.Since(begun) < 30*time.Second {
		if _, err = create("cold@example.com"); err == nil {
			wall = time.Since(begun)
			return cpuOf(s.cmd.Process.Pid), wall, nil
		}
		time.Sleep(2 * time.Millisecond)
	}
	return 0, 0, fmt.Errorf("%s does not answer: %w", s.cmd.Path, err)
}

func (s *server) shipped() (int, error) {
	return zipped(s.deployed, func(path string) bool { return s.needless == nil || !s.needless.MatchString(path) })
}

// stored returns the files of the store, with its write-ahead log.
func (s *server) stored() (all []byte, err error) {
	return all, filepath.WalkDir(s.data, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all = append(all, text...)
		return err
	})
}

type pocketBase struct{ *server }

func (p pocketBase) cold() (cpu, wall time.Duration, err error) { return p.restart(p.create) }

func (p pocketBase) prepare(to string) error {
	const password = "tulip harbor lantern 42"
	status, _ := post(p.client, p.url+"/api/collections/users/records", map[string]string{"email": to, "password": password, "passwordConfirm": password})
	return created(status)
}

func (p pocketBase) create(to string) (string, error) {
	status, out := post(p.client, p.url+"/api/collections/users/request-otp", map[string]string{"email": to})
	return out["otpId"], created(status)
}

func (p pocketBase) verify(id, _, code string) verdict {
	status, _ := post(p.client, p.url+"/api/collections/users/auth-with-otp", map[string]string{"otpId": id, "password": code})
	if status == http.StatusBadRequest {
		return wrong
	}
	return judged(status)
}

type betterAuth struct{ *server }

func (b betterAuth) cold() (cpu, wall time.Duration, err error) { return b.restart(b.create) }

// prepare makes an account by a first code.
func (b betterAuth) prepare(to string) error {
	if _, err := b.create(to); err != nil {
		return err
	}
	code, err := b.code(to)
	if err == nil && b.verify("", to, code) != accepted {
		err = errors.New("better-auth rejects a right code")
	}
	return err
}

func (b betterAuth) create(to string) (string, error) {
	status, _ := post(b.client, b.url+"/api/auth/email-otp/send-verification-otp", map[string]string{"email": to, "type": "sign-in"})
	return "", created(status)
}

func (b betterAuth) verify(_, to, code string) verdict {
	status, _ := post(b.client, b.url+"/api/auth/sign-in/email-otp", map[string]string{"email": to, "otp": code})
	if status == http.StatusBadRequest {
		return wrong // or rejected: see compared
	}
	return judged(status)
}

func (b betterAuth) compared() (n int, err error) {
	response, err := b.client.Get(b.url + "/compared")
	if err != nil {
		return 0, err
	}
	defer response.Body.Close() //nolint:errcheck // read to its end
	_, err = fmt.Fscan(response.Body, &n)
	return n, err
}

// redisService is the service in front of a Redis server.
type redisService struct {
	*server
	redis *exec.Cmd
	port  string
}

func newRedis(s *server) (*redisService, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	r := &redisService{server: s, port: port, redis: exec.Command("redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no")}
	s.command = func(own string) *exec.Cmd {
		return exec.Command(".tools/peers/redis", "127.0.0.1:"+own, "127.0.0.1:"+port, s.URL)
	}
	return r, r.redis.Start()
}

func (r *redisService) stop() {
	r.server.stop()
	r.redis.Process.Kill() //nolint:errcheck // it may have ended
	r.redis.Wait()         //nolint:errcheck // killed
}

func (r *redisService) cold() (cpu, wall time.Duration, err error) { return r.restart(r.create) }

func (r *redisService) cpu() (own, store time.Duration) {
	own, _ = r.server.cpu()
	return own, cpuOf(r.redis.Process.Pid)
}

func (r *redisService) memory() int { return r.server.memory() + rssOf(r.redis.Process.Pid) }

func (r *redisService) create(to string) (string, error) {
	status, out := post(r.client, r.url+"/create", map[string]string{"to": to})
	return out["id"], created(status)
}

func (r *redisService) verify(id, _, code string) verdict {
	status, _ := post(r.client, r.url+"/verify", map[string]string{"id": id, "code": code})
	return judged(status)
}

func (r *redisService) stored() (all []byte, err error) {
	keys, err := exec.Command("redis-cli", "-p", r.port, "--scan").Output()
	for key := range strings.FieldsSeq(string(keys)) {
		value, failed := exec.Command("redis-cli", "-p", r.port, "GET", key).Output()
		all, err = append(all, value...), errors.Join(err, failed)
	}
	return all, err
}

// ---- helpers -----------------------------------------------------------------------------------------------------

// post returns the status of a response, or 0 without a response, and the texts of its body.
func post(client *http.Client, url string, body map[string]string) (int, map[string]string) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, nil
	}
	response, err := client.Post(url, "application/json", bytes.NewReader(text))
	if err != nil {
		return 0, nil
	}
	defer response.Body.Close() //nolint:errcheck // read to its end
	text, err = io.ReadAll(response.Body)
	if err != nil {
		return 0, nil
	}
	return response.StatusCode, texts(text)
}

// parseResponse reads a function's response to API Gateway.
func parseResponse(text []byte) (int, map[string]string) {
	var r httpResponse
	if json.Unmarshal(text, &r) != nil {
		return 0, nil
	}
	return r.StatusCode, texts([]byte(r.Body))
}

func texts(object []byte) map[string]string {
	var all map[string]any
	json.Unmarshal(object, &all) //nolint:errcheck // a body of another kind has no texts
	out := map[string]string{}
	for name, value := range all {
		if text, ok := value.(string); ok {
			out[name] = text
		}
	}
	return out
}

func created(status int) error {
	switch {
	case status/100 == 2:
		return nil
	case status/100 == 4:
		return fmt.Errorf("%w: status %d", errRejected, status)
	default:
		return fmt.Errorf("status %d", status)
	}
}

// judged is the verdict of a status, for systems that say 401 for a wrong code.
func judged(status int) verdict {
	switch {
	case status == http.StatusOK:
		return accepted
	case status == http.StatusUnauthorized:
		return wrong
	case status/100 == 4:
		return rejected
	default:
		return faulty
	}
}
