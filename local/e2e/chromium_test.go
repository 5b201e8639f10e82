package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// A tab is one page in its own browser profile: it has no cookies, storage or history of another test.
type tab struct {
	t    *testing.T
	ctx  context.Context
	base string // the site, such as http://127.0.0.1:3000
}

// findChromium returns the browser's path. The pages are part of the product, so without a browser the test fails; it
// does not skip.
func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			return path
		}
	}
	t.Fatal("no Chromium found: install the package chromium (Debian, Ubuntu: apt-get install chromium), or name the binary in CHROMIUM")
	return ""
}

var readAxe = sync.OnceValues(func() (string, error) {
	source, err := os.ReadFile(filepath.Join("axe", "node_modules", "axe-core", "axe.min.js"))
	return string(source), err
})

// findAxe returns the source of axe-core. Without it the test fails too.
func findAxe(t *testing.T) string {
	t.Helper()
	source, err := readAxe()
	if err != nil {
		t.Fatalf("axe-core is missing: run `npm ci` in local/e2e/axe (`make test` does): %v", err)
	}
	return source
}

// openBrowser starts the one browser that all tests use.
func openBrowser(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(findChromium(t)),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox, // a container has no user namespaces, and only our own pages are opened
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.WindowSize(1280, 900),
	)
	ctx, stopBrowser := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stopBrowser)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	if err := chromedp.Do(ctx); err != nil { // starts the browser, which lives as long as this context
		t.Fatalf("starting the browser: %v", err)
	}
	return ctx
}

// openTab opens a tab that shares no cookies, storage or history with another. base is the site's URL.
func openTab(t *testing.T, browser context.Context, base string) *tab {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(closeTab)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("opening a tab: %v", err)
	}
	p := &tab{t: t, ctx: ctx, base: base}
	call(p, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	p.size(1280, 900, 1)
	p.theme("light")
	return p
}

func (p *tab) do(action chromedp.Action[chromedp.Void]) { p.t.Helper(); run(p, action) }

func run[T any](p *tab, action chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		p.t.Fatalf("browser: %v", err)
	}
	return value
}

// call sends one command of the DevTools protocol.
func call[P, R any](p *tab, command cdp.Command[P, R], params P) R {
	p.t.Helper()
	return run(p, func(ctx context.Context, t *chromedp.Target) (R, error) { return cdp.Call(ctx, t, command, params) })
}

// eval runs a JavaScript expression, awaits its promise, if any, and returns its value.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	return run(p, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

func (p *tab) open(path string) {
	p.t.Helper()
	p.do(chromedp.Navigate(p.base + path))
	p.ready()
}

func (p *tab) reload() { p.t.Helper(); p.do(chromedp.Reload()); p.ready() }

// ready waits until the page's script has read its settings and handles the forms.
func (p *tab) ready() {
	p.t.Helper()
	p.wait(`document.readyState === 'complete' && [...document.querySelectorAll('button[type=submit]')].every(b => !b.disabled)`)
}

func (p *tab) text(selector string) string {
	p.t.Helper()
	return eval[string](p, fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector))
}

