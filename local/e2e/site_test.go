package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"testing"

	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp/kb"
)

// webACL names a web ACL that need not exist.
const webACL = "WebAclArn=arn:aws:wafv2:us-east-1:123456789012:global/webacl/site/6f2a9d0c-3b1e-4a77-9d3e-0c1b2a3d4e5f"

// TestWebACLCannotBeGoneAround: with a web ACL, the API's own URL, which bypasses it, serves nobody, as only CloudFront
// has the origin secret.
func TestWebACLCannotBeGoneAround(t *testing.T) {
	s := Start(t, append([]string{"-parameter", webACL}, unlimited...)...)
	secret := aws(t, s, "secretsmanager.GetSecretValue", fields{"SecretId": stackOutput(t, s, "OriginSecretArn")})["SecretString"].(string)
	through := http.Header{"X-Origin-Secret": {secret}, "Cloudfront-Viewer-Address": {"198.51.100.1:4711"}}
	for path := range everyCall() {
		for name, header := range map[string]http.Header{"without": nil, "empty": {"X-Origin-Secret": {""}}, "a guess": {"X-Origin-Secret": {"guess"}},
			"its beginning": {"X-Origin-Secret": {secret[:32]}}, "another header": {"Cloudfront-Viewer-Address": {"198.51.100.1:4711"}}} {
			for _, body := range []string{`{"email":"eve@example.com"}`, "not JSON"} {
				status, answer := raw(t, s, path, body, header)
				if status != http.StatusForbidden || fmt.Sprint(answer) != "map[message:Forbidden]" {
					t.Errorf("%s, %s: %d %v", path, name, status, answer)
				}
			}
		}
		if status, answer := raw(t, s, path, "not JSON", through); status != http.StatusBadRequest || answer["code"] != "invalid_request" {
			t.Errorf("%s, with the secret: %d %v", path, status, answer)
		}
	}
	if len(s.Items("CodesTable")) != 0 || len(s.Items("LimitsTable")) != 0 || len(s.Messages()) != 0 {
		t.Error("a refused call left something")
	}
	if status, answer := raw(t, s, "/api/generate", `{"email":"eve@example.com"}`, through); status != http.StatusOK {
		t.Errorf("through CloudFront: %d %v", status, answer)
	}
	s.WaitMessage("eve@example.com", nil)
	fresh(s, "VerifyFunction")
	s.Fault(with(secretCall, "VerifyFunction", fields{"error": "AccessDeniedException"}))
	if status, answer := raw(t, s, "/api/verify", "{}", through); status != http.StatusServiceUnavailable || answer["code"] != "unavailable" {
		t.Errorf("where the secret cannot be read: %d %v", status, answer)
	}
}

// TestPagesFromAnotherOrigin: the same files work on another host with another config.json, as frontend/README.md
// describes for Amplify and similar hosts.
func TestPagesFromAnotherOrigin(t *testing.T) {
	browser := openBrowser(t)
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	settings := ""
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(os.DirFS(root+"/frontend")))
	mux.HandleFunc("/config.json", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, settings) })
	pages := httptest.NewServer(mux)
	defer pages.Close()
	visitPages := func(t *testing.T, s *Stack) *visit {
		target, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		api := httptest.NewTLSServer(httputil.NewSingleHostReverseProxy(target)) // the pages do not call an API over plain HTTP
		t.Cleanup(api.Close)
		settings = fmt.Sprintf(`{"apiBaseUrl":%q}`, api.URL+"/api")
		v := &visit{openTab(t, browser, pages.URL), s}
		call(v.tab, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true})
		return v
	}
	t.Run("that is allowed, an address is confirmed", func(t *testing.T) {
		v := visitPages(t, Start(t, "-parameter", "AllowedOrigins=https://other.example,"+pages.URL))
		v.open("/verify.html")
		v.ask("eve@example.com")
		v.press(v.code("eve@example.com", 1))
		v.waitStep("done")
	})
	t.Run("that is not allowed, nothing is confirmed", func(t *testing.T) {
		v := visitPages(t, Start(t, "-parameter", "AllowedOrigins=https://other.example"))
		v.open("/verify.html")
		v.fill("#email", "eve@example.com")
		v.press(kb.Enter)
		v.wait("document.querySelector('#start-form [role=alert]:not([hidden]):not(:empty), [data-problem]:not([hidden])') !== null")
		if n := len(v.stack.Messages()); n != 0 {
			t.Errorf("%d messages", n)
		}
	})
}
