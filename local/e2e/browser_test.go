package e2e

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const (
	demoPassword = "tulip harbor lantern 42"
	cooldown     = 6 // seconds that the server requires before a resend: short enough to wait for, long enough to come too early
)

// TestPages tests the pages in a real browser against the whole stack. Each rule has its own tab and, if it changes an
// account, its own account, so the rules do not depend on each other.
func TestPages(t *testing.T) {
	findAxe(t) // first, as the rest takes a while
	browser := openBrowser(t)
	stack := Start(t, "-parameter", fmt.Sprintf("ResendCooldownSeconds=%d", cooldown),
		"-parameter", "SendsPerHour=0", "-parameter", "SendsPerIpPerHour=0", "-parameter", "PasswordTriesPerHour=0")
	t.Cleanup(func() { t.Logf("screenshots are in %s", screenshotDir(t)) })
	for _, rule := range []struct {
		name  string
		holds func(*visit)
	}{
		{"log in by e-mail", logInByEmail},
		{"log in by SMS", logInBySMS},
		{"without an application a login leads nowhere", noHome},
		{"a wrong password is reported next to its field and sends nothing", wrongPassword},
		{"wrong codes are counted, the right one still works", wrongCode},
		{"too many wrong codes lock, and the page shows for how long", locked},
		{"the server's word ends a code", expiredByServer},
		{"a code whose time is over by the page's clock ends by the server's word", expiredByClock},
		{"P8: a clock that jumps forward ends no code", clockJumps},
		{"P7: a wrong code is not sent twice", wrongCodeTwice},
		{"P10: the page reports that a code is from an older message", olderCode},
		{"P6: a password manager in the hidden field costs one code, not all", trapped},
		{"P6: a reset that went into the hidden field ends", trappedReset},
		{"O5: a login names the phone that gets no messages", phoneNotSupported},
		{"O8: pages of another origin on this machine", pagesElsewhere},
		{"an address can be changed, after a reload too", changeAddress},
		{"a lock ends on its page", lockEnds},
		{"the login page links to the mailbox, and on a deployment to none", mailboxLinked},
		{"the page reports that a code was used elsewhere", usedElsewhere},
		{"after a reload the clocks are the server's", clocksOfTheServer},
		{"after a reload a code that was used elsewhere has ended", usedMeanwhile},
		{"after a reload a lock that began elsewhere counts down", lockedMeanwhile},
		{"the page reports a bounce, and the code is not sent again", bounced},
		{"a login by SMS names the phone", namesThePhone},
		{"forgot password reveals no bounce", silentBounce},
		{"resend waits, the server's wait wins, and it ends after two", resend},
		{"reload, back and a double click send nothing", sendsOnce},
		{"forgot password: the new one works, the old one does not", forgotPassword},
		{"an address without account looks the same", unknownAddress},
		{"confirm an e-mail", confirmEmail},
		{"confirm a phone", confirmPhone},
		{"a code is taken however it is typed or pasted", typedAnyhow},
		{"a text without one code is not taken, and the field says so", unreadCode},
		{"addresses and numbers are read as contacts and spreadsheets give them", pastedDestinations},
		{"the keyboard is enough", keyboardOnly},
		{"a code from WebOTP is filled in and sent", webOTP},
		{"no script or style gets in", strictPolicy},
		{"settings change the pages", settings},
		{"a robot that fills in the hidden field gets no message", robot},
		{"without network or settings the page says so", broken},
		{"without scripts the page says so and asks for nothing", withoutScripts},
	} {
		t.Run(rule.name, func(t *testing.T) { rule.holds(&visit{openTab(t, browser, stack.URL), stack.In(t)}) })
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
	v.waitText("[data-step=code] .otp-lead", "We sent a code to "+user+".")
	v.wait("/^[45]:\\d\\d$/.test(document.querySelector('[data-time-left]').textContent)")
	v.keepsNoSecret(user, demoPassword)
	code := v.code(user, 1)
	v.inspect("login-step2")
	v.theme("dark", "forced-colors", "active")
	v.picture("login-step2-forced-colors")
	v.theme("light")
	v.press(code) // the last digit submits the code
	v.waitStep("done")
	v.title("Your code was right – StreamOTP")
	v.focus("done-title")
	v.waitText("[data-step=done]", user)
	v.inspect("login-done")
	v.keepsNoSecret(user, demoPassword, code)
	v.same("sessionStorage", eval[int](v.tab, "sessionStorage.length"), 0)
	if shift := eval[float64](v.tab, "window.layoutShift"); shift > 0.05 {
		v.t.Errorf("the layout shifts by %.3f", shift)
	}
	v.same("the e-mail field", eval[string](v.tab, "document.getElementById('email').value"), "")
	v.waitText("[data-home]", "Continue to Demo")
	v.same("where the page leads", eval[string](v.tab, "document.querySelector('[data-home]').href"), v.base+"/_local/example")
}

// noHome logs in where no application has a page to go on to, or one that is no page.
func noHome(v *visit) {
	for _, answer := range []string{`{}`, `{"application":{"name":"Shop","homeUrl":"javascript:alert(1)"}}`, `{"message":"Service Unavailable"}`} {
		user := v.addUser("email", "")
		v.beforeScripts(fmt.Sprintf(`window.realFetch ??= window.fetch;
			window.fetch = (url, ...rest) => url === '.well-known/streamotp.json' ? Promise.resolve(new Response(%q)) : realFetch(url, ...rest)`, answer))
		v.open("/")
		v.logIn(user, demoPassword)
		v.press(v.code(user, 1))
		v.waitStep("done")
		v.waitText("[data-no-home]", "No application is connected to this page")
		v.same("where the page leads", eval[int](v.tab, "document.querySelectorAll('[data-step=done] a:not([hidden])').length"), 0)
	}
	v.inspect("login-done-no-home")
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
	v.press(kb.Enter) // nothing is filled in
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
	v.press(wrong(wrong(code))) // the old code is selected, so typing replaces it
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
	v.title("Locked for 15 minutes – StreamOTP")
	v.waitText("[data-step=ended] h1", "Locked for 15 minutes")
	v.same("what would be refused is offered", eval[bool](v.tab, "document.querySelector('[data-step=ended] .otp-primary').checkVisibility()"), false)
	v.inspect("login-last-try")
	v.click("[data-step=ended] [data-restart=other]")
	v.waitStep("start")
	v.same("the e-mail field", eval[string](v.tab, "document.getElementById('email').value"), user)
	v.fill("#password", demoPassword)
	v.press(kb.Enter)
	v.waitText("#start-form [data-alert]", "Try again in 15 minutes.")
	v.inspect("login-locked")
	v.same("messages: the code, and that somebody knows the password", len(v.messages(user, 2)), 2)
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
	v.watchClock()
	v.open("/verify.html")
	v.ask(address)
	v.code(address, 1)
	v.block("/api/status") // /status would know better
	v.editSession("verify", "s.expiresAt = Date.now() + 30_000")
	v.reload()
	v.waitText("[data-last-minute]", "one more minute")
	v.inspect("verify-last-minute")
	v.age(v.sessionID("verify"))
	eval[chromedp.Void](v.tab, "window.ahead = 30_000")
	v.waitText("[data-time-left]", "0:00")
	v.block("/nothing")
	v.waitStep("ended")
	v.waitText("[data-step=ended]", "The code has expired")
	v.same("messages", len(v.messages(address, 1)), 1)
	v.click("[data-step=ended] [data-restart=same]")
	v.waitStep("start")
	v.focus("email")
	v.same("the e-mail field after a reload", eval[string](v.tab, "document.getElementById('email').value"), address)
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

	v.block("/api/status")                    // /status would know better
	v.editSession("verify", "s.resendAt = 0") // the page allows a resend now; the server does not yet
	v.reload()
	v.click("[data-resend]")
	v.waitText("[data-sent-again]", "too early")
	v.waitText("[data-resend]", "in 0:0")
	v.inspect("verify-resend-too-early")
	v.wait("!document.querySelector('[data-resend]').hasAttribute('aria-disabled')") // the seconds that the server reported are over

	for sent := 2; sent <= 3; sent++ {
		v.waitText("[data-resend]", "Send the code again")
		v.click("[data-resend]")
		for _, message := range v.messages(address, sent) {
			v.same("the code of each message", v.stack.Code(message), code)
		}
		v.waitText("[data-sent-again]", "sent again")
		if sent == 2 {
			v.inspect("verify-resent")
			v.editSession("verify", fmt.Sprintf("s.resendAt = Date.now() + %d", cooldown*1000+500)) // after the server's wait, before the page's
			v.reload()
			v.wait("!document.querySelector('[data-resend]').hasAttribute('aria-disabled')")
		}
	}
	v.wait("document.querySelector('[data-resend]').hidden")
	v.waitText("[data-exhausted]", "Nothing arrived?")
	v.block("/nothing")
	v.waitText("[data-sent-again]", "It was delivered")
	v.same("what the page says beside that", v.text("[data-exhausted]"), "Ask for a new code")
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
	v.waitText("[data-step=code] .otp-lead", user)
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
