package accounts

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"streamotp/otpctl/console"
)

const (
	bom     = "\uFEFF" // Excel writes it at the beginning of UTF-8
	maxLine = 64 << 10 // bytes
)

// lines reads a text line by line. No field of an account contains a line break, so each line is a row: a quote that is
// not closed spoils its own line, but not the rest of the file (C4).
type lines struct {
	r      *bufio.Reader
	number int  // number of the line that was read last
	end    byte // the last byte of each line; 0 until the first line's end is read
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, maxLine)} }

// next returns the next line without its end. The first line shows which line ends the file has: those of Unix, those of
// Windows, or a CR alone, as Excel for Mac writes it.
//
// Errors: console.Refusal for a line that is not text or too long, after which the next call continues with the next
// line; io.EOF; other errors of the reader.
func (l *lines) next() (string, error) {
	l.number++
	var line []byte
	for {
		b, err := l.r.ReadByte()
		if err == io.EOF && len(line) > 0 {
			break
		}
		if err != nil {
			return "", err
		}
		if l.end == 0 && (b == '\n' || b == '\r') {
			l.end = b
			if following, err := l.r.Peek(1); b == '\r' && err == nil && following[0] == '\n' {
				l.end = '\n'
			}
		}
		if l.end != 0 && b == l.end {
			break
		}
		if len(line) <= maxLine { // the rest of a line that is too long is only skipped
			line = append(line, b)
		}
	}
	text := string(line)
	switch {
	case len(line) > maxLine:
		return "", console.Refusalf("the line is over %d KiB", maxLine>>10)
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return "", console.Refusal("the line is not UTF-8: save the file as UTF-8 (in Excel: \"CSV UTF-8\")")
	}
	return strings.TrimSuffix(text, "\r"), nil
}

// fields splits a line according to RFC 4180.
//
// Errors: console.Refusal. The CSV reader's own errors would be clear enough, but they might quote the line.
func fields(line string) ([]string, error) {
	r := csv.NewReader(strings.NewReader(line))
	r.FieldsPerRecord = -1
	found, err := r.Read()
	switch {
	case err == io.EOF:
		return nil, nil
	case err != nil:
		return nil, console.Refusal(`a quote is not closed, or stands inside a field: write "…" around the whole field and each quote in it twice`)
	}
	return found, nil
}

// known are the columns of an import.
var known = []string{"email", "name", "phone", "channel", "password", "password_hash"}

// columns holds the position of each column in a row.
type columns struct {
	index  map[string]int
	count  int
	hashed bool // the file has hashes instead of passwords
}

// readHeader reads the first line of a file. Columns that an import does not know are an error, or are ignored on
// request.
//
// Errors: console.Refusal.
func readHeader(l *lines, ignoreUnknown bool) (cols columns, err error) {
	line, err := l.next()
	line = strings.TrimSpace(strings.TrimPrefix(line, bom))
	var names []string
	switch {
	case err == io.EOF || err == nil && line == "":
		return cols, console.Refusal("the file begins with no header line: it names the columns, as email,name,phone,channel,password")
	case err == nil && (line[0] == '{' || line[0] == '['):
		return cols, console.Refusal("the file is JSON, and an import takes CSV: convert it, as with " +
			`jq -r '["email"], (.users[] | [.email]) | @csv' export.json`)
	case err == nil:
		names, err = fields(line)
	}
	if len(names) == 1 && strings.ContainsAny(line, ";\t") {
		err = console.Refusal("the columns are separated by semicolons or tabs: save the file with commas between them " +
			"(in Excel: \"CSV UTF-8 (comma delimited)\", in LibreOffice: field delimiter \",\")")
	}
	if err == nil {
		cols, err = findColumns(names, ignoreUnknown)
	}
	if isRefusal(err) {
		err = console.Refusalf("line 1: %v", err)
	}
	return cols, err
}

// findColumns notes the positions of the known columns. Its error quotes unknown names, as column names are no personal
// data. But a line with an @ or an empty field is probably the first account of a file without a header, so it is not
// quoted.
//
// Errors: console.Refusal.
func findColumns(names []string, ignoreUnknown bool) (columns, error) {
	c := columns{index: map[string]int{}, count: len(names)}
	var unknown []string
	for i, name := range names {
		name = strings.ToLower(strings.TrimSpace(name))
		_, twice := c.index[name]
		switch {
		case strings.Contains(name, "@") || name == "" && !ignoreUnknown:
			return c, console.Refusalf("column %d has no name: the first line must name the columns, as email,name,phone,channel,password", i+1)
		case !slices.Contains(known, name):
			unknown = append(unknown, fmt.Sprintf("%d (%q)", i+1, name))
		case twice:
			return c, console.Refusalf("column %d is named %s, as another one is", i+1, name)
		default:
			c.index[name] = i
		}
	}
	_, email := c.index["email"]
	_, plain := c.index["password"]
	_, c.hashed = c.index["password_hash"]
	switch {
	case len(unknown) > 0 && !ignoreUnknown:
		return c, console.Refusalf("an import does not know the column %s; it knows %s. Rename it, remove it, or ignore all such columns with --ignore-unknown",
			strings.Join(unknown, ", "), strings.Join(known, ", "))
	case !email || plain && c.hashed:
		return c, console.Refusal("the columns must have email, and not both of password and password_hash")
	}
	return c, nil
}

// blank reports whether a line is empty. Spreadsheets leave such lines at the end.
func blank(found []string) bool {
	return !slices.ContainsFunc(found, func(s string) bool { return strings.TrimSpace(s) != "" })
}

// read reads a line that is not blank: its account, and the password or its hash, empty if the line has none.
//
// Errors: console.Refusal.
func (c columns) read(found []string) (t typed, secret string, err error) {
	if len(found) != c.count {
		return t, "", console.Refusalf("it has %d fields and the header has %d", len(found), c.count)
	}
	get := func(name string) string {
		if i, ok := c.index[name]; ok {
			return found[i]
		}
		return ""
	}
	trimmed := func(name string) string { return strings.TrimSpace(get(name)) }
	secret = get("password") // spaces are part of a password
	if c.hashed {
		secret = trimmed("password_hash")
	}
	return typed{trimmed("email"), trimmed("name"), trimmed("phone"), trimmed("channel")}, secret, nil
}
