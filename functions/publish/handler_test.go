package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"streamotp/frontend"
)

func TestCreate(t *testing.T) {
	d := deploy(t)
	d.succeeds("create", nil)
	objects := d.objects()
	if len(objects) < 20 {
		t.Errorf("%d objects", len(objects))
	}
	for key, object := range objects {
		page := !strings.Contains(key, "/")
		wantType, wantCache := contentTypes[key[strings.LastIndex(key, "."):]], immutable
		if page {
			wantCache = "no-cache"
		}
		if aws.ToString(object.ContentType) != wantType || aws.ToString(object.CacheControl) != wantCache {
			t.Errorf("%s: %s, %s", key, aws.ToString(object.ContentType), aws.ToString(object.CacheControl))
		}
	}
	if got := aws.ToString(objects["index.html"].ContentType); got != "text/html; charset=utf-8" {
		t.Errorf("a page is %s", got)
	}
	if d.invalidations() != 0 {
		t.Error("an invalidation, where nothing is cached yet")
	}
}

func TestSettings(t *testing.T) {
	d := deploy(t)
	settings := func() (out map[string]any) {
		d.must(json.Unmarshal([]byte(d.text("config.json")), &out))
		return out
	}
	d.succeeds("create", nil)
	const created = `map[apiBaseUrl:/api appName:StreamOTP captcha:<nil> channels:[email sms] codeLength:6 codeTtlSeconds:300 resendCooldownSeconds:30]`
	if got := fmt.Sprint(settings()); got != created {
		t.Errorf("config.json is %s", got)
	}
	t.Run("an update with other properties writes it again", func(t *testing.T) {
		d.succeeds("update", func(e *cfn.Event) { e.ResourceProperties["CodeTtlSeconds"] = "90.5" })
		const updated = `map[apiBaseUrl:/api appName:StreamOTP captcha:map[provider:turnstile siteKey:site-key] channels:[email] codeLength:8 codeTtlSeconds:90 resendCooldownSeconds:30]`
		if got := fmt.Sprint(settings()); got != updated {
			t.Errorf("config.json is %s", got)
		}
	})
	t.Run("the file's settings are those that the site knows", func(t *testing.T) {
		own := map[string]any{}
		text, err := frontend.Files.ReadFile("config.json")
		d.must(err)
		d.must(json.Unmarshal(text, &own))
		for name := range settings() {
			if _, ok := own[name]; !ok {
				t.Errorf("the site's config.json has no %s", name)
			}
		}
	})
	t.Run("what no parameter has stays as the file says", func(t *testing.T) {
		p := properties{provider: "recaptcha", siteKey: "new"}
		own := map[string]any{"provider": "recaptcha", "siteKey": "old", "version": 3.0}
		if got := fmt.Sprint(captcha(p, own)); got != "map[provider:recaptcha siteKey:new version:3]" {
			t.Error(got)
		}
		own["provider"] = "turnstile"
		if got := fmt.Sprint(captcha(p, own)); got != "map[provider:recaptcha siteKey:new]" {
			t.Error(got)
		}
	})
}

func TestUpdate(t *testing.T) {
	page := func(module string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(`<script src="` + module + `"></script><a href="index.html">`)}
	}
	before := fstest.MapFS{"index.html": page("old.js"), "gone.html": page("old.js"), "old.js": {Data: []byte("1")}, "config.json": {Data: []byte("{}")}}
	after := fstest.MapFS{"index.html": page("new.js"), "new.html": page("new.js"), "new.js": {Data: []byte("1")}, "config.json": {Data: []byte("{}")}}
	d := deploy(t)
	d.site = before
	d.succeeds("create", nil)
	d.site = after
	d.succeeds("update", nil)
	objects := d.objects()
	module := ""
	for key := range objects {
		if strings.HasSuffix(key, "/new.js") {
			module = key
		}
	}
	if len(objects) != 4 || objects["new.html"] == nil || objects["index.html"] == nil || module == "" {
		t.Errorf("the bucket has %v", keysOf(objects))
	}
	if want := `<script src="` + module + `"></script><a href="index.html">`; d.text("index.html") != want {
		t.Errorf("the page is %s", d.text("index.html"))
	}
	list, err := d.owner.cloudfront.ListInvalidations(t.Context(), &cloudfront.ListInvalidationsInput{DistributionId: &d.distribution})
	d.must(err)
	if len(list.InvalidationList.Items) != 1 {
		t.Fatalf("%d invalidations", len(list.InvalidationList.Items))
	}
	got, err := d.owner.cloudfront.GetInvalidation(t.Context(), &cloudfront.GetInvalidationInput{DistributionId: &d.distribution, Id: list.InvalidationList.Items[0].Id})
	d.must(err)
	if paths := got.Invalidation.InvalidationBatch.Paths.Items; len(paths) != 1 || paths[0] != "/*" {
		t.Errorf("invalidated %v", paths)
	}
}

func keysOf[V any](m map[string]V) (keys []string) {
	for key := range m {
		keys = append(keys, key)
	}
	return keys
}

