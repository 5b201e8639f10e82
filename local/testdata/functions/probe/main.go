// Probe is the function that the development stack's own tests use: it does what a request or a record says, and logs
// what it sees. It implements the Runtime API itself, so that the tests need no AWS module.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/"
	if os.Getenv("INIT") == "fail" {
		post(base+"init/error", map[string]string{"errorType": "Init", "errorMessage": "as asked"})
		os.Exit(1)
	}
	for {
		res, err := http.Get(base + "invocation/next")
		if err != nil {
			os.Exit(1)
		}
		event, _ := io.ReadAll(res.Body)
		id := res.Header.Get("Lambda-Runtime-Aws-Request-Id")
		answer, err := handle(event, res.Header)
		if err != nil {
			post(base+"invocation/"+id+"/error", map[string]string{"errorType": "Probe", "errorMessage": err.Error()})
			continue
		}
		post(base+"invocation/"+id+"/response", answer)
	}
}

func post(url string, v any) {
	body, _ := json.Marshal(v)
	res, err := http.Post(url, "application/json", bytes.NewReader(body))
	if err == nil {
		_ = res.Body.Close()
	}
}

func handle(event []byte, header http.Header) (any, error) {
	var e struct {
		Records []record
		Body    string
	}
	if err := json.Unmarshal(event, &e); err != nil {
		return nil, err
	}
	switch {
	case e.Records == nil:
		return request(event, e.Body, header)
	case e.Records[0].EventSource == "aws:sqs":
		return messages(event, e.Records)
	}
	return batch(e.Records)
}

// request does what the body says. It responds with the event, the environment and the Runtime API's headers.
func request(event []byte, body string, header http.Header) (any, error) {
	var in struct {
		Do     string
		Ms     int
		Answer json.RawMessage
	}
	_ = json.Unmarshal([]byte(body), &in)
	switch in.Do {
	case "sleep":
		time.Sleep(time.Duration(in.Ms) * time.Millisecond)
	case "fail":
		return nil, fmt.Errorf("as asked")
	case "exit":
		os.Exit(3)
	case "answer":
		return in.Answer, nil
	}
	out, _ := json.Marshal(map[string]any{"event": json.RawMessage(event), "env": environment(), "pid": os.Getpid(), "header": header})
	return map[string]any{"statusCode": 200, "headers": map[string]string{"content-type": "application/json"}, "body": string(out)}, nil
}

func environment() map[string]string {
	out := map[string]string{}
	for _, kv := range os.Environ() {
		k, v, _ := strings.Cut(kv, "=")
		out[k] = v
	}
	return out
}

type record struct {
	EventName   string
	EventSource string
	MessageID   string
	Body        string
	Attributes  map[string]string
	Sns         struct{ Message, TopicArn string }
	Dynamodb    struct {
		SequenceNumber string
		Keys           map[string]map[string]string
		NewImage       map[string]map[string]string
	}
}

// heard logs the outcome of an e-mail. It fails for an e-mail whose tag "do" is "fail".
func heard(message string) (any, error) {
	var e struct {
		EventType string
		Mail      struct{ Tags map[string][]string }
	}
	if err := json.Unmarshal([]byte(message), &e); err != nil {
		return nil, err
	}
	fmt.Printf("HEARD %s %v\n", e.EventType, e.Mail.Tags["do"])
	if fmt.Sprint(e.Mail.Tags["do"]) == "[fail]" {
		return nil, fmt.Errorf("as asked")
	}
	return nil, nil
}

// batch handles records as their attribute "do" says: "fail" fails the batch, "partial" reports the record as failed,
// "empty" reports an empty identifier. A record with a gate waits until the gate's file exists.
func batch(records []record) (any, error) {
	if records[0].Sns.TopicArn != "" {
		return heard(records[0].Sns.Message)
	}
	var keys []string
	for _, r := range records {
		keys = append(keys, r.Dynamodb.Keys["id"]["S"])
	}
	fmt.Printf("BEGIN %s %s image=%t\n", strings.Join(keys, ","), records[0].EventName, records[0].Dynamodb.NewImage != nil)
	failures := []map[string]string{}
	for _, r := range records {
		await(r.Dynamodb.NewImage["gate"]["S"])
		switch r.Dynamodb.NewImage["do"]["S"] {
		case "fail":
			return nil, fmt.Errorf("as asked")
		case "partial":
			failures = append(failures, map[string]string{"itemIdentifier": r.Dynamodb.SequenceNumber})
		case "empty":
			failures = append(failures, map[string]string{"itemIdentifier": ""})
		}
	}
	fmt.Printf("END %s\n", strings.Join(keys, ","))
	return map[string]any{"batchItemFailures": failures}, nil
}

// await waits until the file exists. An empty name means no file.
func await(gate string) {
	for gate != "" {
		if _, err := os.Stat(gate); err == nil {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// messages handles the messages of a queue as the member "do" of their bodies says: "fail" fails the batch, "exit" ends
// the process, "partial" reports the message as failed, "foreign" reports a message that is not in the batch. A message
// with a gate waits until the gate's file exists.
func messages(event []byte, records []record) (any, error) {
	type work struct{ ID, Do, Gate string }
	var all []work
	var ids []string
	for _, r := range records {
		var w work
		_ = json.Unmarshal([]byte(r.Body), &w)
		all = append(all, w)
		ids = append(ids, w.ID+":"+r.Attributes["ApproximateReceiveCount"])
	}
	fmt.Printf("EVENT %s\n", event)
	fmt.Printf("BEGIN %s\n", strings.Join(ids, ","))
	failures := []map[string]string{}
	for i, w := range all {
		await(w.Gate)
		switch w.Do {
		case "fail":
			return nil, fmt.Errorf("as asked")
		case "exit":
			os.Exit(3)
		case "partial":
			failures = append(failures, map[string]string{"itemIdentifier": records[i].MessageID})
		case "foreign":
			failures = append(failures, map[string]string{"itemIdentifier": "none"})
		}
	}
	fmt.Printf("END %s\n", strings.Join(ids, ","))
	return map[string]any{"batchItemFailures": failures}, nil
}
