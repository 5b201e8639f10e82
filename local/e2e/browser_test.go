package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const demoPassword = "tulip harbor lantern 42"

// The pages in a real browser against the whole stack. Each rule has a tab of its own and, where it changes one, an
// account of its own, so the rules do not depend on each other.
func TestPages(t *testing.T) {
	stack := Start(t, "-parameter", "ResendCooldownSeconds=3", "-parameter", "SendsPerHour=0", "-parameter", "SendsPerIpPerHour=0")
	browser := openBrowser(t)
	t.Cleanup(func() { t.Logf("screenshots are in %s", screenshotDir(t)) })
	for _, rule := range []struct {
		name  string
		holds func(*visit)
	}{
		{"log in by e-mail", logInByEmail},
		{"log in by SMS", logInBySMS},
		{"a wrong password is told next to its field and sends nothing", wrongPassword},
		{"wrong codes are counted, the right one still works", wrongCode},
		{"too many wrong codes lock, for a time that is told", locked},
		{"the server's word ends a code", expiredByServer},
		{"the page's clock ends a code", expiredByClock},
		{"a code that was used elsewhere is told so", usedElsewhere},
		{"resend waits, the server's wait wins, and it ends after two", resend},
		{"reload, back and a double click send nothing", sendsOnce},
		{"forgot password: the new one works, the old one does not", forgotPassword},
		{"an address without account looks the same", unknownAddress},
		{"confirm an e-mail", confirmEmail},
		{"confirm a phone", confirmPhone},
		{"a code is taken however it is typed or pasted", typedAnyhow},
		{"the keyboard is enough", keyboardOnly},
		{"a code from WebOTP is filled in and sent", webOTP},
		{"no script or style gets in", strictPolicy},
		{"without network or settings the page says so", broken},
		{"without scripts the page says so and sends nothing", withoutScripts},
	} {
		t.Run(rule.name, func(t *testing.T) { rule.holds(&visit{openTab(t, browser, stack.URL), stack.in(t)}) })
	}
}

func logInByEmail(v *visit) {
	user := v.addUser("email", "")
	v.watchLayout()
	v.open("/")
	v.title("Log in – StreamOTP")
	v.focus("email")
	v.inspect("login-step1")
	v.logIn(user, demoPassword)
	v.title("Enter your code – StreamOTP")
	v.focus("code")
	v.waitText("[data-step=code] .lead", "the e-mail address or phone on the account of "+user[:1]+"•••@example.com")
	v.waitText("[data-time-left]", "4:5")
	v.keepsNoSecret(user, demoPassword)
	code := v.code(user, 1)
	v.inspect("login-step2")
	v.theme("dark", "forced-colors", "active")
	v.picture("login-step2-forced-colors")
	v.theme("light")
	v.press(code) // the last digit sends
	v.waitStep("done")
	v.title("You are logged in – StreamOTP")
	v.focus("done-title")
	v.waitText("[data-step=done]", user)
	v.waitText("[data-step=done]", "only the server that acts on this answer should trust it")
	v.inspect("login-done")
	v.keepsNoSecret(user, demoPassword, code)
	v.same("sessionStorage", eval[int](v.tab, "sessionStorage.length"), 0)
	if shift := eval[float64](v.tab, "window.layoutShift"); shift > 0.05 {
		v.t.Errorf("the layout shifts by %.3f", shift)
	}
	v.click("[data-step=done] [data-restart]")
	v.waitStep("start")
	v.same("the e-mail field", eval[string](v.tab, "document.getElementById('email').value"), "")
}

func logInBySMS(v *visit) {
	phone := v.phone()
	user := v.addUser("sms", phone)
	v.open("/")
	v.logIn(user, demoPassword)
	message := v.messages(phone, 1)[0]
	v.same("channel", message.Channel, "sms")
	v.press(v.stack.Code(message))
	v.waitStep("done")
	v.waitText("[data-step=done]", user)
}

func wrongPassword(v *visit) {
	user := v.addUser("email", "")
	v.open("/")
	v.press(kb.Enter) // nothing filled in
	v.waitText("#email-error", "Enter your e-mail address")
	v.waitText("#password-error", "Enter your password")
	v.focus("email")
	v.inspect("login-empty")
	v.fill("#email", user)
	v.fill("#password", "not the password")
	v.press(kb.Enter)
	v.waitText("#password-error", "The e-mail address or the password is not right.")
	v.focus("password")
	v.announced("password")
	v.same("#email-error", v.text("#email-error"), "")
	v.inspect("login-wrong-password")
	v.press("x")
	v.same("the error after typing", v.text("#password-error"), "")
	v.same("messages", len(v.messages(user, 0)), 0)
}

