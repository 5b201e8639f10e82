package template

import (
	"os"
	"slices"
	"strings"
	"testing"

	"streamotp/local/iam"
)

const head = "Transform: AWS::Serverless-2016-10-31\n"

func parse(text string, overrides map[string]string) (*Stack, error) {
	return Parse("t.yaml", []byte(text), "stack", "x", overrides)
}

// outputs returns the value of an output whose Value is this expression.
func outputs(t *testing.T, value string) (string, error) {
	t.Helper()
	s, err := parse(head+`
Parameters:
  P: { Type: String, Default: one }
  L: { Type: String, Default: "a,b" }
Mappings:
  M: { one: { word: found } }
Conditions:
  Yes: !Equals [!Ref P, one]
  No: !Not [!Condition Yes]
  Both: !And [!Condition Yes, !Not [!Condition No]]
  Either: !Or [!Condition No, Fn::Equals: [x, y]]
Resources:
  T: { Type: AWS::DynamoDB::Table, Properties: { StreamSpecification: { StreamViewType: NEW_IMAGE } } }
  Q: { Type: AWS::SQS::Queue }
  Gone: { Type: AWS::SQS::Queue, Condition: No }
Outputs:
  O: { Value: `+value+` }
`, nil)
	if err != nil {
		return "", err
	}
	return s.Outputs[0].Value, nil
}

func TestIntrinsics(t *testing.T) {
	for value, want := range map[string]string{
		`!Ref P`:                            "one",
		`{ Ref: P }`:                        "one",
		`!Sub "${P}-${!P}-${AWS::Region}"`:  "one-${P}-us-east-1",
		`!Sub ["${X}", { X: !Ref P }]`:      "one",
		`!Select [1, !Split [",", !Ref L]]`: "b",
		`!Select [0, !Split [".", "x.y"]]`:  "x",
		`!FindInMap [M, !Ref P, word]`:      "found",
		`!If [Yes, a, b]`:                   "a",
		`!If [No, a, b]`:                    "b",
		`!If [Both, a, b]`:                  "a",
		`!If [Either, a, b]`:                "b",
		`!GetAtt Q.Arn`:                     "arn:aws:sqs:us-east-1:123456789012:stack-Q-",
		`{ "Fn::GetAtt": [T, StreamArn] }`:  "arn:aws:dynamodb:us-east-1:123456789012:table/stack-T-",
		`!Select [1, [a, !If [No, x, !Ref "AWS::NoValue"], b]]`: "b",
	} {
		t.Run(value, func(t *testing.T) {
			if got, err := outputs(t, value); err != nil || !strings.HasPrefix(got, want) {
				t.Errorf("%q, %v; want %q", got, err, want)
			}
		})
	}
}

func TestIntrinsicsRefuse(t *testing.T) {
	for value, want := range map[string]string{
		`!Ref X`:                 `Outputs.O.Value: refers to "X"`,
		`!Ref Gone`:              `refers to "Gone"`,
		`!GetAtt Q.Color`:        "attribute Color of AWS::SQS::Queue",
		`!Sub [[a], {}]`:         "must be text",
		`!Sub [a]`:               "must be text",
		`!Join ["", [a]]`:        "intrinsic Fn::Join",
		`!ImportValue x`:         "intrinsic Fn::ImportValue",
		`!FindInMap [a, b, c]`:   "no mapping a.b.c",
		`!FindInMap [M, one, c]`: "no mapping M.one.c",
		`!FindInMap [M, one, word, { DefaultValue: x }]`: "wrong number of arguments",
		`{ "Fn::Cidr": [a] }`:                            "intrinsic Fn::Cidr",
		`!If [Maybe, a, b]`:                              `no condition "Maybe"`,
		`!Sub "${Nope.Arn}"`:                             `refers to "Nope"`,
		`!Select [7, !Ref L]`:                            "no entry 7",
		`!Select [x]`:                                    "wrong number of arguments",
		`[a, b]`:                                         "must be a single value",
	} {
		t.Run(value, func(t *testing.T) {
			if _, err := outputs(t, value); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v; want %q", err, want)
			}
		})
	}
}

