package console

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf16"
)

// plain is the writer for all text of a command. It escapes characters that a terminal would act on instead of showing
// them, as tables and AWS may return any text. Line ends and tabs are otpctl's own layout and stay; see printable.
type plain struct{ w io.Writer }

// Write needs whole characters, as fmt, encoding/json and text/tabwriter write them.
func (p plain) Write(text []byte) (int, error) {
	if _, err := io.WriteString(p.w, escape(string(text), "\n\t")); err != nil {
		return 0, err
	}
	return len(text), nil
}

// printable escapes a text that is not otpctl's own, for use within a line.
func printable(s string) string { return escape(s, "") }

// escape writes control and format characters as \uXXXX, which JSON reads as the same characters. Joiners stay, as names
// in Persian and emoji need them.
func escape(s, keep string) string {
	const joiners = "\u200c\u200d"
	acts := func(r rune) bool {
		return unicode.In(r, unicode.C, unicode.Zl, unicode.Zp) && !strings.ContainsRune(keep+joiners, r)
	}
	s = strings.ToValidUTF8(s, string(unicode.ReplacementChar))
	if !strings.ContainsFunc(s, acts) {
		return s
	}
	var out strings.Builder
	for _, r := range s {
		if !acts(r) {
			out.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&out, "\\u%04x", unit)
		}
	}
	return out.String()
}

// document is the output of --json. It has the same form for every command.
type document struct {
	Command string `json:"command"` // such as "user list"
	Data    any    `json:"data"`
}

// Answer prints the result of a command: the data with --json, otherwise the words.
func (c *Console) Answer(data any, words func(w io.Writer) error) error {
	if !c.AsJSON {
		return words(c.Stdout)
	}
	out := json.NewEncoder(c.Stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(document{c.Command, data})
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
func Say(format string, args ...any) func(io.Writer) error {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = printable(text)
		}
	}
	return func(w io.Writer) error {
		_, err := fmt.Fprintf(w, format, args...)
		return err
	}
}

// Table aligns its columns over blocks of rows, so that a million rows need little memory. It escapes its cells.
type Table struct {
	w      io.Writer
	tabs   *tabwriter.Writer
	header []any
	rows   int
}

const block = 500 // rows

func NewTable(w io.Writer, header ...any) *Table {
	return &Table{w: w, tabs: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0), header: header}
}

// Row adds a row of texts and numbers.
func (t *Table) Row(cells ...any) {
	if t.rows++; t.rows == 1 {
		t.print(t.header)
	}
	t.print(cells)
	if t.rows%block == 0 {
		flush(t.tabs)
	}
}

func (t *Table) print(cells []any) {
	for i, cell := range cells {
		end := "\t"
		if i == len(cells)-1 {
			end = "\n"
		}
		fmt.Fprint(t.tabs, printable(fmt.Sprint(cell)), end)
	}
}

// End prints the table, or the sentence none if it is empty.
func (t *Table) End(none string) error {
	if t.rows == 0 {
		_, err := fmt.Fprintln(t.w, none)
		return err
	}
	return t.tabs.Flush()
}

// flush writes the aligned columns. It ignores errors: a terminal that has gone cannot show them either.
func flush(tabs *tabwriter.Writer) { _ = tabs.Flush() }
