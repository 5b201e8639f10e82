package claims

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// tree is a mapping of template.yaml. A tag such as !Ref is left out: !Ref LogGroup is the text "LogGroup".
type tree = map[string]any

// at returns what is below a path of names, or nil.
func at(node any, path ...string) any {
	for _, name := range path {
		below, _ := node.(tree)
		node = below[name]
	}
	return node
}

// TestTemplate: what neither a deployment nor the development stack shows. Nobody but SES may report on e-mail, the API is
// neither called by plain HTTP nor cached, and each function, alarm and parameter has what all of its kind must have.
func TestTemplate(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var template tree
	if err := yaml.Unmarshal(data, &template); err != nil {
		t.Fatal(err)
	}
	same := func(what string, got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, not %v", what, got, want)
		}
	}
	resources := template["Resources"].(tree)
	of := func(kind string) []string {
		ids := slices.Sorted(maps.Keys(resources))
		ids = slices.DeleteFunc(ids, func(id string) bool { return at(resources, id, "Type") != kind })
		if len(ids) == 0 {
			t.Errorf("the template has no %s", kind)
		}
		return ids
	}

	for _, id := range of("AWS::Serverless::Function") {
		function := at(resources, id, "Properties").(tree)
		same(id+"'s role, which would be shared", function["Role"], nil)
		for _, policy := range function["Policies"].([]any) {
			same("a policy of "+id+" that is not written out", at(policy, "Statement") == nil, false)
		}
		same("where "+id+" logs", function["LoggingConfig"], nil) // as all do
		if timeout, own := function["Timeout"].(int); own && timeout >= 30 && id != "PublishFunction" {
			t.Errorf("%s may take %d s; API Gateway gives up after 30", id, timeout)
		}
		if id != "PublishFunction" { // runs only in deployments
			alarm := strings.TrimSuffix(id, "Function") + "ThrottleAlarm"
			same("what "+alarm+" watches", at(resources, alarm, "Properties", "Dimensions"), []any{tree{"Name": "FunctionName", "Value": id}})
		}
	}
	same("where functions log", at(template, "Globals", "Function", "LoggingConfig"), tree{"LogFormat": "JSON", "LogGroup": "LogGroup"})

	reports := at(resources, "FeedbackTopicPolicy", "Properties", "PolicyDocument", "Statement").([]any)
	same("statements on who may report on e-mail", len(reports), 1)
	same("who may report on e-mail", at(reports[0], "Principal"), tree{"Service": "ses.amazonaws.com"})
	same("for whom", slices.Sorted(maps.Keys(at(reports[0], "Condition", "StringEquals").(tree))), []string{"AWS:SourceAccount", "AWS:SourceArn"})

	distribution := at(resources, "Distribution", "Properties", "DistributionConfig")
	behaviors := at(distribution, "CacheBehaviors").([]any)
	paths := map[any]any{}
	for _, behavior := range behaviors {
		paths[at(behavior, "PathPattern")] = at(behavior, "ResponseHeadersPolicyId")
		same("what answers plain HTTP, where a redirect would come after the password", at(behavior, "ViewerProtocolPolicy"), "https-only")
	}
	same("paths with headers of their own, and those that pages elsewhere may read", paths,
		map[any]any{"/api/oauth2/token": "SiteHeaders", "/api/oauth2/userinfo": "SiteHeaders", "/api/oauth2/*": "OauthHeaders",
			"/api/*": "SiteHeaders", "/.well-known/*": "PublicHeaders", "*.js": "PublicHeaders", "/config.json": "PublicHeaders"})
	same("the path of hosted login, before that of the whole API", at(behaviors[2], "PathPattern"), "/api/oauth2/*")
	for i, cache := range []string{"OauthCache", "OauthCache", "OauthCache", "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"} { // AWS's CachingDisabled
		same("the cache of the API's answers", at(behaviors[i], "CachePolicyId"), cache)
	}
	cache := at(resources, "OauthCache", "Properties", "CachePolicyConfig")
	same("what passes through the cache of hosted login", at(cache, "ParametersInCacheKeyAndForwardedToOrigin"), tree{"EnableAcceptEncodingGzip": false,
		"HeadersConfig": tree{"HeaderBehavior": "whitelist", "Headers": []any{"authorization", "origin"}}, "CookiesConfig": tree{"CookieBehavior": "all"},
		"QueryStringsConfig": tree{"QueryStringBehavior": "all"}})
	same("its longest time", []any{at(cache, "MinTTL"), at(cache, "DefaultTTL"), at(cache, "MaxTTL")}, []any{0, 0, 1})
	var kept []any // the errors that CloudFront would keep, without pages, which would take the place of the API's answers
	for _, code := range []int{404, 500, 501, 502, 503, 504} {
		kept = append(kept, tree{"ErrorCode": code, "ErrorCachingMinTTL": 0})
	}
	same("errors that CloudFront keeps", at(distribution, "CustomErrorResponses"), kept)
	var removed []any
	for _, header := range []string{"Origin", "Credentials", "Headers", "Methods"} {
		removed = append(removed, tree{"Header": "Access-Control-Allow-" + header})
	}
	removed = append(removed, tree{"Header": "Access-Control-Expose-Headers"}, tree{"Header": "Access-Control-Max-Age"})
	same("what hosted login keeps from pages elsewhere", at(resources, "OauthHeaders", "Properties", "ResponseHeadersPolicyConfig", "RemoveHeadersConfig", "Items"), removed)

	topic := []any{[]any{"HasAlarmTopicArn", "AlarmTopicArn", "AlarmTopic"}}
	for _, id := range of("AWS::CloudWatch::Alarm") {
		condition := "HasAlarms"
		if id == "SignUpAlarm" {
			condition = "HasSignUpAlarm"
		}
		same("the condition of "+id, at(resources, id, "Condition"), condition)
		same("who hears of "+id, at(resources, id, "Properties", "AlarmActions"), topic)
		same("who hears of its end", at(resources, id, "Properties", "OKActions"), topic)
	}

	parameters := template["Parameters"].(tree)
	for name := range parameters {
		parameter := parameters[name].(tree)
		bounded := parameter["AllowedValues"] != nil || parameter["AllowedPattern"] != nil || parameter["MinValue"] != nil && parameter["MaxValue"] != nil
		same("bounds of "+name, bounded, true)
		same("whether a console hides "+name, parameter["NoEcho"], nil) // secrets are in Secrets Manager, and nowhere else
	}
	var providers []string
	for _, provider := range at(parameters, "CaptchaProvider", "AllowedValues").([]any) {
		providers = append(providers, fmt.Sprint(provider))
	}
	slices.Sort(providers)
	same("the CAPTCHA providers that have a row", slices.Sorted(maps.Keys(at(template, "Mappings", "CaptchaProviders").(tree))), providers)
}