// TestRefuses: where the development stack would have to guess, it reports an error that names the place (T1).
func TestRefuses(t *testing.T) {
	data, err := os.ReadFile("../testdata/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, old, replacement, want string }{
		{"a resource type", "Letters:\n    Type: AWS::SQS::Queue", "Letters:\n    Type: AWS::SQS::Que", `Resources.Letters: the development stack does not know the resource type "AWS::SQS::Que"`},
		{"a property", "StageName: api", "StageNam: api", "Resources.Api.Properties.StageNam: the development stack does not know this property"},
		{"an authorizer", "StageName: api", "StageName: api\n      Auth: { EnableIamAuthorizer: true }", "Auth.EnableIamAuthorizer"},
		{"a nested property", "ThrottlingRateLimit: 100000", "ThrottlingRate: 1", "DefaultRouteSettings.ThrottlingRate"},
		{"a section", "Outputs:", "Hooks: {}\nOutputs:", "Hooks: the development stack does not know"},
		{"an intrinsic in a mapping", "letter: a", "letter: !Ref Word", "Mappings.Words.one.letter: must be literal, not Ref"},
		{"a function of rules", "RuleCondition: !Equals [!Ref Level, 4]", "RuleCondition: !Contains [[a], a]", "Rules.Four.RuleCondition: the development stack does not know the condition function"},
		{"a rule of another form", "RuleCondition: !Equals [!Ref Level, 4]", "Condition: x", "Rules.Four.Condition"},
		{"an event type", "Type: DynamoDB", "Type: Schedule", `imitates only HttpApi, DynamoDB, SNS here, not "Schedule"`},
		{"an attribute of a resource", "  Letters:\n    Type", "  Letters:\n    CreationPolicy: {}\n    Type", "CreationPolicy"},
		{"another build method", "BuildMethod: makefile\n    Properties:\n      Reserved", "BuildMethod: go1.x\n    Properties:\n      Reserved", "BuildMethod"},
		{"another runtime", "Runtime: provided.al2023", "Runtime: python3.13", "Runtime"},
		{"a path variable", "Path: /echo", "Path: /echo/{id}", "plain paths"},
		{"a number out of AWS's range", "MemorySize: 256", "MemorySize: 64", "from 128 to 10240"},
		{"a record age under AWS's least", "MaximumRecordAgeInSeconds: 3600", "MaximumRecordAgeInSeconds: 5", "MaximumRecordAgeInSeconds"},
		{"a filter operator", `{"eventName":["INSERT"]}`, `{"eventName":[{"wildcard":"I*"}]}`, `Pattern: filter pattern: $.eventName[0]: the operator "wildcard" is not imitated`},
		{"a stream of another table", "Stream: !GetAtt Things.StreamArn", "Stream: !GetAtt Things.Arn", "Stream must be"},
		{"a text in place of an API", "ApiId: !Ref Api", "ApiId: x", "ApiId must refer"},
		{"a partial wildcard", "https://a.example,https://b.example", "https://*.example", "wildcards"},
		{"a secret with two first values", "      SecretString: '{\"written\":\"here\"}'", "      SecretString: x\n      GenerateSecretString: {}", "must not have both SecretString and GenerateSecretString"},
		{"a custom resource without a function", "ServiceToken: !GetAtt DeployFunction.Arn", "ServiceToken: arn:aws:sns:us-east-1:123456789012:topic", "ServiceToken: must be the Arn of a function of this template"},
		{"a custom resource's function that runs too", "ServiceToken: !GetAtt DeployFunction.Arn", "ServiceToken: !GetAtt EchoFunction.Arn", "EchoFunction has events too"},
		{"a custom resource's id", "Value: !Ref Things", "Value: !Ref Deployed", `refers to "Deployed", a custom resource`},
		{"a custom resource's answer", "Value: !Ref Things", "Value: !GetAtt Deployed.Data", "attribute Data of Custom::Deployed"},
		{"another header of the pages", "FrameOptions: {", "XSSProtection: {", "SecurityHeadersConfig.XSSProtection"},
		{"a managed policy", "        - Version: \"2012-10-17\"", "        - AmazonSNSFullAccess\n        - Version: \"2012-10-17\"", `Policies.0: must be a mapping, not "AmazonSNSFullAccess"`},
		{"a policy template of SAM", "        - Version: \"2012-10-17\"", "        - SNSPublishMessagePolicy: {}\n        - Version: \"2012-10-17\"", "Policies.0.SNSPublishMessagePolicy"},
		{"the older policy language", "Version: \"2012-10-17\"", "Version: \"2008-10-17\"", "Policies.0.Version"},
		{"the older policy language, by saying nothing", "        - Version: \"2012-10-17\"\n          Statement:", "        - Statement:", "Policies.0: must have a Version"},
		{"a statement about all other actions", "Action: secretsmanager:*", "NotAction: secretsmanager:*", "Statement.2.NotAction"},
		{"a statement without actions", "              Action: secretsmanager:*\n", "", "Statement.2: must have Effect, Action and Resource"},
		{"an action of no service", "Action: secretsmanager:*", "Action: GetSecretValue", `Statement.2: Action must be service:Action, not "GetSecretValue"`},
		{"another effect", "Effect: Deny\n", "Effect: Refuse\n", "Statement.3.Effect"},
		{"another condition operator", "StringEquals: { ses", "StringNotLike: { ses", "Statement.4.Condition.StringNotLike"},
		{"another condition key", "ses:FromAddress: login", "ses:FromDisplayName: login", "StringEquals.ses:FromDisplayName"},
		{"attributes of another action", "Action: dynamodb:UpdateItem", "Action: dynamodb:GetItem", "Statement.7: the development stack knows the dynamodb:Attributes of dynamodb:UpdateItem and of dynamodb:Scan alone"},
		{"attributes of another action beside", "Action: dynamodb:UpdateItem", "Action: [dynamodb:UpdateItem, dynamodb:Query]", "Statement.7: the development stack knows"},
		{"a policy variable", "ses:FromAddress: login@example.com", "ses:FromAddress: '${aws:username}'", "policy variables"},
		{"a function that may run longer than a message is hidden", "Timeout: !Ref Seconds\n      Policies", "Timeout: 2\n      Policies", "WorkMapping.Properties: Work has a VisibilityTimeout of 1s, less than the Timeout of QueueFunction, 2s"},
		{"a mapping whose role may not read the queue", "Action: [sqs:ReceiveMessage, sqs:DeleteMessage, sqs:", "Action: [sqs:ReceiveMessage, sqs:", "the Policies of QueueFunction do not allow sqs:DeleteMessage on Work"},
		{"a batching window of a queue", "BatchSize: 3\n", "BatchSize: 3\n      MaximumBatchingWindowInSeconds: 5\n", "WorkMapping.Properties.MaximumBatchingWindowInSeconds"},
		{"a mapping of a stream beside its function", "EventSourceArn: !GetAtt Work.Arn", "EventSourceArn: !GetAtt Things.StreamArn", "EventSourceArn: must be the Arn of a queue of this template"},
		{"a mapping of no function", "FunctionName: !Ref QueueFunction", "FunctionName: none", "the FunctionName of a function of this template"},
		{"a second mapping of a queue", "  WorkMapping:\n", "  Second:\n    Type: AWS::Lambda::EventSourceMapping\n    Properties: { EventSourceArn: !GetAtt Work.Arn, FunctionName: !Ref SpareFunction }\n\n  WorkMapping:\n", "one event source mapping of a queue"},
		{"half a redrive policy", ", maxReceiveCount: 5", "", "RedrivePolicy: must have deadLetterTargetArn and maxReceiveCount"},
		{"a FIFO queue", "      DelaySeconds: 0\n", "      FifoQueue: true\n", "Work.Properties.FifoQueue"},
		{"a reference to itself", "!Equals [!Ref Word, one]", "!Not [!Condition IsOne]", "refers to itself"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if strings.Count(string(data), c.old) != 1 {
				t.Fatalf("%q must occur once", c.old)
			}
			_, err := parse(strings.Replace(string(data), c.old, c.replacement, 1), nil)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "t.yaml:") {
				t.Errorf("%v; want %q", err, c.want)
			}
		})
	}
}

