package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestGuide copies the two applications out of docs/integrate.md, as a reader does, and logs in to each in a browser.
func TestGuide(t *testing.T) {
	findAxe(t)
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile(filepath.Join(root, "docs", "integrate.md"))
	if err != nil {
		t.Fatal(err)
	}
	programs := regexp.MustCompile("(?s)```js\n(// server.mjs\n.*?)```").FindAllSubmatch(guide, -1)
	if len(programs) != 2 {
		t.Fatalf("the guide has %d applications, want one of each way", len(programs))
	}
	browser := openBrowser(t)
	for i, way := range []struct {
		name string
		logs func(*visit, string)
	}{{"your server asks", askedByServer}, {"the browser asks", askedByBrowser}} {
		t.Run(way.name, func(t *testing.T) {
			address := freeAddress(t)
			origin := "http://" + address
			stack := Start(t, append(unlimited, "-parameter", "AllowedOrigins="+origin)...)
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "server.mjs"), programs[i][1], 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(filepath.Join(root, "examples", "node", "node_modules"), filepath.Join(dir, "node_modules")); err != nil { // has jose
				t.Fatal(err)
			}
			runApplication(t, dir, address, []string{"node", "server.mjs"}, "API="+stack.URL+"/api", "SITE="+stack.URL, "SECRET="+serverSecret(t, stack))
			v := &visit{openTab(t, browser, origin), stack.In(t)}
			way.logs(v, v.addUser("email", ""))
		})
	}
}

// askedByServer uses a form of the application's own.
func askedByServer(v *visit, user string) {
	logIn := func(password string) {
		v.fill("[name=email]", user)
		v.fill("[name=password]", password)
		v.press(kb.Enter)
	}
	v.open("/")
	logIn("not the password")
	v.waitText("body", "The address or the password is wrong.")
	logIn(demoPassword)
	v.wait("document.querySelector('[name=code]')")
	code := v.code(user, 1)
	v.fill("[name=code]", wrong(code))
	v.press(kb.Enter)
	v.waitText("body", "The code is wrong. Tries left: 4.")
	v.fill("[name=code]", code)
	v.press(kb.Enter)
	v.loggedIn(user)
}

// askedByBrowser uses the element.
func askedByBrowser(v *visit, user string) {
	v.open("/")
	v.logInTo(user)
	v.reload() // the nonce is the same
	v.waitStep("code")
	v.fill("[name=code]", v.code(user, 1))
	v.loggedIn(user)
}

// loggedIn checks that the application knows the user, and forgets them.
func (v *visit) loggedIn(user string) {
	v.t.Helper()
	v.waitText("body", "Hello "+user)
	v.do(chromedp.Navigate(v.base + "/"))
	v.waitText("body", "Hello "+user)
	v.click("button")
	v.wait("document.querySelector('[name=email]')")
	if strings.Contains(v.text("body"), user) {
		v.t.Errorf("after the log-out the page still says %s", v.text("body"))
	}
}