func wrongCode(v *visit) {
	user := v.addUser("email", "")
	v.open("/")
	v.logIn(user, demoPassword)
	code := v.code(user, 1)
	v.press("12")
	v.click("[data-step=code] button[type=submit]")
	v.waitText("#code-error", "all 6 digits")
	v.fill("#code", wrong(code))
	v.waitText("#code-error", "4 tries left")
	v.focus("code")
	v.announced("code")
	v.inspect("login-wrong-code")
	v.press(wrong(wrong(code))) // what was there is selected: typing replaces it
	v.waitText("#code-error", "3 tries left")
	v.press(code)
	v.waitStep("done")
}

func locked(v *visit) {
	user := v.addUser("email", "")
	v.open("/")
	v.logIn(user, demoPassword)
	try := v.code(user, 1)
	for left := 4; left >= 1; left-- {
		try = wrong(try)
		v.press(try)
		v.waitText("#code-error", map[bool]string{true: "One try left", false: fmt.Sprintf("%d tries left", left)}[left == 1])
	}
	v.press(wrong(try))
	v.waitStep("ended")
	v.focus("ended-title")
	v.waitText("[data-step=ended]", "Too many wrong codes")
	v.inspect("login-last-try")
	v.click("[data-step=ended] [data-restart]")
	v.waitStep("start")
	v.same("the e-mail field", eval[string](v.tab, "document.getElementById('email').value"), user)
	v.fill("#password", demoPassword)
	v.press(kb.Enter)
	v.waitText("#start-form [data-alert]", "15 minutes")
	v.inspect("login-locked")
	v.same("messages", len(v.messages(user, 1)), 1)
}

func expiredByServer(v *visit) {
	user := v.addUser("email", "")
	v.open("/")
	v.logIn(user, demoPassword)
	code := v.code(user, 1)
	v.age(v.sessionID("login"))
	v.press(code)
	v.waitStep("ended")
	v.waitText("[data-step=ended]", "The code has expired")
	v.focus("ended-title")
	v.inspect("login-expired")
	v.reload()
	v.waitStep("start")
}

func expiredByClock(v *visit) {
	address := v.address()
	v.open("/verify.html")
	v.ask(address)
	v.code(address, 1)
	v.editSession("verify", "s.expiresAt = Date.now() + 30_000")
	v.reload()
	v.waitText("[data-last-minute]", "one more minute")
	v.inspect("verify-last-minute")
	v.editSession("verify", "s.expiresAt = Date.now() + 1000")
	v.reload()
	v.waitStep("ended")
	v.waitText("[data-step=ended]", "The code has expired")
	v.same("messages", len(v.messages(address, 1)), 1)
	v.click("[data-step=ended] [data-restart]")
	v.waitStep("start")
	v.focus("email")
}

func usedElsewhere(v *visit) {
	address := v.address()
	v.open("/verify.html")
	v.ask(address)
	code := v.code(address, 1)
	v.stack.Post("/api/verify", map[string]string{"sessionId": v.sessionID("verify"), "code": code})
	v.press(code)
	v.waitStep("ended")
	v.waitText("[data-step=ended]", "This code was already used")
	v.inspect("verify-used")
}

func resend(v *visit) {
	address := v.address()
	v.open("/verify.html")
	v.ask(address)
	code := v.code(address, 1)
	v.waitText("[data-resend]", "Send the code again in 0:")
	v.click("[data-resend]")
	v.same("messages after a click that was too early", len(v.messages(address, 1)), 1)

	v.editSession("verify", "s.resendAt = 0") // the page would; the server does not yet
	v.reload()
	v.click("[data-resend]")
	v.waitText("[data-sent-again]", "too early")
	v.waitText("[data-resend]", "in 0:0")
	v.inspect("verify-resend-too-early")
	v.wait("!document.querySelector('[data-resend]').hasAttribute('aria-disabled')") // the server's seconds are over

	for sent := 2; sent <= 3; sent++ {
		v.waitText("[data-resend]", "Send the code again")
		v.click("[data-resend]")
		for _, message := range v.messages(address, sent) {
			v.same("the code of each message", v.stack.Code(message), code)
		}
		v.waitText("[data-sent-again]", "sent again")
		if sent == 2 {
			v.inspect("verify-resent")
			v.editSession("verify", "s.resendAt = Date.now() + 3500") // past the server's wait, before the page's
			v.reload()
			v.wait("!document.querySelector('[data-resend]').hasAttribute('aria-disabled')")
		}
	}
	v.wait("document.querySelector('[data-resend]').hidden")
	v.waitText(".again", "ask for a new code")
	v.inspect("verify-resend-over")
	v.press(code)
	v.waitStep("done")
	v.same("messages", len(v.messages(address, 3)), 3)
}

