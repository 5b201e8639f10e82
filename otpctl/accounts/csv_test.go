package accounts

import (
	"bytes"
	"encoding/csv"
	"io"
	"strings"
	"testing"
)

// FuzzRow: a row that a CSV writer wrote reads back the same, wherever it is in the file.
func FuzzRow(f *testing.F) {
	f.Add("ada@example.com", "Lovelace, \"Ada\"", "tulip harbor lantern 42")
	f.Add("ada@example.com", "", " \u00a0x;\t")
	f.Fuzz(func(t *testing.T, email, name, secret string) {
		all := email + name + secret
		if strings.ContainsAny(all, "\r\n") || strings.TrimSpace(all) == "" {
			t.Skip("not a row of one line, or a blank one")
		}
		var file bytes.Buffer
		w := csv.NewWriter(&file)
		if w.Write([]string{"email", "name", "password"}) != nil || w.Write([]string{email, name, secret}) != nil {
			t.Skip()
		}
		w.Flush()
		text := bom + strings.ReplaceAll(file.String(), "\n", "\r\n") + "last@example.com,,x\n"
		in := newLines(strings.NewReader(text))
		im := &importer{columns: must(readHeader(in, false)), first: map[string]int{}}
		_, got, err := im.next(in)
		if err == nil && got != secret {
			t.Errorf("read %q as %q", secret, got)
		}
		readOn(t, im, in)
	})
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// FuzzFile: for every file, the reader fails only with a refusal, and it reaches the end.
func FuzzFile(f *testing.F) {
	f.Add([]byte("email,password\nada@example.com,x\n"))
	f.Add([]byte("email,password_hash\n\"a\",\"b\n\xff\n\x00"))
	f.Add([]byte("email,x\rada@example.com,y\r"))
	f.Add([]byte("email, a\x00\x02\x00\x00r\n-\nd\xe5\xe5\xe5sh\n\"a\"\x7f\x00b\xad\xad\xad\n-\n\x00")) // NUL does not end a line
	f.Fuzz(func(t *testing.T, file []byte) {
		in := newLines(bytes.NewReader(file))
		cols, err := readHeader(in, true)
		if err != nil {
			if !isRefusal(err) {
				t.Fatal(err)
			}
			return
		}
		im := &importer{columns: cols, first: map[string]int{}}
		readOn(t, im, in)
		if lines := bytes.Count(file, []byte("\n")) + bytes.Count(file, []byte("\r")) + 2; in.number > lines {
			t.Errorf("read %d lines of %d", in.number, lines)
		}
	})
}

// readOn reads the rest of the file. Only refusals may occur.
func readOn(t *testing.T, im *importer, in *lines) {
	t.Helper()
	for {
		_, _, err := im.next(in)
		if err == io.EOF {
			return
		}
		if err != nil && !isRefusal(err) {
			t.Fatal(err)
		}
	}
}
