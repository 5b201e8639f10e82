package main

import (
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"streamotp/frontend"
)

func releaseOf(t *testing.T, site fstest.MapFS) map[string]file {
	t.Helper()
	files, err := release(site, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	return byKey(files)
}

func byKey(files []file) map[string]file {
	out := map[string]file{}
	for _, f := range files {
		out[f.key] = f
	}
	return out
}

func TestRelease(t *testing.T) {
	site := func(module, page string) fstest.MapFS {
		return fstest.MapFS{"index.html": {Data: []byte(page)}, "a.js": {Data: []byte(module)}, "b.css": {}}
	}
	folder := func(files map[string]file) string {
		for key := range files {
			if path.Base(key) == "a.js" {
				return path.Dir(key)
			}
		}
		return ""
	}
	t.Run("another content has another key, the same content the same", func(t *testing.T) {
		one := folder(releaseOf(t, site("1", "")))
		if one == "" || folder(releaseOf(t, site("1", "other page"))) != one || folder(releaseOf(t, site("2", ""))) == one {
			t.Error("a key does not stand for its content")
		}
	})
	t.Run("references to files of the site change, others do not", func(t *testing.T) {
		page := `<script src="a.js"></script><link href="b.css"><a href="index.html"><a href="https://a.example/a.js"><p title="a.js">`
		files := releaseOf(t, site("1", page))
		f := folder(files) + "/"
		want := `<script src="` + f + `a.js"></script><link href="` + f + `b.css"><a href="index.html"><a href="https://a.example/a.js"><p title="a.js">`
		if got := string(files["index.html"].body); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	})
}

// Every reference of the released site leads to a file of it, a module's from where the module lies.
func TestReleaseOfTheSite(t *testing.T) {
	list, err := release(frontend.Files, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	files := byKey(list)
	references := map[string]*regexp.Regexp{".html": regexp.MustCompile(`(?:href|src)="([^"]*)"`), ".js": regexp.MustCompile(`(?:from|import)\s*'([^']*)'`)}
	moved := 0
	for key, f := range files {
		pattern := references[path.Ext(key)]
		if pattern == nil {
			continue
		}
		for _, match := range pattern.FindAllStringSubmatch(string(f.body), -1) {
			if _, ok := files[path.Join(path.Dir(key), match[1])]; !ok {
				t.Errorf("%s refers to %s", key, match[1])
			}
			if strings.Contains(match[1], "/") && path.Ext(key) == ".html" {
				moved++
			}
		}
	}
	if moved < 10 || files["index.html"].body == nil || string(files["config.json"].body) != "{}" {
		t.Errorf("%d references lead to the folder", moved)
	}
	for _, entry := range []string{"stream-otp.js", "stream-otp.css"} {
		if f := files[entry]; f.cacheControl != revalidate || !strings.Contains(string(f.body), "/"+entry) {
			t.Errorf("%s, which pages of applications load, is %q, %s", entry, f.body, f.cacheControl)
		}
	}
	pages := false
	for _, f := range list {
		if page := !strings.Contains(f.key, "/"); pages && !page {
			t.Errorf("%s comes after the pages that load it", f.key)
		} else {
			pages = page
		}
	}
}
