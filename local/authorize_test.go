package main

import (
	"fmt"
	"strings"
	"testing"
)

// as calls the AWS endpoint as the echo function would.
func (s *stack) as(t *testing.T, service, target, path, body string) answer {
	t.Helper()
	key := s.echo(t, "{}").Env["AWS_ACCESS_KEY_ID"]
	return send(t, "POST", s.awsURL+path, body, "X-Amz-Target: "+target,
		"Authorization: AWS4-HMAC-SHA256 Credential="+key+"/20260101/us-east-1/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
}

func (s *stack) readSecret(t *testing.T, i int) answer {
	t.Helper()
	return s.as(t, "secretsmanager", "secretsmanager.GetSecretValue", "/", `{"SecretId":"`+s.spec.Secrets[i].Name+`"}`)
}

// reads returns a function that shows what the echo function reads from the template's secret i.
func reads(i int) func(*testing.T, *stack) string {
	return func(t *testing.T, s *stack) string { return fmt.Sprint(s.readSecret(t, i).status) }
}

func mails(t *testing.T, s *stack) string {
	return fmt.Sprint(s.as(t, "ses", "", "/v2/email/outbound-emails", mail(nil)).status)
}

// TestIAM: a call that a function's role does not allow is denied as AWS denies it, and not carried out.
func TestIAM(t *testing.T) {
	t.Parallel()
	s := startTest(t, testTemplate(t, "", ""), nil)
	table, key, note := s.spec.Tables[0].Name, s.spec.Secrets[0].ARN, s.spec.Secrets[1].ARN
	role := s.spec.Functions[0].Role.Session
	if !strings.HasPrefix(role, "arn:aws:sts::123456789012:assumed-role/streamotp-EchoFunctionRole-") {
		t.Error(role)
	}
	const account = ":us-east-1:123456789012:"
	things := "arn:aws:dynamodb" + account + "table/" + table
	user := "User: " + role + " is not authorized to perform: "
	none := func(action, resource string) string {
		return user + action + " on resource: " + resource + " because no identity-based policy allows the " + action + " action"
	}
	identity := func(name string) string {
		return "User `" + role + "' is not authorized to perform `ses:SendEmail' on resource `arn:aws:ses" + account + name + "'"
	}
	dynamo := func(action, body string) answer {
		return s.as(t, "dynamodb", "DynamoDB_20120810."+action, "/", strings.ReplaceAll(body, "THINGS", table))
	}
	ses := func(change map[string]any) answer {
		return s.as(t, "ses", "", "/v2/email/outbound-emails", mail(change))
	}
	sns := func(form string) answer { return s.as(t, "sns", "", "/", form) }
	secrets := func(action, id string) answer {
		return s.as(t, "secretsmanager", "secretsmanager."+action, "/", `{"SecretId":"`+id+`"}`)
	}
	ssm := func(action, name string) answer {
		return s.as(t, "ssm", "AmazonSSM."+action, "/", `{"Name":"`+name+`"}`)
	}
	const item = `{"TableName":"THINGS","Item":{"id":{"S":"x"}}}`
	const withoutReturn = `{"TableName":"THINGS","Key":{"id":{"S":"x"}},"UpdateExpression":"SET seen = :v","ConditionExpression":"attribute_exists(id)","ExpressionAttributeValues":{":v":{"S":"v"}}}`
	update := strings.TrimSuffix(withoutReturn, "}") + `,"ReturnValues":"NONE"}`
	const scan = `{"TableName":"THINGS","Select":"SPECIFIC_ATTRIBUTES","ProjectionExpression":"id, #s","FilterExpression":"attribute_exists(seen)","ExpressionAttributeNames":{"#s":"seen"}}`
	transaction := func(write string) string {
		return `{"TransactItems":[{"ConditionCheck":{"TableName":"THINGS","Key":{"id":{"S":"none"}},"ConditionExpression":"attribute_not_exists(id)"}},` + write + `]}`
	}
	for _, c := range []struct {
		name   string
		got    answer
		status int
		want   string
	}{
		{"an action on its table", dynamo("PutItem", item), 200, ""},
		{"another action", dynamo("Query", `{"TableName":"THINGS"}`), 400, none("dynamodb:Query", things)},
		{"another table", dynamo("PutItem", strings.Replace(item, "THINGS", "Other", 1)), 400, none("dynamodb:PutItem", strings.Replace(things, table, "Other", 1))},
		{"another table by its ARN", dynamo("PutItem", strings.Replace(item, "THINGS", strings.Replace(things, table, "Other", 1), 1)), 400, none("dynamodb:PutItem", strings.Replace(things, table, "Other", 1))},
		{"an action that has no table", dynamo("ListTables", "{}"), 400, none("dynamodb:ListTables", "*")},
		{"a call that cannot be read", dynamo("PutItem", "["), 400, none("dynamodb:PutItem", "*")},
		{"a batch, though its items may be written", dynamo("BatchWriteItem", `{"RequestItems":{"THINGS":[]}}`), 400, none("dynamodb:BatchWriteItem", things)},
		{"a transaction of what is allowed", dynamo("TransactWriteItems", transaction(`{"Put":`+item+`}`)), 200, ""},
		{"an update of its attributes", dynamo("UpdateItem", update), 200, ""},
		{"an update of another one", dynamo("UpdateItem", strings.Replace(update, "SET seen", "SET late", 1)), 400, none("dynamodb:UpdateItem", things)},
		{"an update on another one's condition", dynamo("UpdateItem", strings.Replace(update, "attribute_exists(id)", "attribute_exists(late)", 1)), 400, none("dynamodb:UpdateItem", things)},
		{"an update that gives the item back", dynamo("UpdateItem", strings.Replace(update, "NONE", "ALL_OLD", 1)), 400, none("dynamodb:UpdateItem", things)},
		{"a scan for its attributes", dynamo("Scan", scan), 200, `"Items"`},
		{"a scan for another one", dynamo("Scan", strings.Replace(scan, "id, #s", "id, #s, late", 1)), 400, none("dynamodb:Scan", things)},
		{"a scan by another one", dynamo("Scan", strings.Replace(scan, "exists(seen)", "exists(late)", 1)), 400, none("dynamodb:Scan", things)},
		{"a scan that does not say that it is for some alone", dynamo("Scan", strings.Replace(scan, `"Select":"SPECIFIC_ATTRIBUTES",`, "", 1)), 400, none("dynamodb:Scan", things)},
		{"a scan for all", dynamo("Scan", `{"TableName":"THINGS"}`), 400, none("dynamodb:Scan", things)},
		{"a scan for their number", dynamo("Scan", `{"TableName":"THINGS","Select":"COUNT"}`), 400, none("dynamodb:Scan", things)},
		{"a scan of another table", dynamo("Scan", strings.Replace(scan, "THINGS", "Other", 1)), 400, none("dynamodb:Scan", strings.Replace(things, table, "Other", 1))},
		{"an update in a transaction", dynamo("TransactWriteItems", transaction(`{"Update":`+withoutReturn+`}`)), 200, ""},
		{"an update of another one in a transaction", dynamo("TransactWriteItems", transaction(`{"Update":`+strings.Replace(withoutReturn, "SET seen", "SET late", 1)+`}`)), 400, none("dynamodb:UpdateItem", things)},
		{"a transaction with an item that is not", dynamo("TransactWriteItems", transaction(`{"Delete":{"TableName":"THINGS","Key":{"id":{"S":"x"}}}}`)), 400, none("dynamodb:DeleteItem", things)},
		{"a transaction of an unknown operation", dynamo("TransactWriteItems", `{"TransactItems":[{"Drop":{"TableName":"THINGS"}}]}`), 400, none("dynamodb:", things)},
		{"a secret", secrets("GetSecretValue", key), 200, "SecretString"},
		{"a secret by its name", secrets("GetSecretValue", s.spec.Secrets[0].Name), 200, "SecretString"},
		{"a secret that is denied", secrets("GetSecretValue", note), 400, user + "secretsmanager:GetSecretValue on resource: " + note + " with an explicit deny in an identity-based policy"},
		{"a secret that is denied, by its name", s.readSecret(t, 1), 400, "explicit deny"},
		{"a denial is of its action only", secrets("DescribeSecret", note), 200, ""},
		{"an unknown secret", secrets("GetSecretValue", "none"), 400, none("secretsmanager:GetSecretValue", "none")},
		{"a parameter", ssm("GetParameter", "/mine/place"), 200, `"Value":"` + s.url + `"`},
		{"another parameter", ssm("GetParameter", "/mine/other"), 400, none("ssm:GetParameter", "arn:aws:ssm"+account+"parameter/mine/other")},
		{"a parameter whose name has no slash before it", ssm("GetParameter", "other"), 400, none("ssm:GetParameter", "arn:aws:ssm"+account+"parameter/other")},
		{"another action of SSM", ssm("PutParameter", "/mine/place"), 400, none("ssm:PutParameter", "*")},
		{"mail from its sender", ses(nil), 200, ""},
		{"mail from its sender under a name", ses(map[string]any{"FromEmailAddress": `"App" <login@example.com>`}), 200, ""},
		{"mail from somebody else", ses(map[string]any{"FromEmailAddress": "eve@example.com"}), 403, identity("identity/eve@example.com")},
		{"mail with a configuration set", ses(map[string]any{"ConfigurationSetName": "set"}), 403, identity("configuration-set/set")},
		{"an SMS", sns("Action=Publish&Message=x&PhoneNumber=%2B4915112345678"), 200, ""},
		{"a topic", sns("Action=Publish&Message=x&TopicArn=arn:aws:sns" + account + "topic"), 403, user + "SNS:Publish on resource: arn:aws:sns" + account + "topic with an explicit deny"},
		{"a topic beside a number", sns("Action=Publish&Message=x&PhoneNumber=%2B4915112345678&TargetArn=arn:aws:sns" + account + "topic"), 403, "explicit deny"},
		{"another action of SNS", sns("Action=CreateTopic&Name=x"), 403, none("SNS:CreateTopic", "*")},
		{"another service", s.as(t, "cloudformation", "", "/", "Action=DescribeStacks"), 403, none("cloudformation:DescribeStacks", "*")},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := strings.NewReplacer("&#39;", "'").Replace(c.got.body)
			if c.got.status != c.status || !strings.Contains(body, c.want) {
				t.Errorf("%d %s; want %d %s", c.got.status, body, c.status, c.want)
			}
			code := c.got.header.Get("X-Amzn-Errortype") + body
			if c.status != 200 && !strings.Contains(code, "AccessDeniedException") && !strings.Contains(code, "<Code>AuthorizationError</Code>") {
				t.Errorf("the code is not there: %s", code)
			}
		})
	}
	t.Run("a refused call is recorded, and leaves a fault to the next", func(t *testing.T) {
		send(t, "DELETE", s.url+"/_local/calls", "")
		fault := `{"service":"ses","action":"SendEmail","error":"TooManyRequestsException","count":1}`
		if a := send(t, "POST", s.url+"/_local/faults", fault); a.status != 204 {
			t.Fatal(a)
		}
		refused, failed := ses(map[string]any{"FromEmailAddress": "eve@example.com"}), ses(nil)
		if refused.status != 403 || failed.status != 429 {
			t.Errorf("%d, then %d", refused.status, failed.status)
		}
		if a := send(t, "GET", s.url+"/_local/calls", ""); strings.Count(a.body, "SendEmail") != 2 {
			t.Error(a.body)
		}
	})
	t.Run("nothing that was refused was done", func(t *testing.T) {
		if got := len(s.mailbox.List()); got != 3 {
			t.Errorf("%d messages, want two by mail and one by SMS", got)
		}
	})
	t.Run("a function without policies may do nothing", func(t *testing.T) {
		if p := s.spec.Functions[1].Role.Policy; len(p) != 0 {
			t.Error(p)
		}
	})
	t.Run("an operator may do everything", func(t *testing.T) {
		if a := s.call(t, "secretsmanager", "secretsmanager.GetSecretValue", "/", `{"SecretId":"`+note+`"}`); a.status != 200 {
			t.Error(a)
		}
	})
}
