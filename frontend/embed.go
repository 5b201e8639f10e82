// Package frontend is the static site: five pages, two stylesheets and ES modules, with no build step.
//
// S3, Amplify or any static host serves the files unchanged; only config.json differs between sites. The package embeds them for Go
// programs, such as the development stack.
//
//   - F1: Files holds exactly what a page needs: no test, no Go file.
//   - F2: no page has a script, a style or a handler in its HTML, so a Content-Security-Policy without 'unsafe-inline' fits.
//   - F3: nothing is loaded from another origin, except the script of the CAPTCHA provider that config.json names.
package frontend

import "embed"

// Files has the site at its root: index.html, code.html, signup.html, forgot.html, verify.html, config.json and what they load.
//
//go:embed *.html *.css *.svg *.js config.json
var Files embed.FS
