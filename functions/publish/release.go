package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// file is a file of the site as it is stored in the bucket.
type file struct {
	key                       string
	body                      []byte
	contentType, cacheControl string
}

// How long browsers and CloudFront may keep a file. They check a page at each use, which costs a 304 while the page is
// unchanged. The files that pages load never change, since other content has another key.
const (
	revalidate = "no-cache"
	immutable  = "public, max-age=31536000, immutable"
)

var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".json": "application/json",
}

// release lays the site out for a bucket: pages and config.json under their names, and the files that they load in a folder named
// by the hash of all those files together, to which the pages' references are changed. Within the folder the modules' own
// references stay as they are, and no page ever mixes modules of two versions. An application's page loads the element and its
// stylesheet by their own names, which lead into the folder. The files that pages load come first.
//
// Errors: a file has an extension without a content type here.
func release(site fs.FS, settings []byte) ([]file, error) {
	names, err := fs.Glob(site, "*")
	if err != nil {
		return nil, err
	}
	var assets, pages []file
	for _, name := range names {
		f := file{key: name, contentType: contentTypes[path.Ext(name)], cacheControl: immutable}
		if f.contentType == "" {
			return nil, &invalidError{name + " has no content type"}
		}
		if f.body, err = fs.ReadFile(site, name); err != nil {
			return nil, err
		}
		if ext := path.Ext(name); ext != ".html" && ext != ".json" {
			assets = append(assets, f)
			continue
		}
		f.cacheControl = revalidate
		if name == "config.json" {
			f.body = settings
		}
		pages = append(pages, f)
	}
	folder := folderOf(assets)
	refer(pages, folder, assets)
	for i, a := range assets {
		if format, ok := entries[a.key]; ok {
			pages = append(pages, file{key: a.key, body: fmt.Appendf(nil, format, folder), contentType: a.contentType, cacheControl: revalidate})
		}
		assets[i].key = folder + a.key
	}
	return append(assets, pages...), nil
}

// folderOf names the folder of the assets by the hash of their names and contents.
func folderOf(assets []file) string {
	sum := sha256.New()
	for _, a := range assets {
		_, _ = fmt.Fprintf(sum, "%s %d\n%s", a.key, len(a.body), a.body)
	}
	return hex.EncodeToString(sum.Sum(nil))[:16] + "/"
}

// entries are the files that pages of applications load, and what leads to such a file in the folder %s.
var entries = map[string]string{"stream-otp.js": "export * from './%sstream-otp.js';\n", "stream-otp.css": "@import \"%sstream-otp.css\";\n"}

var reference = regexp.MustCompile(`\b(?:href|src)="[^"]*"`)

// refer puts the folder before each of the pages' references to an asset.
func refer(pages []file, folder string, assets []file) {
	for i, page := range pages {
		if path.Ext(page.key) != ".html" {
			continue
		}
		pages[i].body = reference.ReplaceAllFunc(page.body, func(match []byte) []byte {
			attribute, target, _ := strings.Cut(string(match), `"`)
			if !slices.ContainsFunc(assets, func(a file) bool { return a.key == strings.TrimSuffix(target, `"`) }) {
				return match
			}
			return []byte(attribute + `"` + folder + target)
		})
	}
}
