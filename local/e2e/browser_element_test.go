package e2e

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestPagesElement tests <stream-otp> in the page of an application: another origin, a strict policy, a client and a nonce.
func TestPagesElement(t *testing.T) {
	findAxe(t)
	browser := openBrowser(t)
	application := httptest.NewUnstartedServer(nil)
	stack := Start(t, append(unlimited, "-parameter", "AllowedOrigins=http://"+application.Listener.Addr().String(), "-parameter", "CodeLength=8")...)
	registerShop(stack)
	application.Config.Handler = elementPage(stack.URL)
	application.Start()
	t.Cleanup(application.Close)
	for _, rule := range []struct {
		name  string
		holds func(*visit)
	}{
		{"a login gives the application a proof for its client and nonce", elementLogin},
		{"after a reload the code that was asked for works, and nothing is sent again", elementReload},
		{"after a right code the form takes nothing more, if the application goes on by itself", elementStay},
		{"with another nonce a code that was asked for before is not taken", elementOtherNonce},
		{"a reset asks for no client and gives no proof", elementReset},
		{"errors and ends are reported to the application", elementReports},
		{"the history of the application stays its own", elementHistory},
		{"removed and added again it starts anew, and nothing runs on", elementRemoved},
		{"two elements in a page do not share ids", elementTwice},
		{"it does not take the focus unasked, and inherits no theme", elementQuiet},
		{"a wrong attribute is reported", elementWrong},
	} {
		t.Run(rule.name, func(t *testing.T) {
			v := &visit{openTab(t, browser, application.URL), stack.In(t)}
			v.beforeScripts(`window.seen = []; window.violations = []; window.failures = [];
				addEventListener('securitypolicyviolation', e => window.violations.push(e.violatedDirective + ' ' + e.blockedURI));
				addEventListener('unhandledrejection', e => window.failures.push(e.reason.message));
				addEventListener('error', e => window.failures.push(e.message));
				for (const name of ['verified', 'ended', 'error', 'step']) addEventListener('streamotp-' + name, e => {
					window.seen.push({name, ...e.detail});
					if (name === 'verified' && location.search.includes('stay')) e.preventDefault();
				})`)
			rule.holds(v)
			v.same("what the application's policy blocked", eval[string](v.tab, "window.violations.join()"), "")
		})
	}
}

// registerShop writes the client of an application that gets proofs. Its pages may have these origins, or any without one.
func registerShop(s *Stack, origins ...string) {
	s.PutItem("ClientsTable", Item{"id": {"S": shopClient}, "name": {"S": "Shop"}, "type": {"S": "public"}, "origins": texts(origins...),
		"purposes": texts("login", "verify"), "createdAt": {"N": "1764370000000"}})
}

const shopClient = "shop"

// elementPage is an application's page whose policy allows the site's files and calls, and nothing else. The query has the elements'
// attributes.
func elementPage(site string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", fmt.Sprintf("default-src 'none'; script-src %[1]s; style-src %[1]s; connect-src %[1]s; "+
			"form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'", site))
		elements := ""
		for _, attributes := range r.URL.Query()["element"] {
			elements += "<stream-otp " + html.UnescapeString(attributes) + `><template data-for="start"><p class="own">Own words</p></template></stream-otp>`
		}
		fmt.Fprintf(w, `<!doctype html><html lang="en" data-theme="light"><title>Shop</title><meta name="viewport" content="width=device-width">
			<link rel="stylesheet" href="%[1]s/stream-otp.css"><script type="module" src="%[1]s/stream-otp.js"></script>
			<main><span id="email"></span>%s</main>`, site, elements)
	}
}

func (v *visit) embed(attributes ...string) {
	v.t.Helper()
	query := ""
	for _, a := range attributes {
		query += "&element=" + strings.NewReplacer(" ", "%20", `"`, "%22").Replace(a+` api="`+v.stack.URL+`/api"`)
	}
	v.open("/?" + query[1:])
}

// seen returns an event's detail as JSON, once there is such an event.
func (v *visit) seen(name string) string {
	v.t.Helper()
	v.wait(fmt.Sprintf("window.seen.some(e => e.name === %q)", name))
	return eval[string](v.tab, fmt.Sprintf("JSON.stringify(window.seen.find(e => e.name === %q))", name))
}

