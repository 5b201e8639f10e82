package main

import (
	"encoding/json"
	"fmt"
	"io"
)

// answer prints what a command found or did: the document with --json, else the words.
func (c *console) answer(document any, words func(w io.Writer) error) error {
	if !c.asJSON {
		return words(c.stdout)
	}
	out := json.NewEncoder(c.stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(document)
}

// object is a document of a few members.
type object map[string]any

// say is words that fit a line or two.
func say(format string, args ...any) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := fmt.Fprintf(w, format, args...)
		return err
	}
}