func TestDelete(t *testing.T) {
	t.Run("empties the bucket and leaves it deletable", func(t *testing.T) {
		d := deploy(t)
		d.succeeds("create", nil)
		d.succeeds("delete", nil)
		_, err := d.owner.s3.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: &d.bucket})
		d.must(err)
		d.succeeds("delete", nil) // where the bucket is gone
	})
	t.Run("empties a versioned bucket of every version", func(t *testing.T) {
		d := deploy(t)
		_, err := d.owner.s3.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: &d.bucket,
			VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
		d.must(err)
		d.succeeds("create", nil)
		d.site = fstest.MapFS{"index.html": {}, "config.json": {Data: []byte("{}")}}
		d.succeeds("update", nil)
		if d.versions() < 10 {
			t.Fatalf("%d versions", d.versions())
		}
		d.succeeds("delete", nil)
		if d.versions() != 0 {
			t.Errorf("%d versions stay", d.versions())
		}
	})
	t.Run("succeeds where the create failed before anything was written", func(t *testing.T) {
		d := deploy(t)
		d.use(d.owner) // IAM would deny the function another bucket
		for name, change := range map[string]func(map[string]any){
			"no bucket":       func(p map[string]any) { delete(p, "BucketName") },
			"an empty name":   func(p map[string]any) { p["BucketName"] = "" },
			"other bad input": func(p map[string]any) { p["CodeLength"] = "x" },
			"no such bucket":  func(p map[string]any) { p["BucketName"] = "another-bucket" },
		} {
			if a := d.send(t.Context(), "delete", func(e *cfn.Event) { change(e.ResourceProperties) }); a.Status != cfn.StatusSuccess {
				t.Errorf("%s: %+v", name, a)
			}
		}
	})
}

func TestFailuresAreAnswered(t *testing.T) {
	d := deploy(t)
	properties := func(change func(map[string]any)) func(*cfn.Event) {
		return func(e *cfn.Event) { change(e.ResourceProperties) }
	}
	t.Run("everything that is wrong with the properties is named, without its value", func(t *testing.T) {
		const all = "BucketName must be text; DistributionId is empty; AppName must be text; CodeLength must be a number from 6 to 10; " +
			"CodeTtlSeconds must be a number from 60 to 600; CaptchaProvider must be none, recaptcha, turnstile or hcaptcha"
		for _, name := range []string{"create", "update"} {
			d.fails(t.Context(), name, all, properties(func(p map[string]any) {
				delete(p, "BucketName")
				p["DistributionId"], p["AppName"], p["CodeLength"], p["CodeTtlSeconds"], p["CaptchaProvider"] = "", []any{}, "hidden", "NaN", "hidden"
			}))
		}
	})
	t.Run("an unknown request", func(t *testing.T) {
		d.fails(t.Context(), "update", "RequestType", func(e *cfn.Event) { e.RequestType = "Import" })
	})
	t.Run("what AWS refuses, by its name", func(t *testing.T) {
		d := deploy(t)
		d.use(d.owner) // IAM would deny the function both calls
		d.fails(t.Context(), "create", "S3 PutObject: NoSuchBucket", properties(func(p map[string]any) { p["BucketName"] = "another-bucket" }))
		d.fails(t.Context(), "update", "CloudFront CreateInvalidation: NoSuchDistribution", properties(func(p map[string]any) { p["DistributionId"] = "E0" }))
	})
	t.Run("a file of an unknown kind", func(t *testing.T) {
		d := deploy(t)
		d.site = fstest.MapFS{"index.html": {}, "config.json": {Data: []byte("{}")}, "page.php": {}}
		d.fails(t.Context(), "create", "page.php has no content type", nil)
	})
	t.Run("S3 is down", func(t *testing.T) {
		d := deploy(t)
		d.use(clientsOf(t, "http://127.0.0.1:1"))
		for _, name := range []string{"create", "update", "delete"} {
			d.fails(t.Context(), name, "S3 ", nil)
		}
	})
	t.Run("a panic", func(t *testing.T) {
		d := deploy(t)
		d.site = broken{}
		d.fails(t.Context(), "update", "panicked", nil)
		if strings.Contains(d.log.String(), "what was said") {
			t.Error("the panic's value is logged")
		}
	})
}

// broken is a site that panics.
type broken struct{}

func (broken) Open(string) (fs.File, error) { panic("what was said") }

// The function's own time runs out only after CloudFormation was answered.
func TestTimeIsLeftToAnswer(t *testing.T) {
	d := deploy(t)
	t.Run("S3 hangs", func(t *testing.T) {
		stop := make(chan struct{})
		hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
		defer hanging.Close()
		defer close(stop)
		d.use(clientsOf(t, hanging.URL))
		for _, name := range []string{"create", "update", "delete"} {
			ctx, cancel := context.WithTimeout(t.Context(), margin+200*time.Millisecond)
			d.fails(ctx, name, "out of time", nil)
			if deadline, _ := ctx.Deadline(); time.Until(deadline) < margin/2 {
				t.Errorf("%s: answered %v before the end", name, time.Until(deadline))
			}
			cancel()
		}
	})
	t.Run("no time is left from the beginning", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), margin/2)
		defer cancel()
		d.fails(ctx, "update", "out of time", nil)
	})
}

// Anybody who has the response URL can respond in our place.
func TestResponseURLIsNotTold(t *testing.T) {
	d := deploy(t)
	event := d.event("create")
	event.ResponseURL = "http://127.0.0.1:1/answer?X-Amz-Signature=hidden"
	_, err := answering(d.handle)(t.Context(), event)
	if err == nil || strings.Contains(err.Error()+d.log.String(), "hidden") {
		t.Errorf("%v\n%s", err, d.log)
	}
}
