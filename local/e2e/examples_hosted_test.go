package e2e

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestExampleHosted: people log in to examples/node/hosted.js in each way that it offers. Its API accepts only the access tokens that are
// for it, and a payment needs a login that is strong and new enough.
func TestExampleHosted(t *testing.T) {
	findAxe(t)
	browser := openBrowser(t)
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(root, "examples", "node")
	source, err := os.ReadFile(filepath.Join(folder, "hosted.js"))
	if n := strings.Count(notCode.ReplaceAllString(string(source), ""), "\n"); err != nil || n == 0 || n > maxExampleLines {
		t.Errorf("it has %d lines of code, want %d at most; %v", n, maxExampleLines, err)
	}
	s := Start(t, append(unlimited, "-parameter", withSignUp)...)
	address := freeAddress(t)
	origin := "http://" + address
	s.PutItem("ClientsTable", Item{"id": {"S": shopClient}, "name": {"S": "Shop"}, "type": {"S": "public"}, "createdAt": {"N": "1"},
		"redirectUris": texts(origin + "/callback"), "postLogoutUris": texts(origin + "/"), "logins": texts("login", "passwordless"), "apiAudience": {"S": origin + "/api"}})
	runApplication(t, folder, address, []string{"node", "hosted.js"}, "ISSUER="+s.URL, "CLIENT_ID="+shopClient)
	visits := func(t *testing.T) *visit { return &visit{openTab(t, browser, s.URL), s.In(t)} }
	begin := func(v *visit) {
		v.t.Helper()
		v.do(chromedp.Navigate(origin + "/"))
		v.click("form[action='/login'] button")
		v.onLoginPage()
	}
	t.Run("a login with a password is enough for a payment, and a logout ends it", func(t *testing.T) {
		v := visits(t)
		user := v.addUser("email", "")
		begin(v)
		v.logIn(user, demoPassword)
		v.press(v.code(user, 1))
		v.waitText("h1", "Hello "+user)
		v.waitText("p", "pwd and otp")
		v.accessible("the example")
		v.click("form[action='/pay'] button")
		v.waitText("h1", "Paid")
		v.do(chromedp.Navigate(origin + "/"))
		v.click("form[action='/logout'] button")
		v.waitText("h1", "Welcome")
	})
	t.Run("after a code alone, a payment leads to the password and back, and is made", func(t *testing.T) {
		v := visits(t)
		user := v.addUser("email", "")
		begin(v)
		v.byCodeAlone("code", user)
		v.press(v.code(user, 1))
		v.waitText("h1", "Hello "+user)
		v.click("form[action='/pay'] button")
		v.onLoginPage()
		v.same("the links", v.links(), "Forgot your password?")
		v.logIn(user, demoPassword)
		v.press(v.code(user, 2))
		v.waitText("h1", "Paid")
	})
	t.Run("a new person creates an account", func(t *testing.T) {
		v := visits(t)
		person := v.address()
		begin(v)
		v.byCodeAlone("signup", person)
		v.press(v.code(person, 1))
		v.waitText("h1", "Hello "+person)
	})
	t.Run("the API says what is missing, and takes no other token", func(t *testing.T) {
		code := newApplication(shopClient, origin+"/callback")
		pay := func(token string) (status int, challenge string) {
			t.Helper()
			request, _ := http.NewRequest(http.MethodPost, origin+"/api/payments", nil)
			request.Header.Set("Authorization", "Bearer "+token)
			response, err := client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			return response.StatusCode, response.Header.Get("WWW-Authenticate")
		}
		v := &visitor{s: s}
		id, err := v.begin(code)
		if err != nil {
			t.Fatal(err)
		}
		proof, err := v.proveByCode(t, id, copied(s, "token@example.com"))
		if err != nil {
			t.Fatal(err)
		}
		way, err := v.complete(id, proof)
		if err != nil {
			t.Fatal(err)
		}
		tokens := code.exchange(s, way.Query().Get("code"), func(form url.Values, _ http.Header) { form.Del("client_secret") }).json
		access, _ := tokens["access_token"].(string)
		identity, _ := tokens["id_token"].(string)
		status, challenge := pay(access)
		for _, part := range []string{`error="insufficient_user_authentication"`, `acr_values="urn:streamotp:2"`, `max_age="300"`} {
			if status != 401 || !strings.Contains(challenge, part) {
				t.Errorf("%d %s", status, challenge)
			}
		}
		for name, token := range map[string]string{"an ID token": identity, "a proof": proof, "nothing": "", "a changed token": access[:len(access)-6] + "AAAAAA"} {
			if status, challenge := pay(token); status != 401 || challenge != `Bearer error="invalid_token"` {
				t.Errorf("%s: %d %s", name, status, challenge)
			}
		}
	})
}

// onLoginPage waits until an application has led to the login page.
func (v *visit) onLoginPage() {
	v.t.Helper()
	v.wait("location.hash.length === 23")
	v.waitStep("start")
	v.ready()
}

// byCodeAlone goes from the login page to one without a password, and asks for a code there.
func (v *visit) byCodeAlone(page, email string) {
	v.t.Helper()
	v.click(".links a[href^=" + page + "]")
	v.wait("location.pathname.endsWith('/" + page + ".html')")
	v.waitStep("start")
	v.ready()
	v.press(email + kb.Enter)
	v.waitStep("code")
}
