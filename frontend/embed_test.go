package frontend

import (
	"encoding/json"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The references in HTML, in modules, and in the one fetch of a file.
var references = map[string]*regexp.Regexp{
	".html": regexp.MustCompile(`(?:href|src)="([^"]*)"`),
	".js":   regexp.MustCompile(`(?:from|import|fetchFn\()\s*'([^']*)'`),
	".css":  regexp.MustCompile(`(?:url\(|@import)\s*["']?([^"')]*)`),
}

// F1, F3
func TestFiles(t *testing.T) {
	referred := map[string]bool{"index.html": true, "forgot.html": true, "verify.html": true, "config.json": true}
	for name, text := range files(t) {
		pattern := references[path.Ext(name)]
		if pattern == nil {
			continue
		}
		for _, match := range pattern.FindAllStringSubmatch(text, -1) {
			target := path.Clean(match[1])
			referred[target] = true
			if _, err := fs.Stat(Files, target); err != nil {
				t.Errorf("%s refers to %s, which is not a file of the site: %v", name, match[1], err)
			}
		}
	}
	for name := range files(t) {
		if !referred[name] {
			t.Errorf("%s is embedded but no page refers to it", name)
		}
	}
}

// F2
func TestPagesFitAStrictPolicy(t *testing.T) {
	forbidden := map[string]*regexp.Regexp{
		"a script with text": regexp.MustCompile(`<script[^>]*>\s*[^<\s]`),
		"an inline style":    regexp.MustCompile(`<style|\sstyle\s*=`),
		"an inline handler":  regexp.MustCompile(`\son[a-z]+\s*=`),
		"a javascript: URL":  regexp.MustCompile(`(?i)javascript:`),
	}
	for name, text := range files(t) {
		if path.Ext(name) != ".html" {
			continue
		}
		for what, pattern := range forbidden {
			if found := pattern.FindString(text); found != "" {
				t.Errorf("%s has %s: %q", name, what, found)
			}
		}
		for _, tag := range regexp.MustCompile(`<script[^>]*>`).FindAllString(text, -1) {
			if !strings.Contains(tag, ` src="`) {
				t.Errorf("%s has an inline script: %s", name, tag)
			}
		}
		for _, needed := range []string{`http-equiv="Content-Security-Policy"`, `lang="en"`, "<noscript>"} {
			if !strings.Contains(text, needed) {
				t.Errorf("%s lacks %s", name, needed)
			}
		}
	}
}

// Nothing that a person types may be kept or put into an address: only session.js stores anything.
func TestModulesKeepNothing(t *testing.T) {
	for _, form := range regexp.MustCompile(`h\('form', \{[^}]*\}`).FindAllString(files(t)["markup.js"], -1) {
		if !strings.Contains(form, "method: 'post', novalidate: true") {
			t.Errorf("without its script this form would put what was typed into a URL: %s", form)
		}
	}
	forbidden := regexp.MustCompile(`localStorage|document\.cookie|indexedDB|innerHTML|location\.(?:href|search|hash)\s*=|\beval\(`)
	for name, text := range files(t) {
		if path.Ext(name) != ".js" {
			continue
		}
		if found := forbidden.FindString(text); found != "" {
			t.Errorf("%s uses %s", name, found)
		}
		if strings.Contains(text, "sessionStorage.") || strings.Contains(text, ".setItem") {
			if name != "session.js" {
				t.Errorf("%s uses sessionStorage: only session.js may", name)
			}
		}
	}
}

func TestConfigHasEverySetting(t *testing.T) {
	var config map[string]any
	text, err := Files.ReadFile("config.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"apiBaseUrl", "appName", "codeLength", "codeTtlSeconds", "resendCooldownSeconds", "channels", "captcha"} {
		if _, ok := config[name]; !ok {
			t.Errorf("config.json lacks %s", name)
		}
	}
}

func files(t *testing.T) map[string]string {
	t.Helper()
	contents := map[string]string{}
	err := fs.WalkDir(Files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if allowed := []string{".html", ".css", ".svg", ".js", ".json"}; !slices.Contains(allowed, path.Ext(name)) || strings.Contains(name, "/") {
			t.Errorf("%s does not belong to the site", name)
		}
		text, err := Files.ReadFile(name)
		contents[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return contents
}