func TestParameters(t *testing.T) {
	data, err := os.ReadFile("../testdata/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, parameter, value, want string }{
		{"a good value", "Word", "two", ""},
		{"a pattern applies to the whole value, and the error has its own words", "Word", "two2", `"two2" must be small letters: give another value by -parameter Word=…`},
		{"over the range", "Level", "6", "is over 5"},
		{"under the range", "Level", "0", "is under 1"},
		{"no number", "Level", "x", "is not a number"},
		{"the error of a rule has the rule's words", "Level", "4", "Rules.Four.Assertions.0.Assert: Level 4 needs Word two"},
		{"no such parameter", "Wrod", "x", "-parameter Wrod: the template has no such parameter; it has Level, Origins, Seconds, Word"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parse(string(data), map[string]string{c.parameter: c.value})
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %q", err, c.want)
			}
		})
	}
	t.Run("one without a default must be given", func(t *testing.T) {
		_, err := parse(head+"Parameters:\n  P: { Type: String }\n", nil)
		if err == nil || !strings.Contains(err.Error(), "has no default: give -parameter P=…") {
			t.Error(err)
		}
	})
	t.Run("local defaults stand in", func(t *testing.T) {
		s, err := parse(head+"Parameters:\n  SesFromAddress: { Type: String }\nOutputs:\n  O: { Value: !Ref SesFromAddress }\n", nil)
		if err != nil || s.Outputs[0].Value != "login@example.com" {
			t.Error(s, err)
		}
	})
}

