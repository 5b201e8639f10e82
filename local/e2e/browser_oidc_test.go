package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// TestHostedInBrowser: Chromium keeps the cookie, also over plain HTTP on this machine, and sends it with the page's calls that ask for it.
// A frame and a script begin no login, and the error page is as good to look at as the others.
func TestHostedInBrowser(t *testing.T) {
	browser := openBrowser(t)
	s := Start(t)
	register(s)
	p := openTab(t, browser, s.URL)
	a := newApplication(webClient, webCallback)
	p.open("/api/oauth2/authorize?" + a.query().Encode())
	begun := eval[string](p, "location.href")
	id, ok := strings.CutPrefix(begun, s.URL+"/#")
	if !ok || len(id) != 22 {
		t.Fatalf("the browser is led to %s", begun)
	}
	ask := func(credentials string) string {
		return eval[string](p, fmt.Sprintf(`fetch('/api/oauth2/transaction', {method: 'POST', credentials: %q, headers: {'content-type': 'application/json'},
			body: JSON.stringify({transaction: %q})}).then(async r => r.status + ' ' + ((await r.json()).name ?? ''))`, credentials, id))
	}
	if with, without := ask("same-origin"), ask("omit"); with != "200 Web Shop" || without != "404 " {
		t.Errorf("with the cookie %q, without it %q", with, without)
	}
	if cookies := eval[string](p, "document.cookie"); cookies != "" {
		t.Errorf("a script sees %q", cookies)
	}
	before := len(s.Items("CodesTable"))
	if status := eval[int](p, fmt.Sprintf(`fetch('/api/oauth2/authorize?%s').then(r => r.status)`, a.query().Encode())); status != 400 {
		t.Errorf("a script that begins a login gets %d", status)
	}
	if after := len(s.Items("CodesTable")); after != before {
		t.Error("a script began a login")
	}
	q := a.query()
	q.Set("redirect_uri", "https://evil.example/")
	p.open("/api/oauth2/authorize?" + q.Encode())
	p.waitText("main", "redirect_uri is not registered")
	for _, theme := range []string{"light", "dark"} {
		p.theme(theme)
		for _, width := range []int64{1280, 320} {
			p.size(width, 640, 1)
			p.fits("the error page")
			p.accessible("the error page")
			p.picture(fmt.Sprintf("oidc-error-%s-%d", theme, width))
		}
	}
}