const loginElement = `purpose="login" client-id="shop" nonce="n-1"`

func (v *visit) logInTo(user string) {
	v.t.Helper()
	v.fill("stream-otp [name=email]", user)
	v.fill("stream-otp [name=password]", demoPassword)
	v.press(kb.Enter)
	v.waitStep("code")
}

func elementLogin(v *visit) {
	user := v.addUser("email", "")
	v.embed(loginElement)
	v.waitText("[data-step=start] .own", "Own words")
	v.inspect("element-login")
	v.logInTo(user)
	v.waitText("stream-otp", "It is checked as soon as the last digit is in.")
	v.same("the pattern of the code", eval[string](v.tab, "document.querySelector('[name=code]').pattern"), "[0-9]{8}") // by the site's config.json
	v.press(v.code(user, 1))
	v.waitStep("done")
	said := eval[string](v.tab, "atob(window.seen.find(e => e.name === 'verified').proof.split('.')[1].replaceAll('-', '+').replaceAll('_', '/'))")
	for _, claim := range []string{`"aud":"shop"`, `"nonce":"n-1"`, `"email":"` + user + `"`, `"purpose":"login"`} {
		if !strings.Contains(said, claim) {
			v.t.Errorf("the proof lacks %s: %s", claim, said)
		}
	}
	v.same("the steps", eval[string](v.tab, "window.seen.filter(e => e.name === 'step').map(e => e.step).join()"), "start,code,done")
	v.same("sessionStorage", eval[int](v.tab, "sessionStorage.length"), 0)
}

func elementReload(v *visit) {
	user := v.addUser("email", "")
	v.embed(loginElement + " stay")
	v.logInTo(user)
	v.reload()
	v.waitStep("code")
	v.fill("stream-otp [name=code]", v.code(user, 1))
	if said := v.seen("verified"); !strings.Contains(said, `"proof":"ey`) {
		v.t.Errorf("the event says %s", said)
	}
	v.same("the last step although the application goes on by itself", eval[bool](v.tab, "document.querySelector('[data-step=done]').hidden"), true)
	v.same("messages", len(v.messages(user, 1)), 1)
}

// elementStay enters a right code, and then goes on in the form before the application does.
func elementStay(v *visit) {
	for name, goOn := range map[string]func(){
		"another code":   func() { v.fill("stream-otp [name=code]", "00000000") },
		"another e-mail": func() { eval[chromedp.Void](v.tab, "document.querySelector('[data-resend]').click()") },
	} {
		user := v.addUser("email", "")
		v.embed(loginElement + " stay")
		v.logInTo(user)
		v.fill("stream-otp [name=code]", v.code(user, 1))
		v.seen("verified")
		goOn()
		v.waitStep("ended")
		v.same("the end after "+name, v.seen("ended"), `{"name":"ended","reason":"code_used"}`)
		v.same("what failed", eval[string](v.tab, "window.failures.join()"), "")
	}
}

func elementOtherNonce(v *visit) {
	user := v.addUser("email", "")
	v.embed(loginElement)
	v.logInTo(user)
	v.code(user, 1)
	v.embed(`purpose="login" client-id="shop" nonce="n-2"`)
	v.same("the step", eval[bool](v.tab, "document.querySelector('[data-step=start]').hidden"), false)
	v.same("an offer to enter the code", eval[bool](v.tab, "document.querySelector('[data-resume]').hidden"), true)
}

func elementReset(v *visit) {
	user := v.addUser("email", "")
	v.embed(`purpose="reset" client-id="shop" nonce="n-1"`)
	v.fill("stream-otp [name=email]", user)
	v.press(kb.Enter)
	v.waitStep("code")
	v.fill("stream-otp [name=code]", v.code(user, 1))
	v.fill("stream-otp [name=password]", "a cedar boat at noon")
	v.press(kb.Enter)
	v.waitStep("done")
	v.same("the event", v.seen("verified"), `{"name":"verified","purpose":"reset"}`)
}

