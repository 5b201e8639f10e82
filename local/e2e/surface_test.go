package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
)

// everyCall returns the calls of the API, each with valid bodies.
func everyCall() map[string][]fields {
	const id, code = "6f2a9d0c-3b1e-4a77-9d3e-0c1b2a3d4e5f", "123456"
	return map[string][]fields{
		"/api/generate": {
			{"email": "eve@example.com", "purpose": "verify", "locale": "de", "captchaToken": "x", "contact_me_by_fax_only": ""},
			{"phone": "+4915123456789"}, login("ada@example.com", demoPassword),
		},
		"/api/resend": {{"sessionId": id}},
		"/api/verify": {{"sessionId": id, "code": code}},
		"/api/reset":  {{"sessionId": id, "code": code, "password": "violet meadow 7 kites"}},
	}
}

// raw posts a text as JSON.
func raw(t *testing.T, s *Stack, path, text string, header http.Header) (status int, answer fields) {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, s.URL+path, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header.Clone()
	if request.Header == nil {
		request.Header = http.Header{}
	}
	if request.Header.Get("Content-Type") == "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Errorf("%s: %.60q answers no JSON: %v", path, text, err)
	}
	return response.StatusCode, answer
}

// nothing fails the test if any call to AWS was made or any message was sent.
func nothing(t *testing.T, s *Stack, what string) {
	t.Helper()
	if calls, messages := s.Calls(), s.Messages(); len(calls)+len(messages) > 0 {
		t.Errorf("%s: calls %v, messages %v", what, calls, messages)
	}
}

func TestSurfaceFields(t *testing.T) {
	s := Start(t)
	t.Run("a character that has no place in a field is refused in every field of every call", func(t *testing.T) {
		for path, bodies := range everyCall() {
			for _, body := range bodies {
				for name := range body {
					for what, evil := range map[string]string{
						"CRLF and a header": "\r\nBcc: eve@example.com", "CR": "\r", "LF": "\n", "NUL": "\x00", "DEL": "\x7f", "tab": "\t",
						"escape": "\x1b[2J", "a lone surrogate": `\ud800`, "the replacement character": "\ufffd",
					} {
						changed := maps.Clone(body)
						value := fmt.Sprint(body[name])
						changed[name] = value[:len(value)/2] + evil + value[len(value)/2:]
						text, err := json.Marshal(changed)
						if err != nil {
							t.Fatal(err)
						}
						text = []byte(strings.Replace(string(text), `\\ud800`, `\ud800`, 1))
						status, answer := raw(t, s, path, string(text), nil)
						if status != 400 || answer["code"] != "invalid_request" || !strings.Contains(fmt.Sprint(answer["errors"]), "field:"+name) {
							t.Errorf("%s, %s in %s: %d %v", path, what, name, status, answer)
						}
					}
				}
			}
		}
		nothing(t, s, "refused fields")
	})
	t.Run("a body that is not exactly an object of known strings is refused in every call", func(t *testing.T) {
		const member = `"email":"eve@example.com"`
		for what, text := range map[string]string{
			"deep arrays":                   `{"email":` + strings.Repeat("[", 4000) + strings.Repeat("]", 4000) + `}`,
			"deep objects":                  `{"email":` + strings.Repeat(`{"a":`, 1300) + "1" + strings.Repeat("}", 1300) + `}`,
			"deep and open":                 strings.Repeat(`[`, 8000),
			"an operator":                   `{"email":{"$ne":null}}`,
			"a field twice, once escaped":   `{` + member + `,"\u0065mail":"ada@example.com"}`,
			"a field in capitals":           `{"EMAIL":"eve@example.com"}`,
			"a prototype":                   `{` + member + `,"__proto__":{"purpose":"login"}}`,
			"a number beyond all":           `{"email":1e999999}`,
			"two byte order marks":          "\ufeff\ufeff{" + member + `}`,
			"UTF-16":                        "{\x00\"\x00e\x00",
			"invalid UTF-8 in a value":      "{\"email\":\"e\xffve@example.com\"}",
			"invalid UTF-8 in a name":       "{\"em\xffail\":\"eve@example.com\"}",
			"overlong UTF-8":                "{\"email\":\"eve\xc0\xae@example.com\"}",
			"NUL behind the object":         "{" + member + "}\x00",
			"NUL in a name":                 `{"email\u0000":"eve@example.com"}`,
			"a line break in a name":        `{"email\r\nset-cookie: a=b":"eve@example.com"}`,
			"a line break within a string":  "{\"email\":\"eve@example.com\n\"}",
			"a comment":                     `{/* */` + member + `}`,
			"single quotes":                 `{'email':'eve@example.com'}`,
			"a comma too many":              `{` + member + `,}`,
			"an array around":               `[{` + member + `}]`,
			"a second object, on a line":    "{" + member + "}\n{" + member + "}",
			"nothing":                       "",
			"a string that never ends":      `{"email":"` + strings.Repeat("x", 8000),
			"2,000 fields, all of one name": `{` + strings.TrimSuffix(strings.Repeat(`"a":"",`, 1000), ",") + `}`,
		} {
			for path := range everyCall() {
				status, answer := raw(t, s, path, text, nil)
				if status != 400 || answer["code"] != "invalid_request" {
					t.Errorf("%s, %s: %d %v", path, what, status, answer)
				}
			}
		}
		nothing(t, s, "refused bodies")
	})
}

