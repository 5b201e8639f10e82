package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"streamotp/local/template"
)

// TestSettings shows that the development stack reads the template: for each setting, one changed line changes what a
// test observes. NotImitated lists the settings that are not here.
func TestSettings(t *testing.T) {
	later := func(c *config) { c.Now = func() time.Time { return time.Now().Add(2 * time.Minute) } }
	for _, c := range []struct {
		name, old, replacement string
		see                    func(*testing.T, *stack) string
		before, after          string
		change                 func(*config)
	}{
		// The API.
		{"StageName", "StageName: api", "StageName: v1", status("POST", "/api/echo"), "200", "405", nil},
		{"Path", "Path: /echo", "Path: /other", status("POST", "/api/echo"), "200", "404", nil},
		{"Method", "Method: POST", "Method: PUT", status("POST", "/api/echo"), "200", "404", nil},
		{"ThrottlingRateLimit", "ThrottlingRateLimit: 100000", "ThrottlingRateLimit: 1", throttled, "none", "some", nil},
		{"ThrottlingBurstLimit", "ThrottlingBurstLimit: 50", "ThrottlingBurstLimit: 0", throttled, "none", "all", nil},
		{"AllowOrigins", "https://a.example,https://b.example", "https://b.example", cors("Access-Control-Allow-Origin"), "https://a.example", "", nil},
		{"AllowMethods", "AllowMethods: [POST]", "AllowMethods: [POST, PUT]", cors("Access-Control-Allow-Methods"), "POST", "POST,PUT", nil},
		{"AllowHeaders", "AllowHeaders: [content-type]", "AllowHeaders: [x-a]", cors("Access-Control-Allow-Headers"), "content-type", "x-a", nil},
		{"ExposeHeaders", "ExposeHeaders: [retry-after]", "ExposeHeaders: [x-b]", cors("Access-Control-Expose-Headers"), "retry-after", "x-b", nil},
		{"AllowCredentials", "AllowCredentials: false", "AllowCredentials: true", cors("Access-Control-Allow-Credentials"), "", "true", nil},
		{"MaxAge", "MaxAge: 3600", "MaxAge: 60", cors("Access-Control-Max-Age"), "3600", "60", nil},

		// The pages.
		{"ContentSecurityPolicy", "default-src 'none'", "default-src 'self'", pageHeader("Content-Security-Policy"), "default-src 'none'", "default-src 'self'", nil},
		{"FrameOption", "FrameOption: DENY", "FrameOption: SAMEORIGIN", pageHeader("X-Frame-Options"), "DENY", "SAMEORIGIN", nil},
		{"ReferrerPolicy", "ReferrerPolicy: no-referrer", "ReferrerPolicy: origin", pageHeader("Referrer-Policy"), "no-referrer", "origin", nil},

		// Functions.
		{"Environment", "WORD: !Ref Word", "WORD: !Sub x-${Word}", variable("WORD"), "one", "x-one", nil},
		{"Globals.Environment", "SHARED: global", "SHARED: other", variable("SHARED"), "global", "other", nil},
		{"Parameter Default", "Default: one", "Default: two", variable("WORD"), "one", "two", nil},
		{"Conditions", "!Equals [!Ref Word, one]", "!Equals [!Ref Word, two]", variable("BRANCH"), "first", "second", nil},
		{"Mappings", "letter: a", "letter: b", variable("LETTER"), "a", "b", nil},
		{"Handler", "Handler: bootstrap", "Handler: other", variable("_HANDLER"), "bootstrap", "other", nil},
		{"MemorySize", "MemorySize: 256", "MemorySize: 512", variable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), "256", "512", nil},
		{"LogFormat", "LogFormat: JSON", "LogFormat: Text", variable("AWS_LAMBDA_LOG_FORMAT"), "JSON", "Text", nil},
		{"LogGroup", "LogGroup: !Ref LogGroup", "LogGroup: /mine", logGroup, "false", "true", nil},
		{"Timeout", "Timeout: 3\n", "Timeout: 1\n", sleeps, "200", "503", nil},
		{"ReservedConcurrentExecutions", "ReservedConcurrentExecutions: 2", "ReservedConcurrentExecutions: 1", processes, "2", "1", nil},
		{"Effect", "Effect: Deny\n              Action: secretsmanager:GetSecretValue", "Effect: Allow\n              Action: secretsmanager:GetSecretValue", reads(1), "400", "200", nil},
		{"Action", "Action: secretsmanager:*", "Action: secretsmanager:Describe*", reads(0), "200", "400", nil},
		{"Resource", "Resource: [!Ref Key, !Ref Note]", "Resource: [!Ref Note]", reads(0), "200", "400", nil},
		{"Condition", "ses:FromAddress: login@example.com", "ses:FromAddress: eve@example.com", mails, "200", "403", nil},

		// Tables.
		{"KeySchema", schema("id"), schema("nr"), putStatus, "204", "400", nil},
		{"AttributeType", "AttributeName: id, AttributeType: S", "AttributeName: id, AttributeType: N", putStatus, "204", "400", nil},
		{"TimeToLiveSpecification", "AttributeName: gone, Enabled: true", "AttributeName: past, Enabled: true", timeToLive, "gone", "past", nil},
		{"StreamViewType", "StreamViewType: NEW_IMAGE", "StreamViewType: KEYS_ONLY", image, "BEGIN a INSERT image=true", "BEGIN a INSERT image=false", nil},

		// The event source mapping.
		{"Pattern", `{"eventName":["INSERT"]}`, `{"eventName":["MODIFY"]}`, filtered, "BEGIN a INSERT image=true", "BEGIN a MODIFY image=true", nil},
		{"BatchSize", "BatchSize: 10", "BatchSize: 2", batchSizes, "gate 4", "gate 2 2", nil},
		{"MaximumBatchingWindowInSeconds", "MaximumBatchingWindowInSeconds: 0", "MaximumBatchingWindowInSeconds: 1", waits, "false", "true", nil},
		{"ParallelizationFactor", "ParallelizationFactor: 1", "ParallelizationFactor: 10", overtakes, "false", "true", nil},
		{"BisectBatchOnFunctionError", "BisectBatchOnFunctionError: false", "BisectBatchOnFunctionError: true", bisected, "0 of 3", "3 of 3", nil},
		{"MaximumRetryAttempts", "MaximumRetryAttempts: 1", "MaximumRetryAttempts: 0", tries("fail"), "2", "1", nil},
		{"MaximumRecordAgeInSeconds", "MaximumRecordAgeInSeconds: 3600", "MaximumRecordAgeInSeconds: 60", tries("fail"), "2", "0", later},
		{"FunctionResponseTypes", "FunctionResponseTypes: [ReportBatchItemFailures]", "FunctionResponseTypes: []", partial, "2", "1", nil},
		{"MatchingEventTypes", "[delivery, complaint]", "[bounce]", heard, "Complaint Delivery", "Bounce", nil},
		{"Topic", "Topic: !Ref MailTopic", "Topic: !Ref OtherTopic", heard, "Complaint Delivery", "", nil},
		{"LeadingKeys", "dynamodb:LeadingKeys: mine#*", "dynamodb:LeadingKeys: x", deletes, "200 400", "400 200", nil},
		{"Attributes", "dynamodb:Attributes: [id, seen]", "dynamodb:Attributes: [id, late]", updates, "200 400 400", "400 200 400", nil},
		{"Select", "dynamodb:Select: SPECIFIC_ATTRIBUTES", "dynamodb:Select: COUNT", scans, "200 400", "400 200", nil},
		{"ReturnValues", "dynamodb:ReturnValues: NONE", "dynamodb:ReturnValues: [NONE, ALL_NEW]", updates, "200 400 400", "200 400 200", nil},
		{"DestinationConfig", "DestinationConfig: { OnFailure: { Type: SQS, Destination: !GetAtt Letters.Arn } }", "", letterCount, "1", "0", nil},

		// Queues.
		{"DelaySeconds", "DelaySeconds: 0", "DelaySeconds: 900", arrives, "true", "false", nil},
		{"VisibilityTimeout", "VisibilityTimeout: !Ref Seconds", "VisibilityTimeout: 900", returns, "true", "false", nil},
		{"MessageRetentionPeriod", "MessageRetentionPeriod: 3600", "MessageRetentionPeriod: 60", queueAttribute("MessageRetentionPeriod"), "3600", "60", nil},
		{"maxReceiveCount", "maxReceiveCount: 5", "maxReceiveCount: 2", receives, "5", "2", nil},
		{"EventSourceArn", "EventSourceArn: !GetAtt Work.Arn", "EventSourceArn: !GetAtt Spare.Arn", arrives, "true", "false", nil},
		{"FunctionName", "FunctionName: !Ref QueueFunction", "FunctionName: !Ref SpareFunction", arrives, "true", "false", nil},
		{"BatchSize of a queue", "BatchSize: 3", "BatchSize: 1", together, "true", "false", patient},
		{"MaximumConcurrency", "MaximumConcurrency: 2", "MaximumConcurrency: 3", third, "false", "true", patient},
		{"FunctionResponseTypes of a queue", `FunctionResponseTypes: ["ReportBatchItemFailures"]`, "FunctionResponseTypes: []", returns, "true", "false", nil},

		// Secrets, e-mail, outputs.
		{"SecretStringTemplate", `'{"made":"here"}'`, `'{"made":"there"}'`, secret(0, func(m map[string]string) any { return m["made"] }), "here", "there", nil},
		{"GenerateStringKey", "GenerateStringKey: key", "GenerateStringKey: other", secret(0, func(m map[string]string) any { return len(m["key"]) }), "400", "0", nil},
		{"PasswordLength", "PasswordLength: 400", "PasswordLength: 500", secret(0, func(m map[string]string) any { return len(m["key"]) }), "400", "500", nil},
		{"ExcludePunctuation", "ExcludePunctuation: true", "ExcludePunctuation: false", secretHas("[!-/]"), "false", "true", nil},
		{"SecretString", `'{"written":"here"}'`, `'{"written":"there"}'`, secret(1, func(m map[string]string) any { return m["written"] }), "here", "there", nil},
		{"Name of a parameter", "Name: /mine/place", "Name: /mine/other", parameter("/mine/place"), "200 true", "400 false", nil},
		{"Value of a parameter", "Value: !GetAtt Api.ApiEndpoint", "Value: elsewhere", parameter("/mine/place"), "200 true", "200 false", nil},
		{"ConfigurationSet", "Type: AWS::SES::ConfigurationSet\n", "Type: AWS::SQS::Queue\n", mailSet, "200", "404", nil},
		{"NoEcho", "Default: one\n", "Default: one\n    NoEcho: true\n", told("Word"), "one", "****", nil},
		{"Outputs", "Value: !Ref Things", "Value: !GetAtt Things.Arn", output, "false", "true", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := c.see(t, startTest(t, testTemplate(t, "", ""), c.change)); got != c.before {
				t.Errorf("as it is: saw %q, want %q", got, c.before)
			}
			if got := c.see(t, startTest(t, testTemplate(t, c.old, c.replacement), c.change)); got != c.after {
				t.Errorf("with %q: saw %q, want %q", c.replacement, got, c.after)
			}
		})
	}
}

