package e2e

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

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
	v.press("password1" + kb.Enter)
	v.waitText("#password-error", "common")
	v.inspect("forgot-weak-password")
	v.press(fresh)
	v.click("#code-form [data-reveal]") // the code is typed only once, so it can be shown
	v.same("the type of a shown password", eval[string](v.tab, "document.getElementById('password').type"), "text")
	v.inspect("forgot-password-shown")
	v.do(chromedp.Focus(chromedp.CSS("#password")))
	v.press(kb.Enter)
	v.waitStep("done")
	v.focus("done-title")
	v.inspect("forgot-done")
	v.keepsNoSecret(user, fresh, code)
	v.messages(user, 2) // the owner is notified

	v.click("[data-step=done] a")
	v.wait("location.pathname.endsWith('/index.html')")
	v.ready()
	v.waitStep("start") // a reset does not log anybody in
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
	for _, address := range []string{user, "nobody-" + user} {
		v.open("/forgot.html")
		v.fill("#email", address)
		v.press(kb.Enter)
		v.waitStep("code")
		page := strings.ReplaceAll(v.text("main"), address, "the address")
		v.press("000000" + kb.Tab + "a cedar boat at noon" + kb.Enter)
		v.waitText("#code-error", "tries left")
		page += v.text("#code-error")
		seen[regexp.MustCompile(`\d:\d\d`).ReplaceAllString(page, "0:00")] = address
		v.click("[data-step=code] [data-restart=other]")
		v.waitStep("start")
		v.focus("email")
	}
	if len(seen) != 1 {
		v.t.Errorf("the page shows a difference between an account and an unknown address: %v", seen)
	}
}

func confirmEmail(v *visit) {
	address := v.address()
	v.open("/verify.html")
	v.inspect("verify-step1")
	v.press("nonsense" + kb.Enter)
	v.waitText("#email-error", "name@example.com")
	v.ask(address)
	v.waitText("[data-step=code] .otp-lead", address)
	v.inspect("verify-step2")
	v.press(v.code(address, 1))
	v.waitStep("done")
	v.waitText("[data-step=done]", "You entered the code that we sent to "+address)
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
	typed := "00" + phone[1:3] + " (" + phone[3:6] + ") " + phone[6:10] + "-" + phone[10:]
	v.fill("#phone", typed)
	v.press(kb.Enter)
	v.waitStep("code")
	v.waitText("[data-step=code] .otp-lead", typed)
	v.reload()
	v.waitText("[data-step=code] .otp-lead", typed)
	v.press(v.code(phone, 1))
	v.waitStep("done")
	v.waitText("[data-step=done]", phone)
}

func unreadCode(v *visit) {
	address := v.address()
	v.open("/verify.html")
	v.ask(address)
	code := v.code(address, 1)
	for _, text := range []string{code + " or " + wrong(code), "no code at all", code + "7", "Call +49 30 12345678"} {
		for _, enter := range []func(){func() { v.paste("#code", text) }, func() { v.insert(text) }} {
			enter()
			v.waitText("#code-error", "exactly one code of 6 digits")
			v.same("the field", eval[string](v.tab, "document.getElementById('code').value"), "")
			v.press("1" + kb.Backspace) // typing removes the error
			v.wait("document.getElementById('code-error').textContent === ''")
		}
	}
	v.press(code[:2])
	v.paste("#code", code)
	v.waitStep("done")
}

func pastedDestinations(v *visit) {
	address, phone := v.address(), v.phone()
	v.open("/verify.html")
	v.ask("\u200b" + address + "\u202c")
	v.press(v.code(address, 1))
	v.waitStep("done")
	v.waitText("[data-step=done]", address)
	v.click("[data-step=done] [data-restart=other]")
	v.click("[value=sms]")
	for typed, says := range map[string]string{
		"4.91511E+12": "This number is a number that a spreadsheet has rounded", "+34 (0)612345678": "has a 0 after its country code",
		"+447781123456": "numbers of Guernsey. Use a mobile number from",
	} {
		v.fill("#phone", typed)
		v.press(kb.Enter)
		v.waitText("#phone-error", says)
	}
	v.fill("#phone", "\u202d"+shift(phone[:3]+" (0)"+phone[3:], '٠')+"\u202c")
	v.press(kb.Enter)
	v.waitStep("code")
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
		"pasted in a sentence":    func(code string) { v.paste("#code", "Your code, for 5 minutes, is "+code+".") },
		"pasted in Devanagari":    func(code string) { v.paste("#code", shift(code, '०')) },
		"pasted with marks":       func(code string) { v.paste("#code", "\u202d"+code[:3]+"\u2013"+code[3:]+"\u200b") },
		"inserted in a sentence":  func(code string) { v.insert("Your code, for 5 minutes, is " + code + ".") },
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
	for range 2 {
		v.press(kb.Tab)
		path = append(path, eval[string](v.tab, "document.activeElement.innerText.split(' in ')[0]"))
		if !eval[bool](v.tab, "document.activeElement.matches(':focus-visible') && getComputedStyle(document.activeElement).outlineStyle !== 'none'") {
			v.t.Errorf("the focus cannot be seen on %q", path[len(path)-1])
		}
	}
	v.same("the way through the page", strings.Join(path, ", "), "Log in, Send the code again")
	v.do(chromedp.Focus(chromedp.CSS("#code")))
	v.press(v.code(user, 1))
	v.waitStep("done")
	v.focus("done-title")
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

func settings(v *visit) {
	v.beforeScripts(`const real = window.fetch;
		window.fetch = (url, ...rest) => url === 'config.json' ? Promise.resolve(new Response(JSON.stringify(
			{appName: 'Corner Shop', codeLength: 8, codeTtlSeconds: 120, channels: ['sms']}))) : real(url, ...rest)`)
	v.open("/verify.html")
	v.title("Confirm an address – Corner Shop")
	v.waitText("header", "Corner Shop")
	v.wait("!document.querySelector('[data-choice]').checkVisibility() && !document.getElementById('email').checkVisibility()")
	v.fill("#phone", v.phone())
	v.press(kb.Enter)
	v.waitStep("code")
	v.same("the pattern of the code", eval[string](v.tab, "document.getElementById('code').pattern"), "[0-9]{8}")
	v.wait("/^[12]:\\d\\d$/.test(document.querySelector('[data-time-left]').textContent)")
}

func robot(v *visit) {
	v.open("/verify.html")
	v.wait("!document.getElementById('contact_me_by_fax_only').checkVisibility({visibilityProperty: true}) || document.getElementById('contact_me_by_fax_only').closest('[aria-hidden=true].otp-hidden')")
	robot, person := v.address(), v.address()
	eval[chromedp.Void](v.tab, "document.getElementById('contact_me_by_fax_only').value = 'https://buy.example'")
	v.ask(robot)
	v.click("[data-step=code] [data-restart=other]")
	v.ask(person)
	v.code(person, 1) // sent after the robot's code would have been
	v.same("messages to the robot", len(v.messages(robot, 0)), 0)
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
	v.same("fields that nothing would send", eval[int](v.tab, "document.querySelectorAll('input, form').length"), 0)
}
