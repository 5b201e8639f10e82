package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	bom     = "\uFEFF" // Excel begins UTF-8 with it
	maxLine = 64 << 10 // bytes
)

// lines reads a text line by line. No field of an account has a line break in it, so a line is a row: a quote that is
// not closed spoils its own line and not the rest of the file (C4).
type lines struct {
	r      *bufio.Reader
	number int // of the line that was read last
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, maxLine)} }

// next returns the next line without its end, of Unix or Windows.
//
// Errors: refusal for a line that is no text or too long, which the next call goes on after; io.EOF; others of the
// reader.
func (l *lines) next() (string, error) {
	l.number++
	text, err := l.r.ReadSlice('\n')
	tooLong := err == bufio.ErrBufferFull
	line := string(text)
	for err == bufio.ErrBufferFull {
		_, err = l.r.ReadSlice('\n')
	}
	switch {
	case err != nil && err != io.EOF:
		return "", err
	case tooLong:
		return "", refusal(fmt.Sprintf("the line is over %d KiB", maxLine>>10))
	case err == io.EOF && line == "":
		return "", io.EOF
	case !utf8.ValidString(line) || strings.ContainsRune(line, 0):
		return "", refusal("the line is not UTF-8: save the file as UTF-8 (in Excel: \"CSV UTF-8\")")
	}
	return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), nil
}

// fields splits a line as RFC 4180 says.
//
// Errors: refusal. The CSV reader's own would do too, but for what it might quote.
func fields(line string) ([]string, error) {
	r := csv.NewReader(strings.NewReader(line))
	r.FieldsPerRecord = -1
	found, err := r.Read()
	switch {
	case err == io.EOF:
		return nil, nil
	case err != nil:
		return nil, refusal(`a quote is not closed, or stands inside a field: write "…" around the whole field and each quote in it twice`)
	}
	return found, nil
}

// known are the columns of an import; those of a pair exclude each other.
var known = []string{"email", "name", "phone", "channel", "password", "password_hash"}

// columns says where in a row each column is.
type columns struct {
	index map[string]int
	count int
}

// readHeader reads the first line of a file. It quotes nothing of it: without a header line, that is the first account.
//
// Errors: refusal.
func readHeader(l *lines) (columns, error) {
	cols := columns{index: map[string]int{}}
	line, err := l.next()
	var wrong refusal
	switch {
	case err == io.EOF || err == nil && strings.TrimSpace(strings.TrimPrefix(line, bom)) == "":
		return cols, refusal("the file begins with no header line: it names the columns, as email,name,phone,channel,password")
	case errors.As(err, &wrong):
		return cols, refusal("line 1: " + string(wrong))
	case err != nil:
		return cols, err
	}
	names, err := fields(strings.TrimPrefix(line, bom))
	if err != nil {
		return cols, refusal("line 1: " + err.Error())
	}
	if len(names) == 1 && strings.ContainsAny(line, ";\t") {
		return cols, refusal("line 1: the columns are separated by semicolons or tabs: save the file with commas between them " +
			"(in Excel: \"CSV UTF-8 (comma delimited)\", in LibreOffice: field delimiter \",\")")
	}
	for i, name := range names {
		name = strings.ToLower(strings.TrimSpace(name))
		if _, twice := cols.index[name]; twice || !slices.Contains(known, name) {
			return cols, refusal(fmt.Sprintf("line 1: column %d is named twice or none of %s; the first line must name the columns",
				i+1, strings.Join(known, ", ")))
		}
		cols.index[name] = i
	}
	cols.count = len(names)
	return cols, cols.complete()
}

func (c columns) complete() error {
	_, email := c.index["email"]
	_, plain := c.index["password"]
	_, hashed := c.index["password_hash"]
	if !email || plain == hashed {
		return refusal("line 1: the columns must have email, and either password or password_hash")
	}
	return nil
}

// row is what a line of an import says.
type row struct {
	typed
	secret string // the password, or its hash
}

// blank says whether a line has nothing in it, as spreadsheets leave them at the end.
func blank(found []string) bool {
	return !slices.ContainsFunc(found, func(s string) bool { return strings.TrimSpace(s) != "" })
}

// read reads a line that is not blank.
//
// Errors: refusal.
func (c columns) read(found []string) (row, error) {
	if len(found) != c.count {
		return row{}, refusal(fmt.Sprintf("it has %d fields and the header has %d", len(found), c.count))
	}
	get := func(name string) string {
		if i, ok := c.index[name]; ok {
			return found[i]
		}
		return ""
	}
	trimmed := func(name string) string { return strings.TrimSpace(get(name)) }
	r := row{typed: typed{trimmed("email"), trimmed("name"), trimmed("phone"), trimmed("channel")}}
	if c.hashed() {
		r.secret = trimmed("password_hash")
	} else {
		r.secret = get("password") // spaces are part of a password
	}
	if r.secret == "" {
		return r, refusal("the password is missing")
	}
	return r, nil
}

// hashed says whether the file has hashes in place of passwords.
func (c columns) hashed() bool {
	_, ok := c.index["password_hash"]
	return ok
}
