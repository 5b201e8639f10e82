package e2e

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestMailboxPage tests the mailbox page in a real browser: a sent message shows at once, rendered, and its scripts do
// not run.
func TestMailboxPage(t *testing.T) {
	findAxe(t)
	browser := openBrowser(t)
	s := Start(t)
	v := &visit{openTab(t, browser, s.URL), s.In(t)}
	v.open("/_local/")
	v.waitText("#empty", "No message yet")
	v.waitText("body", "not for production")

	_, code := session(t, s, login("ada@example.com", demoPassword), "ada@example.com") // the page is open: the message appears by itself
	v.waitText(".email[data-to='ada@example.com'] .digits", code)
	v.wait(fmt.Sprintf(`document.querySelector('.email iframe').contentDocument?.body?.textContent.includes(%q)`, code))
	if sandbox := eval[string](v.tab, `document.querySelector('.email iframe').getAttribute('sandbox')`); sandbox != "allow-same-origin" {
		t.Errorf("the mail's frame may %q", sandbox)
	}
	v.waitText(".email .copy", "Copy "+code)
	v.waitText(".email .state", "Delivered")
	v.waitText(".email .meta", "Auto-Submitted: auto-generated")
	v.click(".email .as-text")
	v.waitText(".email pre.text", "\n"+code+"\n")
	v.click(".email .as-html")
	v.inspect("mailbox")

	_, code = session(t, s, login("grace@example.com", demoPassword), "+4915112345678")
	v.waitText(".sms .text", "#"+code)
	open := "[...document.querySelectorAll('details')].filter(d => d.open).map(d => d.closest('li').dataset.to).join()"
	v.same("what is open: the newest", eval[string](v.tab, open), "+4915112345678")
	if high := eval[float64](v.tab, "Math.max(...[...document.querySelectorAll('summary')].map(e => e.getBoundingClientRect().height))"); high > 48 {
		t.Errorf("a message has %.0f px, more than one line", high)
	}
	begun(t, s, fields{"email": bounces})
	v.waitText("[data-to='"+bounces+"'] .state", "Bounced") // it did not arrive, so it is not among those that did
	if n := len(s.Messages()); n != 2 {
		t.Errorf("%d messages arrived", n)
	}
	v.inspect("mailbox-many")

	v.fill("#filter", "ADA@")
	v.wait("[...document.querySelectorAll('.message')].filter(m => m.checkVisibility()).length === 1")
	v.same("what is open of the filtered", eval[string](v.tab, open), "ada@example.com")
	v.fill("#filter", "nobody")
	v.waitText("#none", "No message to this recipient")
	v.click("#clear")
	v.wait(`!document.querySelector('#empty').hidden && !document.querySelector('.message')`)
	if n := len(s.Messages()); n != 0 {
		t.Errorf("%d messages are left", n)
	}
	v.inspect("mailbox-empty")
}

// mailboxLinked checks that the login page links to the mailbox, as that has what a person needs next.
func mailboxLinked(v *visit) {
	v.open("/")
	v.same("where the link leads", eval[string](v.tab, "document.querySelector('.foot a').getAttribute('href')"), "/_local/")
	v.do(chromedp.Navigate(plainHost(v, nil) + "/index.html")) // another host, as for a deployment
	v.ready()
	v.same("links of a deployment", eval[int](v.tab, "document.querySelectorAll('.foot a').length"), 0)
}
