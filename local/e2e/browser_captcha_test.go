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

// TestPagesCaptcha tests the pages with a CAPTCHA in a real browser. The stub imitates each provider's API.
func TestPagesCaptcha(t *testing.T) {
	findAxe(t)
	browser := openBrowser(t)
	t.Cleanup(func() { t.Logf("screenshots are in %s", screenshotDir(t)) })
	stacks := map[string]*Stack{"none": Start(t, unlimited...)}
	for _, provider := range []string{"turnstile", "hcaptcha", "recaptcha"} {
		stacks[provider] = Start(t, withCaptcha(provider, unlimited...)...)
	}
	for _, rule := range []struct {
		provider, name string
		holds          func(*visit)
	}{
		{"turnstile", "log in", captchaLogin},
		{"hcaptcha", "log in", captchaLogin},
		{"recaptcha", "log in", captchaLogin},
		{"recaptcha", "v3 has nothing to see", captchaInvisible},
		{"turnstile", "forgot password and confirm an address ask too", captchaEverywhere},
		{"turnstile", "a token is not sent twice", captchaResets},
		{"turnstile", "the page reports a rejected token, and a provider that is down", captchaRefused},
		{"turnstile", "the page reports a script that does not load", captchaBlocked},
		{"none", "a host without headers needs to set none for a CAPTCHA", captchaWithoutHeaders},
		{"none", "without one nothing is loaded from elsewhere, and nothing could be", captchaAbsent},
	} {
		t.Run(rule.provider+": "+rule.name, func(t *testing.T) {
			stack := stacks[rule.provider]
			v := &visit{openTab(t, browser, stack.URL), stack.In(t)}
			v.beforeScripts(`window.violations = []; addEventListener('securitypolicyviolation', e => window.violations.push(e.violatedDirective + ' ' + e.blockedURI))`)
			rule.holds(v)
		})
	}
}

const (
	checkbox = ".otp-captcha input[type=checkbox]"
	alert    = "#start-form [data-alert]"
)

// solve ticks the stub's checkbox and waits for its token.
func (v *visit) solve() {
	v.t.Helper()
	v.wait(fmt.Sprintf("document.querySelector('%s')?.disabled === false", checkbox))
	v.click(checkbox)
	v.wait(fmt.Sprintf("document.querySelector('%s').disabled", checkbox))
}

// notBlocked fails if the page's policy blocked anything.
func (v *visit) notBlocked() {
	v.t.Helper()
	v.same("what the policy blocked", eval[string](v.tab, "window.violations.join()"), "")
}

func captchaLogin(v *visit) {
	user := v.addUser("email", "")
	v.watchLayout()
	v.open("/")
	v.focus("email") // the focus stays where somebody may be typing
	v.waitText(".otp-captcha", "development stub")
	v.inspect("captcha-" + v.provider())
	v.fill("#email", user)
	v.fill("#password", demoPassword)
	v.press(kb.Enter)
	v.waitText(alert, "First confirm that you are a person.")
	v.wait(fmt.Sprintf("document.activeElement === document.querySelector('%s')", checkbox))
	v.inspect("captcha-missing-" + v.provider())
	v.same("messages", len(v.messages(user, 0)), 0)
	v.press(" ") // the keyboard is enough
	v.wait(fmt.Sprintf("document.querySelector('%s').disabled", checkbox))
	v.click("#start-form button[type=submit]")
	v.waitStep("code")
	v.focus("code")
	v.press(v.code(user, 1))
	v.waitStep("done")
	v.notBlocked()
	if shift := eval[float64](v.tab, "window.layoutShift"); shift > 0.1 {
		v.t.Errorf("the layout shifts by %.3f", shift)
	}
	v.same("scripts of the provider", eval[int](v.tab, "document.querySelectorAll('script:not([type=module])').length"), 1)
}

// provider returns the provider that the page's settings name.
func (v *visit) provider() string {
	v.t.Helper()
	return eval[string](v.tab, "fetch('config.json').then(r => r.json()).then(c => c.captcha.provider)")
}

func captchaInvisible(v *visit) {
	user := v.addUser("email", "")
	v.beforeScripts(`const real = window.fetch;
		window.fetch = async (url, ...rest) => {
			if (url !== 'config.json') return real(url, ...rest);
			const settings = await (await real(url, ...rest)).json();
			settings.captcha.version = 3;
			return new Response(JSON.stringify(settings));
		}`)
	v.open("/")
	v.fill("#email", user)
	v.fill("#password", "not the password")
	v.press(kb.Enter)
	v.waitText("#password-error", "not right")
	v.fill("#password", demoPassword)
	v.press(kb.Enter) // gets another token, as the first one is used
	v.waitStep("code")
	v.press(v.code(user, 1))
	v.waitStep("done")
	v.same("widgets", eval[int](v.tab, "document.querySelectorAll('.otp-captcha').length"), 0)
	v.notBlocked()
}