// schema returns the template's text of a key's definition, for both of its lines.
func schema(key string) string {
	return "{ AttributeName: " + key + ", AttributeType: S }\n      KeySchema:\n        - { AttributeName: " + key + ", KeyType: HASH }"
}

// TestStartingPosition: after a restart, TRIM_HORIZON begins with the records that are in the stream, LATEST with those
// that are written afterwards.
func TestStartingPosition(t *testing.T) {
	for position, want := range map[string]string{"TRIM_HORIZON": "old", "LATEST": "new"} {
		t.Run(position, func(t *testing.T) {
			t.Parallel()
			data := filepath.Join(t.TempDir(), "data")
			keep := func(c *config) { c.Data = data }
			s := startTest(t, testTemplate(t, "", ""), keep)
			s.put(t, "old")
			await(t, "old is handled", func() bool { return len(s.logged("END old")) == 1 })
			s.close()
			s = startTest(t, testTemplate(t, "StartingPosition: TRIM_HORIZON", "StartingPosition: "+position), keep)
			s.put(t, "new")
			await(t, "a record is handled", func() bool { return len(s.logged("END ")) > 0 })
			if got := s.logged("END ")[0]; !strings.HasPrefix(got, "END "+want) {
				t.Errorf("first %q, want %s", got, want)
			}
		})
	}
}