func TestAbsentFields(t *testing.T) {
	s := Start(t, unlimited...)
	body := func(absent string, given fields) string {
		all := map[string]json.RawMessage{}
		for _, name := range []string{"email", "phone", "purpose", "password", "locale", "captchaToken", "contact_me_by_fax_only"} {
			all[name] = json.RawMessage(absent)
		}
		for name, value := range given {
			all[name] = json.RawMessage(fmt.Sprintf("%q", value))
		}
		text, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, absent := range []string{"null", `""`} {
		for _, given := range []fields{{"email": "eve@example.com"}, {"phone": "+4915123456789"}, {"email": "ada@example.com", "purpose": "login", "password": demoPassword}} {
			if status, answer := raw(t, s, "/api/generate", "\ufeff"+body(absent, given), nil); status != 200 {
				t.Errorf("%s beside %v: %d %v", absent, given, status, answer)
			}
		}
		for path, fields := range map[string][]string{"/api/verify": {"sessionId", "code"}, "/api/reset": {"sessionId", "code", "password"}, "/api/resend": {"sessionId"}, "/api/status": {"sessionId"}} {
			text := "{"
			for _, name := range fields {
				text += fmt.Sprintf("%q:%s,", name, absent)
			}
			status, answer := raw(t, s, path, strings.TrimSuffix(text, ",")+"}", nil)
			list, _ := answer["errors"].([]any)
			if status != 400 || len(list) != len(fields) || strings.Count(fmt.Sprint(list), "reason:is missing") != len(fields) {
				t.Errorf("%s with %s: %d %v", path, absent, status, answer)
			}
		}
	}
	for _, stray := range []string{"website", "url"} {
		if answer := expect(t, s, "/api/generate", fields{"email": "eve@example.com", stray: "https://example.com"}, 400, "invalid_request"); !strings.Contains(fmt.Sprint(answer["errors"]), stray) {
			t.Error(answer)
		}
	}
}

func TestLookAlikes(t *testing.T) {
	s := Start(t, unlimited...)
	ada := func() int { return count(s, "ada@example.com") }
	t.Run("an address with another script's letters before the @ is rejected", func(t *testing.T) {
		for _, email := range []string{
			"\u0430da@example.com",       // Cyrillic а
			"ａda@example.com",            // full width
			"\u202e\u0430da@example.com", // written from the right
			"m\u0131ke@example.com",      // dotless i
			"ada\u0661@example.com",      // an Arabic digit
			"ad\u0061\u0301@example.com", // a combining accent
			"grace\u212a@example.com",    // the Kelvin sign, whose small letter is k
			"ad\u1d43@example.com",       // superscript
		} {
			for _, ask := range []fields{{"email": email}, {"email": email, "purpose": "reset"}, login(email, demoPassword)} {
				expect(t, s, "/api/generate", ask, 400, "")
			}
		}
		nothing(t, s, "look-alikes")
	})
	t.Run("another script's letters in a domain are another domain", func(t *testing.T) {
		const own = "ada@xn--exmple-4nf.com"
		if id, code := session(t, s, fields{"email": "ada@ex\u0430mple.com"}, own); expect(t, s, "/api/verify", try(id, code), 200, "")["email"] != own {
			t.Error("it is not called by its Punycode")
		}
		expect(t, s, "/api/generate", login("ada@ex\u0430mple.com", demoPassword), 401, "invalid_credentials")
		expect(t, s, "/api/generate", fields{"email": "ada@ex\u0430mple.com", "purpose": "reset"}, 200, "") // a decoy session
		if ada() != 0 {
			t.Error("a message went to ada")
		}
	})
	t.Run("other forms of the same letters in a domain are the same domain", func(t *testing.T) {
		for _, email := range []string{"ada@ｅｘａｍｐｌｅ.com", "ada@example。com", "ada@exam\u00adple.com", "ada@EXAMPLE.ＣＯＭ", "ada@e\u212aample.com"} {
			to := "ada@example.com"
			if strings.Contains(email, "\u212a") {
				to = "ada@ekample.com"
			}
			session(t, s, fields{"email": email}, to)
		}
	})
	t.Run("marks and white space that are pasted along change nothing", func(t *testing.T) {
		for _, email := range []string{"\u200bada@example.com", "\u00a0ada@example.com", "\u202aada@example.com\u202c", "ada\u200b@example.com", "ada@example.com\u3000\r\n"} {
			session(t, s, fields{"email": email}, "ada@example.com")
		}
		for _, phone := range []string{"\u202a+4915123456781\u202c", "\u202d+49 151 23456781\u202c\n", "+4915123456781\u200b", "0049\u2011151\u201123456781", "+49 (0)151 23456781"} {
			session(t, s, fields{"phone": phone}, "+4915123456781")
		}
		id, code := session(t, s, fields{"email": "eve@example.com"}, "eve@example.com")
		for _, join := range []string{"\u2013", "\u2009", "\u200b", "\u2212", "\r\n"} {
			typed := wrong(code)
			expect(t, s, "/api/verify", try(id, typed[:3]+join+typed[3:]), map[bool]int{true: 401, false: 400}[join != "\r\n"], "")
		}
		expect(t, s, "/api/verify", try(id, "\u202d"+code[:3]+"\u2013"+code[3:]+"\u200b\r\n"), 200, "")
	})
	t.Run("full-width digits are digits, in codes and numbers", func(t *testing.T) {
		id, code := session(t, s, fields{"phone": "＋４９ １５１ ２３４５６７８９"}, "+4915123456789")
		if got := expect(t, s, "/api/verify", try(id, shift(code, '０')), 200, ""); got["phone"] != "+4915123456789" {
			t.Error(got)
		}
	})
	t.Run("decimal digits of every script are read in a code", func(t *testing.T) {
		for _, zero := range []rune{'٠', '۰', '०', '০', '๐', '᠐', '𝟎', '𝟬'} {
			id, code := session(t, s, fields{"email": "eve@example.com"}, "eve@example.com")
			expect(t, s, "/api/verify", try(id, shift(code, zero)), 200, "")
		}
	})
	t.Run("other signs for digits are no code and cost no attempt", func(t *testing.T) {
		id, code := session(t, s, fields{"email": "eve@example.com"}, "eve@example.com")
		for _, zero := range []rune{'₀', '⓪', '🄁'} {
			expect(t, s, "/api/verify", try(id, shift(code, zero)), 400, "invalid_request")
		}
		expect(t, s, "/api/verify", try(id, "Your code is "+code), 400, "invalid_request")
		if left := expect(t, s, "/api/verify", try(id, wrong(code)), 401, "wrong_code")["attemptsRemaining"]; left != 4.0 {
			t.Errorf("%v attempts remain", left)
		}
	})
	t.Run("decimal digits of every script are read in a number, and other signs are not", func(t *testing.T) {
		for _, zero := range []rune{'٠', '۰', '०', '๐', '𝟎'} {
			session(t, s, fields{"phone": "+" + shift("4915123456780", zero)}, "+4915123456780")
		}
		expect(t, s, "/api/generate", fields{"phone": "+" + shift("4915123456780", '₀')}, 400, "invalid_request")
	})
	t.Run("a session id in capitals is the same session, and one in other characters is invalid", func(t *testing.T) {
		id, code := session(t, s, fields{"email": "capitals@example.com"}, "capitals@example.com")
		for _, other := range []string{shift(id, '０'), id + "\u200b", "{" + id + "}", "urn:uuid:" + id, strings.ReplaceAll(id, "-", "")} {
			expect(t, s, "/api/verify", try(other, code), 400, "invalid_request")
		}
		if got := expect(t, s, "/api/status", fields{"sessionId": strings.ToUpper(id)}, 200, ""); got["attemptsRemaining"] != 5.0 {
			t.Error(got)
		}
		expect(t, s, "/api/verify", try(strings.ToUpper(id), code), 200, "")
		expect(t, s, "/api/verify", try(id, code), 410, "code_used")
	})
	t.Run("a purpose in other letters is invalid", func(t *testing.T) {
		for _, purpose := range []string{"ｌｏｇｉｎ", "LOGIN", "login ", "l\u043egin"} {
			expect(t, s, "/api/generate", fields{"email": "ada@example.com", "password": demoPassword, "purpose": purpose}, 400, "invalid_request")
		}
	})
	t.Run("two keyboards type the same password", func(t *testing.T) {
		expect(t, s, "/api/generate", login("ada@example.com", strings.Replace(demoPassword, "42", "４２", 1)), 200, "")
		expect(t, s, "/api/generate", login("ada@example.com", strings.Replace(demoPassword, "a", "\u0430", 1)), 401, "invalid_credentials")
	})
}

// shift writes ASCII digits as those of another script, given its zero.
func shift(text string, zero rune) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return zero + r - '0'
		}
		return r
	}, text)
}

