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
	stack := Start(t, unlimited...)
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
	v.wait("location.hash.length === 23")
	v.waitStep("start")
	v.ready()
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
	v.click("main button")
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
	v.click(".links a")
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
