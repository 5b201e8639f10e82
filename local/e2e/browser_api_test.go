package e2e

import (
	"strings"
	"testing"
)

// TestPagesAPI: the page that describes the API shows every call and every error, searches, and loads nothing.
func TestPagesAPI(t *testing.T) {
	browser := openBrowser(t)
	s := Start(t)
	v := &visit{openTab(t, browser, s.URL), s.In(t)}
	v.beforeScripts(`window.violations = []; addEventListener('securitypolicyviolation', e => window.violations.push(e.violatedDirective + ' ' + e.blockedURI))`)
	v.open("/_local/api")
	v.waitText("h1", "StreamOTP")
	for _, text := range []string{"Request a code", "Enter a code", "Send the same code again", "Ask how a session is", "The keys that sign proofs"} {
		v.waitText("#api", text)
	}
	v.waitText("#api", "contact_me_by_fax_only")
	v.fill("input[placeholder='Search...']", "new password")
	v.waitText("[data-role='search:results']", "Enter a code and set a new password")
	loaded := eval[string](v.tab, `[...performance.getEntriesByType('resource').map(e => e.name), ...window.violations].filter(e => !/^(data|blob):/.test(e)).join('\n')`)
	if loaded = strings.TrimSpace(loaded); loaded != "" {
		t.Errorf("the page loads, or tried to load:\n%s", loaded)
	}
	v.picture("api-page")
}