func sendsOnce(v *visit) {
	user := v.addUser("email", "")
	v.open("/")
	v.fill("#email", user)
	v.fill("#password", demoPassword)
	eval[chromedp.Void](v.tab, "(b => { b.click(); b.click(); b.click() })(document.querySelector('#start-form button[type=submit]'))")
	v.waitStep("code")
	v.code(user, 1)
	v.reload()
	v.waitStep("code")
	v.focus("code")
	v.waitText("[data-step=code] .lead", "•••@example.com")
	v.do(chromedp.NavigateBack())
	v.waitStep("start")
	v.title("Log in – StreamOTP")
	v.waitText("[data-resume]", "You already asked for a code")
	v.same("the password field after Back", eval[string](v.tab, "document.getElementById('password').value"), "")
	v.inspect("login-step1-resume")
	v.reload()
	v.waitStep("start")
	v.click("[data-resume] button")
	v.waitStep("code")
	v.do(chromedp.NavigateBack())
	v.waitStep("start")
	v.do(chromedp.NavigateForward())
	v.waitStep("code")
	v.same("messages", len(v.messages(user, 1)), 1)
	v.press(v.code(user, 1))
	v.waitStep("done")
	v.do(chromedp.NavigateBack())
	v.waitStep("start")
	v.same("resume note", eval[bool](v.tab, "document.querySelector('[data-resume]').hidden"), true)
}

func forgotPassword(v *visit) {
	user, fresh := v.addUser("email", ""), "a cedar boat at noon"
	v.open("/forgot.html")
	v.inspect("forgot-step1")
	v.press(user + kb.Enter)
	v.waitStep("code")
	v.focus("code")
	v.inspect("forgot-step2")
	v.same("the user name for password managers", eval[string](v.tab, "document.querySelector('[autocomplete=username][hidden]').value"), user)
	code := v.code(user, 1)

	v.press(code + kb.Tab + "short" + kb.Enter)
	v.waitText("#password-error", "at least 8")
	v.focus("password")
	v.press("password1" + kb.Tab + kb.Tab + "password2" + kb.Enter) // over the show button
	v.waitText("#again-error", "not the same")
	v.fill("#again", "password1")
	v.press(kb.Enter)
	v.waitText("#password-error", "common")
	v.inspect("forgot-weak-password")
	v.press(fresh)
	v.fill("#again", fresh)
	v.press(kb.Enter)
	v.waitStep("done")
	v.focus("done-title")
	v.inspect("forgot-done")
	v.keepsNoSecret(user, fresh, code)
	v.messages(user, 2) // the owner is told

	v.click("[data-step=done] a")
	v.wait("location.pathname.endsWith('/index.html')")
	v.ready()
	v.waitStep("start") // a reset logs nobody in
	v.fill("#email", user)
	v.fill("#password", demoPassword)
	v.press(kb.Enter)
	v.waitText("#password-error", "not right")
	v.press(fresh + kb.Enter)
	v.waitStep("code")
	v.press(v.code(user, 3))
	v.waitStep("done")
}

func unknownAddress(v *visit) {
	seen := map[string]string{}
	user := v.addUser("email", "")
	for _, address := range []string{user, user[:1] + "-nobody@example.com"} { // the same once masked
		v.open("/forgot.html")
		v.fill("#email", address)
		v.press(kb.Enter)
		v.waitStep("code")
		page := v.text("main")
		v.press("000000" + kb.Tab + "a cedar boat at noon")
		v.fill("#again", "a cedar boat at noon")
		v.press(kb.Enter)
		v.waitText("#code-error", "tries left")
		page += v.text("#code-error")
		seen[regexp.MustCompile(`\d:\d\d`).ReplaceAllString(page, "0:00")] = address
		v.click("[data-step=code] [data-restart=other]")
		v.waitStep("start")
		v.same("the e-mail field", eval[string](v.tab, "document.getElementById('email').value"), "")
		v.focus("email")
	}
	if len(seen) != 1 {
		v.t.Errorf("the page tells an account from none: %v", seen)
	}
}