// TestProjectTemplate: the development stack understands all of the template that ships.
func TestProjectTemplate(t *testing.T) {
	s, err := Read("../../template.yaml", "streamotp", "x", nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Functions) < 4 || slices.ContainsFunc(s.Functions, func(f Function) bool { return f.ID == "PublishFunction" }) || len(s.Tables) != 4 || len(s.Mappings) != 1 || s.API.StageName != "api" {
		t.Errorf("%+v", s)
	}
	if s.PageHeaders["X-Content-Type-Options"] != "nosniff" {
		t.Errorf("the pages have %v", s.PageHeaders)
	}
	if age, _ := strings.CutPrefix(s.PageHeaders["Strict-Transport-Security"], "max-age="); len(age) < len("31536000") || age < "31536000" {
		t.Errorf("Strict-Transport-Security is for %q seconds, which is under a year", age)
	}
}

// TestDomain: a certificate and a name need each other. The certificate and the web ACL are in us-east-1, wherever the
// stack is.
func TestDomain(t *testing.T) {
	const certificate, acl = "arn:aws:acm:us-east-1:123456789012:certificate/6f2a9d0c-3b1e", "arn:aws:wafv2:us-east-1:123456789012:global/webacl/site/6f2a9d0c"
	for name, c := range map[string]struct {
		parameters map[string]string
		url        string // as the output shows it
		want       string // the error
	}{
		"neither":                            {nil, "https://" + SiteHost, ""},
		"both":                               {map[string]string{"DomainName": "login.example.com", "CertificateArn": certificate}, "https://login.example.com", ""},
		"a name alone":                       {map[string]string{"DomainName": "login.example.com"}, "", "DomainName needs CertificateArn"},
		"a certificate alone":                {map[string]string{"CertificateArn": certificate}, "", "CertificateArn needs DomainName"},
		"a certificate of another region":    {map[string]string{"CertificateArn": strings.Replace(certificate, "us-east-1", "eu-west-1", 1)}, "", "must be the ARN of a certificate in us-east-1"},
		"a web ACL":                          {map[string]string{"WebAclArn": acl}, "https://" + SiteHost, ""},
		"a web ACL of another region":        {map[string]string{"WebAclArn": strings.Replace(acl, "us-east-1", "eu-west-1", 1)}, "", "must be the ARN of a web ACL of scope CLOUDFRONT"},
		"a web ACL of an API, not a website": {map[string]string{"WebAclArn": strings.Replace(acl, "global", "regional", 1)}, "", "must be the ARN of a web ACL of scope CLOUDFRONT"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Read("../../template.yaml", "mine", "x", c.parameters)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v; want %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			url := s.Outputs[slices.IndexFunc(s.Outputs, func(o Output) bool { return o.Key == "SiteUrl" })].Value
			if url != c.url || len(s.SSM) != 1 || s.SSM["/streamotp/mine/site"] != c.url {
				t.Errorf("SiteUrl %s, parameters of SSM %v", url, s.SSM)
			}
		})
	}
}