func captchaEverywhere(v *visit) {
	user := v.addUser("email", "")
	for _, path := range []string{"/forgot.html", "/verify.html"} {
		v.open(path)
		v.fill("#email", user)
		v.solve()
		v.click("#start-form button[type=submit]")
		v.waitStep("code")
		v.inspect("captcha" + strings.ReplaceAll(path, "/", "-"))
		v.notBlocked()
	}
	v.messages(user, 2)
	v.click("[data-step=code] [data-restart=other]") // the widget is ready for the next token
	other := v.address()
	v.fill("#email", other)
	v.solve()
	v.click("#start-form button[type=submit]")
	v.waitStep("code")
	v.messages(other, 1)
}

func captchaResets(v *visit) {
	user := v.addUser("email", "")
	v.open("/")
	v.fill("#email", user)
	v.fill("#password", "not the password")
	v.solve()
	v.click("#start-form button[type=submit]")
	v.waitText("#password-error", "not right")
	v.focus("password")
	v.same("the checkbox", eval[bool](v.tab, fmt.Sprintf("document.querySelector('%s').checked", checkbox)), false)
	v.fill("#password", demoPassword)
	v.solve()
	v.click("#start-form button[type=submit]")
	v.waitStep("code")
}

func captchaRefused(v *visit) {
	v.open("/verify.html")
	address := v.address()
	for fault, text := range map[string]string{"timeout-or-duplicate": "could not confirm that you are a person", "ServiceUnavailable": "cannot answer right now"} {
		v.stack.Fault(fields{"service": "captcha", "action": "siteverify", "error": fault, "count": 1})
		v.fill("#email", address)
		v.solve()
		v.click("#start-form button[type=submit]")
		v.waitText(alert, text)
		v.wait(fmt.Sprintf("document.querySelector('%s').getAttribute('role') === 'alert'", alert))
		v.inspect("captcha-" + fault)
	}
	v.same("messages", len(v.messages(address, 0)), 0)
	v.solve()
	v.click("#start-form button[type=submit]")
	v.waitStep("code")
}

func captchaBlocked(v *visit) {
	v.block(captchaScript)
	v.open("/verify.html")
	v.fill("#email", v.address())
	v.press(kb.Enter)
	v.waitText(alert, "could not be loaded")
	v.same("the button afterwards", eval[bool](v.tab, "document.querySelector('#start-form button[type=submit]').hasAttribute('aria-disabled')"), false)
	v.inspect("captcha-blocked")
}

const captchaScript = "/_local/captcha/api.js*"

func captchaAbsent(v *visit) {
	origins := "[...new Set(performance.getEntriesByType('resource').map(e => new URL(e.name).origin))].join()"
	scripts := "document.querySelectorAll('script:not([type=module])').length"
	for _, path := range []string{"/", "/forgot.html", "/verify.html"} {
		v.open(path)
		v.same("origins of "+path, eval[string](v.tab, origins), v.base)
		v.same("scripts of "+path, eval[int](v.tab, scripts), 0)
		v.same("widgets of "+path, eval[int](v.tab, "document.querySelectorAll('.otp-captcha, iframe').length"), 0)
		v.notBlocked()
	}
	v.do(chromedp.Navigate(plainHost(v, nil) + "/verify.html")) // only the page's own policy protects here
	v.ready()
	v.notBlocked()
	for element, source := range map[string]string{"script": "https://challenges.cloudflare.com/x.js", "iframe": "https://www.google.com/recaptcha/"} {
		eval[chromedp.Void](v.tab, fmt.Sprintf("(e => { e.src = %q; document.body.append(e) })(document.createElement(%q))", source, element))
		v.wait(fmt.Sprintf("window.violations.some(found => found.endsWith(%q) || found.includes(new URL(%[1]q).origin))", source))
	}
}

// plainHost serves the pages without any headers; other paths come first.
func plainHost(v *visit, others map[string]http.HandlerFunc) string {
	v.t.Helper()
	root, err := Root()
	if err != nil {
		v.t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(os.DirFS(root+"/frontend")))
	for path, serve := range others {
		mux.HandleFunc(path, serve)
	}
	server := httptest.NewServer(mux)
	v.t.Cleanup(server.Close)
	return server.URL
}

func captchaWithoutHeaders(v *visit) {
	referrer := make(chan string, 1)
	base := plainHost(v, map[string]http.HandlerFunc{
		"/config.json": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"captcha":{"provider":"turnstile","siteKey":"key","script":"/script.js"}}`)
		},
		"/script.js": func(w http.ResponseWriter, r *http.Request) {
			referrer <- r.Referer()
			w.Header().Set("Content-Type", "text/javascript")
		},
	})
	v.do(chromedp.Navigate(base + "/verify.html?from=elsewhere"))
	v.ready()
	v.same("what the provider hears of the page", <-referrer, base+"/")
	for _, source := range []string{"https://challenges.cloudflare.com/x.js", "https://js.hcaptcha.com/x.js", "https://www.google.com/recaptcha/x.js"} {
		eval[bool](v.tab, fmt.Sprintf(`new Promise(done => {
			const script = document.createElement('script');
			script.onload = script.onerror = () => done(true);
			script.src = %q;
			document.head.append(script);
		})`, source)) // there is no network; the test only needs the policy to allow the attempt
	}
	v.notBlocked()
}