func confirmEmail(v *visit) {
	address := v.address()
	v.open("/verify.html")
	v.inspect("verify-step1")
	v.press("nonsense" + kb.Enter)
	v.waitText("#email-error", "name@example.com")
	v.ask(address)
	v.waitText("[data-step=code] .lead", "•••@example.com")
	v.inspect("verify-step2")
	v.press(v.code(address, 1))
	v.waitStep("done")
	v.waitText("[data-step=done]", address)
	v.inspect("verify-done")
}

func confirmPhone(v *visit) {
	v.open("/verify.html")
	v.click("[value=sms]")
	v.fill("#phone", "0151 98765402")
	v.press(kb.Enter)
	v.waitText("#phone-error", "country code")
	v.inspect("verify-phone-no-country")
	v.fill("#phone", "+33 6 12 34 56 78")
	v.press(kb.Enter)
	v.waitText("#phone-error", "Germany")
	v.focus("phone")
	v.announced("phone")
	v.inspect("verify-phone-country")
	phone := v.phone()
	v.fill("#phone", "00"+phone[1:3]+" ("+phone[3:6]+") "+phone[6:10]+"-"+phone[10:])
	v.press(kb.Enter)
	v.waitStep("code")
	v.waitText("[data-step=code] .lead", "the phone ending in "+phone[len(phone)-2:])
	v.press(v.code(phone, 1))
	v.waitStep("done")
	v.waitText("[data-step=done]", phone)
}

func typedAnyhow(v *visit) {
	wide := func(code string) string {
		return strings.Map(func(r rune) rune { return r - '0' + '０' }, code)
	}
	for name, enter := range map[string]func(code string){
		"pasted with a space":     func(code string) { v.paste("#code", code[:3]+" "+code[3:]) },
		"pasted with hyphens":     func(code string) { v.paste("#code", code[:2]+"-"+code[2:4]+"-"+code[4:]) },
		"pasted with its message": func(code string) { v.paste("#code", code+" is your code. 5 minutes.\n@127.0.0.1 #"+code) },
		"pasted full-width":       func(code string) { v.paste("#code", wide(code)) },
		"typed with a space":      func(code string) { v.press(code[:3] + " " + code[3:]) },
		"typed full-width":        func(code string) { v.insert(wide(code)) },
		"filled in by the browser": func(code string) {
			eval[chromedp.Void](v.tab, fmt.Sprintf("(f => { f.value = %q; f.dispatchEvent(new Event('input', {bubbles: true})) })(document.getElementById('code'))", code))
		},
	} {
		v.t.Log(name)
		address := v.address()
		v.open("/verify.html")
		v.ask(address)
		enter(v.code(address, 1))
		v.waitStep("done")
	}
}

func keyboardOnly(v *visit) {
	user := v.addUser("email", "")
	v.open("/")
	v.press(user + kb.Tab + demoPassword + kb.Tab)
	v.press(" ") // show
	v.same("the type of a shown password", eval[string](v.tab, "document.getElementById('password').type"), "text")
	v.inspect("login-password-shown")
	v.press(kb.Tab)
	v.same("after the show button", eval[string](v.tab, "document.activeElement.type"), "submit")
	v.press(kb.Enter)
	v.waitStep("code")
	v.same("the type of a password that was sent", eval[string](v.tab, "document.getElementById('password').type"), "password")
	var path []string
	for range 3 {
		v.press(kb.Tab)
		path = append(path, eval[string](v.tab, "document.activeElement.innerText.split(' in ')[0]"))
		if !eval[bool](v.tab, "document.activeElement.matches(':focus-visible') && getComputedStyle(document.activeElement).outlineStyle !== 'none'") {
			v.t.Errorf("the focus cannot be seen on %q", path[len(path)-1])
		}
	}
	v.same("the way through the page", strings.Join(path, ", "), "Log in, Send the code again, Use another account")
	v.do(chromedp.Focus(chromedp.CSS("#code")))
	v.press(v.code(user, 1))
	v.waitStep("done")
	v.focus("done-title")
	v.press(kb.Tab + " ")
	v.waitStep("start")
	v.focus("email")
}

func webOTP(v *visit) {
	v.beforeScripts(`
		window.OTPCredential = class {};
		navigator.credentials.get = ({otp, signal}) => new Promise((resolve, reject) => {
			window.asked = otp.transport.join();
			window.receive = code => resolve({code});
			signal.addEventListener('abort', () => { window.stopped = true; reject(signal.reason) });
		})`)
	v.open("/verify.html")
	v.ask(v.address())
	v.same("WebOTP for an e-mail", eval[bool](v.tab, "'asked' in window"), false)
	v.click("[data-step=code] [data-restart=other]")
	v.click("[value=sms]")
	phone := v.phone()
	v.fill("#phone", phone)
	v.press(kb.Enter)
	v.waitStep("code")
	v.wait("window.asked === 'sms'")
	eval[chromedp.Void](v.tab, fmt.Sprintf("window.receive(%q)", v.code(phone, 1)))
	v.waitStep("done")
	v.same("listening ends", eval[bool](v.tab, "window.stopped"), true)
}