func elementReports(v *visit) {
	user := v.addUser("email", "")
	v.embed(loginElement)
	v.fill("stream-otp [name=email]", user)
	v.fill("stream-otp [name=password]", "not the password")
	v.press(kb.Enter)
	if said := v.seen("error"); !strings.Contains(said, `"code":"invalid_credentials","status":401`) || strings.Contains(said, user) {
		v.t.Errorf("the error says %s", said)
	}
	v.logInTo(user)
	code := v.code(user, 1)
	v.age(v.sessionID("login"))
	v.press(code)
	v.waitStep("ended")
	v.same("the end", v.seen("ended"), `{"name":"ended","reason":"code_expired"}`)
}

func elementHistory(v *visit) {
	address := v.address()
	v.embed(`purpose="verify"`)
	eval[chromedp.Void](v.tab, "history.replaceState({route: 'account'}, '')")
	v.fill("stream-otp [name=email]", address)
	v.press(kb.Enter)
	v.waitStep("code")
	v.same("the application's state", eval[string](v.tab, "history.state.route"), "account")
	v.same("the title", eval[string](v.tab, "document.title"), "Shop")
	code := v.code(address, 1)
	v.press(code[:2])
	eval[chromedp.Void](v.tab, "history.pushState({...history.state, route: 'help'}, ''); history.back()")
	v.wait("history.state.route === 'account'")
	v.same("what was typed", eval[string](v.tab, "document.querySelector('[name=code]').value"), code[:2])
	v.press(code[2:])
	v.waitStep("done")
}

func elementRemoved(v *visit) {
	address := v.address()
	v.embed(`purpose="verify"`)
	v.fill("stream-otp [name=email]", address)
	v.press(kb.Enter)
	v.waitStep("code")
	eval[chromedp.Void](v.tab, "window.element = document.querySelector('stream-otp'); element.remove()")
	v.same("what is left", eval[string](v.tab, "[...element.children].map(e => e.localName).join()"), "template")
	eval[chromedp.Void](v.tab, "window.asked = 0; const real = fetch; window.fetch = (...all) => { window.asked += 1; return real(...all) }; document.querySelector('main').append(element)")
	v.waitStep("code")
	v.ready()
	v.press(v.code(address, 1))
	v.fill("stream-otp [name=code]", v.code(address, 1))
	v.waitStep("done")
	v.same("messages", len(v.messages(address, 1)), 1)
}

func elementTwice(v *visit) {
	v.embed(`purpose="login"`, `purpose="verify"`)
	v.same("ids that occur twice", eval[string](v.tab, "(ids => ids.filter((id, i) => ids.indexOf(id) !== i).join())([...document.querySelectorAll('[id]')].map(e => e.id))"), "")
	v.accessible("element-twice")
	address := v.address()
	v.fill("[purpose=verify] [name=email]", address)
	v.press(kb.Enter)
	v.wait("!document.querySelector('[purpose=verify] [data-step=code]').hidden && document.querySelector('[purpose=login] [data-step=code]').hidden")
	v.press(v.code(address, 1))
	v.wait("!document.querySelector('[purpose=verify] [data-step=done]').hidden")
}

func elementQuiet(v *visit) {
	v.embed(`purpose="verify"`)
	v.same("the focus", eval[string](v.tab, "document.activeElement.localName"), "body")
	v.theme("dark")
	v.same("the colour of the text where the page is always light", eval[string](v.tab, "getComputedStyle(document.querySelector('stream-otp')).color"), "rgb(20, 33, 43)")
	v.embed(`purpose="verify" autofocus`)
	v.wait("document.activeElement.closest('stream-otp') && document.activeElement.name === 'email'")
}

func elementWrong(v *visit) {
	v.embed(`purpose="signup"`)
	v.wait("window.failures.some(text => text.includes('the purpose must be one of login, verify, passwordless, sign-up, reset'))")
	v.open("/?element=api=http://203.0.113.1/api%20purpose=verify")
	v.waitText("[data-problem]", "api must be a path or an https:// URL")
	v.embed(`purpose="login" client-id="shop"`) // without a nonce
	v.fill("stream-otp [name=email]", "ada@example.com")
	v.fill("stream-otp [name=password]", demoPassword)
	v.press(kb.Enter)
	if said := v.seen("error"); !strings.Contains(said, `"fields":["nonce"]`) {
		v.t.Errorf("the error says %s", said)
	}
}
