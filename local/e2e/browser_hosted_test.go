package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestPagesHosted tests the login page as an application leads people to it.
func TestPagesHosted(t *testing.T) {
	findAxe(t)
	browser := openBrowser(t)
	stack := Start(t, append(unlimited, "-parameter", withSignUp)...)
	register(stack)
	for _, rule := range []struct {
		name  string
		holds func(*visit, *relyingParty)
	}{
		{"a login leads back to the application, logged in", hostedLogin},
		{"the development stack has an application to log in to", hostedApp},
		{"after a reload and Back the login goes on, and nothing is sent again", hostedReload},
		{"a login that ended elsewhere says so", hostedUsed},
		{"an address from another browser shows no form", hostedForeign},
		{"what passes can be tried again with the same proof", hostedAgain},
		{"two tabs of a browser log in to two applications", hostedTwoTabs},
		{"a login that expires before the password or the code says so, and a new one works", hostedExpires},
		{"a link to log in, opened where somebody else is half-way, begins anew", hostedHalfWay},
		{"the way to the forgot-password page and back keeps the login", hostedForgot},
		{"the hint of the application is filled in", hostedHint},
		{"what the application's developer did wrong is on a page", hostedError},
		{"a code alone logs in where the application allows it", hostedByCode},
		{"an application that allows only a code alone shows no password", hostedCodeOnly},
		{"a new person creates an account, and is logged in", hostedSignUp},
		{"an application that needs a password gets one", hostedStepUp},
		{"a payment in the development stack's application needs more than a code alone", hostedPay},
		{"without an application there is nothing to log in to by a code alone", hostedByNobody},
	} {
		t.Run(rule.name, func(t *testing.T) {
			v := &visit{openTab(t, browser, stack.URL), stack.In(t)}
			rule.holds(v, newRelyingParty(t, v.stack))
		})
	}
}

// A relyingParty is an application that logs people in by OpenID Connect.
type relyingParty struct {
	url  string
	asks application
}

func newRelyingParty(t *testing.T, s *Stack) *relyingParty {
	t.Helper()
	rp := &relyingParty{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, rp.begin(s, r.URL.Query().Get("hint")), http.StatusSeeOther)
	})
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("state") != rp.asks.state || q.Get("iss") != s.URL {
			fmt.Fprint(w, "another login")
			return
		}
		tokens := rp.asks.exchange(s, q.Get("code"), nil)
		token, _ := tokens.json["access_token"].(string)
		fmt.Fprintf(w, "<title>Shop</title>Hello %v", userinfo(s, token).json["email"])
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	rp.url = server.URL
	rp.asks = newApplication(appClient, rp.url+"/callback")
	return rp
}

// begin returns the URL that the application leads to.
func (rp *relyingParty) begin(s *Stack, hint string) string {
	q := rp.asks.query()
	if hint != "" {
		q.Set("login_hint", hint)
	}
	return s.URL + "/api/oauth2/authorize?" + q.Encode()
}

// visitApplication opens the application, which leads to the login page.
func (v *visit) visitApplication(rp *relyingParty) {
	v.t.Helper()
	v.do(chromedp.Navigate(rp.url + "/"))
	v.onLoginPage()
}

// hostedApp logs in to the application that the development stack itself has.
func hostedApp(v *visit, _ *relyingParty) {
	user := v.addUser("email", "")
	v.open("/_local/app")
	v.inspect("app-start")
	v.click(".otp-primary")
	v.waitStep("start")
	v.ready()
	v.logIn(user, demoPassword)
	v.press(v.code(user, 1))
	v.waitText("h1", "You are logged in")
	v.waitText("main", user)
	v.waitText("pre", `"aud": "demo-app"`)
	v.inspect("app-done")
	v.click("form[action$=pay] button")
	v.waitText("h1", "You have paid")
	v.click("form[action$=logout] button")
	v.waitText("h1", "You are not logged in")
	v.same("the address", eval[string](v.tab, "location.pathname"), "/_local/app")
}