// parameter returns a function that shows whether a parameter of SSM exists and is this server's URL.
func parameter(name string) func(*testing.T, *stack) string {
	return func(t *testing.T, s *stack) string {
		a := s.call(t, "ssm", "AmazonSSM.GetParameter", "/", `{"Name":"`+name+`"}`)
		return fmt.Sprint(a.status, " ", strings.Contains(a.body, `"Value":"`+s.url+`"`))
	}
}

func status(method, path string) func(*testing.T, *stack) string {
	return func(t *testing.T, s *stack) string { return fmt.Sprint(send(t, method, s.url+path, "{}").status) }
}

// throttled sends 60 requests for a path that has no route. That is more than the burst, and the limit is checked before
// the route.
func throttled(t *testing.T, s *stack) string {
	n := 0
	for range 60 {
		if a := send(t, "POST", s.url+"/api/none", ""); a.status == 429 && a.body == `{"message":"Too Many Requests"}` {
			n++
		}
	}
	switch n {
	case 0:
		return "none"
	case 60:
		return "all"
	}
	return "some"
}

func cors(header string) func(*testing.T, *stack) string {
	return func(t *testing.T, s *stack) string {
		return send(t, "OPTIONS", s.url+"/api/echo", "", "Origin: https://a.example", "Access-Control-Request-Method: POST").header.Get(header)
	}
}

