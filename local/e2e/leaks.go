package e2e

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
)

// kept are all places where a stack stores or writes data that must reveal nothing. Only the table Users may contain
// addresses.
var kept = map[string]string{
	"the codes table":  "/_local/items?table=CodesTable",
	"the limits table": "/_local/items?table=LimitsTable",
	"a dead letter":    "/_local/deadletters",
	"the log":          "/_local/logs",
	"a call":           "/_local/calls",
}

// secrets are the texts that went through a stack and must not stay anywhere: addresses, numbers, passwords and codes.
type secrets struct {
	mu       sync.Mutex
	known    map[string]string // secret to its kind
	expected bool              // the stack was changed so that they leak
}

// AllowLeaks prevents leaked secrets from failing the test when the stack ends. It is for a stack that was changed so
// that it leaks.
func (s *Stack) AllowLeaks() { s.secrets.expected = true }

// Remember adds secrets that did not go through Do.
func (s *Stack) Remember(secret ...string) {
	for _, x := range secret {
		s.secrets.note("a secret", x)
	}
}

// noteBody notes the secrets in a call of the API.
func (x *secrets) noteBody(body []byte) {
	var fields map[string]any
	if json.Unmarshal(body, &fields) != nil {
		return // not a call that the API accepts
	}
	for _, name := range []string{"email", "phone", "password", "code"} {
		if text, ok := fields[name].(string); ok {
			x.noteField(name, text)
		}
	}
}

var (
	notDigits = regexp.MustCompile(`[^0-9]`)
	codeShape = regexp.MustCompile(`^[0-9]{6,10}$`)
)

// noteField notes a field if it is long enough not to occur somewhere by chance.
func (x *secrets) noteField(name, text string) {
	text = strings.TrimSpace(text)
	digits := notDigits.ReplaceAllString(text, "")
	switch {
	case name == "code" && codeShape.MatchString(digits):
		x.note(name, digits)
	case name == "phone" && len(digits) >= 8:
		x.note(name, text)
		x.note(name, digits)
	case name == "email" && len(text) >= 8:
		x.note(name, text)
		x.note(name, strings.ToLower(text))
	case name == "password" && len(text) >= 8:
		x.note(name, text)
	}
}

func (x *secrets) note(kind, secret string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.known == nil {
		x.known = map[string]string{}
	}
	x.known[secret] = kind
}

// LeakedSecrets returns the secrets that the stack's tables, dead letters, log and calls contain, each with its place. It
// returns none if all is well.
func (s *Stack) LeakedSecrets() (leaked []string) {
	s.t.Helper()
	for _, m := range s.Messages() {
		s.secrets.note("an address", m.To)
		if code := Code(m); code != "" {
			s.secrets.note("code", code)
		}
	}
	index := s.secrets.index()
	for place, path := range kept {
		text := string(s.call(http.MethodGet, path, nil))
		for _, found := range index.search(text) {
			leaked = append(leaked, place+" reveals "+found)
		}
	}
	return leaked
}

// form is a secret in one of the encodings in which it may be stored.
type form struct{ text, secret, coding string }

// formIndex finds many forms in one pass, by their first bytes. Each form is at least that long.
type formIndex map[[shortest]byte][]form

const shortest = 6 // bytes: the length of a code

func (x *secrets) index() formIndex {
	x.mu.Lock()
	defer x.mu.Unlock()
	index := formIndex{}
	for secret, kind := range x.known {
		for _, f := range forms(secret) {
			if len(f.text) >= shortest {
				f.secret = kind + " " + secret
				first := [shortest]byte([]byte(f.text))
				index[first] = append(index[first], f)
			}
		}
	}
	return index
}

func forms(secret string) []form {
	quoted, err := json.Marshal(secret)
	if err != nil {
		panic(err) // a string can always be encoded
	}
	all := []form{
		{text: secret, coding: "plain"}, {text: url.QueryEscape(secret), coding: "url"},
		{text: strings.Trim(string(quoted), `"`), coding: "JSON"},
		{text: hex.EncodeToString([]byte(secret)), coding: "hex"}, {text: fmt.Sprintf("%X", secret), coding: "hex"},
	}
	for offset := range 3 { // a text within a longer one has three forms, which depend on where it begins
		for name, alphabet := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
			text := alphabet.EncodeToString([]byte(strings.Repeat("\x00", offset) + secret))
			bits := (offset + len(secret)) * 8
			text = text[(offset*8+5)/6 : bits/6] // without the characters that contain bits of a neighbour
			all = append(all, form{text: text, coding: name})
		}
	}
	return all
}

// search returns what it finds, each secret and encoding once.
func (x formIndex) search(text string) (found []string) {
	seen := map[form]bool{}
	for i := 0; i+shortest <= len(text); i++ {
		for _, f := range x[[shortest]byte([]byte(text[i:i+shortest]))] {
			if seen[f] || !strings.HasPrefix(text[i:], f.text) || partOfNumber(text, i, f.text) {
				continue
			}
			seen[f] = true
			found = append(found, fmt.Sprintf("%s in %s: …%s…", f.secret, f.coding, around(text, i)))
		}
	}
	return found
}

// partOfNumber reports whether digits that look like a code are part of more digits or letters, such as a time or a
// digest.
func partOfNumber(text string, at int, form string) bool {
	isWord := func(i int) bool {
		return i >= 0 && i < len(text) && strings.ContainsRune("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/_-.", rune(text[i]))
	}
	return codeShape.MatchString(form) && (isWord(at-1) || isWord(at+len(form)))
}

func around(text string, at int) string {
	return fmt.Sprintf("%q", text[max(0, at-60):min(len(text), at+60)])
}