// wait polls until the expression is true. It fails while the page is left for another, which is not an error.
func (p *tab) wait(expression string) {
	p.t.Helper()
	deadline := time.Now().Add(Patience)
	for {
		ctx, cancel := context.WithTimeout(p.ctx, Patience)
		met, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		cancel()
		if err == nil && met {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("never true: %s, %v\nthe page says:\n%s", expression, err, p.text("body"))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (p *tab) waitStep(name string) {
	p.t.Helper()
	p.wait(fmt.Sprintf("document.querySelector('[data-step=%s]')?.hidden === false", name))
}

func (p *tab) waitText(selector, part string) {
	p.t.Helper()
	p.wait(fmt.Sprintf("(document.querySelector(%q)?.innerText ?? '').includes(%q)", selector, part))
}

func (p *tab) click(selector string) {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// fill replaces the content of a field by typing.
func (p *tab) fill(selector, text string) {
	p.t.Helper()
	eval[chromedp.Void](p, fmt.Sprintf("(f => { f.focus(); f.select(); })(document.querySelector(%q))", selector))
	p.press(text)
}

func (p *tab) press(keys string) { p.t.Helper(); p.do(chromedp.KeyEvent(keys)) }

// paste puts text into the focused field as a clipboard does.
func (p *tab) paste(selector, text string) {
	p.t.Helper()
	eval[chromedp.Void](p, fmt.Sprintf(`(f => {
		f.focus();
		const data = new DataTransfer();
		data.setData('text', %[2]q);
		if (f.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true}))) document.execCommand('insertText', false, %[2]q);
	})(document.querySelector(%[1]q))`, selector, text))
}

// theme switches to "light" or "dark". more has further media features, as name and value. Motion is off, so that a
// picture does not depend on its moment.
func (p *tab) theme(name string, more ...string) {
	p.t.Helper()
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"}}
	for pair := range slices.Chunk(more, 2) {
		features = append(features, &emulation.MediaFeature{Name: pair[0], Value: pair[1]})
	}
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
}

// size sets the window's size in CSS pixels. A zoom of 2 halves the page's width and height, as a browser's own zoom
// does.
func (p *tab) size(width, height int64, zoom float64) {
	p.t.Helper()
	call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: int64(float64(width) / zoom), Height: int64(float64(height) / zoom), DeviceScaleFactor: zoom,
	})
}

// inspect checks a state as different people see it: in both themes, with axe-core and a picture of each; on a screen of
// 320 px; at a zoom and at a text size of 200 %.
func (p *tab) inspect(state string) {
	p.t.Helper()
	for _, theme := range []string{"light", "dark"} {
		p.theme(theme)
		p.picture(state + "-" + theme)
		p.accessible(state + "-" + theme)
	}
	p.theme("light")
	p.size(1280, 900, 2)
	p.fits(state + " at 200 % zoom")
	p.size(640, 900, 1)
	eval[chromedp.Void](p, "document.documentElement.style.fontSize = '200%'")
	p.fits(state + " at 200 % text size")
	eval[chromedp.Void](p, "document.documentElement.style.fontSize = ''")
	p.size(320, 640, 1)
	p.fits(state + " at 320 px")
	p.picture(state + "-320")
	p.size(1280, 900, 1)
}

// fits fails if anything extends beyond the window, or is too small for a finger (44 px, WCAG 2.5.5).
func (p *tab) fits(state string) {
	p.t.Helper()
	if over := eval[int](p, "document.documentElement.scrollWidth - document.documentElement.clientWidth"); over > 0 {
		p.t.Errorf("%s: scrolls sideways by %d px", state, over)
	}
	small := eval[[]string](p, `[...document.querySelectorAll('a, button, input:not([type=radio]), .otp-choice label')]
		.filter(e => e.checkVisibility() && !e.closest('[aria-hidden]') && e.getBoundingClientRect().height < 44)
		.map(e => e.outerHTML)`)
	if strings.Contains(p.text("body"), "undefined") {
		p.t.Errorf("%s: the page says undefined:\n%s", state, p.text("body"))
	}
	if len(small) > 0 {
		p.t.Errorf("%s: under 44 px high: %s", state, strings.Join(small, ", "))
	}
}

func (p *tab) picture(name string) {
	p.t.Helper()
	png := run(p, chromedp.FullScreenshot(100))
	path := filepath.Join(screenshotDir(p.t), name+".png")
	if err := os.WriteFile(path, png, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

var makeScreenshotDir = sync.OnceValues(func() (string, error) {
	if dir := os.Getenv("SCREENSHOT_DIR"); dir != "" {
		return dir, os.MkdirAll(dir, 0o755)
	}
	return os.MkdirTemp("", "streamotp-screenshots-")
})

func screenshotDir(t *testing.T) string {
	t.Helper()
	dir, err := makeScreenshotDir()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// accessible fails on any violation that axe-core finds. The Content-Security-Policy blocks scripts in the page, but does
// not restrict the debugger.
func (p *tab) accessible(state string) {
	p.t.Helper()
	eval[chromedp.Void](p, "if (!window.axe) { "+findAxe(p.t)+" } 0")
	report := eval[string](p, `axe.run(document, {resultTypes: ['violations']}).then(r => JSON.stringify(r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.target.join(' ') + ' ' + (n.any[0]?.message ?? n.all[0]?.message ?? n.none[0]?.message)).join('; '))))`)
	var violations []string
	if err := json.Unmarshal([]byte(report), &violations); err != nil {
		p.t.Fatal(err)
	}
	if len(violations) > 0 {
		p.t.Errorf("%s: axe-core says\n  %s", state, strings.Join(violations, "\n  "))
	}
}

// insert enters text as an input method does, without key events.
func (p *tab) insert(text string) {
	p.t.Helper()
	call(p, input.InsertText, input.InsertTextParams{Text: text})
}