func hostedLogin(v *visit, rp *relyingParty) {
	user := v.addUser("email", "")
	v.visitApplication(rp)
	v.waitText("[data-step=start] .otp-lead", "To go on to App: first your password")
	v.title("Log in – StreamOTP")
	v.focus("email")
	v.waitText(".foot", "mailbox")
	v.inspect("hosted-start")
	v.logIn(user, demoPassword)
	v.inspect("hosted-code")
	message := v.messages(user, 1)[0]
	if !strings.Contains(message.Text, "App") {
		v.t.Errorf("the message does not name the application: %s", message.Text)
	}
	v.press(v.stack.Code(message))
	v.waitText("body", "Hello "+user)
	v.do(chromedp.NavigateBack())
	v.waitText("[data-step=ended] h1", "This login has ended")
}

func hostedReload(v *visit, rp *relyingParty) {
	user := v.addUser("email", "")
	v.visitApplication(rp)
	v.reload()
	v.waitStep("start")
	v.logIn(user, demoPassword)
	v.reload()
	v.waitStep("code")
	v.do(chromedp.NavigateBack())
	v.waitStep("start")
	v.click("[data-resume] button")
	v.waitStep("code")
	v.press(v.code(user, 1))
	v.waitText("body", "Hello "+user)
	v.same("messages", len(v.messages(user, 1)), 1)
}

func hostedUsed(v *visit, rp *relyingParty) {
	user := v.addUser("email", "")
	v.visitApplication(rp)
	address := eval[string](v.tab, "location.href")
	v.logIn(user, demoPassword)
	v.press(v.code(user, 1))
	v.waitText("body", "Hello "+user)
	v.do(chromedp.Navigate(address))
	v.waitText("[data-step=ended] h1", "This login has ended")
	v.same("the fields that are shown", eval[int](v.tab, "[...document.querySelectorAll('input')].filter(e => e.checkVisibility()).length"), 0)
	v.inspect("hosted-ended")
}

func hostedForeign(v *visit, rp *relyingParty) {
	thief := &visitor{s: v.stack}
	id, err := thief.begin(rp.asks)
	if err != nil {
		v.t.Fatal(err)
	}
	v.do(chromedp.Navigate(v.base + "/#" + id))
	v.waitText("[data-step=ended] h1", "This login has ended")
}

func hostedAgain(v *visit, rp *relyingParty) {
	user := v.addUser("email", "")
	v.visitApplication(rp)
	v.logIn(user, demoPassword)
	code := v.code(user, 1)
	v.block("/api/oauth2/complete")
	v.press(code)
	v.waitText("[data-step=ended] h1", "The service cannot answer right now")
	v.inspect("hosted-again")
	v.block("/nothing")
	v.click("[data-step=ended] .otp-primary:not([hidden])")
	v.waitText("body", "Hello "+user)
}

func hostedTwoTabs(v *visit, rp *relyingParty) {
	user := v.addUser("email", "")
	v.visitApplication(rp)
	first := eval[string](v.tab, "location.hash")
	v.logIn(user, demoPassword)
	code := v.code(user, 1)
	begun := fmt.Sprintf("new Promise(done => { const tab = document.createElement('a'); tab.href = %q; tab.target = 'other'; document.body.append(tab); tab.click(); done(0) })",
		rp.begin(v.stack, ""))
	eval[int](v.tab, begun) // another login of this browser, in another tab
	v.same("this tab's login", eval[string](v.tab, "location.hash"), first)
	v.fill("#code", code)
	v.waitText("body", "Hello "+user)
}

