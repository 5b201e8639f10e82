package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// TestLeastPrivilege removes every permission of template.yaml, one at a time, and every attribute that an update may
// touch. Each time it names the flow that fails; if none fails, the permission is not needed and the test fails. The
// order of the flows is such that most missing permissions show early.
func TestLeastPrivilege(t *testing.T) {
	template := readTemplate(t)
	all := permissionsIn(t, template)
	if len(all) < 20 {
		t.Fatalf("%d permissions are read from the template", len(all))
	}
	for name, firewall := range map[string]bool{"with all of them nothing breaks": false, "nor behind a web ACL": true} {
		t.Run(name, func(t *testing.T) { nothingBreaks(t, startWith(t, template, firewall)) })
	}
	two := make(chan struct{}, 2) // two stacks at a time
	for _, p := range all {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			two <- struct{}{}
			t.Cleanup(func() { <-two })
			if isPoll(p) {
				if said := refusal(t, without(t, p)); !strings.Contains(said, strings.Fields(p.name)[1]) {
					t.Errorf("the stack starts without it:\n%s", said)
				}
				return
			}
			s := startWith(t, without(t, p), p.firewall)
			for _, f := range flows {
				broke := f.run(t, s)
				if broke == nil {
					continue
				}
				until(t, Patience, "the log of "+p.function+" has a denial", func() bool { return denied(s, p.function) })
				t.Logf("without it breaks %s: %v", f.name, broke)
				return
			}
			t.Error("no flow breaks without it")
		})
	}
}

// isPoll reports whether Lambda needs a permission to read a queue for the function. AWS creates no mapping without it,
// and the development stack does not start.
func isPoll(p permission) bool {
	return strings.Contains(p.name, " sqs:") && !strings.Contains(p.name, " sqs:SendMessage ")
}

// refusal returns the error of the stack for a template that it does not start with.
func refusal(t *testing.T, template *yaml.Node) string {
	t.Helper()
	_, binary, err := build()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	out, _ := exec.CommandContext(ctx, binary, "-addr", "127.0.0.1:0", "-template", templateIn(t, template)).CombinedOutput()
	return string(out)
}

func nothingBreaks(t *testing.T, s *Stack) {
	for _, f := range flows {
		if broke := f.run(t, s); broke != nil {
			t.Errorf("%s: %v", f.name, broke)
		}
	}
	for _, line := range s.Logs() {
		if isDenial(line) {
			t.Error(line)
		}
	}
}

// TestDenied: a policy that is too narrow fails here as it would in AWS. A permission for the sender's own identity alone
// is enough only for an account that has left SES's sandbox; without this test, the policy would seem to work until the
// first customer uses it in the sandbox.
func TestDenied(t *testing.T) {
	s := StartChanged(t, []Edit{{templateFile, ":identity/*\n", ":identity/${SesFromAddress}\n"}})
	expect(t, s, "/api/generate", fields{"email": "eve@example.com"}, 200, "")
	until(t, Patience, "a denial", func() bool { return denied(s, "SendFunction") })
	if n := len(s.Messages()); n != 0 {
		t.Errorf("%d messages; the log:\n%s", n, strings.Join(s.Logs(), "\n"))
	}
}

// denied reports whether a function's log has an access-denied error of IAM.
func denied(s *Stack, function string) bool { return denials(s, function) > 0 }

// denials counts the lines of a function's log that have an access-denied error of IAM.
func denials(s *Stack, function string) (n int) {
	for _, line := range s.Logs() {
		if strings.HasPrefix(line, function+"\t") && isDenial(line) {
			n++
		}
	}
	return n
}

func isDenial(line string) bool {
	return strings.Contains(line, "AccessDenied") || strings.Contains(line, "AuthorizationError")
}

// permission is one action on one resource that a statement of a function allows.
type permission struct {
	function         string
	statement        int // index among all statements of the function
	action, resource int // indexes in their lists
	attribute        int // index in the list of attributes that an update may touch; if set, only this attribute is removed
	name             string
	firewall         bool // the statement is different behind a web ACL, and is tested there
}

// functionsIn returns the statements of each function that calls or records start, as nodes that can be changed. The
// function of a custom resource does not run here.
func functionsIn(t *testing.T, template *yaml.Node) (names []string, statements map[string]*yaml.Node) {
	t.Helper()
	statements = map[string]*yaml.Node{}
	resources := entry(template.Content[0], "Resources")
	for i := 0; i < len(resources.Content); i += 2 {
		resource := resources.Content[i+1]
		if entry(resource, "Type").Value != "AWS::Serverless::Function" {
			continue
		}
		properties := entry(resource, "Properties")
		if entry(properties, "Events") == nil {
			continue
		}
		policies := entry(properties, "Policies")
		if policies == nil || len(policies.Content) != 1 {
			t.Fatalf("%s must have one policy document", resources.Content[i].Value)
		}
		list := entry(policies.Content[0], "Statement")
		for i, s := range list.Content {
			if s.Tag == "!If" { // the stack of the test meets the condition
				list.Content[i] = s.Content[1]
			}
		}
		names = append(names, resources.Content[i].Value)
		statements[resources.Content[i].Value] = list
	}
	return names, statements
}