// TestLogInjection: each line of the log is one JSON object that contains nothing a caller wrote, and there is one line
// for each request.
func TestLogInjection(t *testing.T) {
	s := Start(t)
	const planted = "planted"
	evil := []string{`"} {"level":"FATAL","msg":"` + planted + `"}`, planted + `%0a{"msg":"` + planted + `"}`, `\n{"msg":"` + planted + `"}`,
		"${jndi:ldap://" + planted + "}", "{{." + planted + "}}", "<script>" + planted + "</script>", planted + "\u2028" + planted, planted + "\u0085"}
	requests := 0
	for _, text := range evil {
		header := http.Header{}
		for _, name := range []string{"User-Agent", "Referer", "X-Forwarded-For", "X-Amzn-Trace-Id", "Cookie", "X-Request-Id", "Origin-Like", "X-Origin-Secret"} {
			header.Set(name, strings.ToValidUTF8(text, "?"))
		}
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		for path, bodies := range everyCall() {
			for name := range bodies[0] {
				raw(t, s, path+"?q=%0a"+planted, fmt.Sprintf(`{%q:%s}`, name, quoted), header)
				requests++
			}
			raw(t, s, path, fmt.Sprintf(`{%s:"x"}`, quoted), header)
			raw(t, s, path, text, header)
			requests += 2
		}
	}
	header := http.Header{"Content-Type": {"text/plain; x=" + planted}}
	raw(t, s, "/api/verify", "{}", header)
	raw(t, s, "/api/"+planted+"%0a%1b[2J", "{}", nil)
	requests++
	var lines []string
	until(t, Patience, "every request is logged", func() bool { lines = s.Logs(); return len(lines) >= requests })
	if len(lines) != requests {
		t.Errorf("%d lines for %d requests", len(lines), requests)
	}
	for _, line := range lines {
		_, text, _ := strings.Cut(line, "\t")
		var entry struct{ Level, Msg, Route, Code string }
		if err := json.Unmarshal([]byte(text), &entry); err != nil || entry.Level != "INFO" || entry.Msg != "request" {
			t.Errorf("a line that is not ours: %q, %v", line, err)
		}
		if strings.Contains(text, planted) {
			t.Errorf("a caller's words: %q", line)
		}
	}
	if log := s.Log(); strings.ContainsFunc(log, func(r rune) bool { return r < ' ' && r != '\n' || r == '\u0085' }) {
		t.Error("a path can move the cursor of a developer's terminal")
	}
}

