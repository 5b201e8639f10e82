package main

import (
	"context"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/aws"

	"streamotp/shared/store/storetest"
)

// statement is one action that a policy allows.
type statement struct {
	Effect, Action, Resource string
}

// allowing matches a statement's actions, a list or a single one, and its resource.
var allowing = regexp.MustCompile(`Action: (?:\[([^]]+)\]|(\S+)),?\s+Resource: ([^\n]+)`)

// statements returns what template.yaml allows the function, one statement for each action, on this bucket and distribution.
func (d *deployment) statements() (all []statement) {
	d.t.Helper()
	text, err := os.ReadFile("../../template.yaml")
	d.must(err)
	_, after, _ := strings.Cut(string(text), "\n  PublishFunction:\n")
	_, policies, _ := strings.Cut(after, "      Policies:\n")
	policies, _, _ = strings.Cut(policies, "\n\n")
	bucket := "arn:aws:s3:::" + d.bucket
	arns := strings.NewReplacer("!Sub ", "", `"`, "", "!GetAtt SiteBucket.Arn", bucket, "${SiteBucket.Arn}", bucket,
		"${AWS::Partition}", "aws", "${AWS::AccountId}", storetest.Account, "${Distribution}", d.distribution)
	for _, found := range allowing.FindAllStringSubmatch(policies, -1) {
		resource := arns.Replace(strings.TrimSuffix(found[3], " }"))
		if strings.ContainsAny(resource, "!$ ") {
			d.t.Fatalf("the test does not understand the resource %s of template.yaml", resource)
		}
		for action := range strings.SplitSeq(found[1]+found[2], ", ") {
			all = append(all, statement{"Allow", action, resource})
		}
	}
	if actions := regexp.MustCompile(`\b(?:s3|cloudfront):[A-Z]\w+`).FindAllString(policies, -1); len(all) != 6 || len(actions) != 6 {
		d.t.Fatalf("template.yaml allows %v, of which the test understands %v", actions, all)
	}
	return all
}

// permit gives the function clients that IAM allows these statements and nothing else.
func (d *deployment) permit(statements []statement) {
	d.t.Helper()
	d.use(newClients(d.restricted(statements)))
}

func (d *deployment) restricted(statements []statement) aws.Config {
	d.t.Helper()
	policy, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	d.must(err)
	return storetest.Restricted(d.t, string(policy))
}

// lifeOf makes, changes and deletes a site without one of the permissions, and returns what fails.
func lifeOf(t *testing.T, without string) (failed []string) {
	d := deploy(t)
	d.permit(slices.DeleteFunc(d.statements(), func(s statement) bool { return s.Action == without }))
	for _, event := range []string{"create", "update", "delete"} {
		if event == "update" {
			d.site = fstest.MapFS{"index.html": {}, "config.json": {Data: []byte("{}")}}
		}
		if answer := d.send(t.Context(), event, nil); answer.Status == cfn.StatusFailed {
			failed = append(failed, event)
			if !strings.Contains(answer.Reason, "AccessDenied") {
				t.Errorf("%s fails for another reason: %s", event, answer.Reason)
			}
		}
	}
	return failed
}

// TestPermissions: the function needs all that its role allows, and no more.
func TestPermissions(t *testing.T) {
	if failed := lifeOf(t, ""); len(failed) > 0 {
		t.Errorf("with all of them fails %v", failed)
	}
	for _, s := range deploy(t).statements() {
		t.Run("without "+s.Action, func(t *testing.T) {
			failed := lifeOf(t, s.Action)
			if len(failed) == 0 {
				t.Error("nothing fails")
			}
			t.Logf("fails: %v", failed)
		})
	}
}

// TestPermissionsElsewhere: the function may not touch another bucket or distribution.
func TestPermissionsElsewhere(t *testing.T) {
	d, other := deploy(t), deploy(t)
	other.succeeds("create", nil)
	before := len(other.objects())
	for name, change := range map[string]func(map[string]any){
		"create": func(p map[string]any) { p["BucketName"] = other.bucket },
		"update": func(p map[string]any) { p["DistributionId"] = other.distribution },
		"delete": func(p map[string]any) { p["BucketName"] = other.bucket },
	} {
		d.fails(t.Context(), name, "AccessDenied", func(e *cfn.Event) { change(e.ResourceProperties) })
	}
	if after := len(other.objects()); after != before || other.invalidations() != 0 {
		t.Errorf("the other bucket had %d objects and has %d, with %d invalidations", before, after, other.invalidations())
	}
}

// TestPolicyIsKnownLate: the first deployment calls the function before IAM knows its role's policy everywhere.
func TestPolicyIsKnownLate(t *testing.T) {
	for name, c := range map[string]struct {
		knownAfter time.Duration
		want       cfn.StatusType
	}{"in time": {30 * time.Second, cfn.StatusSuccess}, "too late": {50 * time.Second, cfn.StatusFailed}} {
		t.Run(name, func(t *testing.T) {
			d := deploy(t)
			current, known := d.restricted([]statement{{"Deny", "*", "*"}}), d.restricted(d.statements())
			cfg := current
			cfg.Credentials = aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) { return current.Credentials.Retrieve(ctx) })
			d.use(newClients(cfg))
			waited := time.Duration(0)
			d.handler.pause = func(_ context.Context, step time.Duration) error {
				if waited += step; waited >= c.knownAfter {
					current = known
				}
				return nil
			}
			answer := d.send(t.Context(), "create", nil)
			if answer.Status != c.want || waited > 45*time.Second {
				t.Errorf("%+v after %v", answer, waited)
			}
			if c.want == cfn.StatusSuccess && waited < c.knownAfter {
				t.Errorf("it succeeds after %v, before the policy is known", waited)
			}
		})
	}
}