// TestLeastPrivilege: no function may do an action on all resources, with one exception: sending to a phone number, which
// has no ARN. That is allowed only through SNS, and not for topics.
func TestLeastPrivilege(t *testing.T) {
	s, err := Read("../../template.yaml", "mine", "x", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range s.Functions {
		if len(f.Role.Policy) == 0 {
			t.Errorf("%s has no policy", f.ID)
		}
		for _, statement := range f.Role.Policy {
			everything := slices.ContainsFunc(statement.Resources, func(r string) bool { return !strings.HasPrefix(r, "arn:aws:") })
			bySNS := slices.Equal(statement.Actions, []string{"sns:Publish"}) ||
				slices.Equal(statement.Actions, []string{"sms-voice:SendTextMessage"}) && slices.ContainsFunc(statement.Conditions, func(c iam.Condition) bool {
					return c.Key == "aws:CalledViaLast" && slices.Equal(c.Values, []string{"sns.amazonaws.com"})
				})
			if everything && (f.ID != "SendFunction" || !bySNS) {
				t.Errorf("%s: %+v is for everything", f.ID, statement)
			}
			if strings.Contains(strings.Join(statement.Actions, " "), "*") {
				t.Errorf("%s: %+v is for more than one action", f.ID, statement)
			}
		}
		site, named := "/streamotp/mine/site", f.Environment.Variables["SITE_PARAMETER"]
		if named != "" && named != site {
			t.Errorf("%s has the site's parameter as %s", f.ID, named)
		}
		for name, may := range map[string]bool{site: named != "", site + "x": false, "/streamotp/other/site": false, "/": false} {
			if got := f.Role.Policy.Decide("ssm:GetParameter", ARN("ssm", "parameter"+name), nil) == iam.Allowed; got != may {
				t.Errorf("%s may read the parameter %s: %v", f.ID, name, got)
			}
		}
		if got := f.Role.Policy.Decide("sns:Publish", ARN("sns", "topic"), nil); f.ID == "SendFunction" && got != iam.Denied {
			t.Errorf("%s may publish to a topic", f.ID)
		}
	}
}

// FuzzParse: no text causes a panic or an endless loop.
func FuzzParse(f *testing.F) {
	data, err := os.ReadFile("../testdata/template.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(data))
	f.Add(head + "Parameters:\n  P: { Type: Number, Default: 1e9, MaxValue: x }\nOutputs:\n  O: { Value: !Sub '${P}${' }\n")
	f.Add(head + "Conditions:\n  A: !Or [!Condition A, !Condition A]\nOutputs:\n  O: { Value: !If [A, !Ref O, &x [*x]] }\n")
	f.Fuzz(func(_ *testing.T, text string) { _, _ = parse(text, nil) })
}