func hostedExpires(v *visit, rp *relyingParty) {
	user := v.addUser("email", "")
	expire := func() { v.t.Helper(); v.age("authz#" + eval[string](v.tab, "location.hash.slice(1)")) }
	v.visitApplication(rp)
	expire()
	v.fill("#email", user)
	v.fill("#password", demoPassword)
	v.press(kb.Enter)
	v.waitText("[data-step=ended] h1", "This login has ended")
	v.same("messages", len(v.messages(user, 0)), 0)

	v.visitApplication(rp)
	v.logIn(user, demoPassword)
	expire()
	v.press(v.code(user, 1))
	v.waitText("[data-step=ended] h1", "This login has ended")

	v.visitApplication(rp)
	v.logIn(user, demoPassword)
	v.press(v.code(user, 2))
	v.waitText("body", "Hello "+user)
}

func hostedHalfWay(v *visit, rp *relyingParty) {
	first, second := v.addUser("email", ""), v.addUser("email", "")
	v.visitApplication(rp)
	half := eval[string](v.tab, "location.href")
	v.logIn(first, demoPassword)
	code := v.code(first, 1)
	v.visitApplication(rp)
	v.same("the address", eval[string](v.tab, "document.querySelector('[name=email]').value"), "")
	v.same("the other person's code is offered", eval[bool](v.tab, "document.querySelector('[data-resume]').checkVisibility()"), false)
	v.same("the page names the other person", strings.Contains(v.text("body"), first), false)
	v.do(chromedp.NavigateBack()) // the first person goes on, and ends the login that they began
	v.wait(fmt.Sprintf("location.href === %q", half))
	v.waitStep("code")
	v.visitApplication(rp)
	v.logIn(second, demoPassword)
	v.fill("#code", code) // belongs to the other login
	v.waitText("#code-error", "Wrong code")
	v.fill("#code", v.code(second, 1))
	v.waitText("body", "Hello "+second)
}

func hostedForgot(v *visit, rp *relyingParty) {
	v.visitApplication(rp)
	login := eval[string](v.tab, "location.hash")
	v.click(".links a[href^=forgot]")
	v.wait("location.pathname.endsWith('/forgot.html')")
	v.ready()
	v.click(".links a")
	v.wait("location.pathname.endsWith('/index.html')")
	v.same("the login", eval[string](v.tab, "location.hash"), login)
	v.ready()
	user := v.addUser("email", "")
	v.logIn(user, demoPassword)
	v.press(v.code(user, 1))
	v.waitText("body", "Hello "+user)
}

func hostedHint(v *visit, rp *relyingParty) {
	user := v.addUser("email", "")
	v.do(chromedp.Navigate(rp.url + "/?hint=" + user))
	v.waitStep("start")
	v.ready()
	v.same("the address", eval[string](v.tab, "document.querySelector('[name=email]').value"), user)
	v.focus("password")
	v.press(demoPassword + kb.Enter)
	v.waitStep("code")
}

func hostedError(v *visit, rp *relyingParty) {
	v.do(chromedp.Navigate(v.base + "/api/oauth2/authorize?client_id=" + appClient + "&redirect_uri=https://evil.example/%3Cb%3E"))
	v.waitText("body", "redirect_uri is not registered for this client")
	v.same("what was sent, in the page", strings.Contains(v.text("body"), "evil"), false)
	v.inspect("hosted-error")
}

// links returns the texts of the links to other ways, as they are shown.
func (v *visit) links() string {
	return eval[string](v.tab, "[...document.querySelectorAll('.links a')].filter(a => a.checkVisibility()).map(a => a.textContent).join(', ')")
}

func hostedByCode(v *visit, rp *relyingParty) {
	rp.asks.id = bothClient
	user := v.addUser("email", "")
	v.visitApplication(rp)
	v.same("the links", v.links(), "Log in by code instead, Forgot your password?, Create your account")
	v.inspect("hosted-ways")
	v.click(".links a[href^=code]")
	v.wait("location.pathname.endsWith('/code.html')")
	v.waitText("[data-step=start] .otp-lead", "To go on to Both, enter your e-mail address")
	v.ready()
	v.title("Log in by code – StreamOTP")
	v.same("the links", v.links(), "Log in with your password, Create your account")
	v.focus("email")
	v.inspect("hosted-by-code")
	v.press(user + kb.Enter)
	v.waitStep("code")
	v.waitText("[data-step=code] .otp-lead", "If "+user+" can log in by code")
	v.inspect("hosted-by-code-code")
	v.reload()
	v.waitStep("code")
	v.press(v.code(user, 1))
	v.waitText("body", "Hello "+user)
}