func pageHeader(name string) func(*testing.T, *stack) string {
	return func(t *testing.T, s *stack) string { return send(t, "GET", s.url+"/", "").header.Get(name) }
}

func variable(name string) func(*testing.T, *stack) string {
	return func(t *testing.T, s *stack) string { return s.echo(t, "{}").Env[name] }
}

func logGroup(t *testing.T, s *stack) string {
	return fmt.Sprint(s.echo(t, "{}").Env["AWS_LAMBDA_LOG_GROUP_NAME"] == "/mine")
}

func sleeps(t *testing.T, s *stack) string {
	return fmt.Sprint(send(t, "POST", s.url+"/api/echo", `{"do":"sleep","ms":1300}`).status)
}

// processes counts the processes that serve two requests at once.
func processes(t *testing.T, s *stack) string {
	for range 3 { // the first process may be free again before a second one has started
		pids := make([]int, 2)
		var all sync.WaitGroup
		for i := range pids {
			all.Go(func() { pids[i] = s.echo(t, `{"do":"sleep","ms":800}`).Pid })
		}
		all.Wait()
		if pids[0] != pids[1] {
			return "2"
		}
	}
	return "1"
}

func putStatus(t *testing.T, s *stack) string {
	return fmt.Sprint(send(t, "PUT", s.url+"/_local/items?table=Things", `{"id":{"S":"a"}}`).status)
}

func timeToLive(t *testing.T, s *stack) string {
	a := s.call(t, "dynamodb", "DynamoDB_20120810.DescribeTimeToLive", "/", `{"TableName":"`+s.spec.Tables[0].Name+`"}`)
	return regexp.MustCompile(`"AttributeName":"(\w+)"`).FindStringSubmatch(a.body)[1]
}

func image(t *testing.T, s *stack) string {
	s.put(t, "a")
	await(t, "a is handled", func() bool { return len(s.logged("END a")) == 1 })
	return s.logged("BEGIN ")[0]
}

// filtered inserts an item and changes it, and returns which of the two records the function gets.
func filtered(t *testing.T, s *stack) string {
	s.put(t, "a")
	s.put(t, "a", "more=1")
	await(t, "a record is handled", func() bool { return len(s.logged("END ")) > 0 })
	return s.logged("BEGIN ")[0]
}

