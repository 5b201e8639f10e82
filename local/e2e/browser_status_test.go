package e2e

import "github.com/chromedp/chromedp"

func clocksOfTheServer(v *visit) {
	address := v.address()
	v.open("/verify.html")
	v.ask(address)
	v.code(address, 1)
	v.editSession("verify", "s.expiresAt = Date.now() + 9e6; s.resendAt = 0")
	v.reload()
	v.waitStep("code")
	v.waitText("[data-resend]", "Send the code again in 0:")
	v.wait("/^[0-4]:\\d\\d$/.test(document.querySelector('[data-time-left]').textContent)")
	v.waitText("[data-sent-again]", "It was delivered")
	v.inspect("verify-delivered")
}

func usedMeanwhile(v *visit) {
	address := v.address()
	v.open("/verify.html")
	v.ask(address)
	v.stack.Post("/api/verify", map[string]string{"sessionId": v.sessionID("verify"), "code": v.code(address, 1)})
	v.reload()
	v.waitText("[data-step=ended]", "This code was already used")
}

// lockedMeanwhile learns of a lock only from /status, and counts it down to its end.
func lockedMeanwhile(v *visit) {
	address := v.address()
	v.watchClock()
	v.open("/verify.html")
	v.ask(address)
	try := wrong(v.code(address, 1))
	for range 5 {
		v.stack.Post("/api/verify", map[string]string{"sessionId": v.sessionID("verify"), "code": try})
	}
	v.reload()
	v.waitText("[data-step=ended] h1", "Locked for 15 minutes")
	eval[chromedp.Void](v.tab, "window.ahead = 900_000")
	v.waitText("[data-step=ended] h1", "You can try again")
	v.click("[data-step=ended] .otp-primary")
	v.waitStep("start")
}

const bounces = "bounce@simulator.amazonses.com"

func bounced(v *visit) {
	v.open("/verify.html")
	typed := "Bounce@simulator.AmazonSES.com" // shown as it was typed, so that a typing error can be seen
	v.ask(typed)
	told := func() {
		v.t.Helper()
		v.waitText("#code-form [data-alert]", "We could not deliver to "+typed+". Check it")
	}
	told()
	v.wait("document.querySelector('[data-resend]').hidden")
	v.same("what offers another message", v.text(".otp-again"), "")
	v.inspect("verify-bounced")
	v.reload()
	told()
	v.keepsNoSecret(typed)
	v.click("[data-step=code] [data-restart=other]")
	v.waitStep("start")
	v.focus("email")
	v.same("the address to correct", eval[string](v.tab, "document.getElementById('email').value"), typed)
}

func namesThePhone(v *visit) {
	phone := v.phone()
	user := v.addUser("sms", phone)
	v.open("/")
	v.logIn(user, demoPassword)
	v.waitText("[data-step=code] .otp-lead", "We sent a code to the phone ending in "+phone[len(phone)-2:]+".")
	v.inspect("login-step2-sms")
	v.press(v.code(phone, 1))
	v.waitStep("done")
}

// silentBounce requests a reset for an account whose e-mail bounces. The page must poll the status but show nothing of
// the bounce.
func silentBounce(v *visit) {
	user := v.item("UsersTable", "email", "ada@example.com")
	user["email"] = map[string]any{"S": bounces}
	v.stack.PutItem("UsersTable", user)
	v.open("/forgot.html")
	v.ask(bounces)
	v.reload()
	v.waitStep("code")
	v.wait("performance.getEntriesByType('resource').some(e => e.name.endsWith('/api/status') && e.responseEnd > 0)")
	v.wait("document.querySelector('#code-form [data-alert]').textContent + document.querySelector('[data-sent-again]').textContent === ''")
	v.wait("!document.querySelector('[data-resend]').hidden")
}
