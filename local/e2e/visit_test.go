package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// A visit is a tab with the stack behind it.
type visit struct {
	*tab
	stack *Stack
}

// ask submits the first step of verify.html for an address and waits for the second step.
func (v *visit) ask(address string) {
	v.t.Helper()
	v.fill("#email", address)
	v.press(kb.Enter)
	v.waitStep("code")
}

func (v *visit) logIn(email, password string) {
	v.t.Helper()
	v.fill("#email", email)
	v.fill("#password", password)
	v.press(kb.Enter)
	v.waitStep("code")
}

func (v *visit) title(want string) { v.t.Helper(); v.wait(fmt.Sprintf("document.title === %q", want)) }

func (v *visit) focus(id string) {
	v.t.Helper()
	v.wait(fmt.Sprintf("document.activeElement?.id === %q", id))
}

func (v *visit) same(what string, got, want any) {
	v.t.Helper()
	if got != want {
		v.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// announced fails unless a field with an error is marked as such and refers to its error, and the error is an alert.
func (v *visit) announced(id string) {
	v.t.Helper()
	v.wait(fmt.Sprintf(`(f => f.getAttribute('aria-invalid') === 'true' && f.getAttribute('aria-describedby').split(' ').includes(f.id + '-error') &&
		document.getElementById(f.id + '-error').getAttribute('role') === 'alert')(document.getElementById(%q))`, id))
}

// keepsNoSecret fails if one of the texts is in a URL, a cookie or any storage. The typed address may be in
// sessionStorage, which belongs to this tab alone.
func (v *visit) keepsNoSecret(typed string, secrets ...string) {
	v.t.Helper()
	kept := eval[string](v.tab, `JSON.stringify([location.href, history.state, document.cookie, {...localStorage},
		performance.getEntriesByType('resource').map(e => e.name)])`)
	if strings.Contains(kept, typed) {
		v.t.Errorf("%q is kept in %s", typed, kept)
	}
	kept += eval[string](v.tab, "JSON.stringify({...sessionStorage})")
	secrets = append(secrets, eval[string](v.tab, "Object.values({...sessionStorage}).map(s => JSON.parse(s).sessionId)[0] ?? 'none'"))
	for i, secret := range secrets {
		if allowed := map[bool]int{true: 1}[i == len(secrets)-1]; strings.Count(kept, secret) > allowed { // the session id, once, in sessionStorage
			v.t.Errorf("%q is kept in %s", secret, kept)
		}
	}
}

func (v *visit) sessionID(purpose string) string {
	v.t.Helper()
	return eval[string](v.tab, fmt.Sprintf("JSON.parse(sessionStorage.getItem('streamotp.%s')).sessionId", purpose))
}

// editSession changes the stored session that a reload will find.
func (v *visit) editSession(purpose, change string) {
	v.t.Helper()
	eval[chromedp.Void](v.tab, fmt.Sprintf("(k => { const s = JSON.parse(sessionStorage.getItem(k)); %s; sessionStorage.setItem(k, JSON.stringify(s)) })('streamotp.%s')", change, purpose))
}

// watchLayout adds up the layout shifts that are not explained by an input in the last half second.
func (v *visit) watchLayout() {
	v.t.Helper()
	v.beforeScripts(`window.layoutShift = 0; new PerformanceObserver(list => {
		for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.layoutShift += entry.value;
	}).observe({type: 'layout-shift', buffered: true})`)
}

func (v *visit) beforeScripts(source string) {
	v.t.Helper()
	call(v.tab, page.Enable, page.EnableParams{})
	call(v.tab, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: source})
}

// watchClock makes window.ahead move the page's clock, in milliseconds.
func (v *visit) watchClock() {
	v.t.Helper()
	v.beforeScripts("window.ahead = 0; const now = Date.now; Date.now = () => now() + window.ahead")
}

// block makes requests to a path (a URL pattern) fail as if there were no network.
func (v *visit) block(path string) {
	v.t.Helper()
	call(v.tab, network.Enable, network.EnableParams{})
	call(v.tab, network.SetBlockedURLs, network.SetBlockedURLsParams{URLPatterns: []*network.BlockPattern{{URLPattern: v.base + path, Block: true}}})
}

// messages waits until at least n messages have arrived for a destination, newest first.
func (v *visit) messages(to string, n int) (found []Message) {
	v.t.Helper()
	until(v.t, Patience, fmt.Sprintf("%d messages to %s", n, to), func() bool {
		found = slices.DeleteFunc(v.stack.Messages(), func(m Message) bool { return m.To != to })
		return len(found) >= n
	})
	return found
}

// code waits for the n-th message to a destination and returns the code in it.
func (v *visit) code(to string, n int) string {
	v.t.Helper()
	return v.stack.Code(v.messages(to, n)[0])
}

// wrong returns another code; wrong(wrong(c)) is not c either.
func wrong(code string) string { return code[:5] + string('0'+(code[5]-'0'+1)%10) }

var (
	names = []string{"lena", "omar", "mei", "ravi", "noor", "ines", "jonas", "aiko", "sofia", "tariq", "maya", "pavel"}
	used  atomic.Int64
)

// address returns an address that no other test uses, and that looks good in a picture.
func (v *visit) address() string {
	n := int(used.Add(1)) - 1
	if n < len(names) {
		return names[n] + "@example.com"
	}
	return fmt.Sprintf("%s%d@example.com", names[n%len(names)], n/len(names)+1)
}

// phone returns a German mobile number that no other test uses.
func (v *visit) phone() string { return fmt.Sprintf("+49151%08d", 98765400+used.Add(1)) }

// addUser adds an account with the demo users' password hash, under another name.
func (v *visit) addUser(channel, phone string) string {
	v.t.Helper()
	item := v.item("UsersTable", "email", map[string]string{"email": "ada@example.com", "sms": "grace@example.com"}[channel])
	email := v.address()
	item["email"] = map[string]any{"S": email}
	if phone != "" {
		item["phone"] = map[string]any{"S": phone}
	}
	v.stack.PutItem("UsersTable", item)
	return email
}

// age makes a stored code expire.
func (v *visit) age(sessionID string) {
	v.t.Helper()
	item := v.item("CodesTable", "sessionId", sessionID)
	item["expiredAt"] = map[string]any{"N": fmt.Sprint(time.Now().Add(-time.Minute).Unix())}
	v.stack.PutItem("CodesTable", item)
}

func (v *visit) item(table, key, value string) Item {
	v.t.Helper()
	for _, item := range v.stack.Items(table) {
		if item[key]["S"] == value {
			return item
		}
	}
	v.t.Fatalf("no item of %s has %s %s", table, key, value)
	return nil
}
