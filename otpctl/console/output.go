package console

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf16"
)

// plain is the writer for all text of a command. It escapes characters that a terminal would act on instead of showing
// them, as tables and AWS may return any text. Line ends and tabs are otpctl's own layout and stay; see printable.
type plain struct {
	w   io.Writer
	err error // the first one, so that a command needs to look only once
}

// Write needs whole characters, as fmt, encoding/json and text/tabwriter write them.
func (p *plain) Write(text []byte) (int, error) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, escape(string(text), "\n\t"))
	}
	return len(text), p.err
}

// printable escapes a text that is not otpctl's own, for use within a line.
func printable(s string) string { return escape(s, "") }

// escape writes control and format characters as \uXXXX, which JSON reads as the same characters. Joiners stay, as names
// in Persian and emoji need them.
func escape(s, keep string) string {
	const joiners = "\u200c\u200d"
	var out strings.Builder
	for _, r := range s { // an invalid byte is read as the replacement character
		if !unicode.In(r, unicode.C, unicode.Zl, unicode.Zp) || strings.ContainsRune(keep+joiners, r) {
			out.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&out, "\\u%04x", unit)
		}
	}
	return out.String()
}

// Answer prints the result of a command: the words, or with --json the data in a document, which has the same form for
// every command.
func (c *Console) Answer(data any, words func(w io.Writer)) error {
	if !c.AsJSON {
		words(c.Stdout)
		return c.Stdout.err
	}
	out := json.NewEncoder(c.Stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(struct {
		Command string `json:"command"` // such as "user list"
		Data    any    `json:"data"`
	}{c.Command, data})
}

// List prints values: as the rows of a table, as they come, or as the data of a document, after the last one has come.
// show returns a value as its data and as its cells.
func List[T any](c *Console, none string, header []any, values iter.Seq2[T, error], show func(T) (data any, cells []any)) error {
	table, list := NewTable(c.Stdout, header...), []any{}
	for value, err := range values {
		if err != nil {
			return err
		}
		if data, cells := show(value); c.AsJSON {
			list = append(list, data)
		} else {
			table.Row(cells...)
		}
	}
	return c.Answer(list, func(io.Writer) { table.End(none) })
}

// Sorted returns the values that keep accepts in an order, after the last one has come.
func Sorted[T any](values iter.Seq2[T, error], keep func(T) bool, order func(a, b T) int) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var all []T
		for value, err := range values {
			if err != nil {
				yield(value, err)
				return
			}
			if keep(value) {
				all = append(all, value)
			}
		}
		slices.SortFunc(all, order)
		for _, value := range all {
			if !yield(value, nil) {
				return
			}
		}
	}
}

// Paint prints a text in a colour if w is a terminal. The colour is a parameter of the escape sequence SGR, such as "31"
// for red. Elsewhere, or if NO_COLOR is set (no-color.org), Paint prints the text alone.
func Paint(w io.Writer, colour, text string) {
	tty, ok := terminal(w)
	if !ok || colour == "" || os.Getenv("NO_COLOR") != "" {
		fmt.Fprint(w, text)
		return
	}
	fmt.Fprintf(tty, "\x1b[%sm%s\x1b[0m", colour, printable(text))
}

// Object is JSON data with a few members.
type Object map[string]any

// Say returns the words of a result that fits in a line or two. It escapes texts among the arguments.
func Say(format string, args ...any) func(io.Writer) {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = printable(text)
		}
	}
	return func(w io.Writer) { fmt.Fprintf(w, format, args...) }
}

// Table aligns its columns over blocks of rows, so that a million rows need little memory. It escapes its cells.
type Table struct {
	tabs   *tabwriter.Writer
	header []any
	rows   int
}

const block = 500 // rows

// NewTable returns a table whose header is printed with its first row.
func NewTable(w io.Writer, header ...any) *Table {
	return &Table{tabs: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0), header: header}
}

// Row adds a row of texts and numbers.
func (t *Table) Row(cells ...any) {
	if t.rows++; t.rows == 1 {
		t.print(t.header)
	}
	t.print(cells)
	if t.rows%block == 0 {
		t.flush()
	}
}

func (t *Table) print(cells []any) {
	texts := make([]string, len(cells))
	for i, cell := range cells {
		texts[i] = printable(fmt.Sprint(cell))
	}
	fmt.Fprintln(t.tabs, strings.Join(texts, "\t"))
}

// End prints the table, or the sentence none if it is empty.
func (t *Table) End(none string) {
	if t.rows == 0 {
		fmt.Fprintln(t.tabs, none)
	}
	t.flush()
}

func (t *Table) flush() { _ = t.tabs.Flush() } // the console keeps the error

// Progress shows on a terminal how far a long command has come. Elsewhere it shows no progress.
type Progress struct {
	w              io.Writer
	now            func() time.Time
	screen         io.Writer // the terminal that w is; nil if w is not one
	started, shown time.Time
	done           int
}

const (
	showEvery = 200 * time.Millisecond
	clearLine = "\r\x1b[K"
)

func NewProgress(w io.Writer, now func() time.Time) Progress {
	p := Progress{w: w, now: now, started: now()}
	if tty, live := terminal(w); live {
		p.screen = tty
	}
	return p
}

// Step counts one more line as handled.
func (p *Progress) Step() {
	p.done++
	now := p.now()
	if p.screen == nil || now.Sub(p.shown) < showEvery {
		return
	}
	p.shown = now
	rate := float64(p.done) / max(now.Sub(p.started).Seconds(), 0.001)
	fmt.Fprintf(p.screen, "%s%d lines, %.0f a second", clearLine, p.done, rate)
}

// Say prints a text on a line of its own.
func (p *Progress) Say(format string, args ...any) {
	if p.screen != nil {
		fmt.Fprint(p.screen, clearLine)
	}
	fmt.Fprintf(p.w, format+"\n", args...)
}
