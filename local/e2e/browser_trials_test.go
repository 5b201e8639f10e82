package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// What browsers, password managers and people did to the pages in trials.

func clockJumps(v *visit) {
	address := v.address()
	v.watchClock()
	v.open("/verify.html")
	v.ask(address)
	code := v.code(address, 1)
	eval[chromedp.Void](v.tab, "window.ahead = 3_600_000")
	v.wait("/^[45]:\\d\\d$/.test(document.querySelector('[data-time-left]').textContent)") // the server's time
	v.same("ended", eval[bool](v.tab, "document.querySelector('[data-step=ended]').hidden"), true)
	eval[chromedp.Void](v.tab, "window.ahead = 7_200_000; history.back()") // on the first step the page does not poll the server every second
	v.waitText("[data-resume]", "You already asked for a code for "+address)
	v.click("[data-resume] button")
	v.waitStep("code")
	v.press(code)
	v.waitStep("done")
}

func wrongCodeTwice(v *visit) {
	user := v.addUser("email", "")
	v.open("/")
	v.logIn(user, demoPassword)
	code := v.code(user, 1)
	v.press(wrong(code)) // the last digit submits the code
	v.waitText("#code-error", "4 tries left")
	v.press(kb.Enter)
	v.waitText("#code-error", "4 tries left")
	v.press(kb.Enter)
	v.same("requests", eval[int](v.tab, "performance.getEntriesByType('resource').filter(e => e.name.endsWith('/api/verify')).length"), 1)
	v.focus("code")
	v.press(wrong(wrong(code)))
	v.waitText("#code-error", "3 tries left")
	v.press(code)
	v.waitStep("done")
}

func olderCode(v *visit) {
	address := v.address()
	v.open("/verify.html")
	v.ask(address)
	older := v.code(address, 1)
	v.press(wrong(older))
	v.waitText("#code-error", "4 tries left")
	v.same("what is said of another message", strings.Contains(v.text("#code-error"), "newest"), false)
	v.do(chromedp.NavigateBack())
	v.waitStep("start")
	v.ask(strings.ToUpper(address))
	newer := v.code(address, 2)
	v.press(older)
	v.waitText("#code-error", "Use the code of the newest message.")
	v.inspect("verify-older-code")
	v.press(newer)
	v.waitStep("done")
}

// trap fills in the hidden field, as a password manager does.
func (v *visit) trap() {
	v.t.Helper()
	eval[chromedp.Void](v.tab, "document.querySelector('[data-trap] input').value = 'https://ada.example'")
}

func trapped(v *visit) {
	address := v.address()
	v.open("/verify.html")
	for _, attribute := range []string{"data-1p-ignore", "data-lpignore=true", "data-bwignore", "autocomplete=off", "tabindex='-1'"} {
		v.wait(fmt.Sprintf(`document.querySelector("[aria-hidden=true] input[%s]")`, attribute))
	}
	v.trap()
	v.fill("#email", address)
	v.press(kb.Enter)
	v.waitText("[data-step=ended]", "no longer valid")
	v.click("[data-step=ended] [data-restart=same]")
	v.waitStep("start")
	v.trap() // the password manager fills in the field again
	v.press(kb.Enter)
	v.waitStep("code")
	v.press(v.code(address, 1))
	v.waitStep("done")
}

func trappedReset(v *visit) {
	user := v.addUser("email", "")
	v.open("/forgot.html")
	v.trap()
	v.fill("#email", user)
	v.press(kb.Enter)
	v.waitText("[data-step=ended]", "no longer valid") // and not a wait for an e-mail that never arrives
	v.click("[data-step=ended] [data-restart=same]")
	v.press(kb.Enter)
	v.waitStep("code")
	v.messages(user, 1)
}

func phoneNotSupported(v *visit) {
	user := v.addUser("sms", "+33612345678") // the country is not in AllowedCountries
	v.open("/")
	v.fill("#email", user)
	v.fill("#password", demoPassword)
	v.press(kb.Enter)
	v.waitText("#start-form [data-alert]", "phone number of this account")
	v.same("what is said of the address", v.text("#email-error"), "")
	v.inspect("login-phone-not-supported")
}

// pagesElsewhere serves the pages on another port, as a developer does who builds own pages against `make run`.
func pagesElsewhere(v *visit) {
	root, err := Root()
	if err != nil {
		v.t.Fatal(err)
	}
	var api string
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(os.DirFS(root+"/frontend")))
	mux.HandleFunc("/config.json", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"apiBaseUrl":%q}`, api) })
	server := httptest.NewServer(mux)
	v.t.Cleanup(server.Close)

	api = "http://203.0.113.1/api"
	v.do(chromedp.Navigate(server.URL + "/verify.html"))
	v.ready()
	v.waitText("[data-problem]", "apiBaseUrl cannot be used")
	v.waitText("[data-problem]", "http:// is for localhost and 127.0.0.1 only")

	stack := Start(v.t, "-parameter", "AllowedOrigins="+server.URL)
	api = stack.URL + "/api"
	v.do(chromedp.Navigate(server.URL + "/verify.html"))
	v.ready()
	elsewhere := &visit{v.tab, stack}
	address := v.address()
	elsewhere.ask(address)
	v.press(elsewhere.code(address, 1))
	v.waitStep("done")
}

func changeAddress(v *visit) {
	address := v.address()
	v.open("/verify.html")
	v.click("[value=sms]")
	v.fill("#phone", v.phone())
	v.press(kb.Enter)
	v.waitStep("code")
	v.reload() // the first step is empty again
	v.click("[data-step=code] [data-restart=other]")
	v.waitStep("start")
	v.focus("phone")
	v.same("the number", eval[bool](v.tab, "document.getElementById('phone').value.startsWith('+49151')"), true)
	v.press("0") // the old code is selected, so typing replaces it
	v.same("the number after a key", eval[string](v.tab, "document.getElementById('phone').value"), "0")
	v.click("[value=email]")
	v.ask(address)
	v.press(v.code(address, 1))
	v.waitStep("done")
	v.same("sessionStorage", eval[int](v.tab, "sessionStorage.length"), 0)
}

func lockEnds(v *visit) {
	address := v.address()
	v.watchClock()
	v.open("/verify.html")
	v.ask(address)
	try := v.code(address, 1)
	for left := 4; left >= 0; left-- {
		try = wrong(try)
		v.press(try)
		if left > 0 {
			v.waitText("#code-error", map[bool]string{true: "One try", false: fmt.Sprintf("%d tries", left)}[left == 1])
		}
	}
	v.waitText("[data-step=ended] h1", "Locked for 15 minutes")
	eval[chromedp.Void](v.tab, "window.ahead = 600_000")
	v.title("Locked for 5 minutes – StreamOTP")
	eval[chromedp.Void](v.tab, "window.ahead = 900_000")
	v.waitText("[data-step=ended] h1", "You can try again")
	v.inspect("verify-lock-over")
	v.click("[data-step=ended] .otp-primary")
	v.waitStep("start")
}

// TestPagesInOlderBrowsers (P4): the pages work without AbortSignal.timeout, and the last digit submits the code without
// requestSubmit.
func TestPagesInOlderBrowsers(t *testing.T) {
	findAxe(t)
	browser := openBrowser(t)
	stack := Start(t)
	v := &visit{openTab(t, browser, stack.URL), stack.In(t)}
	v.beforeScripts("delete AbortSignal.timeout; delete AbortSignal.any; delete HTMLFormElement.prototype.requestSubmit")
	address := v.address()
	v.open("/verify.html")
	v.ask(address)
	v.press(v.code(address, 1))
	v.waitStep("done")
}