// TestMessageInjection: text from callers is put into messages unchanged, or not at all.
func TestMessageInjection(t *testing.T) {
	const evil = `{{.Code}}<b>${7*7}%s%!d</b>&amp;`
	s := Start(t, append(unlimited, "-parameter", "AppName=Tea & Co's")...)
	for _, user := range s.Items("UsersTable") {
		if user["email"]["S"] == "ada@example.com" {
			user["name"]["S"] = evil
			s.PutItem("UsersTable", user)
		}
	}
	_, plainCode := session(t, s, fields{"email": "eve@example.com"}, "eve@example.com")
	plain := s.WaitMessage("eve@example.com", nil)
	t.Run("an address changes nothing but where the message goes", func(t *testing.T) {
		for _, to := range []string{"{{.code}}@example.com", "${7*7}@example.com", "%s%d%n@example.com", "'or'1'='1@example.com", "#{code}`id`@example.com",
			"a&b=c@example.com", "eve+<b>@example.com"} {
			if strings.Contains(to, "<") {
				expect(t, s, "/api/generate", fields{"email": to}, 400, "invalid_request")
				continue
			}
			_, code := session(t, s, fields{"email": to}, to)
			m := s.WaitMessage(to, nil)
			if strings.ReplaceAll(m.Text, code, plainCode) != plain.Text || strings.ReplaceAll(m.HTML, code, plainCode) != plain.HTML || m.Subject != plain.Subject {
				t.Errorf("%s: %+v", to, m)
			}
		}
	})
	t.Run("an account's name stands in no message", func(t *testing.T) {
		for _, ask := range []fields{login("ada@example.com", demoPassword), {"email": "ada@example.com", "purpose": "reset"}} {
			session(t, s, ask, "ada@example.com")
		}
		for _, m := range s.Messages() {
			if text := m.Subject + m.Text + m.HTML; strings.Contains(text, "{{") || strings.Contains(text, "<b>") || strings.Contains(text, "7*7") {
				t.Errorf("%+v", m)
			}
		}
	})
	t.Run("the app's name is escaped where it must be", func(t *testing.T) {
		if !strings.Contains(plain.Text, "Tea & Co's") || !strings.Contains(plain.HTML, "Tea &amp; Co&#39;s") || strings.Contains(plain.HTML, "Tea & Co") {
			t.Errorf("%+v", plain)
		}
	})
	t.Run("a locale that is no language means English", func(t *testing.T) {
		for _, locale := range []string{evil, "{{.Code}}", "<b>", "de\u0430", "../../etc/passwd", "C", "*", "xx", "en_US@rg=gbzzzz"} {
			to := "eve@example.com"
			_, code := session(t, s, fields{"email": to, "locale": locale}, to)
			if m := s.WaitMessage(to, nil); strings.ReplaceAll(m.Text, code, plainCode) != plain.Text {
				t.Errorf("%s: %s", locale, m.Text)
			}
		}
		for _, locale := range []string{"en-US-" + strings.Repeat("x", 400), "en\u2028de", "en\u0085de"} {
			expect(t, s, "/api/generate", fields{"email": "eve@example.com", "locale": locale}, 400, "invalid_request")
		}
	})
}
