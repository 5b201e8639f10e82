package e2e

import (
	"fmt"
	"testing"
)

// The mailbox page, in a real browser: what is sent shows at once, rendered and without running anything.
func TestMailboxPage(t *testing.T) {
	findAxe(t)
	browser := openBrowser(t)
	s := Start(t)
	v := &visit{openTab(t, browser, s.URL), s.In(t)}
	v.open("/_local/")
	v.waitText("#empty", "No message yet")
	v.waitText("body", "not for production")

	_, code := session(t, s, login("ada@example.com", demoPassword), "ada@example.com") // the page is open: it comes by itself
	v.waitText(".mail .copy", "Copy "+code)
	v.wait(fmt.Sprintf(`document.querySelector('.mail iframe').contentDocument?.body?.textContent.includes(%q)`, code))
	if sandbox := eval[string](v.tab, `document.querySelector('.mail iframe').getAttribute('sandbox')`); sandbox != "allow-same-origin" {
		t.Errorf("the mail's frame may %q", sandbox)
	}
	v.click(".mail .as-text")
	v.waitText(".mail pre.text", "\n"+code+"\n")
	v.click(".mail .as-html")

	_, code = session(t, s, login("grace@example.com", demoPassword), "+4915112345678")
	v.waitText(".phone .bubble", "#"+code)
	v.inspect("mailbox")
	v.click("#clear")
	v.wait(`!document.querySelector('#empty').hidden && !document.querySelector('.message')`)
	if n := len(s.Messages()); n != 0 {
		t.Errorf("%d messages are left", n)
	}
}