// gated blocks the mapping at a first record until open is called.
func gated(t *testing.T, s *stack) (open func()) {
	gate := filepath.Join(t.TempDir(), "gate")
	s.put(t, "gate", "gate="+gate)
	await(t, "the gate is reached", func() bool { return len(s.logged("BEGIN gate")) == 1 })
	return func() {
		if err := os.WriteFile(gate, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func batchSizes(t *testing.T, s *stack) string {
	open := gated(t, s)
	for i := range 4 {
		s.put(t, fmt.Sprint(i))
	}
	s.settle(t, 5)
	open()
	await(t, "all is handled", func() bool {
		return strings.Count(strings.Join(s.logged("END "), ","), ",") >= 3 || len(s.logged("END ")) >= 3
	})
	out := "gate"
	for _, l := range s.logged("BEGIN ")[1:] {
		out += fmt.Sprintf(" %d", strings.Count(l, ",")+1)
	}
	return out
}

// settle waits until the mapping has read n records.
func (s *stack) settle(t *testing.T, n int64) {
	await(t, "the stream is read", func() bool { return s.sources[0].Read() >= n })
}

// waits shows whether a single record is held for the batching window.
func waits(t *testing.T, s *stack) string {
	for n := range 5 { // one quick record shows that nothing waits; on a busy machine each record may be slow
		begin := time.Now()
		s.put(t, fmt.Sprint("a", n))
		await(t, "it is handled", func() bool { return len(s.logged(fmt.Sprint("END a", n))) == 1 })
		if time.Since(begin) < 900*time.Millisecond {
			return "false"
		}
	}
	return "true"
}

// overtakes shows whether another key's record is handled while one is held.
func overtakes(t *testing.T, s *stack) string {
	open := gated(t, s)
	defer open()
	for i := range 20 {
		s.put(t, fmt.Sprint(i))
	}
	s.settle(t, 21)
	return fmt.Sprint(eventually(5*time.Second, func() bool { return len(s.logged("END ")) > 0 }))
}

// bisected counts the good records that are handled of a batch that has a bad one.
func bisected(t *testing.T, s *stack) string {
	open := gated(t, s)
	for _, id := range []string{"good1", "bad", "good2", "good3"} {
		do := "do=ok"
		if id == "bad" {
			do = "do=fail"
		}
		s.put(t, id, do)
	}
	s.settle(t, 5)
	open()
	await(t, "the bad one is given up", func() bool { return len(s.deadLetters()) == 1 })
	s.put(t, "last") // the lane continues once they are handled
	await(t, "the last is handled", func() bool { return len(s.logged("END last")) == 1 })
	good := func() int { return strings.Count(strings.Join(s.logged("END "), " "), "good") }
	eventually(3*time.Second, func() bool { return good() == 3 })
	return fmt.Sprintf("%d of 3", good())
}

func tries(do string) func(*testing.T, *stack) string {
	return func(t *testing.T, s *stack) string {
		s.put(t, "a", "do="+do)
		await(t, "a is given up", func() bool { return len(s.deadLetters()) == 1 })
		return s.lines("BEGIN a", 2)
	}
}

// lines counts log lines. They come through a pipe, after the events that they report, so lines waits for most of them.
func (s *stack) lines(prefix string, most int) string {
	eventually(3*time.Second, func() bool { return len(s.logged(prefix)) == most })
	return fmt.Sprint(len(s.logged(prefix)))
}

// partial counts how often the function gets a record that it reports as failed.
func partial(t *testing.T, s *stack) string {
	s.put(t, "a", "do=partial")
	await(t, "a is handled", func() bool { return len(s.logged("END a")) > 0 })
	s.put(t, "b") // the lane continues once a is given up
	await(t, "b is handled", func() bool { return len(s.logged("END b")) == 1 })
	return s.lines("END a", 2)
}

// arrives shows whether the queue's function gets a message.
func arrives(t *testing.T, s *stack) string {
	s.work(t, "a", "", "")
	return fmt.Sprint(eventually(3*time.Second, func() bool { return len(s.handed("END", "a")) == 1 }))
}

// returns shows whether a message that the function reports as failed is soon delivered again.
func returns(t *testing.T, s *stack) string {
	s.work(t, "a", `"do":"partial"`, "")
	await(t, "a is handled", func() bool { return len(s.handed("END", "a")) > 0 })
	return fmt.Sprint(eventually(4*time.Second, func() bool { return len(s.handed("END", "a")) > 1 }))
}

func queueAttribute(name string) func(*testing.T, *stack) string {
	return func(t *testing.T, s *stack) string {
		a := s.sqs(t, "GetQueueAttributes", "Work", `,"AttributeNames":["`+name+`"]`)
		return regexp.MustCompile(`"` + name + `":"(\w+)"`).FindStringSubmatch(a.body)[1]
	}
}

// receives counts how often the function gets a message that it never handles.
func receives(t *testing.T, s *stack) string {
	s.work(t, "a", `"do":"fail"`, "")
	await(t, "a is given up", func() bool { return len(s.deadLetters()) == 1 })
	return fmt.Sprint(len(s.handed("BEGIN", "a")))
}

// together shows whether messages that wait for a free invocation are delivered in one batch.
func together(t *testing.T, s *stack) string {
	member, open := gate(t)
	for _, id := range []string{"one", "two"} {
		s.work(t, id, member, "")
		await(t, id+" is reached", func() bool { return len(s.handed("BEGIN", id)) == 1 })
	}
	s.work(t, "three", "", "")
	s.work(t, "four", "", "")
	open()
	await(t, "all are handled", func() bool { return len(s.handed("END", "three"))+len(s.handed("END", "four")) == 2 })
	return fmt.Sprint(s.handed("END", "three")[0] == s.handed("END", "four")[0])
}

// third shows whether a third message is handled while two invocations run.
func third(t *testing.T, s *stack) string {
	member, open := gate(t)
	defer open()
	for _, id := range []string{"one", "two"} {
		s.work(t, id, member, "")
		await(t, id+" is reached", func() bool { return len(s.handed("BEGIN", id)) == 1 })
	}
	s.work(t, "three", "", "")
	return fmt.Sprint(eventually(3*time.Second, func() bool { return len(s.handed("END", "three")) == 1 }))
}

func letterCount(t *testing.T, s *stack) string {
	s.put(t, "a", "do=fail")
	await(t, "a was tried twice", func() bool { return len(s.logged("BEGIN a")) == 2 })
	s.put(t, "b") // the lane continues once a is given up
	await(t, "b is handled", func() bool { return len(s.logged("END b")) == 1 })
	return fmt.Sprint(len(s.deadLetters()))
}

// heard returns the events that the function gets for three e-mails: one that arrives, one that is reported as spam, one
// that bounces.
func heard(t *testing.T, s *stack) string {
	for _, to := range []string{"ada@example.com", "complaint@simulator.amazonses.com", "bounce+x@simulator.amazonses.com"} {
		s.call(t, "ses", "", "/v2/email/outbound-emails", mail(map[string]any{"ConfigurationSetName": s.spec.MailSets[0],
			"Destination": map[string]any{"ToAddresses": []string{to}}}))
	}
	s.mailbox.Wait()
	invocations := strings.Count(s.Out.(*lockedBuffer).String(), "MailTopic-")
	await(t, "each has written what it heard", func() bool { return len(s.logged("HEARD")) == invocations })
	kinds := map[string]bool{}
	for _, line := range s.logged("HEARD") {
		kinds[strings.Fields(line)[1]] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(kinds)), " ")
}

// updates returns the responses to the echo function when it sets an attribute, sets another one, and asks for the item.
func updates(t *testing.T, s *stack) string {
	var all []string
	for _, rest := range []string{`"SET seen = :v"`, `"SET late = :v"`, `"SET seen = :v","ReturnValues":"ALL_NEW"`} {
		all = append(all, fmt.Sprint(s.as(t, "dynamodb", "DynamoDB_20120810.UpdateItem", "/", fmt.Sprintf(
			`{"TableName":%q,"Key":{"id":{"S":"x"}},"ExpressionAttributeValues":{":v":{"S":"v"}},"UpdateExpression":%s}`, s.spec.Tables[0].Name, rest)).status))
	}
	return strings.Join(all, " ")
}

// scans returns the responses to the echo function when it reads attributes of all items, and counts the items.
func scans(t *testing.T, s *stack) string {
	var all []string
	for _, rest := range []string{`"SPECIFIC_ATTRIBUTES","ProjectionExpression":"id, seen"`, `"COUNT"`} {
		all = append(all, fmt.Sprint(s.as(t, "dynamodb", "DynamoDB_20120810.Scan", "/", fmt.Sprintf(
			`{"TableName":%q,"Select":%s}`, s.spec.Tables[0].Name, rest)).status))
	}
	return strings.Join(all, " ")
}

// deletes returns the responses to the echo function when it deletes an item of its own, and another one.
func deletes(t *testing.T, s *stack) string {
	var all []string
	for _, id := range []string{"mine#1", "x"} {
		all = append(all, fmt.Sprint(s.as(t, "dynamodb", "DynamoDB_20120810.DeleteItem", "/", fmt.Sprintf(`{"TableName":%q,"Key":{"id":{"S":%q}}}`,
			s.spec.Tables[0].Name, id)).status))
	}
	return strings.Join(all, " ")
}

func secret(i int, see func(map[string]string) any) func(*testing.T, *stack) string {
	return func(t *testing.T, s *stack) string {
		a := s.call(t, "secretsmanager", "secretsmanager.GetSecretValue", "/", `{"SecretId":"`+s.spec.Secrets[i].ARN+`"}`)
		var out struct{ SecretString string }
		var value map[string]string
		if err := json.Unmarshal([]byte(a.body), &out); err != nil {
			t.Fatal(a)
		}
		if err := json.Unmarshal([]byte(out.SecretString), &value); err != nil {
			t.Fatal(out)
		}
		return fmt.Sprint(see(value))
	}
}

func secretHas(pattern string) func(*testing.T, *stack) string {
	return secret(0, func(m map[string]string) any { return regexp.MustCompile(pattern).MatchString(m["key"]) })
}

// mailSet sends with a configuration set, which the template may or may not have.
func mailSet(t *testing.T, s *stack) string {
	set := s.spec.Outputs[len(s.spec.Outputs)-1].Value
	return fmt.Sprint(s.call(t, "ses", "", "/v2/email/outbound-emails", mail(map[string]any{"ConfigurationSetName": set})).status)
}

// mail returns a valid SendEmail request in which these fields replace its own.
func mail(change map[string]any) string {
	part := map[string]string{"Data": "x"}
	in := map[string]any{"FromEmailAddress": "login@example.com", "Destination": map[string]any{"ToAddresses": []string{"ada@example.com"}},
		"Content": map[string]any{"Simple": map[string]any{"Subject": part, "Body": map[string]any{"Text": part}}}}
	for k, v := range change {
		in[k] = v
	}
	data, err := json.Marshal(in)
	if err != nil {
		panic(err) // only text
	}
	return string(data)
}

func mailWithHeader(name, value string) string {
	part := map[string]string{"Data": "x"}
	return mail(map[string]any{"Content": map[string]any{"Simple": map[string]any{"Subject": part, "Body": map[string]any{"Text": part},
		"Headers": []map[string]string{{"Name": name, "Value": value}}}}})
}

// told returns a function that returns a parameter as DescribeStacks shows it.
func told(parameter string) func(*testing.T, *stack) string {
	return func(t *testing.T, s *stack) string {
		a := s.call(t, "cloudformation", "", "/", "Action=DescribeStacks&StackName=streamotp")
		_, rest, _ := strings.Cut(a.body, "<ParameterKey>"+parameter+"</ParameterKey><ParameterValue>")
		value, _, _ := strings.Cut(rest, "</ParameterValue>")
		return value
	}
}

func output(t *testing.T, s *stack) string {
	a := s.call(t, "cloudformation", "", "/", "Action=DescribeStacks&StackName=streamotp")
	if !strings.Contains(a.body, "<OutputValue>"+s.url+"/api</OutputValue>") {
		t.Errorf("no URL in %s", a.body)
	}
	return fmt.Sprint(strings.Contains(a.body, "<OutputValue>arn:aws:dynamodb:"))
}

// TestLocalDefaultsAreDocumented: docs/development.md has each default that is not the template's.
func TestLocalDefaultsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/development.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range template.LocalDefaults {
		if !strings.Contains(strings.ReplaceAll(string(text), "\n", " "), "`"+name+"` is `"+value+"`") {
			t.Errorf("docs/development.md does not say that %s is %s", name, value)
		}
	}
}

// TestNotImitatedIsDocumented: docs/development.md lists each difference from AWS in the words that -help prints.
func TestNotImitatedIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/development.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, difference := range NotImitated {
		if !strings.Contains(string(text), "\n- "+difference+"\n") {
			t.Errorf("docs/development.md lacks %q", difference)
		}
	}
}