func permissionsIn(t *testing.T, template *yaml.Node) (out []permission) {
	t.Helper()
	names, statements := functionsIn(t, template)
	for _, function := range names {
		for i, s := range statements[function].Content {
			if entry(s, "Effect").Value != "Allow" {
				continue
			}
			for j, action := range several(entry(s, "Action")) {
				for k, resource := range several(entry(s, "Resource")) {
					name := function + " " + action.Value + " on " + text(t, resource)
					out = append(out, permission{function, i, j, k, none, name, strings.Contains(text(t, s), "HasWebAcl")})
				}
			}
			for j, attribute := range several(attributesOf(s)) {
				name := function + " " + attribute.Value + " of " + text(t, entry(s, "Resource"))
				out = append(out, permission{function: function, statement: i, attribute: j, name: name})
			}
		}
	}
	return out
}

const none = -1

// attributesOf returns the attributes to which a statement limits updates, or nil if it does not limit them.
func attributesOf(s *yaml.Node) *yaml.Node {
	for _, operator := range []string{"ForAllValues:StringEquals", "ForAllValues:StringLike"} {
		if named := entry(entry(entry(s, "Condition"), operator), "dynamodb:Attributes"); named != nil {
			return named
		}
	}
	return nil
}

// without returns the template without this permission. Its statement is replaced by one with the other actions, and one
// with this action on the other resources.
func without(t *testing.T, p permission) *yaml.Node {
	t.Helper()
	template := readTemplate(t)
	_, statements := functionsIn(t, template)
	list := statements[p.function]
	s := list.Content[p.statement]
	if p.attribute != none {
		named := attributesOf(s)
		named.Content = but(named.Content, p.attribute)
		return template
	}
	actions, resources := several(entry(s, "Action")), several(entry(s, "Resource"))
	rest := but(list.Content, p.statement)
	for _, part := range [][2][]*yaml.Node{
		{but(actions, p.action), resources},
		{actions[p.action : p.action+1], but(resources, p.resource)},
	} {
		if len(part[0]) > 0 && len(part[1]) > 0 {
			rest = append(rest, statement(s, part[0], part[1]))
		}
	}
	list.Content = rest
	return template
}

func but(list []*yaml.Node, i int) []*yaml.Node {
	return slices.Delete(slices.Clone(list), i, i+1)
}

// statement returns a copy of s with other actions and resources.
func statement(s *yaml.Node, actions, resources []*yaml.Node) *yaml.Node {
	out := &yaml.Node{Kind: yaml.MappingNode}
	for i := 0; i < len(s.Content); i += 2 {
		value := s.Content[i+1]
		switch s.Content[i].Value {
		case "Action":
			value = &yaml.Node{Kind: yaml.SequenceNode, Content: actions}
		case "Resource":
			value = &yaml.Node{Kind: yaml.SequenceNode, Content: resources}
		}
		out.Content = append(out.Content, s.Content[i], value)
	}
	return out
}

// several returns the entries of a list, or a single value as a list of one. An intrinsic is a single value; nil has
// none.
func several(n *yaml.Node) []*yaml.Node {
	if n == nil {
		return nil
	}
	if n.Kind == yaml.SequenceNode && n.Tag == "!!seq" {
		return n.Content
	}
	return []*yaml.Node{n}
}

// entry returns the value of a key of a mapping, or nil if the key is missing.
func entry(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; mapping != nil && i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

func text(t *testing.T, n *yaml.Node) string {
	t.Helper()
	plain := *n
	plain.LineComment, plain.HeadComment = "", ""
	out, err := yaml.Marshal(&plain)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func readTemplate(t *testing.T) *yaml.Node {
	t.Helper()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(root, templateFile))
	if err != nil {
		t.Fatal(err)
	}
	var out yaml.Node
	if err := yaml.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return &out
}

// startWith starts a stack with this template, with a CAPTCHA so that its secret is read, and with sign-up. Its functions are the project's
// own, which are built already. Behind a web ACL all calls come from CloudFront, as others would be rejected.
func startWith(t *testing.T, template *yaml.Node, firewall bool) *Stack {
	t.Helper()
	args := withCaptcha("turnstile", "-template", templateIn(t, template), "-parameter", withSignUp)
	if !firewall {
		return Start(t, args...)
	}
	return fromCloudFront(t, Start(t, append(args, "-parameter", webACL)...))
}

// templateIn writes a template into a folder of its own and returns its path. Its functions are the project's.
func templateIn(t *testing.T, template *yaml.Node) string {
	t.Helper()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	entry(entry(entry(template.Content[0], "Globals"), "Function"), "CodeUri").Value = filepath.Join(root, "functions")
	path := filepath.Join(t.TempDir(), templateFile)
	write(t, path, text(t, template))
	return path
}