func strictPolicy(v *visit) {
	for _, path := range []string{"/", "/forgot.html", "/verify.html"} {
		v.open(path)
		got := eval[string](v.tab, `(() => {
			const script = document.createElement('script');
			script.textContent = 'window.injected = true';
			document.head.append(script);
			document.body.insertAdjacentHTML('beforeend', '<p id="styled" style="color: rgb(1, 2, 3)"></p><img src="x:" onerror="window.injected = true">');
			return new Promise(done => setTimeout(() => done((window.injected ?? 'kept out') + ', ' + (getComputedStyle(document.getElementById('styled')).color === 'rgb(1, 2, 3)' ? 'styled' : 'kept out')), 50));
		})()`)
		v.same("script, style on "+path, got, "kept out, kept out")
		v.same("cookies of "+path, eval[string](v.tab, "document.cookie"), "")
	}
}

func broken(v *visit) {
	v.block("/config.json")
	v.open("/")
	v.waitText("[data-problem]", "config.json")
	v.inspect("login-no-settings")
	v.block("/api/*")
	v.open("/")
	v.fill("#email", "ada@example.com")
	v.fill("#password", demoPassword)
	v.press(kb.Enter)
	v.waitText("#start-form [data-alert]", "There is no connection")
	v.inspect("login-no-network")
	v.same("the button afterwards", eval[bool](v.tab, "document.querySelector('#start-form button[type=submit]').hasAttribute('aria-disabled')"), false)
}

func withoutScripts(v *visit) {
	call(v.tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	v.do(chromedp.Navigate(v.base + "/"))
	v.waitText("noscript", "needs JavaScript")
	v.picture("login-no-scripts-light")
	v.fits("login without scripts")
	v.fill("#email", "ada@example.com")
	v.fill("#password", demoPassword)
	v.press(kb.Enter)
	v.same("the page after Enter", eval[string](v.tab, "location.href"), v.base+"/")
	v.same("messages", len(v.messages("ada@example.com", 0)), 0)
}

// A visit is a tab and the stack behind it.
type visit struct {
	*tab
	stack *Stack
}

// in is the stack for a subtest: what goes wrong is that test's failure.
func (s Stack) in(t *testing.T) *Stack { s.t = t; return &s }

// ask sends the first step of verify.html for an address and waits for the second.
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

// announced fails unless a field in error is marked so, refers to its error, and the error is an alert.
func (v *visit) announced(id string) {
	v.t.Helper()
	v.wait(fmt.Sprintf(`(f => f.getAttribute('aria-invalid') === 'true' && f.getAttribute('aria-describedby').split(' ').includes(f.id + '-error') &&
		document.getElementById(f.id + '-error').getAttribute('role') === 'alert')(document.getElementById(%q))`, id))
}

// keepsNoSecret fails if one of the texts is in a URL, a cookie or any storage.
func (v *visit) keepsNoSecret(secrets ...string) {
	v.t.Helper()
	kept := eval[string](v.tab, `JSON.stringify([location.href, history.state, document.cookie, {...localStorage}, {...sessionStorage},
		performance.getEntriesByType('resource').map(e => e.name)])`)
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

// editSession changes what a reload will find.
func (v *visit) editSession(purpose, change string) {
	v.t.Helper()
	eval[chromedp.Void](v.tab, fmt.Sprintf("(k => { const s = JSON.parse(sessionStorage.getItem(k)); %s; sessionStorage.setItem(k, JSON.stringify(s)) })('streamotp.%s')", change, purpose))
}

// watchLayout adds up the layout shifts that no input of the last half second explains.
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

// block makes requests to a path (a URL pattern) fail as without a network.
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

// address returns one that no other test uses, and that looks well in a picture.
func (v *visit) address() string {
	n := int(used.Add(1)) - 1
	if n < len(names) {
		return names[n] + "@example.com"
	}
	return fmt.Sprintf("%s%d@example.com", names[n%len(names)], n/len(names)+1)
}

// phone returns a German mobile number that no other test uses.
func (v *visit) phone() string { return fmt.Sprintf("+49151%08d", 98765400+used.Add(1)) }

// addUser adds an account whose password is that of the demo users: theirs, under another name.
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

// age makes a stored code one whose time is over.
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