func hostedCodeOnly(v *visit, rp *relyingParty) {
	rp.asks.id = codeClient
	user := v.addUser("email", "")
	v.do(chromedp.Navigate(rp.url + "/?hint=" + user))
	v.wait("location.pathname.endsWith('/code.html')")
	v.waitStep("start")
	v.ready()
	v.same("the links", v.links(), "Create your account")
	v.same("the address", eval[string](v.tab, "document.querySelector('[name=email]').value"), user)
	v.press(kb.Enter)
	v.waitStep("code")
	v.press(v.code(user, 1))
	v.waitText("body", "Hello "+user)
}

func hostedSignUp(v *visit, rp *relyingParty) {
	rp.asks.id = bothClient
	person := v.address()
	v.visitApplication(rp)
	v.click(".links a[href^=signup]")
	v.wait("location.pathname.endsWith('/signup.html')")
	v.waitText("[data-step=start] h1", "Create your account")
	v.ready()
	v.same("the links", v.links(), "Log in to your account")
	v.inspect("hosted-sign-up")
	v.press(person + kb.Enter)
	v.waitStep("code")
	v.inspect("hosted-sign-up-code")
	message := v.messages(person, 1)[0]
	if !strings.Contains(message.Text, "create your account at Both") {
		v.t.Errorf("the message is %s", message.Text)
	}
	v.press(v.stack.Code(message))
	v.waitText("body", "Hello "+person)
	if made := user(v.stack, person); made["id"] == nil || made["passwordHash"] != nil {
		v.t.Errorf("the account is %v", made)
	}
}

// hostedPay logs in to the development stack's application by a code alone, which is not enough for a payment.
func hostedPay(v *visit, _ *relyingParty) {
	user := v.addUser("email", "")
	v.open("/_local/app")
	v.click(".otp-primary")
	v.onLoginPage()
	v.byCodeAlone("code", user)
	v.press(v.code(user, 1))
	v.waitText("pre", `"acr": "urn:streamotp:1"`)
	v.click("form[action$=pay] button")
	v.waitText("h1", "Is it you?")
	v.inspect("app-step-up")
	v.click(".otp-primary")
	v.onLoginPage()
	v.same("the links", v.links(), "Forgot your password?")
	v.logIn(user, demoPassword)
	v.press(v.code(user, 2))
	v.waitText("pre", `"acr": "urn:streamotp:2"`)
	v.click("form[action$=pay] button")
	v.waitText("h1", "You have paid")
	v.inspect("app-paid")
}

// hostedStepUp comes with a code alone, then the application asks for more.
func hostedStepUp(v *visit, rp *relyingParty) {
	rp.asks.id = bothClient
	user := v.addUser("email", "")
	v.visitApplication(rp)
	v.byCodeAlone("code", user)
	v.press(v.code(user, 1))
	v.waitText("body", "Hello "+user)

	rp.asks.level = "urn:streamotp:2"
	v.visitApplication(rp)
	v.same("the links", v.links(), "Forgot your password?")
	login := eval[string](v.tab, "location.hash")
	v.open("/code.html" + login) // though no link leads there
	v.wait("location.pathname.endsWith('/index.html')")
	v.waitStep("start")
	v.ready()
	v.logIn(user, demoPassword)
	v.press(v.code(user, 2))
	v.waitText("body", "Hello "+user)
}

func hostedByNobody(v *visit, _ *relyingParty) {
	for _, page := range []string{"/code.html", "/signup.html"} {
		v.open(page)
		v.wait("location.pathname.endsWith('/index.html')")
		v.waitStep("start")
		v.same("the links", v.links(), "Forgot your password?, Confirm an address")
	}
}
